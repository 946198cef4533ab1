import type { Logger } from 'pino';
import { Backoff } from '../clock/index.ts';
import { TransactionError, UnconfirmedError, messageOf } from '../kafka/errors.ts';
import type { CommittedOffset, Kafka, OutgoingRecord, Transactional } from '../kafka/types.ts';
import type { StreamMetrics } from './metrics.ts';

const CONFIRM_POLL_MS = 100;
/** How often one transaction is repeated. After that, the task is closed, and the next one restores the state. */
const MAX_REPEATS = 5;
const REPEAT_PAUSES = { firstMs: 100, maxMs: 5_000 };
/** Brokers before 4.0 may show the offsets of a transaction a moment after it has ended. */
const OFFSETS_VISIBLE_MS = 200;

export interface TransactionsDeps {
  kafka: Kafka;
  topology: string;
  /** Names the group and the transactional id. */
  name: string;
  topic: string;
  partition: number;
  /** Whether the group has confirmed, within its session, that this process owns the partition. */
  isConfirmed(): boolean;
  logger: Logger;
  metrics: StreamMetrics;
  /** Throws a ClosedError when the task is closing. */
  pause(ms: number): Promise<void>;
  isEnding(): boolean;
}

/**
 * The transactions of one task. When one fails without the task being fenced, its outcome is read from the committed
 * offset, and it is repeated if it was not committed: so an error of a broker that passes does not cost the state.
 */
export class TaskTransactions {
  private transactional: Transactional;
  private committed: CommittedOffset | null = null;

  constructor(private readonly deps: TransactionsDeps) {
    this.transactional = this.create();
  }

  private create(): Transactional {
    const { kafka, name, partition } = this.deps;
    return kafka.transactional(`${name}-${partition}`);
  }

  /**
   * Fences every earlier producer of the partition. Waits while the group has not confirmed that this process owns it: a
   * process that was frozen must not fence its successor. Throws a ClosedError when the task is closing.
   */
  async init(): Promise<void> {
    const { isConfirmed, pause } = this.deps;
    for (;;) {
      while (!isConfirmed()) await pause(CONFIRM_POLL_MS);
      try {
        return await this.transactional.init(isConfirmed);
      } catch (error) {
        if (!(error instanceof UnconfirmedError)) throw error;
        await this.renew();
      }
    }
  }

  private async renew(): Promise<void> {
    await this.transactional.close();
    this.transactional = this.create();
  }

  /** The committed offset that the task starts from. */
  startFrom(committed: CommittedOffset | null): void {
    this.committed = committed;
  }

  /** Commits records and the input's offset in one transaction. Throws as Transactional. */
  async commit(records: readonly OutgoingRecord[], next: CommittedOffset): Promise<void> {
    const { name: groupId, topic, partition } = this.deps;
    const backoff = new Backoff(REPEAT_PAUSES);
    for (let repeats = 0; ; repeats++) {
      try {
        await this.transactional.commit({ groupId, topic, partition, ...next }, records);
        break;
      } catch (error) {
        if (!(error instanceof TransactionError) || repeats === MAX_REPEATS || this.deps.isEnding()) throw error;
        const { logger, metrics, topology } = this.deps;
        const where = { topology, partition, offset: next.offset };
        logger.warn({ ...where, err: messageOf(error) }, 'transaction failed; checking whether it was committed');
        metrics.recoveries.inc({ topology });
        await this.deps.pause(backoff.nextMs());
        if (await this.isCommitted(next, error)) break;
      }
    }
    this.committed = next;
  }

  /** Throws an Error when the committed offset is of another process. */
  private async isCommitted(next: CommittedOffset, cause: TransactionError): Promise<boolean> {
    await this.renew();
    await this.init();
    let found = await this.readCommitted();
    if (isSame(found, this.committed)) {
      await this.deps.pause(OFFSETS_VISIBLE_MS);
      found = await this.readCommitted();
    }
    if (isSame(found, next)) return true;
    if (isSame(found, this.committed)) return false;
    throw new Error('another process has committed since the transaction began', { cause });
  }

  private async readCommitted(): Promise<CommittedOffset | null> {
    const { kafka, name, topic, partition } = this.deps;
    return (await kafka.committedOffsets(name, topic))[partition] ?? null;
  }

  close(): Promise<void> {
    return this.transactional.close();
  }
}

const isSame = (a: CommittedOffset | null, b: CommittedOffset | null): boolean =>
  a?.offset === b?.offset && a?.metadata === b?.metadata;
