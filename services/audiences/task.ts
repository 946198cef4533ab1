import type { Logger } from 'pino';
import type { Codec } from '../../lib/avro/index.ts';
import { Waker, type Clock } from '../../lib/clock/index.ts';
import type { Mark } from '../../lib/kafka/continuity.ts';
import type { Batch, Kafka, OutgoingRecord, Reader } from '../../lib/kafka/types.ts';
import { encodeChange } from '../../lib/streams/changelog.ts';
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
import type { AudienceChange, Outcome } from '../../schemas/types.ts';
import type { JudgeAt, LiveDefinition } from './definition.ts';
import { Evaluator } from './evaluator.ts';
import { Intake } from './intake.ts';
import { timed, type AudienceMetrics } from './metrics.ts';
import type { PeopleSource } from './people.ts';
import { AudienceState } from './state.ts';
import { Touched } from './touch.ts';

/** Names the group, the changelog and the transactional ids. */
export const STAGE = 'audiences';

/** The position is committed this often when records have changed nothing. */
const COMMIT_POSITION_MS = 5_000;
const IDLE_MS = 60_000;

/** The definitions of all live audiences, as this process knows them now. */
export interface LiveDefinitions {
  /** The live audiences of the workspaces whose changes are in this partition. */
  liveIn(partition: number): LiveDefinition[];
  exists(id: string): boolean;
  /** Calls the listener after each change; returns how to end that. */
  onChange(listener: () => void): () => void;
}

export interface TaskDeps<F extends { personId: number }> {
  kafka: Kafka;
  codecs: { outcomes: Codec<Outcome>; changes: Codec<AudienceChange> };
  definitions: LiveDefinitions;
  people: PeopleSource<F>;
  judgeAt: JudgeAt<F>;
  /**
   * Resolves once everything of the partition before the offset is in ClickHouse, with the offset before which everything
   * is there then.
   */
  untilStored(partition: number, offset: number, signal: AbortSignal): Promise<number>;
  /** Whether the group has confirmed that this process owns its partitions. */
  isConfirmed(): boolean;
  /** The least time between the beginnings of two evaluations. */
  intervalMs: number;
  /** Changes and entries in one transaction; the default of AudienceState when left out. */
  effectsMax?: number;
  logger: Logger;
  metrics: AudienceMetrics;
  streamMetrics: StreamMetrics;
  clock: Clock;
}

/**
 * Keeps the live audiences of one partition's workspaces, once, until it is closed or fails. Members, changes and the
 * position in `trait-events` are committed in one transaction.
 */
export class AudienceTask<F extends { personId: number }> implements SupervisedTask {
  readonly done: Promise<void>;
  private readonly life: TaskLife;
  private readonly audiences: AudienceState;
  private evaluator!: Evaluator<F>;
  private readonly transactions: TaskTransactions;
  private readonly intake: Intake;
  private readonly waker: Waker;
  /** What is evaluated and committed or needs no commit. */
  private position: Position = { offset: 0, step: 0 };
  private committedOffset: number | null = null;
  private mark: Mark | undefined;
  private lastNowMs = 0;
  /** The end of what had been read from the log when the latest build began. */
  private buildFromOffset = 0;
  private definitionsChanged = true;
  private unfollow: () => void = () => undefined;
  private committedAtMs = -Infinity;
  private evaluatedAtMs = -Infinity;

  constructor(
    readonly partition: number,
    private readonly deps: TaskDeps<F>,
    reader: Reader,
    private readonly events: TaskEvents,
  ) {
    const { kafka, codecs, logger, streamMetrics, clock } = deps;
    this.waker = new Waker(clock);
    this.audiences = new AudienceState(deps.effectsMax);
    const topic = TOPICS.traitEvents;
    const life = (this.life = this.createLife());
    const pause = (ms: number): Promise<void> => life.pause(ms);
    this.intake = new Intake(
      {
        ...{ partition, reader },
        decoding: {
          topology: { name: STAGE, input: { topic, decode: (value) => codecs.outcomes.decode(value) } },
          ...{ partition, logger, metrics: streamMetrics, pause },
          unlessEnding: (work) => life.unlessEnding(work),
        },
        concerns: (workspace) => this.evaluator.concerns(workspace),
        untilStored: (offset) =>
          timed(deps, 'waiting', () => life.unlessEnding(deps.untilStored(partition, offset, life.signal))),
        onRecord: () => streamMetrics.records.inc({ topology: STAGE }),
        wake: () => this.waker.wake(),
      },
      this,
    );
    this.transactions = new TaskTransactions({
      ...{ kafka, topology: STAGE, name: STAGE, topic, partition, logger, metrics: streamMetrics, pause },
      isConfirmed: () => deps.isConfirmed(),
      isEnding: () => life.isEnding,
    });
    this.done = life.run(
      () => this.open(),
      () => this.step(),
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
      onClosed: () => {
        this.unfollow();
        streamMetrics.entries.remove({ topology: STAGE, partition });
      },
    });
  }

  get view(): Readonly<TaskView> {
    const isOpen = this.committedOffset !== null;
    return {
      state: this.life.stateName,
      position: isOpen ? this.position.offset : null,
      end: this.intake.end,
      logTimeMs: this.lastNowMs === 0 ? null : this.lastNowMs,
      earliestDueMs: this.audiences.earliestDueMs ?? null,
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
    const { partition } = this;
    await this.life.unlessEnding(this.transactions.init());
    const input = { topology: STAGE, groupId: STAGE, topic: TOPICS.traitEvents, partition };
    const start = await this.life.unlessEnding(startingPoint(kafka, clock, input, logger));
    const isCancelled = (): boolean => this.life.isEnding;
    const restoring = restoreState({ kafka, input, start, rules: RESTORE_RULES, clock, isCancelled }, this.audiences);
    await this.life.unlessEnding(restoring);
    this.audiences.restored();
    if (this.life.isEnding) throw new ClosedError();
    const { position, logTimeMs, mark, committed } = start;
    this.transactions.startFrom(committed);
    this.position = position;
    this.lastNowMs = logTimeMs;
    this.mark = mark;
    if (committed === null) await this.beginAtEnd();
    else if (position.offset > committed.offset) {
      // Records were deleted unread: everybody is evaluated again.
      for (const audience of this.audiences.known()) this.audiences.setIncomplete(audience);
    }
    this.committedOffset = this.position.offset;
    const { audiences: state, intake: arrivals } = this;
    this.evaluator = new Evaluator({ ...this.deps, state, arrivals, signal: this.life.signal });
    this.intake.start(this.position.offset);
    this.unfollow = this.deps.definitions.onChange(() => {
      this.definitionsChanged = true;
      this.waker.wake();
    });
    this.life.become({ name: 'running' });
    this.events.onRunning();
    const { offset } = this.position;
    logger.info({ partition, offset, entries: this.audiences.entryCount }, 'task is running');
  }

  /** Nothing was evaluated yet: what the log holds is read from ClickHouse when an audience becomes live. */
  private async beginAtEnd(): Promise<void> {
    const ends = await this.life.unlessEnding(this.deps.kafka.endOffsets(TOPICS.traitEvents));
    this.position = { offset: ends[this.partition] ?? 0, step: 0 };
    await this.commit({ offset: this.position.offset, mark: undefined });
  }

  /** One round: takes what has arrived, evaluates what can be evaluated, or sleeps until something happens. */
  private async step(): Promise<void> {
    const { intake, deps } = this;
    await intake.takeArrivals();
    // A step leads to definitions as they were at its beginning.
    if (this.definitionsChanged && !this.evaluator.isStepping) {
      this.definitionsChanged = false;
      const isBeginning = this.evaluator.follow(deps.definitions.liveIn(this.partition), deps.definitions.exists);
      // Records of a workspace without live audiences were skipped: the build has to see them in ClickHouse.
      if (isBeginning) this.buildFromOffset = intake.readOffset;
    }
    const skipped = intake.passOn();
    if (skipped !== null) this.moveTo(skipped.offset, skipped.mark);
    intake.check();
    if (!this.hasWork()) return this.waker.sleep(this.idleMs());
    const pauseMs = this.evaluatedAtMs + deps.intervalMs - deps.clock.elapsedMs();
    if (pauseMs > 0) return this.life.pause(pauseMs);
    await timed(deps, 'round', () => this.work());
  }

  private hasWork(): boolean {
    if (this.intake.isReady || this.audiences.hasEffects()) return true;
    if (this.isPositionDue()) return true;
    const nowMs = this.nowMs();
    return (this.audiences.earliestDueMs ?? Infinity) <= nowMs || this.evaluator.isBuilding;
  }

  private isPositionDue(): boolean {
    const { clock } = this.deps;
    return (
      this.position.offset !== this.committedOffset && clock.elapsedMs() - this.committedAtMs >= COMMIT_POSITION_MS
    );
  }

  private idleMs(): number {
    const untilDueMs = (this.audiences.earliestDueMs ?? Infinity) - this.nowMs();
    const untilCommitMs = this.position.offset === this.committedOffset ? IDLE_MS : COMMIT_POSITION_MS;
    return Math.max(1, Math.min(untilDueMs, untilCommitMs, IDLE_MS));
  }

  /** Whether somebody can be evaluated now. */
  private async isAwaited(): Promise<boolean> {
    await this.intake.takeArrivals();
    return this.intake.isReady || (this.audiences.earliestDueMs ?? Infinity) <= this.nowMs();
  }

  /** It never goes back, so that the times of the feed ascend. */
  private nowMs(): number {
    return Math.max(this.lastNowMs, this.deps.clock.wallMs());
  }

  private async work(): Promise<void> {
    const { clock } = this.deps;
    this.evaluatedAtMs = clock.elapsedMs();
    await this.commitEach(this.evaluator.continueSteps(this.nowMs(), () => this.isAwaited()));
    // People are read during this commit.
    const committing = this.commitEffects();
    const ready = this.intake.begin();
    const nowMs = this.nowMs();
    await this.commitEach(this.evaluator.evaluate(nowMs, ready?.touched ?? new Touched()), committing);
    const offset = ready?.offset ?? this.position.offset;
    const mark = ready?.mark ?? this.mark;
    this.intake.done();
    if (this.audiences.hasEffects() || this.isPositionDue()) await this.commit({ offset, mark });
    else this.moveTo(offset, mark);
    // After the commit: those who enter or leave do not wait for it.
    // A build reads everybody: ClickHouse must have what was read from the log before the build began.
    if (this.evaluator.isBuilding) await this.intake.waitStored(this.buildFromOffset);
    await this.evaluator.continueBuilds(nowMs);
    await this.commitEffects();
  }

  /**
   * Commits the effects of an evaluation whenever they fill a transaction. The evaluation continues during a commit: what
   * it adds is in the next one, which begins after it. `committing`: a commit that has begun.
   */
  private async commitEach(evaluation: AsyncGenerator<void>, committing = Promise.resolve()): Promise<void> {
    try {
      for await (const _ of evaluation) {
        await committing;
        committing = this.commitEffects();
      }
    } finally {
      await committing;
    }
  }

  /** Commits what there is, at the same offset. */
  private commitEffects(): Promise<void> {
    if (!this.audiences.hasEffects()) return Promise.resolve();
    const committing = this.commit({ offset: this.position.offset, mark: this.mark });
    // The error is thrown where it is awaited.
    committing.catch(() => undefined);
    return committing;
  }

  private moveTo(offset: number, mark: Mark | undefined): void {
    this.mark = mark ?? this.mark;
    if (offset <= this.position.offset) return;
    this.position = { offset, step: 0 };
    this.events.onMoved(offset);
  }

  private async commit(to: { offset: number; mark: Mark | undefined }): Promise<void> {
    const { codecs, metrics, streamMetrics, clock } = this.deps;
    const { partition } = this;
    const before = this.position;
    const position = to.offset > before.offset ? { offset: to.offset, step: 0 } : { ...before, step: before.step + 1 };
    const { changes, entries } = this.audiences.takeEffects();
    const changelog = changelogOf(STAGE);
    const records: OutgoingRecord[] = changes.map((change) => ({
      topic: TOPICS.audienceChanges,
      key: change.workspace,
      value: codecs.changes.encode(change),
    }));
    for (const [key, value] of entries) {
      records.push(encodeChange(changelog, partition, key, { value, position: before }));
    }
    // Only what was emitted binds the time of what follows.
    for (const { at } of changes) this.lastNowMs = Math.max(this.lastNowMs, at);
    const startedAtMs = clock.elapsedMs();
    await this.transactions.commit(records, {
      offset: position.offset,
      metadata: encodeCheckpoint({ position, logTimeMs: this.lastNowMs, mark: to.mark }),
    });
    this.position = position;
    this.mark = to.mark;
    this.committedOffset = position.offset;
    this.committedAtMs = clock.elapsedMs();
    streamMetrics.transactionSeconds.observe({ topology: STAGE }, (this.committedAtMs - startedAtMs) / 1_000);
    streamMetrics.transactions.inc({ topology: STAGE });
    streamMetrics.entries.set({ topology: STAGE, partition }, this.audiences.entryCount);
    for (const { change, cause } of changes) metrics.changes.inc({ change, cause });
    this.events.onCommitted(position.offset);
  }
}
