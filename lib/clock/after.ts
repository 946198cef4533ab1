import type { Clock } from './clock.ts';

/** The reason of an abort that only ends a sleep. Without one, each abort would create an error with its stack. */
const CANCELLED = 'cancelled';

/** Calls `action` after `ms`, unless the returned function is called before. */
export function after(clock: Clock, ms: number, action: () => void): () => void {
  const cancelled = new AbortController();
  void clock.sleep(ms, cancelled.signal).then(() => {
    if (!cancelled.signal.aborted) action();
  });
  return () => cancelled.abort(CANCELLED);
}
