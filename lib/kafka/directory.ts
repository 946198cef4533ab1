import type Cluster from 'kafkajs/src/cluster/index.js';
import type { ControlCluster } from './cluster.ts';
import { UnknownTopicError, kafkaErrorType } from './errors.ts';
import type { OffsetRange } from './types.ts';

export const EARLIEST = -2;
export const LATEST = -1;
/** As the protocol has them. */
const ISOLATION_LEVELS = { read_uncommitted: 0, read_committed: 1 };

type Isolation = keyof typeof ISOLATION_LEVELS;

const isMissing = (error: unknown): boolean =>
  error instanceof UnknownTopicError || kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION';

/** Looks up partitions and offsets of topics. */
export class TopicDirectory {
  private readonly counts = new Map<string, Promise<number>>();
  /** Topics that were created; a broker may not know them yet. */
  private readonly made = new Set<string>();

  constructor(
    private readonly control: ControlCluster,
    private readonly prefix: string,
  ) {}

  /** Requests about these topics wait from now on until the broker knows them. */
  expect(topics: readonly string[]): void {
    for (const topic of topics) this.made.add(topic);
  }

  /** Runs `request` with the ids of the topic's partitions. Throws UnknownTopicError, KafkaUnavailableError. */
  async ask<T>(
    what: string,
    topic: string,
    request: (cluster: Cluster, partitions: readonly number[]) => Promise<T>,
  ): Promise<T> {
    const name = this.prefix + topic;
    try {
      return await this.control.ask(
        `${what} ${topic}`,
        async (cluster) => {
          await cluster.addMultipleTargetTopics([name]);
          const partitions = cluster.findTopicPartitionMetadata(name).map((m) => m.partitionId);
          if (partitions.length === 0) throw new UnknownTopicError(name);
          return request(cluster, partitions);
        },
        (error) => isMissing(error) && !this.made.has(topic),
      );
    } catch (error) {
      if (isMissing(error)) throw new UnknownTopicError(`topic ${name} does not exist`, { cause: error });
      throw error;
    }
  }

  /** The number of partitions. It never changes, so it is requested once. */
  partitionsOf(topic: string): Promise<number> {
    let known = this.counts.get(topic);
    if (known === undefined) {
      known = this.ask('read the partitions of', topic, (_, partitions) => Promise.resolve(partitions.length));
      this.counts.set(topic, known);
      known.catch(() => this.counts.delete(topic));
    }
    return known;
  }

  /** The offset of each partition at `point`: EARLIEST, or LATEST (the high watermark). */
  offsetsAt(topic: string, point: number): Promise<number[]> {
    return this.ask('read the offsets of', topic, async (cluster, partitions) => {
      const offsets = await this.listOffsets(cluster, topic, point, partitions);
      return partitions.map((_, partition) => offsetOf(offsets, partition));
    });
  }

  /** The beginning and the end of one partition; the other partitions may be without a leader. */
  rangeOf(topic: string, partition: number): Promise<OffsetRange> {
    return this.ask('read the offsets of', topic, async (cluster) => {
      const [beginning, end] = await Promise.all(
        [EARLIEST, LATEST].map((point) => this.listOffsets(cluster, topic, point, [partition])),
      );
      return { beginning: offsetOf(beginning, partition), end: offsetOf(end, partition) };
    });
  }

  /** The high watermark of one partition, or its last stable offset; the others may be without a leader. */
  endOf(topic: string, partition: number, isolation?: Isolation): Promise<number> {
    return this.ask('read the end of', topic, async (cluster) =>
      offsetOf(await this.listOffsets(cluster, topic, LATEST, [partition], isolation), partition),
    );
  }

  private async listOffsets(
    cluster: Cluster,
    topic: string,
    point: number,
    partitions: readonly number[],
    isolation: Isolation = 'read_uncommitted',
  ): Promise<Map<number, number>> {
    const name = this.prefix + topic;
    const byLeader = new Map<number, number[]>();
    for (const { leader, partitionId } of cluster.findTopicPartitionMetadata(name)) {
      if (partitions.includes(partitionId)) byLeader.set(leader, [...(byLeader.get(leader) ?? []), partitionId]);
    }
    const offsets = new Map<number, number>();
    await Promise.all(
      [...byLeader].map(async ([nodeId, ids]) => {
        const broker = await cluster.findBroker({ nodeId });
        const asked = ids.map((partition) => ({ partition, timestamp: point }));
        const { responses } = await broker.listOffsets({
          isolationLevel: ISOLATION_LEVELS[isolation],
          topics: [{ topic: name, partitions: asked }],
        });
        for (const p of responses[0]?.partitions ?? []) offsets.set(p.partition, Number(p.offset));
      }),
    );
    return offsets;
  }
}

/** Throws an Error for a missing offset: one that is assumed could pass for an end that a reader has reached. */
function offsetOf(offsets: ReadonlyMap<number, number> | undefined, partition: number): number {
  const offset = offsets?.get(partition);
  if (offset === undefined) throw new Error(`the brokers did not report an offset of partition ${partition}`);
  return offset;
}
