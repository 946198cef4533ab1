import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClickHouse } from '../../lib/clickhouse/client.ts';
import { systemClock, type Clock } from '../../lib/clock/index.ts';
import type { StagePosition } from '../../lib/telemetry/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Outcome } from '../../schemas/types.ts';
import type { Sink } from '../../services/sink/sink.ts';
import { flaky, silentAfter } from './sink-proxy.ts';
import { cart, openWorld, person, traitEvent, waitFor, type SinkWorld } from './sink-world.ts';

const DAY_MS = 86_400_000;

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
const traits = (from: number, to: number, fields = {}): Partial<Outcome>[] =>
  Array.from({ length: to - from }, (_, at) => ({ trait: traitEvent(from + at, fields) }));

describe('nothing is lost, nothing counts twice', () => {
  it('resumes where the ledger ends, and writes nothing again when it is complete', async () => {
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

  it.each(['after an hour', 'at the end'])(
    'the rows of single blocks may expire: a checkpoint %s sums them all up',
    async (when) => {
      // Past their time to live as soon as they are written.
      let aheadMs = 0;
      const clock: Clock = {
        wallMs: () => systemClock.wallMs() - 101 * DAY_MS,
        elapsedMs: () => systemClock.elapsedMs() + aheadMs,
        sleep: (ms, signal) => systemClock.sleep(ms, signal),
      };
      await world.say(0, traits(0, 10));
      const first = world.start({ clock });
      await world.settled(first);
      await first.stop();
      const second = world.start({ clock });
      await waitFor('the second', () => second.ready());
      await world.say(0, traits(10, 20));
      await world.settled(second);
      if (when === 'after an hour') {
        aheadMs += 3_700_000;
        await waitFor('a checkpoint', async () => (await checkpointOf(0)) === 20);
      }
      await second.stop();
      expect(await checkpointOf(0)).toBe(20);
      await world.client.command({ query: 'OPTIMIZE TABLE sink_ledger FINAL' });
      expect(await world.rows('SELECT topic FROM sink_ledger WHERE NOT checkpoint')).toEqual([]);
      const third = world.start();
      await world.settled(third);
      expect(await world.rows('SELECT topic FROM sink_ledger WHERE NOT checkpoint')).toEqual([]);
    },
  );

  it('reaches the end of what was written in transactions, including markers, also when it starts after one', async () => {
    const writer = world.kafka.transactional(`${world.prefix}writer`);
    await writer.init();
    const commit = async (from: number, to: number): Promise<void> => {
      const outcomes = traits(from, to).map(({ trait }) => ({
        ...{ kind: 'trait' as const, workspace: 'w0', log_time: 1, input_offset: from },
        ...{ trait: trait ?? null, cart: null, person: null, merge: null, erasure: null, link_report: null },
      }));
      const topic = TOPICS.traitEvents;
      await writer.send(
        outcomes.map((said) => ({ topic, key: 'w0', partition: 0, value: world.codecs.outcomes.encode(said) })),
      );
      await writer.commit({ groupId: 'writer', topic, partition: 0, offset: from, metadata: '' });
    };
    await commit(0, 3);
    const first = world.start();
    await world.settled(first);
    await first.stop();
    await commit(3, 5);
    await commit(5, 6);
    await world.settled(world.start());
    expect(await countEvents()).toBe(6);
    expect((await world.kafka.endOffsets(TOPICS.traitEvents))[0]).toBe(9);
    await writer.close();
  });

  it('ledger rows of another sink for the same offsets do no harm; a gap in them is filled', async () => {
    await world.say(0, traits(0, 40));
    // The rows of 0 to 9 are not inserted in this test: the ledger is trusted. 30 to 39 is after a gap.
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

  it('two sinks at once on the same partitions: each row counts once', async () => {
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

  it('waits while ClickHouse is unavailable, and loses nothing', async () => {
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

  it('survives connections that break before or after an insert is done', async () => {
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

  it('stops at a record that cannot be read, reports it, and reads the other partitions on', async () => {
    await world.say(0, traits(0, 3));
    await world.producer.send({ topic: TOPICS.traitEvents, key: 'w0', value: Buffer.from('garbage'), partition: 0 });
    await world.say(0, traits(3, 5));
    await world.say(1, traits(5, 9));
    const sink = world.start();
    await waitFor('what comes before, and the other partition', async () => (await countEvents()) >= 6);
    await waitFor('the other at its end', () => positionsOf(sink)[1]?.position === 4);
    expect(positionsOf(sink)[0]).toMatchObject({ state: 'stopped' });
    expect(positionsOf(sink)[0]?.position).toBeLessThanOrEqual(3);
    // A caller that waits for it to start must not wait forever.
    expect(sink.ready()).toBe(true);
  });

  it('stops on another log than before, however long it is, unless the ledger is too old to know', async () => {
    const other = await openWorld();
    try {
      await world.say(0, traits(0, 10));
      const before = world.start();
      await world.settled(before);
      await before.stop();
      await other.say(0, traits(100, 120));
      await other.say(1, traits(120, 125));
      const sink = other.start({ client: world.client });
      await waitFor('the partition that the ledger has never seen', async () => (await countEvents()) === 15);
      expect(positionsOf(sink)).toMatchObject([{ state: 'stopped', position: 10 }, { state: 'running' }]);
      expect(sink.ready()).toBe(true);
      await sink.stop();
      // The first log has the last record of its partition; in the other partition it never had one.
      const back = world.start();
      await waitFor('back', () => back.ready());
      expect(positionsOf(back)).toMatchObject([{ state: 'running', position: 10 }, { state: 'stopped' }]);
      await back.stop();
      await world.client.command({
        query: "ALTER TABLE sink_ledger UPDATE last_record = '' WHERE 1",
        clickhouse_settings: { mutations_sync: '1' },
      });
      await other.settled(other.start({ client: world.client }));
      expect(await countEvents()).toBe(25);
    } finally {
      await other.close();
    }
  });
});

/** Of both partitions, in their order. */
const positionsOf = (sink: Sink): StagePosition[] =>
  sink
    .positions()
    .filter(({ topic }) => topic === 'trait-events')
    .sort((a, b) => a.partition - b.partition);

async function checkpointOf(partition: number): Promise<number> {
  const [row] = await world.rows<{ end: number }>(
    `SELECT if(count() = 0, 0, max(last_offset) + 1) AS end FROM sink_ledger WHERE topic = 'trait-events' AND partition = ${partition} AND checkpoint`,
  );
  return row?.end ?? 0;
}

async function ledgerEnd(): Promise<number> {
  const [row] = await world.rows<{ end: number }>(
    "SELECT if(count() = 0, 0, max(last_offset) + 1) AS end FROM sink_ledger WHERE topic = 'trait-events' AND partition = 0",
  );
  return row?.end ?? 0;
}
