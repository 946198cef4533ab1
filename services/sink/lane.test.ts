import { afterEach, describe, expect, it } from 'vitest';
import type { Codec } from '../../lib/avro/index.ts';
import { OffsetOutOfRangeError } from '../../lib/kafka/errors.ts';
import type { Batch, Kafka, PartitionOffset, Reader } from '../../lib/kafka/types.ts';
import { createLogger, createMetrics } from '../../lib/telemetry/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import { Lane } from './lane.ts';
import type { Ledger } from './ledger.ts';
import { createSinkMetrics } from './metrics.ts';
import type { BlockWriter } from './writer.ts';

/**
 * A lane between a Kafka and a ClickHouse that are lists: what the real ones cannot be made to do at will, as to
 * refuse one offset for ever. That nothing is lost is shown on the real ones (test/system/sink.test.ts).
 */

const topic = TOPICS.traitEvents;
const lanes: Lane<string>[] = [];
afterEach(async () => {
  await Promise.all(lanes.splice(0).map((lane) => lane.stop()));
});

function open() {
  const assigns: PartitionOffset[][] = [];
  const seeks: PartitionOffset[] = [];
  const ready: (Batch | Error)[] = [];
  const ledgerReads: number[][] = [];
  let [polls, aheadMs] = [0, 0];
  const reader = {
    assign: (partitions) => void assigns.push([...partitions]),
    seek: (partition) => void seeks.push(partition),
    remove: () => undefined,
    poll: async () => {
      polls += 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
      const next = ready.shift();
      if (next instanceof Error) throw next;
      return next === undefined ? [] : [next];
    },
    close: () => Promise.resolve(),
  } satisfies Partial<Reader>;
  const kafka = {
    createReader: () => reader,
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
    insist: async (_: string, wanted: () => boolean, action: () => Promise<void>) => {
      if (wanted()) await action();
      return wanted();
    },
    write: (block: { ranges: Map<number, { first: number; last: number; records: number }> }) => {
      for (const [partition, { first, last, records }] of block.ranges) written.push([partition, first, last, records]);
      return Promise.resolve(true);
    },
  };
  const ledger = {
    read: (partitions: readonly number[]) => {
      ledgerReads.push([...partitions]);
      return Promise.resolve(new Map());
    },
    checkpoint: () => Promise.resolve(),
  };
  const decode = (value: Buffer): string => {
    if (value.toString() === 'garbage') throw new Error('garbage');
    return value.toString();
  };
  const lane = new Lane<string>({
    content: { topic, tables: [], addRows: () => undefined, sameCause: () => false, logTimeMs: () => 0 },
    kafka: kafka as unknown as Kafka,
    codec: { decode } as Partial<Codec<string>> as Codec<string>,
    groupId: 'sink',
    url: null,
    ledger: ledger as unknown as Ledger,
    writer: writer as unknown as BlockWriter,
    settings: { blockIntervalMs: 60_000, blockRecordsMax: 100, blockBytesMax: 1 << 20, acceptLost: false },
    logger: createLogger('test', 'silent'),
    metrics: createSinkMetrics(createMetrics()),
    clock: () => Date.now() + aheadMs,
  });
  lanes.push(lane);
  const say = (partition: number, offset: number, ...values: string[]): void => {
    const records = values.map((value, at) => ({
      ...{ offset: offset + at, timestampMs: 0, key: null, value: Buffer.from(value), headers: {} },
    }));
    const nextOffset = offset + values.length;
    ready.push({ topic, partition, records, nextOffset, highWatermark: 100, lastStableOffset: nextOffset } as Batch);
  };
  return {
    ...{ lane, assigns, seeks, ready, ledgerReads, written, say },
    polls: () => polls,
    /** Time goes on. */
    pass: (ms: number) => void (aheadMs += ms),
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !condition(); i++) await pause(10);
  expect(condition()).toBe(true);
};

describe('a lane', () => {
  it('tries a partition that stands still again, and keeps what it has gathered of the others', async () => {
    const { lane, say, assigns, seeks, ledgerReads, written, pass, polls } = open();
    // The first block is written at once, the next one waits for its interval.
    say(1, 0, 'a');
    lane.start();
    await until(() => written.length === 1);
    say(0, 0, 'garbage');
    say(1, 1, 'b', 'c');
    await until(() => lane.positions().some(({ state }) => state === 'stopped'));
    const before = polls();
    pass(31_000);
    await until(() => seeks.length > 0 || ledgerReads.length > 1);
    await until(() => polls() > before + 2);
    expect(ledgerReads).toEqual([[0, 1], [0]]);
    expect(seeks).toEqual([{ topic, partition: 0, offset: 0 }]);
    expect(assigns.at(-1)).toHaveLength(2);
    expect(lane.positions().map(({ state }) => state)).toEqual(['running', 'running']);
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

  it('pauses before it begins again, whatever Kafka refuses', async () => {
    const { lane, ready, polls } = open();
    for (let i = 0; i < 1_000; i++) ready.push(new OffsetOutOfRangeError(topic, 0, 0));
    lane.start();
    await pause(400);
    expect(polls()).toBeLessThanOrEqual(2);
  });
});
