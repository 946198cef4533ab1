import type { Logger } from 'pino';
import { Waker, type Clock } from '../clock/index.ts';
import { BrokenContinuityError, CorruptRecordError, FencedError, messageOf } from '../kafka/errors.ts';
import type { Batch, Member } from '../kafka/types.ts';
import { RecordFailedError } from './errors.ts';
import type { StreamMetrics } from './metrics.ts';
import type { Task, TaskView } from './task.ts';

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 15_000;
/** Nothing mends a log or a topology by itself, and each try restores the state. */
const MAX_STUCK_PAUSE_MS = 60_000;
/** After so long a life the next trouble is another one. */
const SOUND_AFTER_MS = 60_000;
const CONFIRM_POLL_MS = 100;
/** A topology that breaks so often on the same record always will. */
const FAILURES_MAX = 3;

const NOTHING: Readonly<TaskView> = { state: 'restoring', position: 0, end: 0, logTimeMs: null, earliestDueMs: null };

/** The parts of a task that its supervisor has to do with. */
export type SupervisedTask = Pick<Task<unknown>, 'view' | 'done' | 'close' | 'fail' | 'offer'>;

export interface SupervisorDeps {
  topology: string;
  /** Of the input. */
  topic: string;
  partition: number;
  /** Begins a task; `onCommitted` hears every position that it commits. */
  open(onCommitted: (offset: number) => void): SupervisedTask;
  member: Pick<Member, 'rejoin' | 'confirmedAtMs'>;
  clock: Clock;
  logger: Logger;
  metrics: StreamMetrics;
}

/**
 * One partition for as long as the process runs, and the only place where its tasks are made: one after another, in one
 * loop, so that a task has ended (its last transaction settled or given up, its reading and connections gone) before the
 * next one opens, however the group takes the partition and gives it back meanwhile.
 *
 *     held → opening → running → ended → (a pause, or a new generation after a fence) → opening …
 *     given up, at any point: the task closes; held again: opening, once it has ended
 */
export class PartitionSupervisor {
  private assigned = false;
  /** From its making until it has ended. */
  private task: SupervisedTask | null = null;
  /** The loop; null while the partition is given up and nothing of it is left. */
  private living: Promise<void> | null = null;
  /** The group's generation that gave the partition last, and when it did, by the clock's `elapsedMs`. */
  private generation = -1;
  private givenAtMs = 0;
  /** The generation in which it was fenced: only a later one may open it again. */
  private fencedIn: number | null = null;
  private pauseMs = 0;
  /** No task is opened before, by the clock's `elapsedMs`. */
  private openAtMs = 0;
  /** Where it stands still, and needs somebody to look, until it comes past there. */
  private stuck: TaskView | null = null;
  /** The record on which the topology broke last, and how often in a row. */
  private broken: { offset: number; times: number } | null = null;
  private readonly waker: Waker;

  constructor(private readonly deps: SupervisorDeps) {
    this.waker = new Waker(deps.clock);
  }

  get view(): Readonly<TaskView> {
    return this.stuck ?? this.task?.view ?? NOTHING;
  }

  /** The group gives the partition to this process, or leaves it there in a new generation. */
  assign(generation: number): void {
    this.assigned = true;
    if (generation !== this.generation) {
      this.generation = generation;
      this.givenAtMs = this.deps.clock.elapsedMs();
      // What a fenced task waits for.
      if (this.fencedIn !== null) this.openAtMs = 0;
    }
    this.waker.wake();
    this.living ??= this.live();
  }

  /** Another has it, or may have: whatever is on its way is theirs to fence. Nothing of it is handled any more. */
  revoke(): void {
    this.assigned = false;
    this.generation = -1;
    this.fencedIn = null;
    this.pauseMs = 0;
    this.openAtMs = 0;
    this.broken = null;
    this.goesOn();
    void this.task?.close();
    this.waker.wake();
  }

  /** After `revoke`: nothing is left of it. */
  async ended(): Promise<void> {
    await this.living;
  }

  offer(batch: Batch): void {
    if (this.stuck !== null && this.broken === null && batch.nextOffset > this.stuck.position) this.goesOn();
    this.task?.offer(batch);
  }

  /** The partition cannot be read. */
  fail(error: Error): void {
    this.task?.fail(error);
  }

  private async live(): Promise<void> {
    // Not before `living` is set.
    await Promise.resolve();
    while (this.assigned) {
      const waitMs = this.openAtMs - this.deps.clock.elapsedMs();
      if (waitMs > 0) await this.waker.sleep(waitMs);
      else if (this.fencedIn !== null) await this.confirmed(this.fencedIn);
      else await this.runTask();
    }
    this.living = null;
  }

  private async runTask(): Promise<void> {
    const openedAtMs = this.deps.clock.elapsedMs();
    try {
      this.task = this.deps.open((offset) => this.committed(offset));
      await this.task.done;
    } catch (error) {
      if (this.deps.clock.elapsedMs() - openedAtMs > SOUND_AFTER_MS) this.pauseMs = 0;
      if (this.assigned) this.failed(error, this.task?.view ?? NOTHING);
    } finally {
      this.task = null;
    }
  }

  /** The task's state is gone with it; it is made anew from what is committed. */
  private failed(error: unknown, view: Readonly<TaskView>): void {
    const { logger, metrics, topology, partition } = this.deps;
    const { generation } = this;
    metrics.failures.inc({ topology, reason: error instanceof Error ? error.name : 'unknown' });
    const stuckAt = this.stuckAt(error);
    const longestMs = stuckAt === null ? MAX_PAUSE_MS : MAX_STUCK_PAUSE_MS;
    this.pauseMs = Math.min(longestMs, Math.max(FIRST_PAUSE_MS, this.pauseMs * 2));
    if (stuckAt !== null && error instanceof RecordFailedError) this.pauseMs = longestMs;
    this.openAtMs = this.deps.clock.elapsedMs() + this.pauseMs;
    const where = { topology, partition, generation };
    if (error instanceof FencedError) {
      this.fencedIn = generation;
      logger.warn({ ...where, err: messageOf(error) }, 'task closed: another producer has its transactional id');
    } else if (stuckAt !== null) {
      this.standStill(error, stuckAt, view);
    } else {
      logger.error({ ...where, err: error, retryMs: this.pauseMs }, 'task failed; it starts anew');
    }
    // The task took the metric with it.
    if (this.stuck !== null) metrics.stopped.set({ topology, partition }, 1);
  }

  /** The offset at which nothing goes on by itself; null for troubles that pass. */
  private stuckAt(error: unknown): number | null {
    if (error instanceof CorruptRecordError || error instanceof BrokenContinuityError) return error.offset;
    if (!(error instanceof RecordFailedError)) return null;
    const { offset } = error;
    const times = this.broken?.offset === offset ? this.broken.times + 1 : 1;
    this.broken = { offset, times };
    return times >= FAILURES_MAX ? offset : null;
  }

  /** Said once in full; each further try says that it still is so. */
  private standStill(error: unknown, offset: number, view: Readonly<TaskView>): void {
    const { logger, topology, partition, topic } = this.deps;
    const isNew = this.stuck === null;
    this.stuck = { ...(this.stuck ?? view), state: 'stopped' };
    const where = { topology, topic, partition, offset, retryMs: this.pauseMs };
    if (!isNew) logger.warn({ ...where, err: messageOf(error) }, 'still stands still');
    else if (error instanceof CorruptRecordError) {
      logger.error({ ...where, err: messageOf(error) }, 'stands still: unreadable log');
    } else if (error instanceof BrokenContinuityError) {
      logger.error({ ...where, err: messageOf(error) }, 'stands still: the log is not the one that was read before');
    } else {
      logger.error({ ...where, err: error }, 'stands still: the topology breaks on this record every time');
    }
  }

  private committed(offset: number): void {
    if (this.broken === null || offset <= this.broken.offset) return;
    this.broken = null;
    this.goesOn();
  }

  private goesOn(): void {
    if (this.stuck === null) return;
    this.stuck = null;
    this.deps.metrics.stopped.remove({ topology: this.deps.topology, partition: this.deps.partition });
  }

  /** Waits for a later generation than the one of the fence, and for the group to confirm this member in it. */
  private async confirmed(fencedIn: number): Promise<void> {
    const { member } = this.deps;
    if (this.generation <= fencedIn) member.rejoin();
    const isConfirmed = (): boolean => this.generation > fencedIn && member.confirmedAtMs > this.givenAtMs;
    while (this.fencedIn === fencedIn && !isConfirmed()) await this.waker.sleep(CONFIRM_POLL_MS);
    this.fencedIn = null;
  }
}
