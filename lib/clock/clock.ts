/** Time as everything outside the pure folders reads it and waits for it: passed in, so that a test can move it. */
import { setTimeout as timeout } from 'node:timers/promises';

export interface Clock {
  /** Unix milliseconds. May jump when somebody sets the machine's clock. */
  wallMs(): number;
  /** Milliseconds since an arbitrary moment. Never goes back: every duration is measured by it. */
  elapsedMs(): number;
  /** Resolves after `ms`, or as soon as `signal` is aborted. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. Only `main.ts` files, scripts and tests take it; everything else gets a Clock. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  elapsedMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await timeout(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  },
};
