import type Cluster from 'kafkajs/src/cluster/index.js';
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import type { ConnectionOptions } from './cluster.ts';
import { encodeBatch } from './encode-batch.ts';
import type { FetchedPartition } from './fetch.ts';
import { KafkaReader, type ReaderNetwork } from './reader.ts';
import type { Batch } from './types.ts';

/** Replies of a broker that a test cannot bring a real one to: one partition has moved, its neighbours are there. */
const broker = {
  replies: [] as FetchedPartition[][],
  asked: [] as number[][],
  /** By partition, as the client knows them. */
  leaders: [1, 1, 1],
  /** As the next refresh finds them. */
  newLeaders: [1, 1, 1],
  dead: new Set<string>(),
  closedLinks: 0,
};
const clock = new ManualClock();

const cluster = {
  addMultipleTargetTopics: () => Promise.resolve(),
  refreshMetadataIfNecessary: () => Promise.resolve(),
  refreshMetadata: () => {
    broker.leaders = broker.newLeaders;
    return Promise.resolve();
  },
  findTopicPartitionMetadata: () => broker.leaders.map((leader, partitionId) => ({ partitionId, leader })),
  findBroker: ({ nodeId }: { nodeId: string }) =>
    broker.dead.has(nodeId) ? Promise.reject(new Error('connection refused')) : Promise.resolve({}),
} as unknown as Cluster;

const network: ReaderNetwork = {
  openConnections: () => ({
    ready: Promise.resolve(cluster),
    drop: () => undefined,
    close: () => {
      broker.closedLinks++;
      return Promise.resolve();
    },
  }),
  fetchFrom: async (_, { partitions, maxWaitMs }) => {
    const asked = partitions.map(({ partition }) => partition);
    broker.asked.push(asked);
    const at = broker.replies.findIndex((reply) => reply.every(({ partition }) => asked.includes(partition)));
    if (at >= 0) return broker.replies.splice(at, 1)[0]!;
    await clock.sleep(maxWaitMs);
    return [];
  },
};

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
  Object.assign(broker, { asked: [], leaders: [1, 1, 1], newLeaders: [1, 1, 1], dead: new Set(), closedLinks: 0 });
  const connection = { clock, logger: { warn: () => undefined } } as unknown as ConnectionOptions;
  const reader = new KafkaReader(connection, 'p.', { isolation: 'read_committed' }, network);
  readers.push(reader);
  reader.assign(replies.map(({ partition }) => ({ topic: 't', partition, offset: 0 })));
  return reader;
}
/** The partitions of the next batches, however long they take. */
async function later(reader: KafkaReader): Promise<number[]> {
  for (;;) {
    const polled = reader.poll(200);
    await clock.advance(200);
    const batches = await polled;
    if (batches.length > 0) return partitionsOf(batches);
  }
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
    await clock.advance(0);
    expect(broker.asked).toEqual([
      [0, 1, 2],
      [1, 2, 0],
      [2, 1, 0],
      [1, 0, 2],
    ]);
  });
});

describe('a partition without a leader', () => {
  it('does not stop the others, and is read once it has one', async () => {
    const reader = open(recordOf(0, 0), recordOf(1, 0), recordOf(2, 0));
    Object.assign(broker, { leaders: [1, -1, 1], newLeaders: [1, -1, 1] });
    broker.replies = [[recordOf(0, 0), recordOf(2, 0)], [recordOf(0, 1)], [recordOf(1, 0)]];
    expect(partitionsOf(await reader.poll(200))).toEqual([0, 2]);
    expect(partitionsOf(await reader.poll(200))).toEqual([0]);
    broker.newLeaders = [1, 2, 1];
    expect(await later(reader)).toEqual([1]);
    expect(broker.asked.at(-1)).toContain(1);
  });

  it('is asked for again when a broker says that it leads it no longer, and the others go on meanwhile', async () => {
    const reader = open(replyOf(0, NOT_LEADER), recordOf(1, 0), recordOf(2, 0));
    broker.replies.push([recordOf(1, 1)], [recordOf(0, 0)]);
    expect(partitionsOf(await reader.poll(200))).toEqual([1, 2]);
    expect(partitionsOf(await reader.poll(200))).toEqual([1]);
    expect(broker.asked[1]).toEqual([1, 2]);
    expect(await later(reader)).toEqual([0]);
    expect(broker.closedLinks).toBe(0);
  });
});

describe('a dead broker', () => {
  it('does not stop the reading from the others', async () => {
    const reader = open();
    reader.assign([0, 1].map((partition) => ({ topic: 't', partition, offset: 0 })));
    Object.assign(broker, { leaders: [1, 2], newLeaders: [1, 2], dead: new Set(['1']) });
    broker.replies = [[recordOf(1, 0)], [recordOf(1, 1)], [recordOf(0, 0)]];
    expect(partitionsOf(await reader.poll(200))).toEqual([1]);
    expect(partitionsOf(await reader.poll(200))).toEqual([1]);
    expect(broker.asked.flat()).toEqual([1, 1]);
    expect(broker.closedLinks).toBe(0);
    Object.assign(broker, { newLeaders: [2, 2] });
    expect(await later(reader)).toEqual([0]);
  });
});
