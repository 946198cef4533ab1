import { systemClock, within as withinOnClock } from '../clock/index.ts';

export { NoAnswerError } from '../clock/index.ts';

/** For callers that have no clock yet. Use `within` of lib/clock. */
export const within = <T>(work: Promise<T>, timeoutMs: number): Promise<T> =>
  withinOnClock(work, timeoutMs, systemClock);
