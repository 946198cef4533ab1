import type { Logger } from 'pino';
import type { Clock } from '../clock/index.ts';
import { markOf, type Mark } from '../kafka/continuity.ts';
import type { Batch, Kafka, KafkaRecord, OutgoingRecord, Producer, Reader } from '../kafka/types.ts';
import type { StagePosition } from '../telemetry/index.ts';
import { changelogOf, type TopicName } from '../topics.ts';
import { encodeChange } from './changelog.ts';
import { MAX_AHEAD_MS } from './clock.ts';
import { CommitPacing } from './commit-pacing.ts';
import { decodeRecord, type Decoding } from './decode-record.ts';
import { ClosedError, RecordFailedError, assertInvariant } from './errors.ts';
import { InputBuffer } from './input-buffer.ts';
import type { TaskLimits } from './limits.ts';
import type { StreamMetrics } from './metrics.ts';
import { encodeCheckpoint } from './position.ts';
import { restoreState, type RestoreRules } from './restore.ts';
import { startingPoint } from './starting-point.ts';
import { skippingOf, type Skips } from './skips.ts';
import { TaskCore, type Limits, type Skipping } from './task-core.ts';
import { TaskLife } from './task-life.ts';
import { Ticker } from './ticker.ts';
import type { Topology } from './topology.ts';
import { TaskTransactions } from './transactions.ts';

const RECHECK_CLOCK_MS = 1_000;

export interface TaskDeps<I> {
  topology: Topology<I>;
  kafka: Kafka;
  reader: Reader;
  /** Null for a group that must not tick. */
  tickProducer: Producer | null;
  logger: Logger;
  metrics: StreamMetrics;
  clock: Clock;
  skips: Skips;
  /** Whether the group has confirmed that this process owns its partitions. */
  isConfirmed(): boolean;
  limits: TaskLimits;
  /** Group, changelog and transactional ids are named by it. */
  name: string;
  /** The topic that is written for an output. */
  outputOf: (topic: TopicName) => string;
  restoreRules: RestoreRules;
}

/** The durable progress of a task, as /positions shows it. */
export type TaskView = Omit<StagePosition, 'stage' | 'topic' | 'partition'>;

/** What a task reports while it lives. */
export interface TaskEvents {
  /** It has restored its state and handles records from now on. */
  onRunning(): void;
  /** It has committed this offset of the input. */
  onCommitted(offset: number): void;
  /** Its view has changed; this is its position. */
  onMoved(offset: number): void;
}

/**
 * Runs one partition once: opens it, restores its state and handles records until it is closed or fails. A task is not
 * reused: the supervisor creates a new one, which restores the state again.
 */
export class Task<I> {
  /** Resolves when the task has ended. Rejects with its failure, unless it was asked to close before that. */
  readonly done: Promise<void>;
  private readonly life: TaskLife;
  private core!: TaskCore<I>;
  private readonly transactions: TaskTransactions;
  private readonly ticker: Ticker | null;
  private readonly input: InputBuffer;
  /** The committed progress, as far as it is known. */
  private committed: Omit<TaskView, 'state'> = { position: null, end: null, logTimeMs: null, earliestDueMs: null };
  /** The last record that the task began to handle; its mark is computed when needed. */
  private last: KafkaRecord | null = null;
  private mark: Mark | undefined;
  /** Those of the current transaction. */
  private readonly limits: Limits;
  private workSinceMs = 0;
  private readonly pacing = new CommitPacing();
  private readonly labels: { topology: string };
  private readonly decoding: Decoding<I>;

  constructor(
    readonly partition: number,
    private readonly deps: TaskDeps<I>,
    private readonly events: TaskEvents,
  ) {
    const { topology, kafka, reader, clock } = deps;
    this.labels = { topology: topology.name };
    this.input = new InputBuffer({ reader, topic: topology.input.topic, partition }, this);
    const { logger, metrics } = deps;
    const life = (this.life = this.createLife());
    const pause = (ms: number): Promise<void> => life.pause(ms);
    this.decoding = { topology, partition, logger, metrics, unlessEnding: (work) => life.unlessEnding(work), pause };
    this.transactions = new TaskTransactions({
      ...{ kafka, topology: topology.name, name: deps.name, topic: topology.input.topic, partition, logger, metrics },
      ...{ pause, isConfirmed: () => deps.isConfirmed(), isEnding: () => life.isEnding },
    });
    const isTimeUp = (): boolean => clock.elapsedMs() - this.workSinceMs >= deps.limits.workMs;
    this.limits = { ...deps.limits, isTimeUp };
    this.ticker = this.createTicker();
    this.done = life.run(
      () => this.open(),
      () => this.work(),
    );
  }

  private createLife(): TaskLife {
    const { topology, logger, metrics, clock } = this.deps;
    const { partition } = this;
    return new TaskLife({
      ...{ partition, clock },
      onEnding: () => {
        this.ticker?.close();
        this.input.end();
      },
      onUnfinished: (err) =>
        logger.info(
          { topology: topology.name, partition, err },
          'task closed before its transaction was committed; the next task repeats the work',
        ),
      closeTransactions: () => this.transactions.close(),
      onClosed: () => metrics.entries.remove({ ...this.labels, partition }),
    });
  }

  get view(): Readonly<TaskView> {
    const state = this.life.stateName;
    // A task stops for this reason only; its supervisor knows the others.
    return { ...this.committed, state, ...(state === 'stopped' ? { stopReason: 'clock_ahead' } : {}) };
  }

  private createTicker(): Ticker | null {
    const { topology, tickProducer, clock, logger, metrics } = this.deps;
    const { tick, input } = topology;
    const { partition } = this;
    if (tick === undefined || tickProducer === null) return null;
    return new Ticker({
      clock,
      send: async (nowMs) => {
        metrics.ticks.inc(this.labels);
        const { key, value } = tick.encode(nowMs);
        await tickProducer.send({ topic: input.topic, partition, key, value });
      },
      onError: (err) => logger.warn({ topology: topology.name, partition, err }, 'cannot append a tick; retrying'),
    });
  }

  /** Finishes the current transaction if that does not take long, then ends. */
  close(): Promise<void> {
    return this.life.close(this.done);
  }

  /** The input cannot be read any further: the task handles the buffered records, then fails. */
  fail(error: Error): void {
    this.input.fail(error);
  }

  /** Adds records that were read for this task. Others are ignored: they may start at another offset. */
  offer(batch: Batch): void {
    this.input.offer(batch);
  }

  /** Only this order is safe: first the previous owner is fenced, then its committed state is read. */
  private async open(): Promise<void> {
    const { kafka, clock, topology, logger, metrics, skips, restoreRules } = this.deps;
    const { partition } = this;
    const startedAtMs = clock.elapsedMs();
    await this.life.unlessEnding(this.transactions.init());
    const { topic } = topology.input;
    const input = { topology: topology.name, groupId: this.deps.name, topic, partition };
    const start = await this.life.unlessEnding(startingPoint(kafka, clock, input, logger));
    this.core = new TaskCore(topology, start);
    this.mark = start.mark;
    this.committed.position = start.position.offset;
    this.transactions.startFrom(start.committed);
    await this.life.unlessEnding(skips.known());
    const isCancelled = (): boolean => this.life.isEnding;
    const restoring = restoreState({ kafka, input, start, rules: restoreRules, clock, isCancelled }, this.core);
    const restored = await this.life.unlessEnding(restoring);
    // Nothing would stop the reading of a task that has ended.
    if (this.life.isEnding) throw new ClosedError();
    metrics.restored.inc(this.labels, restored.entries);
    this.input.start(start.position.offset);
    this.life.become({ name: 'running' });
    this.publish();
    this.events.onRunning();
    const elapsedMs = Math.round(clock.elapsedMs() - startedAtMs);
    const { position, logTimeMs } = start;
    const where = { topology: topology.name, partition, position, logTimeMs };
    logger.info({ ...where, ...restored, elapsedMs }, 'task is running');
  }

  /** Handles buffered records, up to one transaction. */
  private async work(): Promise<void> {
    await this.input.wait();
    const { core, input, committed, limits, deps } = this;
    let records = 0;
    for (let batch = input.first(); batch !== undefined; batch = input.first()) {
      if (this.life.isEnding || records >= deps.limits.records || core.isFull(limits)) break;
      committed.end = Math.max(committed.end ?? 0, batch.highWatermark);
      if (records === 0) await this.rest(batch);
      records += await this.handle(batch, deps.limits.records - records);
      if (batch.records.length > 0) continue;
      core.skipTo(batch.nextOffset);
      input.shift();
    }
    if (records > 0) {
      deps.metrics.records.inc(this.labels, records);
      await this.commit(records >= deps.limits.records || core.isFull(limits));
    }
    this.publish();
  }

  /** Before the first record of a transaction. */
  private async rest({ records }: Batch): Promise<void> {
    const { clock } = this.deps;
    const pauseMs = this.pacing.pauseMs(clock.elapsedMs());
    // The end of another transaction has no records, and is passed at once.
    if (records.length > 0 && pauseMs > 0) {
      this.publish();
      await this.life.pause(pauseMs);
    }
    this.workSinceMs = clock.elapsedMs();
  }

  /** Folds up to `max` records of a batch and takes them out of it; returns how many. */
  private async handle({ records }: Batch, max: number): Promise<number> {
    const { core, partition, deps } = this;
    const { topic } = deps.topology.input;
    let count = 0;
    while (!this.life.isEnding && count < records.length && count < max && !core.isFull(this.limits)) {
      const record = records[count]!;
      const skip = deps.skips.find(topic, partition, record.offset);
      const skipping = skip === undefined ? null : skippingOf(record, skip, partition, deps);
      const isFolded = skipping === null || skipping.record === null;
      const value = await (isFolded ? decodeRecord(record, this.decoding) : this.decodeSkipped(record));
      count++;
      this.last = record;
      if (value === undefined) {
        core.skip(record.offset, skipping?.record ?? []);
        continue;
      }
      await this.waitForClock(value, record);
      await this.fold(value, record, skipping);
    }
    this.input.take(count);
    if (count > 0) this.ticker?.recordSeen();
    return count;
  }

  /** As decodeRecord; also undefined when the topology cannot decode the record or determine its time. */
  private async decodeSkipped(record: KafkaRecord): Promise<I | undefined> {
    try {
      const value = await decodeRecord(record, this.decoding);
      if (value !== undefined) this.core.logTimeAfter(value, record.timestampMs);
      return value;
    } catch (error) {
      if (error instanceof ClosedError) throw error;
      return undefined;
    }
  }

  private async fold(value: I, record: KafkaRecord, skipping: Skipping | null): Promise<void> {
    const { core, partition } = this;
    const key = record.key?.toString('utf8') ?? '';
    this.guarded(record, () =>
      core.begin({ key, value, offset: record.offset, partition }, record.timestampMs, skipping),
    );
    while (!this.guarded(record, () => core.advance(this.limits))) {
      await this.commit(true);
      if (this.life.isEnding) throw new ClosedError();
    }
  }

  /** Runs the topology's own code on a record. Throws a RecordFailedError when that throws. */
  private guarded<T>(record: KafkaRecord, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw new RecordFailedError(this.deps.topology.input.topic, this.partition, record.offset, error);
    }
  }

  /** Waits while the record would move log time far ahead of this process's clock: one of the two is wrong. */
  private async waitForClock(value: I, record: KafkaRecord): Promise<void> {
    const { topology, logger, metrics, clock } = this.deps;
    const logTimeMs = this.guarded(record, () => this.core.logTimeAfter(value, record.timestampMs));
    const aheadMs = (): number => logTimeMs - clock.wallMs();
    if (aheadMs() <= MAX_AHEAD_MS) return;
    const where = { topology: topology.name, partition: this.partition, offset: record.offset };
    const labels = { ...this.labels, partition: this.partition };
    logger.error({ ...where, aheadMs: aheadMs() }, "partition stopped: log time is far ahead of this process's clock");
    this.life.become({ name: 'stopped' });
    metrics.stopped.set(labels, 1);
    try {
      while (aheadMs() > MAX_AHEAD_MS) await this.life.pause(RECHECK_CLOCK_MS);
    } finally {
      metrics.stopped.remove(labels);
    }
    this.life.become({ name: 'running' });
    logger.warn(where, 'log time is no longer ahead of the clock; partition is running');
  }

  /** Commits outputs, changelog and the input's offset in one transaction. `isFull`: it holds as much as one may hold. */
  private async commit(isFull: boolean): Promise<void> {
    const { name, clock, metrics, outputOf } = this.deps;
    const { core, partition } = this;
    const { outputs, changes } = core.takeEffects();
    const { position, logTimeMs, isFolded } = core;
    const changelog = changelogOf(name);
    const records: OutgoingRecord[] = outputs.map(({ topic, key, value }) => ({ topic: outputOf(topic), key, value }));
    for (const [key, change] of changes) records.push(encodeChange(changelog, partition, key, change));
    if (this.last !== null) this.mark = markOf(this.last);
    this.last = null;
    const { mark } = this;
    const startedAtMs = clock.elapsedMs();
    const metadata = encodeCheckpoint({ position, logTimeMs, isFolded, mark });
    await this.transactions.commit(records, { offset: position.offset, metadata });
    this.workSinceMs = clock.elapsedMs();
    this.pacing.committed(startedAtMs, this.workSinceMs, isFull);
    metrics.transactionSeconds.observe(this.labels, (clock.elapsedMs() - startedAtMs) / 1_000);
    metrics.transactions.inc(this.labels);
    this.publish();
    this.events.onCommitted(position.offset);
  }

  /** Updates `view` with the committed progress. Call it only when nothing is uncommitted. */
  private publish(): void {
    const { core, committed, ticker } = this;
    const { earliestDueMs, logTimeMs } = core;
    const { offset, step } = core.position;
    assertInvariant(offset >= (committed.position ?? 0), () => `position ${offset} after ${committed.position}`);
    committed.position = offset;
    committed.logTimeMs = logTimeMs === 0 ? null : logTimeMs;
    committed.earliestDueMs = earliestDueMs ?? null;
    this.deps.metrics.entries.set({ ...this.labels, partition: this.partition }, core.entries);
    const caughtUp = this.input.isEmpty && step === 0 && committed.end !== null && offset >= committed.end;
    ticker?.update({ earliestDueMs, logTimeMs, caughtUp });
    this.events.onMoved(offset);
  }
}
