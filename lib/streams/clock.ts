import type { RecordClock } from './topology.ts';

/** How far the log's clock follows the broker's append time past the clock of the record's producer. */
export const PRODUCER_SLACK_MS = 60_000;

/** A task whose log time is further ahead of its own clock than this stops: something is very wrong with a clock. */
export const MAX_AHEAD_MS = 120_000;

/**
 * The log's clock after a record. It never goes back. For an outside record it is the broker's append time, bounded by
 * the producer's clock, so that one clock alone, of the broker or of a producer, cannot make time run ahead. For an
 * inside record it is the time of its cause. All in Unix milliseconds.
 */
export function nextLogTime(previousMs: number, clock: RecordClock, appendTimeMs: number): number {
  if ('causeMs' in clock) return Math.max(previousMs, clock.causeMs);
  return Math.max(previousMs, Math.min(appendTimeMs, clock.producerClockMs + PRODUCER_SLACK_MS));
}
