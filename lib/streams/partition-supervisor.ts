import type { Logger } from 'pino';
import { Backoff, Waker, type Clock } from '../clock/index.ts';
import { BrokenContinuityError, CorruptRecordError, FencedError, messageOf } from '../kafka/errors.ts';
import type { Batch, Member } from '../kafka/types.ts';
import type { FailingPart, StopReason } from '../telemetry/index.ts';
import { RecordFailedError, UnusableStateError } from './errors.ts';
import type { StreamMetrics } from './metrics.ts';
import { SUPERVISOR_TRANSITIONS, type SupervisorState } from './supervisor-state.ts';
import type { Task, TaskEvents, TaskView } from './task.ts';
import { assertTransition } from '../transitions.ts';

/** The longest pause of a partition that a retry may resolve. */
const MAX_PAUSE_MS = 15_000;
/** The pause of a stopped partition. It is long because a retry rarely helps, and each one restores the state. */
const MAX_STOPPED_PAUSE_MS = 60_000;
const PAUSES = { firstMs: 250, maxMs: MAX_STOPPED_PAUSE_MS };
/** When a task has run for this long, its failure is considered a new one: the pauses start again with the first. */
const STABLE_AFTER_MS = 60_000;
const CONFIRM_POLL_MS = 100;
/** How often a partition that has stopped on a record checks whether an operator has skipped it. */
const SKIP_POLL_MS = 1_000;
/** After this many consecutive failures on the same record, the topology is assumed to fail on it every time. */
const MAX_RECORD_FAILURES = 3;

const WAITING: Readonly<TaskView> = {
  state: 'waiting',
  position: null,
  end: null,
  logTimeMs: null,
  earliestDueMs: null,
};

/** What a supervisor needs from its task. */
export type SupervisedTask = Pick<Task<unknown>, 'view' | 'done' | 'close' | 'fail' | 'offer'>;

export interface SupervisorDeps {
  topology: string;
  /** The topology's input. */
  topic: string;
  partition: number;
  /** Creates a task, which starts at once. */
  open(events: TaskEvents): SupervisedTask;
  member: Pick<Member, 'rejoin' | 'confirmedAtMs'>;
  /** Whether an operator has ordered to skip the part of the record that fails. */
  isSkipped(offset: number, part: FailingPart): boolean;
  clock: Clock;
  logger: Logger;
  metrics: StreamMetrics;
}

/** The group has assigned the partition to this process. */
interface Assignment {
  generation: number;
  /** When the generation first assigned it, by the clock's `elapsedMs`. */
  atMs: number;
}

/** Why a partition cannot continue by itself. */
interface Problem {
  kind: Exclude<StopReason, 'clock_ahead' | 'input_unusable'>;
  /** Where the problem is: in the changelog for unusable state, else in the input. */
  offset: number;
  /** What fails in a failing record. */
  part?: FailingPart;
  /** The partition as it was when it stopped. */
  view: Readonly<TaskView>;
}

/**
 * Supervises one partition for as long as the process runs. It alone creates the tasks of the partition, one after
 * another in one loop: a task has ended (its last transaction completed or abandoned, its reading and connections
 * closed) before the next one opens, no matter how the group assigns and revokes the partition meanwhile. See
 * SupervisorState.
 */
export class PartitionSupervisor {
  private state: SupervisorState = { name: 'idle' };
  private assignment: Assignment | null = null;
  /** The loop that opens tasks; null while the partition is revoked and its last task has ended. */
  private loop: Promise<void> | null = null;
  private readonly pauses = new Backoff(PAUSES);
  private problem: Problem | null = null;
  /** The record on which the topology failed last, and how many times in a row. */
  private failingRecord: { offset: number; times: number } | null = null;
  private readonly waker: Waker;

  constructor(private readonly deps: SupervisorDeps) {
    this.waker = new Waker(deps.clock);
  }

  get view(): Readonly<TaskView> {
    const { state, problem } = this;
    if (problem !== null) {
      const failing = problem.part === undefined ? {} : { failingOffset: problem.offset, failingPart: problem.part };
      return { ...problem.view, state: 'stopped', stopReason: problem.kind, ...failing };
    }
    return 'task' in state ? state.task.view : WAITING;
  }

  /** The group assigns the partition to this process, or leaves it assigned in a new generation. */
  assign(generation: number): void {
    if (this.assignment?.generation !== generation) {
      this.assignment = { generation, atMs: this.deps.clock.elapsedMs() };
    }
    this.waker.wake();
    this.loop ??= this.run();
  }

  /**
   * Another process owns the partition, or may own it. The current transaction may still be committed, unless it is
   * fenced.
   */
  revoke(): void {
    this.assignment = null;
    this.pauses.reset();
    this.failingRecord = null;
    this.resume();
    const { state } = this;
    if (state.name === 'opening' || state.name === 'running') {
      this.become({ name: 'closing', task: state.task });
      void state.task.close();
    } else if (state.name !== 'closing' && state.name !== 'idle') {
      this.become({ name: 'idle' });
    }
    this.waker.wake();
  }

  /** After `revoke`: resolves when the task has ended. */
  async ended(): Promise<void> {
    await this.loop;
  }

  offer(batch: Batch): void {
    const { state, problem } = this;
    if (problem?.kind === 'corrupt_log' && batch.nextOffset > problem.offset) this.resume();
    if ('task' in state) state.task.offer(batch);
  }

  /** The partition cannot be read. */
  fail(error: Error): void {
    if ('task' in this.state) this.state.task.fail(error);
  }

  private become(next: SupervisorState): void {
    const { topology, partition } = this.deps;
    assertTransition(`${topology}, partition ${partition}`, SUPERVISOR_TRANSITIONS, this.state.name, next.name);
    this.state = next;
  }

  private async run(): Promise<void> {
    // Not before `loop` is set.
    await Promise.resolve();
    while (this.assignment !== null) {
      const { state } = this;
      if (state.name === 'pausing' || state.name === 'stopped') await this.pauseOver(state);
      else if (state.name === 'fenced') await this.laterGeneration(state);
      else await this.runTask();
    }
    this.loop = null;
  }

  private async runTask(): Promise<void> {
    const openedAtMs = this.deps.clock.elapsedMs();
    const task = this.deps.open({
      onRunning: () => this.opened(task, openedAtMs),
      onCommitted: (offset) => this.committed(offset),
      onMoved: () => undefined,
    });
    this.become({ name: 'opening', task, openedAtMs });
    let failure: unknown = null;
    try {
      await task.done;
    } catch (error) {
      failure = error;
    }
    // A failure after a revoke does not matter: the next owner repeats what was not committed.
    if (this.state.name === 'closing') this.become({ name: 'idle' });
    else this.failed(failure, task.view, openedAtMs);
  }

  private opened(task: SupervisedTask, openedAtMs: number): void {
    if (this.state.name !== 'opening') return;
    this.become({ name: 'running', task, openedAtMs });
    // Before it opened, the log was compared with the committed position, and the whole state was read.
    if (this.problem?.kind === 'broken_continuity' || this.problem?.kind === 'unusable_state') this.resume();
  }

  /** The state was lost with the task; the next one restores it from the changelog. */
  private failed(error: unknown, view: Readonly<TaskView>, openedAtMs: number): void {
    const { logger, metrics, clock, topology, partition } = this.deps;
    const generation = this.assignment?.generation ?? -1;
    metrics.failures.inc({ topology, reason: error instanceof Error ? error.name : 'unknown' });
    if (clock.elapsedMs() - openedAtMs > STABLE_AFTER_MS) this.pauses.reset();
    const problem = this.problemOf(error, view);
    const retryMs = this.nextPauseMs(problem);
    const retryAtMs = clock.elapsedMs() + retryMs;
    const where = { topology, partition, generation };
    if (error instanceof FencedError) {
      this.become({ name: 'fenced', generation, rejoinAtMs: retryAtMs });
      logger.warn({ ...where, err: messageOf(error) }, 'task closed: another producer has its transactional id');
    } else if (problem !== null) {
      this.become({ name: 'stopped', untilMs: retryAtMs });
      this.stop(error, problem, retryMs);
    } else {
      this.become({ name: 'pausing', untilMs: retryAtMs });
      logger.error({ ...where, err: error, retryMs }, 'task failed; restarting it');
    }
  }

  /** Null for a failure that a retry may resolve. */
  private problemOf(error: unknown, view: Readonly<TaskView>): Problem | null {
    if (error instanceof CorruptRecordError) return { kind: 'corrupt_log', offset: error.offset, view };
    if (error instanceof BrokenContinuityError) return { kind: 'broken_continuity', offset: error.offset, view };
    if (error instanceof UnusableStateError) return { kind: 'unusable_state', offset: error.offset, view };
    if (!(error instanceof RecordFailedError)) return null;
    const { offset, part } = error;
    const times = this.failingRecord?.offset === offset ? this.failingRecord.times + 1 : 1;
    this.failingRecord = { offset, times };
    return times >= MAX_RECORD_FAILURES ? { kind: 'failing_record', offset, part, view } : null;
  }

  /** Logs all details the first time; each further attempt only logs that the partition is still stopped. */
  private stop(error: unknown, problem: Problem, retryMs: number): void {
    const { logger, metrics, topology, partition, topic } = this.deps;
    const isNew = this.problem === null;
    this.problem = { ...problem, view: this.problem?.view ?? problem.view };
    metrics.stopped.set({ topology, partition }, 1);
    const where = { topology, topic, partition, offset: problem.offset, retryMs };
    if (!isNew) logger.warn({ ...where, err: messageOf(error) }, 'partition is still stopped');
    else if (problem.kind === 'failing_record') logger.error({ ...where, err: error }, REASONS[problem.kind]);
    else logger.error({ ...where, err: messageOf(error) }, REASONS[problem.kind]);
  }

  private committed(offset: number): void {
    if (this.failingRecord === null || offset <= this.failingRecord.offset) return;
    this.failingRecord = null;
    if (this.problem?.kind === 'failing_record') this.resume();
  }

  private resume(): void {
    if (this.problem === null) return;
    this.problem = null;
    this.deps.metrics.stopped.remove({ topology: this.deps.topology, partition: this.deps.partition });
  }

  /** Resolves when the pause is over or the partition is revoked. */
  private async pauseOver(state: SupervisorState & { name: 'pausing' | 'stopped' }): Promise<void> {
    while (this.state === state) {
      const leftMs = state.untilMs - this.deps.clock.elapsedMs();
      if (leftMs <= 0) return this.runTask();
      await this.waker.sleep(Math.min(leftMs, SKIP_POLL_MS));
      if (this.state === state && this.isSkipped()) return this.runTask();
    }
  }

  /** Whether an operator has skipped what the partition has stopped on. */
  private isSkipped(): boolean {
    const { problem } = this;
    return problem?.part !== undefined && this.deps.isSkipped(problem.offset, problem.part);
  }

  private nextPauseMs(problem: Problem | null): number {
    // Restoring the state repeatedly would not help with a record that fails every time.
    if (problem?.kind === 'failing_record') return MAX_STOPPED_PAUSE_MS;
    return Math.min(problem === null ? MAX_PAUSE_MS : MAX_STOPPED_PAUSE_MS, this.pauses.nextMs());
  }

  /**
   * Opens the partition again once the group has assigned it in a later generation and confirmed this member in that
   * one: a process that was frozen must not fence the rightful owner back.
   */
  private async laterGeneration(state: SupervisorState & { name: 'fenced' }): Promise<void> {
    const { member, clock } = this.deps;
    let hasRejoined = false;
    while (this.state === state && this.assignment !== null) {
      const { generation, atMs } = this.assignment;
      if (generation > state.generation && member.confirmedAtMs > atMs) return this.runTask();
      const untilRejoinMs = state.rejoinAtMs - clock.elapsedMs();
      if (generation <= state.generation && untilRejoinMs > 0) {
        await this.waker.sleep(untilRejoinMs);
        continue;
      }
      if (generation <= state.generation && !hasRejoined) {
        hasRejoined = true;
        member.rejoin();
      }
      await this.waker.sleep(CONFIRM_POLL_MS);
    }
  }
}

const REASONS: Record<Problem['kind'], string> = {
  corrupt_log: 'partition stopped: its log cannot be read',
  broken_continuity: 'partition stopped: its log or its committed offset is not what it was when records were handled',
  unusable_state: 'partition stopped: an entry of its changelog cannot be read',
  failing_record: 'partition stopped: the topology fails on this record every time',
};
