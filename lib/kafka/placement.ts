import { partitionFor } from './murmur2.ts';
import type { PartitionRecords } from './produce.ts';
import type { OutgoingRecord } from './types.ts';

/** Estimated size of a record without its key and value. */
const RECORD_OVERHEAD_BYTES = 32;
/** All records of a partition in one request form one batch, which must not exceed the topic's `max.message.bytes`. */
export const MAX_BATCH_BYTES = 1 << 20;

export const sizeOf = (record: OutgoingRecord): number =>
  RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);

/** Requests the number of partitions of a topic. */
export type PartitionsOf = (topic: string) => Promise<number>;

/** Chooses the partitions of records. Caches the number of partitions of each topic, which never changes. */
export class Placement {
  private readonly counts = new Map<string, number>();

  constructor(private readonly partitionsOf: PartitionsOf) {}

  /** Loads the numbers of partitions that `partitionOf` needs for these records. */
  async learn(records: readonly OutgoingRecord[]): Promise<void> {
    for (const { topic, partition } of records) {
      if (partition === undefined && !this.counts.has(topic)) {
        this.counts.set(topic, await this.partitionsOf(topic));
      }
    }
  }

  /** Whether `learn` has nothing to load. */
  knows(records: readonly OutgoingRecord[]): boolean {
    return records.every(({ topic, partition }) => partition !== undefined || this.counts.has(topic));
  }

  partitionOf({ topic, key, partition }: OutgoingRecord): number {
    if (partition !== undefined) return partition;
    // Records without a key have no order, so any partition will do.
    return key === null ? 0 : partitionFor(key, this.counts.get(topic) ?? 1);
  }
}

interface Group extends PartitionRecords {
  records: OutgoingRecord[];
  bytes: number;
}

/** Collects records by partition for one request. */
export class Groups {
  private readonly byPartition = new Map<string, Map<number, Group>>();
  private readonly all: Group[] = [];

  constructor(private readonly prefix: string) {}

  /** Whether the record still fits into the batch of its partition. The first record always fits. */
  fits(record: OutgoingRecord, partition: number): boolean {
    const group = this.byPartition.get(record.topic)?.get(partition);
    return group === undefined || group.bytes + sizeOf(record) <= MAX_BATCH_BYTES;
  }

  add(record: OutgoingRecord, partition: number): void {
    const { topic } = record;
    let partitions = this.byPartition.get(topic);
    if (partitions === undefined) this.byPartition.set(topic, (partitions = new Map()));
    let group = partitions.get(partition);
    if (group === undefined) {
      group = { topic: this.prefix + topic, partition, records: [], bytes: 0 };
      partitions.set(partition, group);
      this.all.push(group);
    }
    group.records.push(record);
    group.bytes += sizeOf(record);
  }

  get list(): readonly PartitionRecords[] {
    return this.all;
  }
}
