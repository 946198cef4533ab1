import type { StagePosition } from '../../lib/telemetry/index.ts';

/** A partition that makes no progress for this long is left out. */
const STALLED_AFTER_MS = 30_000;
/** The maximum number of ends that are kept of a partition. Later ones count as old as the last of them. */
const MAX_ENDS = 600;

export interface StageSample {
  /** End offsets of the topic by partition; the last known ones when they cannot be read now. */
  ends: readonly number[];
  /** What the members of the stage report; a partition without an owner is missing. */
  positions: readonly Pick<StagePosition, 'partition' | 'position' | 'state'>[];
}

interface Partition {
  /** Everything before is processed; -1 while that has never been reported. */
  position: number;
  /** When the position last moved, or there was nothing left to process. */
  movedAtMs: number;
  /** Ends of the log that have not been processed, in order, each with the time at which it was seen first. */
  ends: { end: number; seenAtMs: number }[];
  isStopped: boolean;
}

/**
 * How long the oldest record that a stage has not processed has been waiting, by partition: from when the log was first
 * seen to hold it. Without records to process there is no delay, also at a high throughput. A partition whose position is
 * unknown counts as not processed. All times are those of the clock's `elapsedMs`.
 */
export class StageDelay {
  private readonly partitions = new Map<number, Partition>();

  /** Partitions that are left out: they are stopped, or have made no progress for 30 seconds. */
  readonly leftOut = new Set<number>();

  /** The longest delay of all partitions that are not left out, in milliseconds. */
  sample({ ends, positions }: StageSample, nowMs: number): number {
    for (const { partition, position, state } of positions) {
      const known = this.partitionOf(partition, nowMs);
      known.isStopped = state === 'stopped';
      if (position === null || position <= known.position) continue;
      known.position = position;
      known.movedAtMs = nowMs;
    }
    let delayMs = 0;
    for (const [partition, end] of ends.entries()) {
      const known = this.partitionOf(partition, nowMs);
      const oldest = oldestUnprocessed(known, end, nowMs);
      if (oldest === undefined) known.movedAtMs = nowMs;
      const isLeftOut = oldest !== undefined && (known.isStopped || nowMs - known.movedAtMs >= STALLED_AFTER_MS);
      if (isLeftOut) this.leftOut.add(partition);
      else this.leftOut.delete(partition);
      if (oldest !== undefined && !isLeftOut) delayMs = Math.max(delayMs, nowMs - oldest);
    }
    return delayMs;
  }

  /** Starts measuring again after a pause, in which it is unknown since when records have been waiting. */
  forget(nowMs: number): void {
    for (const partition of this.partitions.values()) {
      partition.ends = [];
      partition.movedAtMs = nowMs;
    }
  }

  private partitionOf(partition: number, nowMs: number): Partition {
    let known = this.partitions.get(partition);
    if (known === undefined) {
      known = { position: -1, movedAtMs: nowMs, ends: [], isStopped: false };
      this.partitions.set(partition, known);
    }
    return known;
  }
}

/** When the oldest record that is not processed was seen first; undefined if there is none. */
function oldestUnprocessed(known: Partition, end: number, nowMs: number): number | undefined {
  const { ends, position } = known;
  const last = ends.at(-1);
  if (last !== undefined && ends.length >= MAX_ENDS) last.end = Math.max(last.end, end);
  else if (end > (last?.end ?? 0)) ends.push({ end, seenAtMs: nowMs });
  const first = ends.findIndex((seen) => seen.end > position);
  known.ends = first < 0 ? [] : ends.slice(first);
  return known.ends[0]?.seenAtMs;
}
