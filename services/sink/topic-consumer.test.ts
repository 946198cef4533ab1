import { afterEach, describe, expect, it } from 'vitest';
import pino from 'pino';
import { MissingSchemaError, SchemaRefusedError, UnknownSchemaError, type Codec } from '../../lib/avro/index.ts';
import { ManualClock } from '../../lib/clock/testing.ts';
import { markOf, markText } from '../../lib/kafka/continuity.ts';
import { CorruptRecordError, OffsetOutOfRangeError } from '../../lib/kafka/errors.ts';
import { createMetrics } from '../../lib/telemetry/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import { createSinkMetrics } from './metrics.ts';
import { createConsumer } from './sink.ts';
import { MemoryDatabase, recordOf, ScriptedKafka, TEXTS } from './testing.ts';

/**
 * A consumer between a Kafka and a ClickHouse that are lists: they can be made to do what the real ones cannot, such as
 * refusing one offset forever. That nothing is lost is shown on the real ones (test/system/sink.test.ts).
 */

const topic = TOPICS.traitEvents;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

function open({ assigned = [0, 1] }: { assigned?: number[] | null } = {}) {
  const clock = new ManualClock();
  const kafka = new ScriptedKafka(clock);
  const database = new MemoryDatabase();
  const metrics = createSinkMetrics(createMetrics());
  /** What loading the schema of a record "unknown schema" fails with; null: it is loaded. */
  let missing: Error | null = null;
  const load = (): Promise<void> => (missing === null ? Promise.resolve() : Promise.reject(missing));
  const decode = (value: Buffer): string => {
    if (value.toString() === 'garbage') throw new Error('garbage');
    if (value.toString() === 'unknown schema' && missing !== null) throw new UnknownSchemaError(77, load);
    return value.toString();
  };
  const logs: { level: number; msg: string; problem?: string }[] = [];
  let unloggable: string | null = null;
  const write = (line: string): void => {
    if (unloggable !== null && line.includes(unloggable)) throw new Error('the log cannot be written');
    logs.push(JSON.parse(line) as never);
  };
  const logger = pino({ level: 'trace' }, { write });
  const consumer = createConsumer<string>(
    {
      kafka: kafka.port,
      database,
      url: null,
      settings: {
        ...{ blockIntervalMs: 60_000, ledgerIntervalMs: 0, acceptLost: false },
        ...{ blockRecordsMax: 100, blockBytesMax: 1 << 20 },
      },
      logger,
      metrics,
      clock,
    },
    TEXTS,
    { decode, load } as Partial<Codec<string>> as Codec<string>,
    'sink',
  );
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    const stopping = consumer.stop();
    await clock.advance(10_000);
    await stopping;
  };
  closing.push(stop);
  return {
    ...{ clock, consumer, database, kafka, logs, stop },
    /** Makes the schema of records "unknown schema" fail to load, or available. */
    loadFails: (error: Error | null) => void (missing = error),
    /** Makes lines with this text fail to be logged. */
    logFails: (text: string) => void (unloggable = text),
    /** Starts it, and lets it do what it can. */
    start: async (): Promise<void> => {
      consumer.start();
      if (assigned !== null) kafka.group!.onAssigned(assigned, 1);
      await clock.advance(0);
    },
    states: () => consumer.positions().map(({ state }) => state),
    stoppedPartitions: async () => (await metrics.stopped.get()).values[0]?.value,
  };
}

describe('a topic consumer', () => {
  it('announces every position that it reports', async () => {
    const { start, clock, consumer, kafka } = open({ assigned: [0] });
    const moves: number[] = [];
    consumer.onMoved((...[, , position]) => moves.push(position));
    await start();
    await clock.advance(1);
    expect(moves).toEqual([0]);
    kafka.say(0, 0, 'a');
    await clock.advance(1_000);
    expect(consumer.positions()).toMatchObject([{ position: 1 }]);
    expect(moves.at(-1)).toBe(1);
  });

  it('retries a stopped partition, and keeps what it has gathered of the others', async () => {
    const { start, clock, consumer, kafka, database, states } = open();
    await start();
    // The first block is written at once, the next one waits for its interval.
    kafka.say(1, 0, 'a');
    await clock.advance(1);
    expect(database.blocks).toEqual([[1, 0, 0, 1]]);
    kafka.say(0, 0, 'garbage');
    kafka.say(1, 1, 'b', 'c');
    await clock.advance(1);
    expect(states()).toEqual(['stopped', 'running']);
    await clock.advance(31_000);
    expect(database.ledgerReads).toEqual([[0, 1], [0]]);
    expect(kafka.seeks).toMatchObject([{ topic, partition: 0, offset: 0 }]);
    expect(kafka.assigns.at(-1)).toHaveLength(2);
    expect(states()).toEqual(['running', 'running']);
    kafka.say(0, 0, 'x');
    await clock.advance(31_000);
    expect(database.blocks).toEqual([
      [1, 0, 0, 1],
      [1, 1, 2, 2],
      [0, 0, 0, 1],
    ]);
    expect(consumer.positions().map(({ position }) => position)).toEqual([1, 3]);
  });

  it.each([
    ['is damaged', new CorruptRecordError(topic, 0, 1, new Error('crc'))],
    ['lost the offset', new OffsetOutOfRangeError(topic, 0, 1)],
  ])('stops one partition alone whose log %s: the other is read on, and readiness does not wait', async (_, error) => {
    const { start, clock, consumer, kafka, database, states, stoppedPartitions } = open();
    await start();
    kafka.say(1, 0, 'a');
    kafka.fail(error);
    kafka.say(1, 1, ...Array.from({ length: 100 }, () => 'b'));
    await clock.advance(1);
    expect(database.blocks).toEqual([
      [1, 0, 0, 1],
      [1, 1, 100, 100],
    ]);
    expect(states()).toEqual(['stopped', 'running']);
    expect(await stoppedPartitions()).toBe(1);
    expect(consumer.ready()).toBe(true);
    expect(kafka.removes).toEqual([0]);
    expect(database.ledgerReads).toEqual([[0, 1]]);
  });

  it('stops at a record that has no row, and writes what came before it', async () => {
    const { start, clock, consumer, kafka, database } = open();
    await start();
    kafka.say(0, 0, 'a', 'b', 'unusable', 'c');
    await clock.advance(1);
    expect(database.blocks).toEqual([[0, 0, 1, 2]]);
    expect(consumer.positions()[0]).toMatchObject({ state: 'stopped', position: 2 });
  });

  it.each([
    ['the registry does not have', new MissingSchemaError('cannot load schema 77: not found')],
    ['the registry cannot be asked for', new SchemaRefusedError('cannot load schema 77: unavailable')],
  ])(
    'stops its partition, saying why, at a record whose schema %s, and reads it once it is there',
    async (_, error) => {
      const { start, clock, consumer, kafka, database, logs, loadFails, states } = open();
      await start();
      loadFails(error);
      kafka.say(0, 0, 'a', 'unknown schema', 'b');
      kafka.say(1, 0, 'c');
      await clock.advance(12_000);
      expect(states()).toEqual(['stopped', 'running']);
      // The record before it may have the same cause.
      expect(consumer.positions().map(({ position }) => position)).toEqual([0, 1]);
      expect(logs.filter(({ msg }) => msg === 'cannot load the schema of a record; retrying')).toHaveLength(9);
      const problem = `the record at offset 1 cannot be used: ${error.message}`;
      expect(logs.at(-1)).toMatchObject({ msg: 'partition stopped; no record is skipped', problem });
      // The next attempt does not hold up the other partition again.
      await clock.advance(30_000);
      kafka.say(0, 0, 'a', 'unknown schema', 'b');
      kafka.say(1, 1, ...Array.from({ length: 100 }, () => 'full'));
      await clock.advance(1);
      expect(states()).toEqual(['stopped', 'running']);
      expect(database.blocks.at(-1)).toEqual([1, 1, 100, 100]);
      loadFails(null);
      await clock.advance(31_000);
      expect(states()).toEqual(['running', 'running']);
      kafka.say(0, 0, 'a', 'unknown schema', 'b');
      await clock.advance(60_000);
      expect(database.blocks.at(-1)).toEqual([0, 0, 2, 3]);
    },
  );

  it('does not retry a partition at once, whatever Kafka refuses', async () => {
    const { start, clock, kafka, database } = open();
    for (let i = 0; i < 1_000; i++) kafka.fail(new OffsetOutOfRangeError(topic, 0, 0));
    await start();
    await clock.advance(900);
    expect(database.ledgerReads).toEqual([[0, 1]]);
  });

  it('pauses before it restarts when reading as a whole fails', async () => {
    const { start, clock, kafka } = open();
    for (let i = 0; i < 1_000; i++) kafka.fail(new Error('unavailable'));
    await start();
    await clock.advance(900);
    expect(kafka.polls).toBe(1);
    await clock.advance(200);
    expect(kafka.polls).toBe(2);
  });

  it('ignores a batch that was fetched before its partition was opened again', async () => {
    const { start, clock, consumer, kafka, database } = open();
    await start();
    kafka.say(0, 0, 'garbage');
    await clock.advance(1);
    // The partition is being opened again, and waits for the ledger, when the reply to an older fetch arrives.
    database.refuse = (request) => request === 'ledger';
    await clock.advance(31_000);
    expect(consumer.ready()).toBe(false);
    kafka.say(0, 2, 'fetched before');
    database.refuse = () => false;
    await clock.advance(1_000);
    expect(consumer.positions()[0]).toMatchObject({ state: 'running', position: 0 });
    kafka.say(0, 0, 'x', 'y', 'z');
    await clock.advance(1);
    expect(database.blocks).toEqual([[0, 0, 2, 3]]);
  });
});

describe('the ledger row of a block', () => {
  it('is written after all tables, however often ClickHouse refuses one', async () => {
    const { start, clock, consumer, kafka, database } = open();
    await start();
    database.refuse = (request) => request === 'texts';
    kafka.say(0, 0, 'a');
    await clock.advance(60_000);
    expect([database.ledger, consumer.ready()]).toEqual([[], false]);
    database.refuse = () => false;
    await clock.advance(5_000);
    expect(database.blocks).toEqual([[0, 0, 0, 1]]);
    expect([database.inserts.length, consumer.ready()]).toEqual([1, true]);
  });

  it('is written at the end for what is gathered, with a checkpoint', async () => {
    const { start, clock, kafka, database, stop } = open();
    await start();
    kafka.say(0, 0, 'a');
    await clock.advance(1);
    kafka.say(0, 1, 'b');
    await clock.advance(1);
    await stop();
    expect(database.blocks).toEqual([
      [0, 0, 0, 1],
      [0, 1, 1, 1],
    ]);
    expect(database.ledger.at(-1)).toMatchObject({ checkpoint: true, first_offset: 0, last_offset: 1 });
  });

  it('that fails at the end is reported, even if that happens while the reader is being closed', async () => {
    const { start, clock, kafka, database, logs, stop, logFails } = open();
    await start();
    kafka.say(0, 0, 'a');
    await clock.advance(1);
    expect(database.blocks).toHaveLength(1);
    // The failure of the last checkpoint cannot be logged, so the loop itself fails.
    database.refuse = () => true;
    logFails('cannot write a checkpoint');
    kafka.closeMs = 500;
    await stop();
    expect(logs.map(({ msg }) => msg)).toContain('stopping before everything that was read is in ClickHouse');
  });

  it('is not written when the consumer stops while ClickHouse refuses', async () => {
    const { start, clock, kafka, database, stop } = open();
    await start();
    database.refuse = () => true;
    kafka.say(0, 0, 'a');
    await clock.advance(1);
    await stop();
    expect(database.ledger).toEqual([]);
  });
});

describe('the states of a topic consumer', () => {
  it('reports nothing before it has an assignment, and nothing after its end', async () => {
    const { start, consumer, stop } = open({ assigned: null });
    await start();
    expect([consumer.positions(), consumer.ready()]).toEqual([[], false]);
    await stop();
    expect([consumer.positions(), consumer.ready()]).toEqual([[], false]);
  });

  it('reports a position as unknown while the ledger cannot be read, never as 0', async () => {
    const { start, clock, consumer, kafka, database, states } = open();
    database.refuse = () => true;
    await start();
    const unknown = { position: null, state: 'restoring' };
    expect(consumer.positions()).toMatchObject([
      { partition: 0, ...unknown },
      { partition: 1, ...unknown },
    ]);
    expect(consumer.ready()).toBe(false);
    // Another generation, while the one before is still being opened.
    kafka.group!.onRevoked([0]);
    await clock.advance(1);
    expect(consumer.positions()).toMatchObject([{ partition: 1, ...unknown }]);
    database.refuse = () => false;
    await clock.advance(5_000);
    expect(states()).toEqual(['running']);
    expect(consumer.positions()).toMatchObject([{ partition: 1, position: 0 }]);
  });

  it('keeps the position of a partition that stays through a rebalance', async () => {
    const { start, clock, consumer, kafka, database } = open();
    kafka.standing = 'a';
    await start();
    kafka.say(1, 0, 'a');
    await clock.advance(1);
    database.refuse = () => true;
    kafka.group!.onRevoked([0]);
    await clock.advance(1);
    expect(consumer.positions()).toMatchObject([{ partition: 1, position: 1 }]);
    database.refuse = () => false;
    await clock.advance(5_000);
    expect(consumer.positions()).toMatchObject([{ partition: 1, position: 1, state: 'running' }]);
    expect(kafka.assigns.at(-1)).toMatchObject([{ partition: 1, offset: 1 }]);
  });

  it('opens while a partition of another process has no leader', async () => {
    const { start, kafka, states } = open({ assigned: [1] });
    kafka.leaderless.add(0);
    await start();
    expect(states()).toEqual(['running']);
  });

  it('does not read again what it is assigned again without a change', async () => {
    const { start, clock, kafka, database } = open();
    await start();
    kafka.group!.onAssigned([1, 0], 2);
    await clock.advance(1_000);
    expect(database.ledgerReads).toEqual([[0, 1]]);
  });
});

describe('the log that was read before', () => {
  const known = (mark: string) => ({
    ...{ topic, partition: 0, checkpoint: false, first_offset: 0, last_offset: 9, rows: 10 },
    ...{ hash: '', written_at: 0, last_record: mark },
  });
  const marked = known(markText(markOf(recordOf(9, 'last'))));

  it('is read on when the last record is the one in the ledger', async () => {
    const { start, consumer, kafka, database, states } = open();
    database.ledger.push(marked);
    await start();
    expect(consumer.ready()).toBe(true);
    expect(states()).toEqual(['running', 'running']);
    expect(kafka.assigns.at(-1)?.map(({ offset }) => offset)).toEqual([10, 0]);
  });

  it('is missed when another record has its offset: the partition stays stopped, the other is read', async () => {
    const { start, clock, consumer, kafka, database, states, stoppedPartitions } = open();
    database.ledger.push(marked);
    kafka.standing = 'other';
    await start();
    kafka.say(0, 10, 'x');
    kafka.say(1, 0, 'a');
    await clock.advance(1);
    for (let tries = 2; tries < 5; tries++) {
      await clock.advance(31_000);
      expect(database.ledgerReads).toHaveLength(tries);
    }
    expect(consumer.positions()).toMatchObject([
      { state: 'stopped', position: 10 },
      { state: 'running', position: 1 },
    ]);
    expect(await stoppedPartitions()).toBe(1);
    expect(consumer.ready()).toBe(true);
    expect(database.blocks.slice(1)).toEqual([[1, 0, 0, 1]]);
    expect(kafka.assigns.at(-1)).toMatchObject([{ topic, partition: 1, offset: 0 }]);
    expect(kafka.seeks).toEqual([]);
    expect(states()).toEqual(['stopped', 'running']);
  });

  it('is read on at its offsets where the ledger has no mark', async () => {
    const { start, kafka, database, states } = open();
    database.ledger.push(known(''));
    kafka.standing = 'other';
    await start();
    expect(states()).toEqual(['running', 'running']);
  });
});
