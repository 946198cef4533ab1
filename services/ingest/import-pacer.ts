import type { Clock } from '../../lib/clock/index.ts';
import type { Stage } from '../../lib/freshness/index.ts';
import type { Logger, StagePosition } from '../../lib/telemetry/index.ts';
import type { IngestMetrics } from './metrics.ts';

/** A stage behind ingest, as a watcher of freshness follows it. */
export interface PacedStage {
  stage: Pick<Stage, 'name' | 'topic'>;
  /** The positions that its members report now. */
  ask(): Promise<StagePosition[]>;
}

export interface ImportPacerOptions {
  stages: readonly PacedStage[];
  endOffsets(topic: string): Promise<number[]>;
  /** Imports wait while a stage has more unprocessed records than this. */
  maxLagRecords: number;
  metrics: Pick<IngestMetrics, 'importLag' | 'importWaitSeconds'>;
  logger: Pick<Logger, 'warn'>;
  clock: Clock;
}

const LOOK_EVERY_MS = 100;
/** A partition that makes no progress for this long is left out, and so are stages that cannot be measured. */
const STALLED_AFTER_MS = 30_000;

/** Progress that was measured longer ago does not count against a partition. */
const FORGET_AFTER_MS = 5_000;

interface Progress {
  position: number;
  /** When it last moved, by `elapsedMs`. */
  movedAtMs: number;
}

/**
 * Lets imports take lines no faster than the stages behind them process records. All imports of the process share what
 * may be taken, in the order in which they ask for it. While no import waits or sends, nothing is measured.
 */
export class ImportPacer {
  private allowance = 0;
  /** Of the measurement from which the allowance comes, by `elapsedMs`. */
  private measuredAtMs = -Infinity;
  private readonly waiting: (() => void)[] = [];
  private measuring = false;
  private readonly progress = new Map<string, Progress>();
  /** The ends of the topic of each stage, as last seen. */
  private readonly ends = new Map<string, number[]>();
  private readonly leftOut = new Set<string>();

  constructor(private readonly options: ImportPacerOptions) {}

  /** Resolves when `records` may be sent. */
  async take(records: number): Promise<void> {
    const { clock, metrics } = this.options;
    const startedMs = clock.elapsedMs();
    // What was measured long ago says nothing about now.
    if (startedMs - this.measuredAtMs > 2 * LOOK_EVERY_MS) this.allowance = 0;
    if (this.allowance <= 0 || this.waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
        if (!this.measuring) void this.measure();
      });
      metrics.importWaitSeconds.inc((clock.elapsedMs() - startedMs) / 1_000);
    }
    this.allowance -= records;
    this.release();
  }

  /** Lets the first of those who wait continue; it calls `release` again once it has taken its share. */
  private release(): void {
    if (this.allowance > 0) this.waiting.shift()?.();
  }

  private async measure(): Promise<void> {
    const { clock, maxLagRecords } = this.options;
    this.measuring = true;
    if (clock.elapsedMs() - this.measuredAtMs > FORGET_AFTER_MS) {
      // Nobody knows what has moved since.
      for (const known of this.progress.values()) known.movedAtMs = clock.elapsedMs();
    }
    while (this.waiting.length > 0) {
      const startedMs = clock.elapsedMs();
      const lags = await Promise.all(this.options.stages.map((stage) => this.lagOf(stage)));
      this.allowance = maxLagRecords - Math.max(0, ...lags);
      this.measuredAtMs = startedMs;
      this.release();
      await clock.sleep(LOOK_EVERY_MS - (clock.elapsedMs() - startedMs));
    }
    this.measuring = false;
  }

  /** Unprocessed records of a stage, without partitions that are left out. */
  private async lagOf({ stage, ask }: PacedStage): Promise<number> {
    const { name, topic } = stage;
    const nowMs = this.options.clock.elapsedMs();
    let ends: number[] = [];
    let positions: StagePosition[] = [];
    try {
      [ends, positions] = await Promise.all([this.options.endOffsets(topic), ask()]);
      this.ends.set(name, ends);
    } catch {
      // Partitions count as they were last seen; without any progress they are left out after a while.
      ends = this.ends.get(name) ?? [];
    }
    const stopped = new Set<number>();
    for (const { partition, position, state } of positions) {
      if (state === 'stopped') stopped.add(partition);
      if (position === null) continue;
      const key = `${name} ${partition}`;
      if (position > (this.progress.get(key)?.position ?? -1)) this.progress.set(key, { position, movedAtMs: nowMs });
    }
    let lag = 0;
    for (const [partition, end] of ends.entries()) {
      const key = `${name} ${partition}`;
      const known = this.progress.get(key);
      const own = known === undefined ? 0 : Math.max(0, end - known.position);
      if (own === 0 && known !== undefined) known.movedAtMs = nowMs;
      const isLeftOut = own > 0 && (stopped.has(partition) || nowMs - known!.movedAtMs >= STALLED_AFTER_MS);
      this.report(stage, partition, isLeftOut);
      if (!isLeftOut) lag += own;
    }
    this.options.metrics.importLag.set({ stage: name }, lag);
    return lag;
  }

  private report({ name, topic }: PacedStage['stage'], partition: number, isLeftOut: boolean): void {
    const key = `${name} ${partition}`;
    if (!isLeftOut) this.leftOut.delete(key);
    else if (!this.leftOut.has(key)) {
      this.leftOut.add(key);
      this.options.logger.warn(
        { stage: name, topic, partition },
        'imports no longer wait for a partition that makes no progress',
      );
    }
  }
}
