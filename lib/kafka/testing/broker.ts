import type { Random } from '../../carts/testing/random.ts';
import type { CommittedOffset, OutgoingRecord } from '../types.ts';
import { START_WALL_MS, type EventLoop } from './event-loop.ts';
import { SimulatedGroup } from './group.ts';
import { SimulatedLog } from './log.ts';
import { ProtocolError } from './protocol.ts';
import { TransactionCoordinator, type ProducerIdentity, type TransactionEnd } from './transactions.ts';

/** A record with its partition decided. */
export type PlacedRecord = OutgoingRecord & { partition: number };

export interface BrokerOptions {
  loop: EventLoop;
  random: Random;
  /** Called when all markers of a transaction are written. */
  onTransactionEnd?: (end: TransactionEnd) => void;
}

/**
 * A Kafka cluster as its clients see it: topics, transactions, groups. It answers at once; `Network` brings requests
 * to it.
 */
export class SimulatedBroker {
  readonly transactions: TransactionCoordinator;
  private readonly topics = new Map<string, SimulatedLog[]>();
  private readonly groups = new Map<string, SimulatedGroup>();
  /** By group and topic, by partition. */
  private readonly offsets = new Map<string, (CommittedOffset | null)[]>();
  /** The last sequence number of each idempotent producer in a partition. */
  private readonly sequences = new Map<string, number>();
  private nextProducerId = 1_000_000;

  readonly loop: EventLoop;

  constructor({ loop, random, onTransactionEnd }: BrokerOptions) {
    this.loop = loop;
    this.transactions = new TransactionCoordinator({
      loop,
      random,
      commitOffset: ({ groupId, topic, partition, offset, metadata }) => {
        this.committedOffsets(groupId, topic)[partition] = { offset, metadata };
      },
      onEnd: onTransactionEnd ?? (() => undefined),
    });
  }

  /** Keeps a topic that is there. */
  createTopic(topic: string, partitions: number): void {
    if (this.topics.has(topic)) return;
    this.topics.set(
      topic,
      Array.from({ length: partitions }, (_, partition) => new SimulatedLog(topic, partition)),
    );
  }

  logs(topic: string): SimulatedLog[] {
    const logs = this.topics.get(topic);
    if (logs === undefined) throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION');
    return logs;
  }

  log(topic: string, partition: number): SimulatedLog {
    const log = this.logs(topic)[partition];
    if (log === undefined) throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION');
    return log;
  }

  group(groupId: string, topic: string): SimulatedGroup {
    let group = this.groups.get(groupId);
    if (group === undefined) {
      group = new SimulatedGroup(this.loop, groupId, this.logs(topic).length);
      this.groups.set(groupId, group);
    }
    return group;
  }

  findGroup(groupId: string): SimulatedGroup | undefined {
    return this.groups.get(groupId);
  }

  /** By partition; null where nothing was committed. */
  committedOffsets(groupId: string, topic: string): (CommittedOffset | null)[] {
    const key = `${groupId} ${topic}`;
    let offsets = this.offsets.get(key);
    if (offsets === undefined) {
      offsets = this.logs(topic).map(() => null);
      this.offsets.set(key, offsets);
    }
    return offsets;
  }

  createProducerId(): number {
    return this.nextProducerId++;
  }

  /** Appends records of an idempotent producer; a sequence number that was taken before is acknowledged again. */
  produce(producerId: number, sequence: number, records: readonly PlacedRecord[]): void {
    this.append(records, null, producerId, sequence);
  }

  /** Appends records in the open transaction of a producer. */
  produceInTransaction(producer: ProducerIdentity, sequence: number, records: readonly PlacedRecord[]): void {
    for (const { topic, partition } of records) this.transactions.requireOpen(producer, this.log(topic, partition));
    this.append(records, producer.producerId, `${producer.producerId}.${producer.epoch}`, sequence);
  }

  private append(
    records: readonly PlacedRecord[],
    transactionOf: number | null,
    producer: number | string,
    sequence: number,
  ): void {
    const isRepeat = new Map<SimulatedLog, boolean>();
    for (const { topic, partition, key, value, headers } of records) {
      const log = this.log(topic, partition);
      if (!isRepeat.has(log)) isRepeat.set(log, this.isRepeat(log, producer, sequence));
      if (isRepeat.get(log) === true) continue;
      log.append(
        {
          timestampMs: START_WALL_MS + this.loop.nowMs,
          key: key === null ? null : Buffer.from(key, 'utf8'),
          value: value === null ? null : Buffer.from(value),
          headers: headers ?? {},
        },
        transactionOf,
      );
    }
  }

  private isRepeat(log: SimulatedLog, producer: number | string, sequence: number): boolean {
    const key = `${log.topic}/${log.partition}/${producer}`;
    const last = this.sequences.get(key) ?? -1;
    if (sequence <= last) return true;
    this.sequences.set(key, sequence);
    return false;
  }
}
