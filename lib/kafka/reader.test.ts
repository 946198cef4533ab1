import { afterEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import type { ConnectionOptions } from './cluster.ts';
import { encodeBatch } from './encode-batch.ts';
import type { FetchOptions, FetchedPartition } from './fetch.ts';
import { KafkaReader } from './reader.ts';
import type { Batch } from './types.ts';

/** Replies of a broker that a test cannot bring a real one to: one partition has moved, its neighbours are there. */
const broker = vi.hoisted(() => ({ replies: [] as FetchedPartition[][], asked: [] as number[][] }));
vi.mock('./cluster.ts', () => ({
  openConnections: () => ({
    ready: Promise.resolve({
      addMultipleTargetTopics: () => Promise.resolve(),
      refreshMetadataIfNecessary: () => Promise.resolve(),
      findTopicPartitionMetadata: () => [0, 1, 2].map((partitionId) => ({ partitionId, leader: 1 })),
      findBroker: () => Promise.resolve({}),
    }),
    close: () => Promise.resolve(),
  }),
}));
vi.mock('./fetch.ts', () => ({
  fetchFrom: (_: unknown, { partitions }: FetchOptions) => {
    broker.asked.push(partitions.map(({ partition }) => partition));
    const next = broker.replies.shift();
    return next === undefined ? new Promise(() => undefined) : Promise.resolve(next);
  },
}));

const NOT_LEADER = 6;
const CORRUPT = 2;
const replyOf = (partition: number, errorCode: number): FetchedPartition => ({
  ...{ topic: 'p.t', partition, errorCode, highWatermark: 7, lastStableOffset: 7 },
  ...{ aborted: [], records: Buffer.alloc(0) },
});

const readers: KafkaReader[] = [];
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.close()));
});
function open(...replies: FetchedPartition[]): KafkaReader {
  broker.replies = [replies];
  broker.asked = [];
  const connection = { clock: new ManualClock(), logger: { warn: () => undefined } } as unknown as ConnectionOptions;
  const reader = new KafkaReader(connection, 'p.', { isolation: 'read_committed' });
  readers.push(reader);
  reader.assign(replies.map(({ partition }) => ({ topic: 't', partition, offset: 0 })));
  return reader;
}
const partitionsOf = (batches: readonly Batch[]): number[] => batches.map(({ partition }) => partition);

describe('a reply with an error for one partition', () => {
  it('gives what it has of the others, wherever the error stands', async () => {
    const reader = open(replyOf(0, NOT_LEADER), replyOf(1, 0), replyOf(2, 0));
    expect(partitionsOf(await reader.poll(200))).toEqual([1, 2]);
  });

  it('tells of a damaged one once, with its name, and gives the others after it', async () => {
    const reader = open(replyOf(0, NOT_LEADER), replyOf(1, CORRUPT), replyOf(2, 0));
    await expect(reader.poll(200)).rejects.toMatchObject({ name: 'CorruptRecordError', topic: 't', partition: 1 });
    reader.remove('t', 1);
    expect(partitionsOf(await reader.poll(200))).toEqual([2]);
  });
});

/** A reply with one record of a partition, at an offset. */
function recordOf(partition: number, offset: number): FetchedPartition {
  const identity = { producerId: -1, producerEpoch: -1, baseSequence: -1, transactional: false };
  const records = encodeBatch([{ topic: 't', key: 'k', value: Buffer.from('v') }], identity, 0);
  records.writeBigInt64BE(BigInt(offset), 0);
  return { ...replyOf(partition, 0), records };
}

describe('the order in which partitions are asked for', () => {
  it('begins with those that were served longest ago: a reply may be full before it reaches the others', async () => {
    const reader = open(recordOf(0, 0), replyOf(1, 0), replyOf(2, 0));
    broker.replies.push([recordOf(1, 0), recordOf(0, 1)], [recordOf(2, 0)]);
    for (let poll = 0; poll < 3; poll++) await reader.poll(200);
    void reader.poll(200);
    await vi.waitFor(() => expect(broker.asked).toHaveLength(4));
    expect(broker.asked).toEqual([
      [0, 1, 2],
      [1, 2, 0],
      [2, 1, 0],
      [1, 0, 2],
    ]);
  });
});
