import type Cluster from 'kafkajs/src/cluster/index.js';
import type { Broker } from 'kafkajs-internals';
import { Backoff, type Clock } from '../clock/index.ts';
import type { ConnectionOptions } from './cluster.ts';
import { FencedError, TransactionError, UnconfirmedError, kafkaErrorType, messageOf } from './errors.ts';
import { Groups, Placement, type PartitionsOf } from './placement.ts';
import { ProducerSession, type PartitionRecords } from './produce.ts';
import type { OffsetsToCommit, OutgoingRecord, Transactional } from './types.ts';

/**
 * The broker aborts an open transaction after this time. Until then the transaction blocks every read_committed reader
 * of its partitions.
 */
export const TRANSACTION_TIMEOUT_MS = 10_000;

/** Coordinator of a transactional id, in a FindCoordinator request. */
const TRANSACTION_COORDINATOR = 1;
/** How long a request is retried: well within the timeout of the transaction. */
const RETRY_FOR_MS = 6_000;
const INIT_RETRY_FOR_MS = 30_000;
const RETRY_PAUSES = { firstMs: 2, maxMs: 200 };

const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING']);

/** The broker is busy, usually with the markers of the previous transaction. It has done nothing. */
const BUSY = new Set(['CONCURRENT_TRANSACTIONS', 'GROUP_LOAD_IN_PROGRESS', 'COORDINATOR_LOAD_IN_PROGRESS']);
/** The coordinator is another broker now. */
const MOVED = new Set(['NOT_COORDINATOR_FOR_GROUP', 'GROUP_COORDINATOR_NOT_AVAILABLE']);

function translate(error: unknown): Error {
  if (error instanceof FencedError || error instanceof TransactionError || error instanceof UnconfirmedError)
    return error;
  return FENCED.has(kafkaErrorType(error) ?? '')
    ? new FencedError(messageOf(error), { cause: error })
    : new TransactionError(messageOf(error), { cause: error });
}

/**
 * Resolves when all are done. Throws only when none is under way any more, so that no request of a broken transaction
 * arrives later; of several errors, the one that says that the producer is fenced.
 */
async function allSettled(requests: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(requests)).filter((result) => result.status === 'rejected');
  if (failed.length === 0) return;
  const errors = failed.map(({ reason }) => translate(reason));
  throw errors.find((error) => error instanceof FencedError) ?? errors[0]!;
}

/**
 * One transactional id. It retries only requests that the broker certainly did not execute, or that it deduplicates by
 * sequence number. Any other error breaks it permanently; the next owner learns the outcome from the committed offsets
 * of the group.
 */
export class KafkaTransactional implements Transactional {
  private readonly session: ProducerSession;
  private readonly placement: Placement;
  private readonly clock: Clock;
  private coordinator: Broker | null = null;
  private readonly groupCoordinators = new Map<string, Broker>();
  /** Partitions that the current transaction has written to. */
  private readonly touched = new Set<string>();
  private broken: Error | null = null;

  constructor(
    connection: ConnectionOptions,
    private readonly transactionalId: string,
    private readonly prefix: string,
    partitionsOf: PartitionsOf,
  ) {
    this.clock = connection.clock;
    this.session = new ProducerSession(connection, transactionalId);
    this.placement = new Placement(partitionsOf);
  }

  private get transaction() {
    return { transactionalId: this.transactionalId, ...this.session.identity };
  }

  async init(mayFence: () => boolean = () => true): Promise<void> {
    await this.guarded(async () => {
      const { transactionalId } = this;
      const { producerId, producerEpoch } = await this.coordinated((broker) => {
        // Here, after all waiting: the process may have been frozen until now.
        if (!mayFence()) throw new UnconfirmedError('the group has not confirmed this member');
        return broker.initProducerId({ transactionalId, transactionTimeout: TRANSACTION_TIMEOUT_MS });
      }, INIT_RETRY_FOR_MS);
      this.session.begin({ producerId: Number(producerId), producerEpoch });
    });
  }

  async send(records: readonly OutgoingRecord[]): Promise<void> {
    if (records.length === 0) return;
    await this.guarded(async () => {
      const requests = await this.requestsOf(records);
      await this.addPartitions(requests);
      await this.produce(requests);
    });
  }

  /** Every request to the broker costs its latency, and five of them in sequence are most of the time of a commit. */
  async commit(
    { groupId, topic, partition, offset, metadata }: OffsetsToCommit,
    records: readonly OutgoingRecord[] = [],
  ): Promise<void> {
    await this.guarded(async () => {
      const group = this.prefix + groupId;
      const requests = await this.requestsOf(records);
      await allSettled([
        this.addPartitions(requests),
        this.coordinated((broker) => broker.addOffsetsToTxn({ ...this.transaction, groupId: group })),
      ]);
      const partitions = [{ partition, offset: String(offset), metadata }];
      const topics = [{ topic: this.prefix + topic, partitions }];
      await allSettled([
        this.produce(requests),
        this.withGroup(group, (broker) => broker.txnOffsetCommit({ ...this.transaction, groupId: group, topics })),
      ]);
      await this.coordinated((broker) => broker.endTxn({ ...this.transaction, transactionResult: true }));
      this.touched.clear();
    });
  }

  /** The records of each Produce request. */
  private async requestsOf(records: readonly OutgoingRecord[]): Promise<readonly PartitionRecords[][]> {
    if (records.length === 0) return [];
    if (!this.placement.knows(records)) await this.placement.learn(records);
    const requests: PartitionRecords[][] = [];
    let groups = new Groups(this.prefix);
    for (const record of records) {
      const partition = this.placement.partitionOf(record);
      if (!groups.fits(record, partition)) {
        requests.push([...groups.list]);
        groups = new Groups(this.prefix);
      }
      groups.add(record, partition);
    }
    requests.push([...groups.list]);
    return requests;
  }

  private async addPartitions(requests: readonly PartitionRecords[][]): Promise<void> {
    const added = new Map<string, number[]>();
    for (const { topic, partition } of requests.flat()) {
      const key = `${topic}/${partition}`;
      if (this.touched.has(key)) continue;
      this.touched.add(key);
      const list = added.get(topic);
      if (list === undefined) added.set(topic, [partition]);
      else list.push(partition);
    }
    if (added.size === 0) return;
    const topics = [...added].map(([topic, partitions]) => ({ topic, partitions }));
    await this.coordinated((broker) => broker.addPartitionsToTxn({ ...this.transaction, topics }));
  }

  private async produce(requests: readonly PartitionRecords[][]): Promise<void> {
    for (const groups of requests) await this.session.produce(groups, this.clock.elapsedMs() + RETRY_FOR_MS);
  }

  private async guarded(work: () => Promise<void>): Promise<void> {
    if (this.broken !== null) throw this.broken;
    try {
      await work();
    } catch (error) {
      throw (this.broken = translate(error));
    }
  }

  /** Sends a request to the transaction coordinator; retries while the coordinator is busy or moves. */
  private coordinated<T>(ask: (broker: Broker) => Promise<T>, retryForMs = RETRY_FOR_MS): Promise<T> {
    return this.retrying(
      retryForMs,
      async (cluster) => {
        this.coordinator ??= await cluster.findGroupCoordinator({
          groupId: this.transactionalId,
          coordinatorType: TRANSACTION_COORDINATOR,
        });
        return ask(this.coordinator);
      },
      () => (this.coordinator = null),
    );
  }

  private withGroup<T>(groupId: string, ask: (broker: Broker) => Promise<T>): Promise<T> {
    return this.retrying(
      RETRY_FOR_MS,
      async (cluster) => {
        let broker = this.groupCoordinators.get(groupId);
        if (broker === undefined) {
          broker = await cluster.findGroupCoordinator({ groupId });
          this.groupCoordinators.set(groupId, broker);
        }
        return ask(broker);
      },
      () => this.groupCoordinators.delete(groupId),
    );
  }

  private async retrying<T>(retryForMs: number, ask: (cluster: Cluster) => Promise<T>, forget: () => void): Promise<T> {
    const deadline = this.clock.elapsedMs() + retryForMs;
    const backoff = new Backoff(RETRY_PAUSES);
    for (;;) {
      try {
        return await ask(await this.session.connected());
      } catch (error) {
        const type = kafkaErrorType(error) ?? '';
        const pauseMs = backoff.nextMs();
        if ((!BUSY.has(type) && !MOVED.has(type)) || this.clock.elapsedMs() + pauseMs > deadline) throw error;
        if (MOVED.has(type)) forget();
        await this.clock.sleep(pauseMs);
      }
    }
  }

  async close(): Promise<void> {
    this.broken ??= new TransactionError('closed');
    await this.session.close();
  }
}
