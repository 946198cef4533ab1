import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { flaky, silentAfter } from './sink-proxy.ts';
import { createClickHouse, insertRowBinary } from '../../lib/clickhouse/client.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Outcome } from '../../schemas/types.ts';
import { Block } from '../../services/sink/block.ts';
import { addOutcome } from '../../services/sink/rows.ts';
import { cart, openWorld, person, traitEvent, waitFor, type SinkWorld } from './sink-world.ts';

let world: SinkWorld;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(async () => {
  await world.close();
});

const countEvents = async (): Promise<number> => {
  const [row] = await world.rows<{ n: number }>('SELECT count() AS n FROM v_trait_events');
  return row?.n ?? 0;
};
const traits = (from: number, to: number, fields = {}): Partial<Outcome>[] =>
  Array.from({ length: to - from }, (_, at) => ({ trait: traitEvent(from + at, fields) }));

describe('what flows in is what the views show', () => {
  it('every field of a trait event, a cart and a person, times in UTC', async () => {
    const t = Date.UTC(2026, 2, 31, 23, 59, 59, 999);
    await world.say(0, [
      {
        trait: traitEvent(1, {
          occurred_at: t,
          detected_at: t + 1,
          recovered_at: t + 2,
          trait: 'cart_abandoned',
          status: '',
          source: 'timer',
          store_id: '68',
          mode: 'délivery',
          amount: 12.5,
          products: [{ product_id: 'p', count: 2, price: null }],
        }),
      },
      { trait: traitEvent(2, { occurred_at: t, detected_at: t, anomaly: 'backward', reentered: true }) },
      {
        cart: cart('c', {
          status: 'pending',
          status_since: t,
          due_at: t + 60_000,
          created_at: t - 1,
          reservation_start_at: t + 5,
        }),
      },
      {
        person: person(1, {
          name: 'Ann',
          identifiers: [
            { kind: 'phone', value: '+18085550143', consent: null },
            { kind: 'phone', value: '+18085550144', consent: 'opted_in' },
            { kind: 'email', value: 'a@x.io', consent: 'opted_out' },
            { kind: 'email', value: 'b@x.io', consent: null },
            { kind: 'user_id', value: '7', consent: null },
          ],
        }),
      },
    ]);
    await world.settled(world.start());
    expect(await world.rows('SELECT * FROM v_trait_events ORDER BY trait')).toEqual([
      {
        workspace: 'w0',
        trait: 'cart_abandoned',
        status: '',
        occurred_at: '2026-03-31 23:59:59.999',
        detected_at: '2026-04-01 00:00:00.000',
        recovered_at: '2026-04-01 00:00:00.001',
        person_id: 1,
        cart_id: 'cart-1',
        store_id: '68',
        mode: 'délivery',
        amount: 12.5,
        anomaly: null,
        reentered: false,
        source: 'timer',
        event_id: '1'.padStart(32, '0'),
      },
      expect.objectContaining({
        status: 'finished',
        anomaly: 'backward',
        reentered: true,
        store_id: null,
        amount: null,
      }),
    ]);
    expect(await world.rows('SELECT * FROM v_carts')).toEqual([
      {
        workspace: 'w0',
        cart_id: 'c',
        person_id: 1,
        status: 'pending',
        status_since: '2026-03-31 23:59:59.999',
        store_id: null,
        mode: null,
        amount: null,
        created_at: '2026-03-31 23:59:59.998',
        last_activity_at: null,
        due_at: '2026-04-01 00:00:59.999',
        abandoned_at: null,
        recovered_at: null,
        reservation_start_window: '2026-04-01 00:00:00.004',
      },
    ]);
    expect(await world.rows('SELECT * FROM v_people')).toEqual([
      {
        workspace: 'w0',
        person_id: 1,
        anonymous: false,
        name: 'Ann',
        phone: '+18085550144',
        email: 'b@x.io',
        user_id: '7',
        sms_consent: 'opted_in',
        email_consent: null,
        first_at: '2026-01-01 00:00:00.000',
        last_at: '2026-01-02 00:00:00.000',
      },
    ]);
    expect(await world.rows('SELECT products FROM trait_events FINAL ORDER BY trait')).toEqual([
      { products: [{ product_id: 'p', count: 2, price: null }] },
      { products: [] },
    ]);
  });

  it('the later word counts: within one cause by its own place, whatever the order of insertion', async () => {
    const said = (amount: number, cause: Partial<Outcome>): Partial<Outcome> => ({
      trait: traitEvent(1, { amount, op: 'updated' }),
      ...cause,
    });
    await world.say(0, [
      said(1, { log_time: 5, input_offset: 9 }),
      said(2, { log_time: 6, input_offset: 3 }),
      said(3, { log_time: 6, input_offset: 4 }),
      said(4, { log_time: 6, input_offset: 4 }),
    ]);
    await world.settled(world.start({ settings: { blockRecordsMax: 1 } }));
    // As a second sink that is late would.
    for (const offset of [2, 1, 0]) {
      const block = new Block([TABLES.traitEvents]);
      const [log_time, input_offset] = offset === 0 ? [5, 9] : [6, offset + 2];
      const trait = traitEvent(1, { amount: offset + 1, op: 'updated' });
      addOutcome(
        block,
        { kind: 'trait', workspace: 'w0', log_time, input_offset, trait, cart: null, person: null, merge: null },
        offset,
      );
      for (const rows of block.inserts()) await insertRowBinary(world.client, rows);
      expect(await world.rows('SELECT amount FROM v_trait_events')).toEqual([{ amount: 4 }]);
    }
  });

  it('what one cause says is in one block, however small blocks are', async () => {
    const cause = (offset: number, size: number): Partial<Outcome>[] =>
      Array.from({ length: size }, (_, at) => ({ trait: traitEvent(offset * 100 + at), input_offset: offset }));
    await world.say(0, [...cause(1, 3), ...cause(2, 1), ...cause(3, 4), ...cause(4, 2)]);
    await world.settled(world.start({ settings: { blockRecordsMax: 2, blockIntervalMs: 0 } }));
    const blocks = await world.rows<{ last: number }>(
      "SELECT last_offset AS last FROM sink_ledger FINAL WHERE topic = 'trait-events' AND NOT checkpoint",
    );
    expect(blocks.length).toBeGreaterThan(1);
    for (const { last } of blocks) expect([2, 3, 7, 9]).toContain(last);
  });

  it('retracted ones are left out, and back when asserted again', async () => {
    const sink = world.start();
    await world.say(0, [{ trait: traitEvent(1) }, { trait: traitEvent(1, { op: 'retracted', retracted_at: 7 }) }]);
    await world.settled(sink);
    expect(await countEvents()).toBe(0);
    await world.say(0, [{ trait: traitEvent(1, { detected_at: 9 }) }]);
    await world.settled(sink);
    expect(await world.rows('SELECT toUnixTimestamp64Milli(detected_at) AS at FROM v_trait_events')).toEqual([
      { at: 9 },
    ]);
  });

  it('merges are applied to rows that were there before, also when one cause says two', async () => {
    const sink = world.start();
    await world.say(0, [
      ...[1, 2, 3].map((id) => ({ person: person(id) })),
      ...[1, 2, 3].map((id) => ({ trait: traitEvent(id, { person_id: id }) })),
      { cart: cart('c', { person_id: 3 }) },
    ]);
    // The same numbers in another workspace are other people.
    await world.say(1, [{ person: person(3) }, { trait: traitEvent(9, { person_id: 3 }) }]);
    await world.settled(sink);
    const cause = { input_offset: 1_000 };
    await world.say(0, [
      { merge: { loser: 3, winner: 2 }, ...cause },
      { merge: { loser: 2, winner: 1 }, ...cause },
      { merge: { loser: 3, winner: 1 }, ...cause },
      { person: person(1, { name: 'all of them' }), ...cause },
    ]);
    await world.settled(sink);
    expect(await world.rows("SELECT DISTINCT person_id FROM v_trait_events WHERE workspace = 'w0'")).toEqual([
      { person_id: 1 },
    ]);
    expect(await world.rows("SELECT person_id FROM v_carts WHERE workspace = 'w0'")).toEqual([{ person_id: 1 }]);
    expect(await world.rows("SELECT person_id, name FROM v_people WHERE workspace = 'w0'")).toEqual([
      { person_id: 1, name: 'all of them' },
    ]);
    expect(await world.rows("SELECT person_id FROM v_trait_events WHERE workspace = 'w1'")).toEqual([{ person_id: 3 }]);
    expect(await world.rows("SELECT person_id FROM v_people WHERE workspace = 'w1'")).toEqual([{ person_id: 3 }]);
  });

  it('is exact whatever an analyst has set', async () => {
    await world.say(0, [{ trait: traitEvent(1) }, { trait: traitEvent(1, { amount: 2 }) }, { person: person(1) }]);
    await world.settled(world.start({ settings: { blockRecordsMax: 1 } }));
    for (const settings of ['join_use_nulls = 1', 'final = 1', 'prefer_column_name_to_alias = 1']) {
      expect(await world.rows(`SELECT person_id, amount FROM v_trait_events SETTINGS ${settings}`)).toEqual([
        { person_id: 1, amount: 2 },
      ]);
    }
  });

  it('dead letters, with bodies that are no text', async () => {
    const body = Buffer.from([0xff, 0, 0x7b]);
    const received = Date.now();
    await world.producer.send({
      topic: TOPICS.deadLetters,
      key: 's',
      value: world.codecs.deadLetters.encode({
        dead_letter_id: 'd1',
        workspace: 'w',
        source: 'webhook',
        subscription_id: 's',
        reason: 'not_json',
        message: 'm',
        line: null,
        received_at: received,
        request_at: received - 1,
        body,
        body_truncated: false,
      }),
    });
    world.start();
    await waitFor('the dead letter', async () => (await world.rows('SELECT 1 FROM dead_letters')).length === 1);
    expect(await world.rows('SELECT dead_letter_id, hex(body) AS body, line, source FROM dead_letters FINAL')).toEqual([
      { dead_letter_id: 'd1', body: 'FF007B', line: null, source: 'webhook' },
    ]);
  });

  it('a block over 200 months', async () => {
    const outcomes = Array.from({ length: 200 }, (_, at) => ({
      trait: traitEvent(at, { occurred_at: Date.UTC(2010, at, 1) }),
    }));
    await world.say(0, outcomes);
    await world.settled(world.start());
    expect(await countEvents()).toBe(200);
    const [months] = await world.rows<{ n: number }>(
      'SELECT uniqExact(toYYYYMM(occurred_at)) AS n FROM v_trait_events',
    );
    expect(months?.n).toBe(200);
  });
});

describe('nothing is lost, nothing counts twice', () => {
  it('goes on where the ledger ends, and writes nothing anew when it is complete', async () => {
    await world.say(0, traits(0, 50));
    const first = world.start();
    await world.settled(first);
    await first.stop();
    await world.say(0, traits(50, 70));
    const second = world.start();
    await world.settled(second);
    await second.stop();
    expect(await countEvents()).toBe(70);
    const blocks = await world.rows<{ first: number; rows: number }>(
      "SELECT first_offset AS first, rows FROM sink_ledger FINAL WHERE topic = 'trait-events' AND NOT checkpoint ORDER BY first_offset",
    );
    expect(blocks.reduce((sum, { rows }) => sum + rows, 0)).toBe(70);
    expect(blocks.map(({ first: at }) => at)).toContain(50);
  });

  it('a ledger of another sink over the same offsets does no harm, a gap in it is filled', async () => {
    await world.say(0, traits(0, 40));
    // The rows of 0 to 9 were never inserted in this test: what the ledger says is believed, 30 to 39 is behind a gap.
    await world.client.insert({
      table: 'sink_ledger',
      values: [
        [0, 4],
        [0, 9],
        [3, 9],
        [30, 39],
      ].map(([first, last]) => ({
        topic: 'trait-events',
        partition: 0,
        first_offset: first,
        last_offset: last,
        written_at: Date.now(),
      })),
      format: 'JSONEachRow',
    });
    await world.settled(world.start());
    expect(await countEvents()).toBe(30);
  });

  it.each(['people', 'carts', 'trait_events', 'sink_ledger'])(
    'killed in a block, after the insert into %s: the block is written again',
    async (table) => {
      await world.say(0, [
        { person: person(1) },
        { cart: cart('c') },
        ...traits(0, 20, { occurred_at: Date.UTC(2026, 1, 28) }),
        ...traits(20, 40, { occurred_at: Date.UTC(2026, 2, 1) }),
      ]);
      const proxy = await silentAfter(table, world.clickhouseUrl);
      const child = await world.spawn(proxy.url);
      await proxy.reached;
      child.kill('SIGKILL');
      expect(await ledgerEnd()).toBe(table === 'sink_ledger' ? 42 : 0);
      const sink = world.start();
      await world.settled(sink);
      expect(await countEvents()).toBe(40);
      expect(await world.rows('SELECT count() AS n FROM v_people')).toEqual([{ n: 1 }]);
      expect(await world.rows('SELECT count() AS n FROM v_carts')).toEqual([{ n: 1 }]);
      expect(await ledgerEnd()).toBe(42);
      await proxy.close();
    },
  );

  it('two sinks at once over the same partitions: each row counts once', async () => {
    const one = world.start();
    await waitFor('the first in its group', () => one.ready());
    await world.say(0, traits(0, 200));
    await world.say(1, traits(200, 400));
    const other = world.start();
    for (let at = 400; at < 500; at += 10) await world.say(at % 20 === 0 ? 0 : 1, traits(at, at + 10));
    await waitFor('all of it', async () => (await countEvents()) === 500);
    await waitFor('each its share', () => {
      const shares = [one, other].map((sink) =>
        sink.positions().filter(({ topic, state }) => topic === 'trait-events' && state === 'running'),
      );
      return shares.every((share) => share.length === 1);
    });
    await other.stop();
    await waitFor(
      'one has all again',
      () => one.positions().filter(({ topic }) => topic === 'trait-events').length === 2,
    );
    await world.say(0, traits(500, 510));
    await world.say(1, traits(510, 520));
    await world.settled(one);
    expect(await countEvents()).toBe(520);
  });

  it('waits for a ClickHouse that is away, and loses nothing', async () => {
    const away = createClickHouse({ url: 'http://127.0.0.1:9', database: 'nowhere', requestTimeoutMs: 1_000 });
    await world.say(0, traits(0, 10));
    const sink = world.start({ client: away });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(sink.ready()).toBe(false);
    expect(await countEvents()).toBe(0);
    await sink.stop();
    await away.close();
    await world.settled(world.start());
    expect(await countEvents()).toBe(10);
  });

  it('takes no harm from connections that break, before or after an insert was done', async () => {
    const proxy = await flaky(5, world.clickhouseUrl);
    const client = createClickHouse({ ...world.client.options, url: proxy.url });
    const sink = world.start({ client });
    for (let at = 0; at < 200; at += 20) {
      await world.say(at % 40 === 0 ? 0 : 1, [...traits(at, at + 20), { person: person(at + 1) }]);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await world.settled(sink);
    expect(await countEvents()).toBe(200);
    expect(await world.rows('SELECT count() AS n FROM v_people')).toEqual([{ n: 10 }]);
    await sink.stop();
    await client.close();
    await proxy.close();
  });

  it('stands still at a record that cannot be read, says so, and lets the other partitions go on', async () => {
    await world.say(0, traits(0, 3));
    await world.producer.send({ topic: TOPICS.traitEvents, key: 'w0', value: Buffer.from('garbage'), partition: 0 });
    await world.say(0, traits(3, 5));
    await world.say(1, traits(5, 9));
    const sink = world.start();
    await waitFor('what comes before, and the other partition', async () => (await countEvents()) >= 6);
    const of = (partition: number): object | undefined =>
      sink.positions().find((at) => at.topic === 'trait-events' && at.partition === partition);
    await waitFor('the other at its end', () => (of(1) as { position: number }).position === 4);
    expect(of(0)).toMatchObject({ state: 'stopped' });
    expect((of(0) as { position: number }).position).toBeLessThanOrEqual(3);
    expect(sink.ready()).toBe(false);
  });
});

const ledgerEnd = async (): Promise<number> => {
  const [row] = await world.rows<{ end: number }>(
    "SELECT if(count() = 0, 0, max(last_offset) + 1) AS end FROM sink_ledger WHERE topic = 'trait-events' AND partition = 0",
  );
  return row?.end ?? 0;
};
