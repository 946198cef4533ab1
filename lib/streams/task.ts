import type { Logger } from 'pino';
import { UndecodableError, UnknownSchemaError } from '../avro/index.ts';
import type { Clock } from '../clock/index.ts';
import { markOf, type Mark } from '../kafka/continuity.ts';
import type { Batch, Kafka, KafkaRecord, OutgoingRecord, Producer, Reader, Transactional } from '../kafka/types.ts';
import { changelogOf, type TopicName } from '../topics.ts';
import { encodeChange } from './changelog.ts';
import { MAX_AHEAD_MS } from './clock.ts';
import type { StreamMetrics } from './metrics.ts';
import { RecordFailedError } from './errors.ts';
import { encodeCheckpoint } from './position.ts';
import { restoreState, type RestoreRules } from './restore.ts';
import { startingPoint } from './starting-point.ts';
import { TaskCore, type Limits } from './task-core.ts';
import { Ticker } from './ticker.ts';
import type { Topology } from './topology.ts';

/**
 * A transaction closes after this many records, or when its outputs and changes come to as much: it must be written well
 * within the time that the broker gives it.
 */
const MAX_RECORDS = 2_000;
const LIMITS: Limits = { effects: 5_000, bytes: 8 << 20 };
/** Above so many bytes a partition is paused; it goes on at half. */
const MAX_BUFFERED_BYTES = 8 << 20;
const RECHECK_CLOCK_MS = 1_000;
const MAX_LOAD_PAUSE_MS = 5_000;
/** How long a closing task may take to finish its transaction; then it is left to the broker and the next init. */
const CLOSE_PATIENCE_MS = 5_000;

export interface TaskDeps<I> {
  topology: Topology<I>;
  kafka: Kafka;
  reader: Reader;
  /** Null for a group that must not tick. */
  tickProducer: Producer | null;
  logger: Logger;
  metrics: StreamMetrics;
  clock: Clock;
  /** Group, changelog and transactional ids are named by it. */
  name: string;
  /** The topic that is written for an output. */
  outputOf: (topic: TopicName) => string;
  restoreRules: RestoreRules;
}

export type TaskState = 'restoring' | 'running' | 'stopped';

/** What is committed, for everybody outside. */
export interface TaskView {
  state: TaskState;
  position: number;
  end: number;
  logTimeMs: number | null;
  earliestDueMs: number | null;
}

/** The task is closing: nothing is wrong. */
class ClosedError extends Error {}

/**
 * One life of one partition: open, restore, run until closed or broken. It never comes back: the runtime makes a new
 * one, which reads everything anew.
 */
export class Task<I> {
  readonly view: TaskView = { state: 'restoring', position: 0, end: 0, logTimeMs: null, earliestDueMs: null };
  /** Ends when nothing is left of the task; rejects with what broke it, unless it was closed before. */
  readonly done: Promise<void>;
  private core!: TaskCore<I>;
  private readonly transactional: Transactional;
  private readonly ticker: Ticker | null;
  private readonly queue: Batch[] = [];
  private queuedBytes = 0;
  private paused = false;
  /** Aborted as soon as the task is to end: nothing more is handled. */
  private readonly ending = new AbortController();
  private closed = false;
  /** Why no more of the input comes. */
  private unreadable: Error | null = null;
  private wake: (() => void) | null = null;
  /** The last record that was taken, and its mark once that was asked for. */
  private last: KafkaRecord | null = null;
  private mark: Mark | undefined;
  private readonly labels: { topology: string };

  constructor(
    readonly partition: number,
    private readonly deps: TaskDeps<I>,
    /** Told the position after every commit. */
    private readonly onCommitted: (offset: number) => void = () => undefined,
  ) {
    const { topology, kafka, tickProducer } = deps;
    this.labels = { topology: topology.name };
    this.transactional = kafka.transactional(`${deps.name}-${partition}`);
    const { tick } = topology;
    this.ticker =
      tick === undefined || tickProducer === null
        ? null
        : new Ticker({
            clock: deps.clock,
            send: async (nowMs) => {
              deps.metrics.ticks.inc(this.labels);
              const { key, value } = tick.encode(nowMs);
              await tickProducer.send({ topic: topology.input.topic, partition, key, value });
            },
            onError: (err) => deps.logger.warn({ topology: topology.name, partition, err }, 'no tick could be written'),
          });
    this.done = this.live();
  }

  /** Finishes the transaction at hand, if that can be done soon, and ends. */
  async close(): Promise<void> {
    const ended = this.done.catch(() => undefined);
    if (!this.closed) {
      this.closed = true;
      // Until it runs there is nothing to finish.
      const patienceMs = this.view.state === 'restoring' ? 0 : CLOSE_PATIENCE_MS;
      const isOver = new AbortController();
      void ended.then(() => isOver.abort());
      void this.deps.clock.sleep(patienceMs, isOver.signal).then(() => this.transactional.close());
      this.end();
    }
    await ended;
  }

  /** The input cannot be read on: the task handles what it has of it, then it fails. */
  fail(error: Error): void {
    this.unreadable ??= error;
    this.stopReading();
    this.wake?.();
  }

  private get isEnding(): boolean {
    return this.ending.signal.aborted;
  }

  /** From here on the task takes nothing in; what it does at the moment it may finish. */
  private end(): void {
    if (this.isEnding) return;
    this.ending.abort(new ClosedError());
    this.view.state = 'restoring';
    this.ticker?.close();
    this.stopReading();
    this.wake?.();
  }

  private stopReading(): void {
    this.deps.reader.remove(this.deps.topology.input.topic, this.partition, this);
  }

  /** More of the input. Only what was read for this very task counts: it begins where the task stands. */
  offer(batch: Batch): void {
    if (this.isEnding || this.unreadable !== null || batch.owner !== this) return;
    this.queue.push(batch);
    for (const record of batch.records) this.queuedBytes += record.value?.length ?? 0;
    if (!this.paused && this.queuedBytes > MAX_BUFFERED_BYTES) {
      this.paused = true;
      this.deps.reader.pause(batch.topic, batch.partition);
    }
    this.wake?.();
  }

  private async live(): Promise<void> {
    // Not before `done` is set.
    await Promise.resolve();
    let failure: unknown = null;
    try {
      await this.open();
      while (!this.isEnding) await this.work();
    } catch (error) {
      if (!this.isEnding) failure = error;
      else if (!(error instanceof ClosedError)) this.tellUnfinished(error);
    }
    this.end();
    const { metrics } = this.deps;
    metrics.stopped.remove({ ...this.labels, partition: this.partition });
    metrics.entries.remove({ ...this.labels, partition: this.partition });
    await this.transactional.close();
    if (failure !== null && !this.closed) throw failure;
  }

  private tellUnfinished(err: unknown): void {
    const { logger, topology } = this.deps;
    logger.info({ topology: topology.name, partition: this.partition, err }, 'closed before its work was done');
  }

  /** What `work` gives; a ClosedError as soon as the task is to end, and the work goes on unheard. */
  private async unlessEnding<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.ending;
    work.catch(() => undefined);
    let onAbort!: () => void;
    const ended = new Promise<never>((_, reject) => {
      onAbort = () => reject(new ClosedError());
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
    });
    try {
      return await Promise.race([work, ended]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Only this order is safe: whoever had the partition before is fenced first, then what it committed is read. */
  private async open(): Promise<void> {
    const { kafka, clock, topology, logger, metrics, restoreRules } = this.deps;
    const { partition } = this;
    const startedAtMs = clock.elapsedMs();
    await this.unlessEnding(this.transactional.init());
    const { topic } = topology.input;
    const input = { topology: topology.name, groupId: this.deps.name, topic, partition };
    const checkpoint = await this.unlessEnding(startingPoint(kafka, clock, input, logger));
    this.core = new TaskCore(topology, checkpoint);
    this.mark = checkpoint.mark;
    this.view.position = checkpoint.position.offset;
    const isCancelled = (): boolean => this.isEnding;
    const changelog = changelogOf(this.deps.name);
    const restored = await this.unlessEnding(
      restoreState(kafka, changelog, partition, checkpoint.position, this.core, restoreRules, isCancelled),
    );
    // Nobody would end the reading of a task that has ended.
    if (this.isEnding) throw new ClosedError();
    metrics.restored.inc(this.labels, restored.entries);
    const { offset } = checkpoint.position;
    this.deps.reader.seek({ topic, partition, offset, owner: this });
    this.view.state = 'running';
    this.publish();
    const elapsedMs = Math.round(clock.elapsedMs() - startedAtMs);
    logger.info({ topology: topology.name, partition, ...checkpoint, ...restored, elapsedMs }, 'task runs');
  }

  /** Handles what is queued, up to one transaction. */
  private async work(): Promise<void> {
    if (this.queue.length === 0) {
      if (this.unreadable !== null) throw this.unreadable;
      await new Promise<void>((resolve) => (this.wake = resolve));
      this.wake = null;
      return;
    }
    const { core, deps } = this;
    let records = 0;
    while (!this.isEnding && this.queue.length > 0 && records < MAX_RECORDS && !core.isFull(LIMITS)) {
      const batch = this.queue[0]!;
      this.view.end = Math.max(this.view.end, batch.highWatermark);
      records += await this.handle(batch, MAX_RECORDS - records);
      if (batch.records.length > 0) continue;
      core.skipTo(batch.nextOffset);
      this.queue.shift();
    }
    if (this.paused && this.queuedBytes < MAX_BUFFERED_BYTES / 2) {
      this.paused = false;
      deps.reader.resume(deps.topology.input.topic, this.partition);
    }
    if (records > 0) {
      deps.metrics.records.inc(this.labels, records);
      await this.commit();
    }
    this.publish();
  }

  /** Folds up to `max` records of a batch and takes them out of it; returns how many. */
  private async handle(batch: Batch, max: number): Promise<number> {
    const { core } = this;
    const { records } = batch;
    let count = 0;
    while (!this.isEnding && count < records.length && count < max && !core.isFull(LIMITS)) {
      const record = records[count]!;
      const value = await this.decode(record);
      count++;
      this.last = record;
      this.queuedBytes -= record.value?.length ?? 0;
      if (value === undefined) {
        core.skipTo(record.offset + 1);
        continue;
      }
      await this.waitForClock(value, record);
      await this.fold(value, record);
    }
    records.splice(0, count);
    if (count > 0) this.ticker?.recordSeen();
    return count;
  }

  private async fold(value: I, record: KafkaRecord): Promise<void> {
    const { core, partition } = this;
    const key = record.key?.toString('utf8') ?? '';
    const folded = <T>(work: () => T): T => {
      try {
        return work();
      } catch (error) {
        throw new RecordFailedError(this.deps.topology.input.topic, partition, record.offset, error);
      }
    };
    folded(() => core.begin({ key, value, offset: record.offset, partition }, record.timestampMs));
    while (!folded(() => core.advance(LIMITS))) {
      await this.commit();
      if (this.isEnding) throw new ClosedError();
    }
  }

  /** Undefined for what cannot be read, whatever one does: one such record must not hold up all that follow. */
  private async decode(record: KafkaRecord): Promise<I | undefined> {
    const { topology, logger, metrics } = this.deps;
    const where = { topology: topology.name, partition: this.partition, offset: record.offset };
    for (let pauseMs = 100; ; pauseMs = Math.min(MAX_LOAD_PAUSE_MS, pauseMs * 2)) {
      try {
        if (record.value === null) throw new UndecodableError('no value');
        return topology.input.decode(record.value);
      } catch (error) {
        if (error instanceof UndecodableError) {
          logger.error({ ...where, err: error.message }, 'a record that cannot be read is passed over');
          metrics.skipped.inc(this.labels);
          return undefined;
        }
        if (!(error instanceof UnknownSchemaError)) throw error;
        try {
          await this.unlessEnding(error.load());
        } catch (cause) {
          if (cause instanceof ClosedError) throw cause;
          logger.error({ ...where, schema: error.schemaId, err: cause }, 'waiting for the schema of a record');
          await this.pause(pauseMs);
        }
      }
    }
  }

  /** Holds the task while the record would take the log's clock far ahead of our own: one of the two is wrong. */
  private async waitForClock(value: I, record: KafkaRecord): Promise<void> {
    const { topology, logger, metrics, clock } = this.deps;
    const logTimeMs = this.core.logTimeAfter(value, record.timestampMs);
    if (logTimeMs - clock.wallMs() <= MAX_AHEAD_MS) return;
    const where = { topology: topology.name, partition: this.partition, offset: record.offset };
    const labels = { ...this.labels, partition: this.partition };
    logger.error(
      { ...where, aheadMs: logTimeMs - clock.wallMs() },
      "stopped: the log's clock is far ahead of this process's",
    );
    metrics.stopped.set(labels, 1);
    this.view.state = 'stopped';
    while (logTimeMs - clock.wallMs() > MAX_AHEAD_MS) await this.pause(RECHECK_CLOCK_MS);
    metrics.stopped.set(labels, 0);
    this.view.state = 'running';
    logger.warn(where, 'runs on: the clocks agree again');
  }

  private async pause(ms: number): Promise<void> {
    await this.deps.clock.sleep(ms, this.ending.signal);
    if (this.isEnding) throw new ClosedError();
  }

  /** One transaction: outputs, changelog and the input's offset, or nothing of it. */
  private async commit(): Promise<void> {
    const { topology, name, clock, metrics, outputOf } = this.deps;
    const { core, partition } = this;
    const { outputs, changes } = core.takeEffects();
    const { position, logTimeMs } = core;
    const changelog = changelogOf(name);
    const records: OutgoingRecord[] = outputs.map(({ topic, key, value }) => ({ topic: outputOf(topic), key, value }));
    for (const [key, change] of changes) records.push(encodeChange(changelog, partition, key, change));
    if (this.last !== null) this.mark = markOf(this.last);
    this.last = null;
    const { mark } = this;
    const startedAtMs = clock.elapsedMs();
    await this.transactional.send(records);
    await this.transactional.commit({
      groupId: name,
      topic: topology.input.topic,
      partition,
      offset: position.offset,
      metadata: encodeCheckpoint({ position, logTimeMs, mark }),
    });
    metrics.transactionSeconds.observe(this.labels, (clock.elapsedMs() - startedAtMs) / 1_000);
    metrics.transactions.inc(this.labels);
    this.publish();
    this.onCommitted(position.offset);
  }

  /** Tells where the task stands. Called only when nothing is uncommitted. */
  private publish(): void {
    const { core, view, ticker } = this;
    const { earliestDueMs, logTimeMs } = core;
    const { offset, step } = core.position;
    view.position = offset;
    view.logTimeMs = logTimeMs === 0 ? null : logTimeMs;
    view.earliestDueMs = earliestDueMs ?? null;
    this.deps.metrics.entries.set({ ...this.labels, partition: this.partition }, core.entries);
    const caughtUp = this.queue.length === 0 && step === 0 && view.end > 0 && offset >= view.end;
    ticker?.update({ earliestDueMs, logTimeMs, caughtUp });
  }
}
