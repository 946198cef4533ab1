import type { RecordClock } from './topology.ts';

/** How far log time may follow the broker's append time beyond the clock of the record's producer. */
export const PRODUCER_SLACK_MS = 60_000;

/** A task stops when log time is further ahead of its own clock than this: one of the clocks must be wrong. */
export const MAX_AHEAD_MS = 120_000;

/**
 * Log time after a record; it never goes back. For an external record it is the broker's append time, bounded by the
 * producer's clock, so that a single wrong clock, of the broker or of a producer, cannot move log time ahead. For an
 * internal record it is the log time of its cause. All in Unix milliseconds.
 */
export function nextLogTime(previousMs: number, clock: RecordClock, appendTimeMs: number): number {
  if ('causeMs' in clock) return Math.max(previousMs, clock.causeMs);
  return Math.max(previousMs, Math.min(appendTimeMs, clock.producerClockMs + PRODUCER_SLACK_MS));
}
