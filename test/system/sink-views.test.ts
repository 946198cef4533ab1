import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { insertRowBinary } from '../../lib/clickhouse/client.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Outcome } from '../../schemas/types.ts';
import { createDatabase } from '../../services/api/database.ts';
import { lastAtOf } from '../../services/api/last-at.ts';
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

async function countEvents(): Promise<number> {
  const [row] = await world.rows<{ n: number }>('SELECT count() AS n FROM v_trait_events');
  return row?.n ?? 0;
}
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
        store_name: null,
        products: [],
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

  it('the latest time of a person is that of their last event, also of a cart of a merged person', async () => {
    const at = (day: number): number => Date.UTC(2026, 0, day);
    await world.say(0, [
      { person: person(1, { last_at: at(2) }) },
      { person: person(2, { last_at: at(2) }) },
      { person: person(3, { last_at: at(20) }) },
      { cart: cart('a', { person_id: 1, last_event_at: at(5) }) },
      { cart: cart('b', { person_id: 2, last_event_at: at(9) }) },
      { cart: cart('c', { person_id: 3, last_event_at: at(5) }) },
      { cart: cart('d', { person_id: 3 }) },
      { merge: { loser: 2, winner: 1, dissolved: false } },
    ]);
    await world.say(1, [{ person: person(1, { last_at: at(1) }) }]);
    await world.settled(world.start());
    const lastAt = (view: string): Promise<unknown[]> =>
      world.rows(`SELECT workspace, person_id AS id, toDayOfMonth(last_at) AS day FROM ${view} ORDER BY ALL`);
    expect(await lastAt('v_people')).toEqual([
      { workspace: 'w0', id: 1, day: 9 },
      { workspace: 'w0', id: 3, day: 20 },
      { workspace: 'w1', id: 1, day: 1 },
    ]);
    expect(await lastAt('people_profiles')).toMatchObject([{ day: 2 }, { day: 20 }, { day: 1 }]);
    // The API has it for some people of one workspace, without the view.
    const shown = await lastAtOf(createDatabase(world.client, systemClock), 'w0', [1, 3, 4]);
    expect([...shown].sort()).toEqual([
      ['1', '2026-01-09T00:00:00.000Z'],
      ['3', '2026-01-20T00:00:00.000Z'],
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
        {
          kind: 'trait',
          workspace: 'w0',
          log_time,
          input_offset,
          trait,
          cart: null,
          person: null,
          merge: null,
          erasure: null,
          link_report: null,
        },
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
      { merge: { loser: 3, winner: 2, dissolved: false }, ...cause },
      { merge: { loser: 2, winner: 1, dissolved: false }, ...cause },
      { merge: { loser: 3, winner: 1, dissolved: false }, ...cause },
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
