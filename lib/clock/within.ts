import type { Clock } from './clock.ts';

/** Work did not finish within its time. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/** The reason of an abort that only ends a sleep. Without one, each abort would create an error with its stack. */
const FINISHED = 'finished';

/**
 * The result of `work`. Throws what it throws, or NoAnswerError when it takes longer than `timeoutMs`; the work itself
 * is not cancelled, and its later result or error is ignored.
 */
export function within<T>(work: Promise<T>, timeoutMs: number, clock: Clock): Promise<T> {
  const limitMs = Math.max(1, timeoutMs);
  const finished = new AbortController();
  return new Promise((resolve, reject) => {
    const end = (): void => finished.abort(FINISHED);
    work.then(resolve, reject).finally(end);
    void clock.sleep(limitMs, finished.signal).then(() => {
      if (!finished.signal.aborted) reject(new NoAnswerError(`no answer within ${Math.round(limitMs)} ms`));
    });
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
  const finished = new AbortController();
  void clock.sleep(timeoutMs, finished.signal).then(() => {
    // The sleep also ends when the work has finished; what the work returned may still depend on its signal.
    if (!finished.signal.aborted) limit.abort(new NoAnswerError(`no answer within ${timeoutMs} ms`));
  });
  try {
    return await work(limit.signal);
  } finally {
    finished.abort(FINISHED);
  }
}
