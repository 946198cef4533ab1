import type { Clock } from '../../lib/clock/index.ts';
import type { Stage } from '../../lib/freshness/index.ts';
import type { Logger, StagePosition } from '../../lib/telemetry/index.ts';
import { ImportWindow } from './import-window.ts';
import type { IngestMetrics } from './metrics.ts';
import { StageDelay } from './stage-delay.ts';

/** A stage behind ingest, as a watcher of freshness follows it. */
export interface PacedStage {
  stage: Pick<Stage, 'name' | 'topic'>;
  /** The positions that its members report now. */
  ask(): Promise<StagePosition[]>;
}

export interface ImportPacerOptions {
  stages: readonly PacedStage[];
  endOffsets(topic: string): Promise<number[]>;
  /** The delay of all stages together that imports may cause while webhooks are received, milliseconds. */
  targetDelayMs: number;
  metrics: Pick<IngestMetrics, 'importDelaySeconds' | 'importWindow' | 'importWaitSeconds'>;
  logger: Pick<Logger, 'warn'>;
  clock: Clock;
}

const MEASURE_EVERY_MS = 100;
/** Records for each measurement while the window is full: even the slowest import ends some day. */
const MIN_GRANT = 5;
/** Without a webhook for this long, nobody waits behind an import, which may then cause a longer delay. */
const WEBHOOKS_ENDED_MS = 10_000;
/** That delay, as a multiple of the target: large batches cost the stages less. */
const ALONE_FACTOR = 10;
/** What was measured longer ago says nothing about now. */
const FORGET_AFTER_MS = 5_000;

/** Imports do not wait longer than this for a stage that has never been measured. */
const UNKNOWN_FOR_MS = 30_000;

interface MeasuredStage {
  watcher: PacedStage;
  delay: StageDelay;
  /** The ends of the topic, as last seen; null while they have never been read. */
  ends: number[] | null;
  /** Since when every attempt to measure it has failed; null after a success. */
  failingSinceMs: number | null;
  reported: Set<number>;
}

/**
 * Limits the lines that imports have in flight so that the delay of the stages behind them stays at its target. All imports of
 * the process share them, in the order in which they ask. While no import waits or sends, nothing is measured.
 */
export class ImportPacer {
  /** Records that may be sent until the next measurement; negative after a send that was larger. */
  private allowance = 0;
  /** By `elapsedMs`. */
  private measuredAtMs = -Infinity;
  /** By `elapsedMs`. */
  private lastWebhookMs = -Infinity;
  private readonly waiting: (() => void)[] = [];
  private measuring = false;
  private window: ImportWindow;
  private readonly stages: MeasuredStage[];

  constructor(private readonly options: ImportPacerOptions) {
    this.window = new ImportWindow(options.targetDelayMs);
    this.stages = options.stages.map((watcher) => ({
      watcher,
      delay: new StageDelay(),
      ends: null,
      failingSinceMs: null,
      reported: new Set(),
    }));
  }

  /** A webhook has been received: imports leave room for webhooks from now on. */
  noteWebhook(): void {
    this.lastWebhookMs = this.options.clock.elapsedMs();
  }

  private targetMs(nowMs: number): number {
    const { targetDelayMs } = this.options;
    return nowMs - this.lastWebhookMs > WEBHOOKS_ENDED_MS ? ALONE_FACTOR * targetDelayMs : targetDelayMs;
  }

  /** Resolves when `records` may be sent. */
  async take(records: number): Promise<void> {
    const { clock, metrics } = this.options;
    const startedMs = clock.elapsedMs();
    if (this.allowance <= 0 || this.waiting.length > 0 || !this.measuring) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
        if (!this.measuring) void this.measure();
      });
      metrics.importWaitSeconds.inc((clock.elapsedMs() - startedMs) / 1_000);
    }
    this.allowance -= records;
    this.window.take(records);
    this.release();
  }

  /** Lets the first of those who wait continue; it calls `release` again once it has taken its share. */
  private release(): void {
    if (this.allowance > 0) this.waiting.shift()?.();
  }

  /** Measures until nobody has waited or sent since the last measurement. */
  private async measure(): Promise<void> {
    const { clock, metrics } = this.options;
    this.measuring = true;
    if (clock.elapsedMs() - this.measuredAtMs > FORGET_AFTER_MS) this.restart();
    for (let isUsed = true; isUsed;) {
      const startedMs = clock.elapsedMs();
      const isLimiting = this.waiting.length > 0;
      const delays = await Promise.all(this.stages.map((stage) => this.delayOf(stage, startedMs)));
      const delayMs = delays.reduce((sum, ofStage) => sum + ofStage, 0);
      this.window.targetMs = this.targetMs(startedMs);
      this.window.measured(startedMs, delayMs, isLimiting);
      metrics.importWindow.set(this.window.size);
      this.measuredAtMs = startedMs;
      const granted = Math.max(this.window.free, Math.min(0, this.allowance) + MIN_GRANT);
      this.allowance = granted;
      this.release();
      await clock.sleep(MEASURE_EVERY_MS - (clock.elapsedMs() - startedMs));
      isUsed = this.waiting.length > 0 || this.allowance < granted;
    }
    this.measuring = false;
  }

  private restart(): void {
    this.window = new ImportWindow(this.options.targetDelayMs);
    this.allowance = 0;
    for (const stage of this.stages) {
      stage.delay.forget(this.options.clock.elapsedMs());
      stage.failingSinceMs = null;
    }
  }

  private async delayOf(measured: MeasuredStage, nowMs: number): Promise<number> {
    const { watcher, delay } = measured;
    const { name, topic } = watcher.stage;
    let positions: StagePosition[] = [];
    try {
      const [ends, reported] = await Promise.all([this.options.endOffsets(topic), watcher.ask()]);
      measured.ends = ends;
      positions = reported;
      measured.failingSinceMs = null;
    } catch (err) {
      // What was not processed when it was last seen still counts; without any progress it is left out after a while.
      if (measured.failingSinceMs === null)
        this.options.logger.warn({ stage: name, err }, 'cannot measure a stage; retrying');
      measured.failingSinceMs ??= nowMs;
    }
    const delayMs =
      measured.ends === null
        ? unknownDelayMs(nowMs - (measured.failingSinceMs ?? nowMs))
        : delay.sample({ ends: measured.ends, positions }, nowMs);
    this.report(measured);
    this.options.metrics.importDelaySeconds.set({ stage: name }, delayMs / 1_000);
    return delayMs;
  }

  /** Logs the partitions that are left out, each once. */
  private report({ watcher, delay, reported }: MeasuredStage): void {
    const { name, topic } = watcher.stage;
    for (const partition of delay.leftOut) {
      if (reported.has(partition)) continue;
      this.options.logger.warn(
        { stage: name, topic, partition },
        'imports no longer wait for a partition that makes no progress',
      );
    }
    reported.clear();
    for (const partition of delay.leftOut) reported.add(partition);
  }
}

/** The delay of a stage of which nothing is known, not even whether it has records to process. */
const unknownDelayMs = (sinceMs: number): number => (sinceMs < UNKNOWN_FOR_MS ? UNKNOWN_FOR_MS : 0);
