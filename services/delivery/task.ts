import type { Logger } from 'pino';
import type { Codec } from '../../lib/avro/index.ts';
import type { FactsNeeded } from '../../lib/audiences/index.ts';
import type { StoredFacts } from '../../lib/clickhouse/person-facts.ts';
import { Waker, type Clock } from '../../lib/clock/index.ts';
import type { Mark } from '../../lib/kafka/continuity.ts';
import type { Batch, Kafka, OutgoingRecord, Producer, Reader } from '../../lib/kafka/types.ts';
import type { Renderer } from '../../lib/rendering/index.ts';
import { encodeChange } from '../../lib/streams/changelog.ts';
import { CommitPacing } from '../../lib/streams/commit-pacing.ts';
import { ClosedError } from '../../lib/streams/errors.ts';
import type { StreamMetrics } from '../../lib/streams/metrics.ts';
import type { SupervisedTask } from '../../lib/streams/partition-supervisor.ts';
import { encodeCheckpoint, type Position } from '../../lib/streams/position.ts';
import { RESTORE_RULES, restoreState } from '../../lib/streams/restore.ts';
import { startingPoint } from '../../lib/streams/starting-point.ts';
import { TaskLife } from '../../lib/streams/task-life.ts';
import type { TaskEvents, TaskView } from '../../lib/streams/task.ts';
import { TaskTransactions } from '../../lib/streams/transactions.ts';
import { changelogOf, TOPICS } from '../../lib/topics.ts';
import type { FlowInput, Outcome, SendRequest } from '../../schemas/types.ts';
import { Intake } from './intake.ts';
import { LastLook } from './last-look.ts';
import type { DeliveryMetrics } from './metrics.ts';
import { flowInput } from './outputs.ts';
import { Questioner } from './questioner.ts';
import { Sender, type SenderDeps } from './sender.ts';
import { Settler, type UpstreamStage } from './settler.ts';
import { STAGE } from './stage.ts';
import { DeliveryState } from './state.ts';

/** The position is committed this often when records have changed nothing. */
const COMMIT_POSITION_MS = 5_000;
/** What is not urgent, such as outcomes, is committed together with what follows within this time. */
const GATHER_MS = 25;
const IDLE_MS = 60_000;
/** How long a task that ends waits for its calls, whose outcomes would be unknown otherwise. */
const DRAIN_MS = 4_000;
const FORGET_MAX = 1_000;

export interface TaskDeps extends Pick<SenderDeps, 'channelOf' | 'codeOf'> {
  kafka: Kafka;
  producer: Pick<Producer, 'send'>;
  codecs: { requests: Codec<SendRequest>; inputs: Codec<FlowInput>; outcomes: Codec<Outcome> };
  renderer: Renderer;
  /**
   * Resolves once ClickHouse holds everything of the partition of trait-events before the offset, with the offset before
   * which it holds everything then.
   */
  untilStored(partition: number, offset: number, signal: AbortSignal): Promise<number>;
  facts(
    workspace: string,
    personIds: readonly number[],
    needed: FactsNeeded,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, StoredFacts>>;
  /** The stages that an event passes before flow-inputs, for the workspaces of a partition. */
  upstream(partition: number): UpstreamStage[];
  /** Whether the group has confirmed that this process owns its partitions. */
  isConfirmed(): boolean;
  logger: Logger;
  metrics: DeliveryMetrics;
  streamMetrics: StreamMetrics;
  clock: Clock;
}

/**
 * Delivers the messages and answers the questions of one partition's workspaces, until it is closed or fails. What has
 * changed, what goes to flow-inputs and the position in send-requests are committed in one transaction; a provider is
 * called only after the transaction with the intent.
 */
export class DeliveryTask implements SupervisedTask {
  readonly done: Promise<void>;
  private readonly life: TaskLife;
  private readonly state = new DeliveryState();
  private readonly intake: Intake;
  private readonly sender: Sender;
  private readonly questioner: Questioner;
  private readonly settler: Settler;
  private readonly transactions: TaskTransactions;
  private readonly waker: Waker;
  private readonly lastLook: LastLook;
  /** The transaction that is under way. Never rejects. */
  private committing: Promise<void> | null = null;
  /** What ends the task. */
  private failure: { error: unknown } | null = null;
  private position: Position = { offset: 0, step: 0 };
  private committedOffset: number | null = null;
  private committedAtMs = -Infinity;
  private readonly pacing = new CommitPacing();
  /** When the oldest effect that is not committed was seen; null: there is none. */
  private changedAtMs: number | null = null;
  private mark: Mark | undefined;

  constructor(
    readonly partition: number,
    private readonly deps: TaskDeps,
    reader: Reader,
    private readonly events: TaskEvents,
  ) {
    const { kafka, logger, metrics, streamMetrics, clock } = deps;
    this.waker = new Waker(clock);
    const { state } = this;
    const wake = (): void => this.waker.wake();
    const life = (this.life = this.createLife());
    const { signal } = life;
    const common = { partition, state, clock, logger, metrics, signal, wake };
    this.intake = new Intake(
      { partition, reader, life, deps, state, revoke: (...of) => this.sender.revoke(...of), wake },
      this,
    );
    this.sender = new Sender({ ...deps, ...common, isOwner: () => deps.isConfirmed() });
    this.questioner = new Questioner({
      ...common,
      ...{ kafka, outcomes: deps.codecs.outcomes },
      untilStored: (offset, until) => deps.untilStored(partition, offset, until),
      facts: (workspace, ids, needed, until) => deps.facts(workspace, ids, needed, until),
      answer: (question, yes) => {
        state.answer(question, yes, clock.wallMs());
        wake();
      },
    });
    this.settler = new Settler({
      ...common,
      stages: deps.upstream(partition),
      append: (workspace, t0) => {
        const value = deps.codecs.inputs.encode(flowInput('settled', workspace, clock.wallMs(), { settled: { t0 } }));
        return deps.producer.send({ topic: TOPICS.flowInputs, partition, key: workspace, value });
      },
    });
    this.lastLook = new LastLook({
      ...common,
      end: () => kafka.endOf(TOPICS.sendRequests, partition),
      call: (messages) => this.sender.call(messages),
      fail: (error) => this.fails(error),
    });
    this.transactions = new TaskTransactions({
      ...{ kafka, topology: STAGE, name: STAGE, topic: TOPICS.sendRequests, partition, logger, metrics: streamMetrics },
      pause: (ms) => life.pause(ms),
      isConfirmed: () => deps.isConfirmed(),
      isEnding: () => life.isEnding,
    });
    this.done = life.run(
      () => this.open(),
      () => this.work(),
    );
  }

  private createLife(): TaskLife {
    const { logger, streamMetrics, clock } = this.deps;
    const { partition } = this;
    return new TaskLife({
      ...{ partition, clock },
      onEnding: () => {
        this.intake.stop();
        this.waker.wake();
      },
      onUnfinished: (err) => logger.info({ partition, err }, 'task closed before its transaction was committed'),
      closeTransactions: () => this.transactions.close(),
      onClosed: () => streamMetrics.entries.remove({ topology: STAGE, partition }),
    });
  }

  get view(): Readonly<TaskView> {
    return {
      state: this.life.stateName,
      position: this.committedOffset === null ? null : this.position.offset,
      end: this.intake.end,
      logTimeMs: this.intake.logTimeMs,
      earliestDueMs: null,
    };
  }

  offer(batch: Batch): void {
    this.intake.offer(batch);
  }

  fail(error: Error): void {
    this.intake.fail(error);
  }

  close(): Promise<void> {
    return this.life.close(this.done);
  }

  /** As in lib/streams: first the previous owner is fenced, then its committed state is read. */
  private async open(): Promise<void> {
    const { kafka, clock, logger } = this.deps;
    const { partition, state } = this;
    await this.life.unlessEnding(this.transactions.init());
    const input = { topology: STAGE, groupId: STAGE, topic: TOPICS.sendRequests, partition };
    const start = await this.life.unlessEnding(startingPoint(kafka, clock, input, logger));
    const isCancelled = (): boolean => this.life.isEnding;
    await this.life.unlessEnding(
      restoreState({ kafka, input, start, rules: RESTORE_RULES, clock, isCancelled }, state),
    );
    const interrupted = state.restored();
    if (this.life.isEnding) throw new ClosedError();
    const { position, logTimeMs, mark, committed } = start;
    this.transactions.startFrom(committed);
    this.position = position;
    this.mark = mark;
    this.committedOffset = committed?.offset ?? null;
    this.intake.start(position.offset, logTimeMs);
    this.sender.recover(interrupted);
    for (const question of state.questions.values()) this.questioner.ask(question);
    // The position is known to others as soon as it is committed.
    if (committed === null) await this.commit();
    this.life.become({ name: 'running' });
    this.events.onRunning();
    const { offset } = position;
    logger.info({ partition, offset, entries: state.entryCount, interrupted: interrupted.length }, 'task is running');
  }

  private async work(): Promise<void> {
    let isFailed = true;
    try {
      await this.step();
      isFailed = false;
    } finally {
      if (isFailed || this.life.isEnding) await this.committing;
      if (this.life.isEnding) await this.drain();
    }
  }

  /**
   * One round: takes what has arrived, begins what may begin, or sleeps until something happens. What has changed is
   * committed meanwhile, so that nothing waits for a transaction of others; but requests wait for it once as much has
   * changed as the next one may hold.
   */
  private async step(): Promise<void> {
    const { intake, state, sender, questioner, settler, lastLook, deps } = this;
    for (const question of await intake.takeArrivals()) questioner.ask(question);
    intake.check();
    if (this.failure !== null) throw this.failure.error;
    state.forget(deps.clock.wallMs(), FORGET_MAX);
    sender.prepare();
    questioner.pump();
    settler.pump();
    if (this.committing === null && this.isCommitDue()) this.committing = this.commitAside();
    lastLook.pump(intake.readOffset);
    if ((intake.hasArrivals && !state.isFull()) || (this.committing === null && this.isCommitDue())) return;
    await this.waker.sleep(this.idleMs());
  }

  /** Commits what has changed until now. Never rejects. */
  private async commitAside(): Promise<void> {
    const intended = this.sender.takeIntended();
    try {
      await this.commit();
      this.lastLook.add(intended);
    } catch (error) {
      this.fails(error);
    }
    this.committing = null;
    this.waker.wake();
  }

  private fails(error: unknown): void {
    this.failure ??= { error };
    this.waker.wake();
  }

  /** A transaction has its price: what is not urgent waits a moment for more. */
  private isCommitDue(): boolean {
    const { state } = this;
    if (!state.hasEffects()) return this.isPositionDue();
    return state.isFull() || this.gatherMs() <= 0;
  }

  /** How long effects are still gathered, in ms. */
  private gatherMs(): number {
    const nowMs = this.deps.clock.elapsedMs();
    if (!this.state.hasEffects()) return IDLE_MS;
    this.changedAtMs ??= nowMs;
    return Math.max(this.pacing.pauseMs(nowMs), this.state.isUrgent ? 0 : this.changedAtMs + GATHER_MS - nowMs);
  }

  private isPositionDue(): boolean {
    const { clock } = this.deps;
    return (
      this.intake.readOffset !== this.committedOffset && clock.elapsedMs() - this.committedAtMs >= COMMIT_POSITION_MS
    );
  }

  private idleMs(): number {
    const untilNextMs = this.sender.isFull ? IDLE_MS : this.state.nextMs - this.deps.clock.wallMs();
    const untilCommitMs = this.intake.readOffset === this.committedOffset ? IDLE_MS : COMMIT_POSITION_MS;
    // Also while a transaction is under way: the time begins when an effect is first seen.
    const gatherMs = this.gatherMs();
    if (this.committing !== null) return Math.max(1, Math.min(untilNextMs, untilCommitMs, this.lastLook.pauseMs));
    return Math.max(1, Math.min(untilNextMs, untilCommitMs, gatherMs, this.lastLook.pauseMs));
  }

  /** The task ends: calls that have begun get their outcomes, if that takes little time; no other call begins. */
  private async drain(): Promise<void> {
    const { clock } = this.deps;
    const startedAtMs = clock.elapsedMs();
    const ended = new AbortController();
    void this.sender.ended().then(() => ended.abort());
    this.state.withdrawIntents();
    for (const afterMs of [0, DRAIN_MS]) {
      const waitMs = startedAtMs + afterMs - clock.elapsedMs();
      if (waitMs > 0) await clock.sleep(waitMs, ended.signal);
      if (this.failure !== null) throw this.failure.error;
      if (this.state.hasEffects() && this.committedOffset !== null) await this.commit();
    }
  }

  private async commit(): Promise<void> {
    const { codecs, streamMetrics, clock } = this.deps;
    const { partition, intake } = this;
    const before = this.position;
    const offset = intake.readOffset;
    const position = offset > before.offset ? { offset, step: 0 } : { ...before, step: before.step + 1 };
    const mark = intake.mark ?? this.mark;
    const isFull = this.state.isFull();
    const { inputs, entries } = this.state.takeEffects();
    this.changedAtMs = null;
    const records: OutgoingRecord[] = inputs.map(({ workspace, input }) => ({
      ...{ topic: TOPICS.flowInputs, key: workspace, partition },
      value: codecs.inputs.encode(input),
    }));
    const changelog = changelogOf(STAGE);
    for (const [key, value] of entries) {
      records.push(encodeChange(changelog, partition, key, { value, position: before }));
    }
    const startedAtMs = clock.elapsedMs();
    await this.transactions.commit(records, {
      offset,
      metadata: encodeCheckpoint({ position, logTimeMs: intake.logTimeMs ?? 0, mark }),
    });
    this.position = position;
    this.mark = mark;
    this.committedOffset = offset;
    this.committedAtMs = clock.elapsedMs();
    this.pacing.committed(startedAtMs, this.committedAtMs, isFull);
    streamMetrics.transactionSeconds.observe({ topology: STAGE }, (this.committedAtMs - startedAtMs) / 1_000);
    streamMetrics.transactions.inc({ topology: STAGE });
    streamMetrics.entries.set({ topology: STAGE, partition }, this.state.entryCount);
    this.events.onCommitted(offset);
  }
}
