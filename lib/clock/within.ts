import { after } from './after.ts';
import type { Clock } from './clock.ts';

/** Work did not finish within its time. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/**
 * The result of `work`. Throws what it throws, or NoAnswerError when it takes longer than `timeoutMs`; the work itself
 * is not cancelled, and its later result or error is ignored.
 */
export function within<T>(work: Promise<T>, timeoutMs: number, clock: Clock): Promise<T> {
  const limitMs = Math.max(1, timeoutMs);
  return new Promise((resolve, reject) => {
    const cancel = after(clock, limitMs, () => reject(new NoAnswerError(`no answer within ${Math.round(limitMs)} ms`)));
    work.then(resolve, reject).finally(cancel);
  });
}

/**
 * The result of `work`. Its signal is aborted after `timeoutMs`, with a NoAnswerError as the reason: unlike `within`,
 * this cancels work that takes longer. Throws what `work` throws.
 */
export async function abortAfter<T>(
  timeoutMs: number,
  clock: Clock,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  // Cancelled once the work has finished: what it returned may still depend on its signal.
  const cancel = after(clock, timeoutMs, () => limit.abort(new NoAnswerError(`no answer within ${timeoutMs} ms`)));
  try {
    return await work(limit.signal);
  } finally {
    cancel();
  }
}
