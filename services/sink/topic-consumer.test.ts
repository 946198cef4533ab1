import { afterEach, describe, expect, it } from 'vitest';
import type { Codec } from '../../lib/avro/index.ts';
import { systemClock, type Clock } from '../../lib/clock/index.ts';
import { markOf, type Mark } from '../../lib/kafka/continuity.ts';
import { CorruptRecordError, OffsetOutOfRangeError } from '../../lib/kafka/errors.ts';
import type { Batch, Kafka, KafkaRecord, PartitionOffset, Reader, ReaderOptions } from '../../lib/kafka/types.ts';
import { createLogger, createMetrics } from '../../lib/telemetry/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import { TopicConsumer } from './topic-consumer.ts';
import type { Ledger, LedgerState } from './ledger.ts';
import { createSinkMetrics } from './metrics.ts';
import type { BlockWriter } from './writer.ts';

/**
 * A consumer between a Kafka and a ClickHouse that are lists: what the real ones cannot be made to do at will, as to
 * refuse one offset for ever. That nothing is lost is shown on the real ones (test/system/sink.test.ts).
 */

const topic = TOPICS.traitEvents;
const consumers: TopicConsumer<string>[] = [];
afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()));
});

const recordOf = (offset: number, value: string): KafkaRecord => ({
  ...{ offset, timestampMs: 0, key: null, value: Buffer.from(value), headers: {} },
});
const batchOf = (partition: number, records: KafkaRecord[], nextOffset: number): Batch => ({
  ...{ topic, partition, records, nextOffset, highWatermark: 100, lastStableOffset: nextOffset, owner: undefined },
});

/** `known`: what the ledger says. `standing`: what the log holds where a mark is looked for. */
function open({ known = new Map<number, LedgerState>(), standing = 'last' } = {}) {
  const assigns: PartitionOffset[][] = [];
  const seeks: PartitionOffset[] = [];
  const ready: (Batch | Error)[] = [];
  const removes: number[] = [];
  const ledgerReads: number[][] = [];
  const waits: number[] = [];
  let [polls, aheadMs] = [0, 0];
  const reader = {
    assign: (partitions) => void assigns.push([...partitions]),
    seek: (partition) => void seeks.push(partition),
    remove: (_, partition) => void removes.push(partition),
    poll: async (maxWaitMs: number) => {
      polls += 1;
      waits.push(maxWaitMs);
      await new Promise((resolve) => setTimeout(resolve, 1));
      const next = ready.shift();
      if (next instanceof Error) throw next;
      return next === undefined ? [] : [next];
    },
    close: () => Promise.resolve(),
  } satisfies Partial<Reader>;
  /** Looks at one record of each partition. */
  const looking = (): Partial<Reader> => {
    let batches: Batch[] = [];
    return {
      assign: (partitions) => {
        batches = partitions.map(({ partition, offset }) =>
          batchOf(partition, [recordOf(offset, standing)], offset + 1),
        );
      },
      remove: () => undefined,
      poll: () => Promise.resolve(batches.splice(0)),
      close: () => Promise.resolve(),
    };
  };
  const kafka = {
    createReader: ({ isolation }: ReaderOptions) => (isolation === 'read_committed' ? reader : looking()),
    joinGroup: ({ onAssigned }: { onAssigned(partitions: number[], generation: number): void }) => {
      onAssigned([0, 1], 1);
      return { leave: () => Promise.resolve() };
    },
    beginningOffsets: () => Promise.resolve([0, 0]),
    endOffsets: () => Promise.resolve([100, 100]),
  };
  const written: [partition: number, first: number, last: number, records: number][] = [];
  const writer = {
    healthy: true,
    insist: async (_: string, wanted: AbortSignal, action: () => Promise<void>) => {
      if (!wanted.aborted) await action();
      return !wanted.aborted;
    },
    write: (block: { ranges: Map<number, { first: number; last: number; records: number }> }) => {
      for (const [partition, { first, last, records }] of block.ranges) written.push([partition, first, last, records]);
      return Promise.resolve(true);
    },
  };
  const ledger = {
    read: (partitions: readonly number[]) => {
      ledgerReads.push([...partitions]);
      return Promise.resolve(new Map([...known].filter(([partition]) => partitions.includes(partition))));
    },
    checkpoint: () => Promise.resolve(),
  };
  const decode = (value: Buffer): string => {
    if (value.toString() === 'garbage') throw new Error('garbage');
    return value.toString();
  };
  const metrics = createSinkMetrics(createMetrics());
  const consumer = new TopicConsumer<string>({
    content: { topic, tables: [], addRows: () => undefined, sameCause: () => false, logTimeMs: () => 0 },
    kafka: kafka as unknown as Kafka,
    codec: { decode } as Partial<Codec<string>> as Codec<string>,
    groupId: 'sink',
    url: null,
    ledger: ledger as unknown as Ledger,
    writer: writer as unknown as BlockWriter,
    settings: { blockIntervalMs: 60_000, blockRecordsMax: 100, blockBytesMax: 1 << 20, acceptLost: false },
    logger: createLogger('test', 'silent'),
    metrics,
    givingUp: new AbortController(),
    clock: { ...systemClock, elapsedMs: () => systemClock.elapsedMs() + aheadMs } satisfies Clock,
  });
  consumers.push(consumer);
  const say = (partition: number, offset: number, ...values: string[]): void => {
    const records = values.map((value, at) => recordOf(offset + at, value));
    ready.push(batchOf(partition, records, offset + values.length));
  };
  return {
    ...{ consumer, assigns, seeks, removes, ready, ledgerReads, waits, written, say },
    polls: () => polls,
    stopped: async () => (await metrics.stopped.get()).values[0]?.value,
    /** Time goes on. */
    pass: (ms: number) => void (aheadMs += ms),
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !condition(); i++) await pause(10);
  expect(condition()).toBe(true);
};

describe('a consumer', () => {
  it('tries a partition that stands still again, and keeps what it has gathered of the others', async () => {
    const { consumer, say, assigns, seeks, ledgerReads, written, pass, polls } = open();
    // The first block is written at once, the next one waits for its interval.
    say(1, 0, 'a');
    consumer.start();
    await until(() => written.length === 1);
    say(0, 0, 'garbage');
    say(1, 1, 'b', 'c');
    await until(() => consumer.positions().some(({ state }) => state === 'stopped'));
    const before = polls();
    pass(31_000);
    await until(() => seeks.length > 0 || ledgerReads.length > 1);
    await until(() => polls() > before + 2);
    expect(ledgerReads).toEqual([[0, 1], [0]]);
    expect(seeks).toEqual([{ topic, partition: 0, offset: 0 }]);
    expect(assigns.at(-1)).toHaveLength(2);
    expect(consumer.positions().map(({ state }) => state)).toEqual(['running', 'running']);
    say(0, 0, 'x');
    const asked = polls();
    await until(() => polls() > asked + 2);
    pass(31_000);
    await until(() => written.length > 1);
    expect(written).toEqual([
      [1, 0, 0, 1],
      [1, 1, 2, 2],
      [0, 0, 0, 1],
    ]);
  });

  it.each([
    ['is damaged', new CorruptRecordError(topic, 0, 1, new Error('crc'))],
    ['is not where it was', new OffsetOutOfRangeError(topic, 0, 1)],
  ])('stops one partition alone whose log %s: the other goes on, and nobody waits for it', async (_, error) => {
    const { consumer, say, assigns, removes, ready, written, stopped, ledgerReads } = open();
    say(1, 0, 'a');
    ready.push(error);
    say(1, 1, ...Array.from({ length: 100 }, () => 'b'));
    consumer.start();
    await until(() => written.length === 2);
    expect(written).toEqual([
      [1, 0, 0, 1],
      [1, 1, 100, 100],
    ]);
    expect(consumer.positions().map(({ state }) => state)).toEqual(['stopped', 'running']);
    expect(await stopped()).toBe(1);
    expect(consumer.ready()).toBe(true);
    expect(removes).toEqual([0]);
    expect(assigns).toHaveLength(2);
    expect(ledgerReads).toEqual([[0, 1]]);
  });

  it('does not try a partition at once again, whatever Kafka refuses', async () => {
    const { consumer, ready, ledgerReads } = open();
    for (let i = 0; i < 1_000; i++) ready.push(new OffsetOutOfRangeError(topic, 0, 0));
    consumer.start();
    await pause(400);
    expect(ledgerReads).toEqual([[0, 1]]);
  });

  it('pauses before it begins again when reading as a whole fails', async () => {
    const { consumer, ready, polls } = open();
    for (let i = 0; i < 1_000; i++) ready.push(new Error('away'));
    consumer.start();
    await pause(400);
    expect(polls()).toBeLessThanOrEqual(2);
  });

  it('waits half a second for records at most, however far the next block is', async () => {
    const { consumer, say, waits, written } = open();
    say(1, 0, 'a');
    consumer.start();
    await until(() => written.length === 1);
    say(1, 1, 'b');
    const asked = waits.length;
    await until(() => waits.length > asked + 5);
    expect(Math.max(...waits)).toBe(500);
  });
});

describe('the log that was read before', () => {
  const mark: Mark = markOf(recordOf(9, 'last'));
  const known = new Map([[0, { first: 0, next: 10, blocks: 0, mark }]]);

  it('is gone on with when the last record stands where it stood', async () => {
    const { consumer, assigns } = open({ known });
    consumer.start();
    await until(() => consumer.ready());
    expect(consumer.positions().map(({ state }) => state)).toEqual(['running', 'running']);
    expect(assigns.at(-1)?.map(({ offset }) => offset)).toEqual([10, 0]);
  });

  it('is missed when another stands there: the partition stays stopped, the other goes on', async () => {
    const { consumer, assigns, seeks, say, written, pass, ledgerReads, stopped } = open({ known, standing: 'other' });
    say(0, 10, 'x');
    say(1, 0, 'a');
    consumer.start();
    await until(() => written.length === 1);
    for (let tries = 2; tries < 5; tries++) {
      pass(31_000);
      await until(() => ledgerReads.length === tries);
    }
    await pause(20);
    expect(consumer.positions()).toMatchObject([
      { state: 'stopped', position: 10 },
      { state: 'running', position: 1 },
    ]);
    expect(await stopped()).toBe(1);
    expect(consumer.ready()).toBe(true);
    expect(written).toEqual([[1, 0, 0, 1]]);
    expect(assigns.at(-1)).toEqual([{ topic, partition: 1, offset: 0 }]);
    expect(seeks).toEqual([]);
  });

  it('is taken at its offsets where the ledger has no mark', async () => {
    const unmarked = new Map([[0, { first: 0, next: 10, blocks: 0 }]]);
    const { consumer } = open({ known: unmarked, standing: 'other' });
    consumer.start();
    await until(() => consumer.ready());
    expect(consumer.positions().map(({ state }) => state)).toEqual(['running', 'running']);
  });
});
