import type { Random } from '../../carts/testing/random.ts';
import type { OffsetsToCommit } from '../types.ts';
import type { Cancel, EventLoop } from './event-loop.ts';
import type { SimulatedLog } from './log.ts';
import { ProtocolError } from './protocol.ts';

export interface ProducerIdentity {
  transactionalId: string;
  producerId: number;
  epoch: number;
}

/** A transaction that is over: its markers are in all its partitions, its offsets are committed or dropped. */
export interface TransactionEnd {
  transactionalId: string;
  producerId: number;
  isCommitted: boolean;
  offsets: readonly OffsetsToCommit[];
}

interface Transaction {
  /** Once it is `ending`, its outcome is decided and its markers are being written. */
  phase: 'open' | 'ending';
  logs: Set<SimulatedLog>;
  offsets: OffsetsToCommit[];
  expires: Cancel;
}

interface Producer {
  producerId: number;
  epoch: number;
  transaction: Transaction | null;
}

export interface CoordinatorOptions {
  loop: EventLoop;
  random: Random;
  commitOffset(offsets: OffsetsToCommit): void;
  onEnd(end: TransactionEnd): void;
}

/** The longest that the marker of a transaction takes to reach a partition. */
const MARKER_WITHIN_MS = 12;

/**
 * Transactions by transactional id. A newer `init` raises the epoch: producers with an older epoch are fenced, and
 * transactions that they left open are aborted. The outcome of a transaction reaches its partitions, and the group's
 * offsets, one after the other; until all have it, the id accepts no new transaction.
 */
export class TransactionCoordinator {
  private readonly producers = new Map<string, Producer>();
  private nextProducerId = 1;

  constructor(private readonly options: CoordinatorOptions) {}

  /** Throws CONCURRENT_TRANSACTIONS while an earlier transaction of the id is being settled: try again. */
  init(transactionalId: string, timeoutMs: number): ProducerIdentity & { timeoutMs: number } {
    let producer = this.producers.get(transactionalId);
    if (producer === undefined) {
      producer = { producerId: this.nextProducerId++, epoch: -1, transaction: null };
      this.producers.set(transactionalId, producer);
    }
    if (producer.transaction?.phase === 'open') this.fence(transactionalId, producer);
    if (producer.transaction !== null) throw new ProtocolError('CONCURRENT_TRANSACTIONS');
    producer.epoch++;
    return { transactionalId, producerId: producer.producerId, epoch: producer.epoch, timeoutMs };
  }

  /** Begins a transaction, or adds partitions to the open one. */
  addPartitions(identity: ProducerIdentity & { timeoutMs: number }, logs: readonly SimulatedLog[]): void {
    const transaction = this.begin(identity);
    for (const log of logs) transaction.logs.add(log);
  }

  /** Throws unless the producer may write to the partition. */
  requireOpen(identity: ProducerIdentity, log: SimulatedLog): void {
    const { transaction } = this.current(identity);
    if (transaction?.phase !== 'open' || !transaction.logs.has(log)) throw new ProtocolError('INVALID_TXN_STATE');
  }

  /** Begins a transaction, or joins the open one; its offsets are committed when it is. */
  addOffsets(identity: ProducerIdentity & { timeoutMs: number }, offsets: OffsetsToCommit): void {
    this.begin(identity).offsets.push(offsets);
  }

  end(identity: ProducerIdentity, isCommitted: boolean): void {
    const producer = this.current(identity);
    const { transaction } = producer;
    if (transaction === null) throw new ProtocolError('INVALID_TXN_STATE');
    if (transaction.phase === 'ending') throw new ProtocolError('CONCURRENT_TRANSACTIONS');
    this.settle(identity.transactionalId, producer, transaction, isCommitted);
  }

  private begin(identity: ProducerIdentity & { timeoutMs: number }): Transaction {
    const producer = this.current(identity);
    const { transaction } = producer;
    if (transaction?.phase === 'ending') throw new ProtocolError('CONCURRENT_TRANSACTIONS');
    if (transaction !== null) return transaction;
    const { transactionalId, timeoutMs } = identity;
    const expire = (): void => this.fence(transactionalId, producer);
    const expires = this.options.loop.schedule(timeoutMs, `transaction of ${transactionalId} times out`, expire);
    return (producer.transaction = { phase: 'open', logs: new Set(), offsets: [], expires });
  }

  private current({ transactionalId, producerId, epoch }: ProducerIdentity): Producer {
    const producer = this.producers.get(transactionalId);
    if (producer === undefined || producer.producerId !== producerId || producer.epoch !== epoch) {
      throw new ProtocolError('INVALID_PRODUCER_EPOCH');
    }
    return producer;
  }

  /** Aborts the open transaction; its producer may write no more. */
  private fence(transactionalId: string, producer: Producer): void {
    producer.epoch++;
    if (producer.transaction !== null) this.settle(transactionalId, producer, producer.transaction, false);
  }

  private settle(transactionalId: string, producer: Producer, transaction: Transaction, isCommitted: boolean): void {
    const { loop, random, commitOffset, onEnd } = this.options;
    transaction.phase = 'ending';
    transaction.expires();
    const { logs, offsets } = transaction;
    const steps = [...logs].map((log) => () => log.mark(producer.producerId, isCommitted));
    if (isCommitted) steps.push(() => offsets.forEach(commitOffset));
    let left = steps.length;
    const finish = (): void => {
      producer.transaction = null;
      onEnd({ transactionalId, producerId: producer.producerId, isCommitted, offsets });
    };
    if (left === 0) return finish();
    for (const step of steps) {
      loop.schedule(1 + random.below(MARKER_WITHIN_MS), `marker of ${transactionalId}`, () => {
        step();
        if (--left === 0) finish();
      });
    }
  }
}
