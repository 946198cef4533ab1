/** Reads time and waits. Code outside the pure folders receives a Clock, so that a test can control time. */

/** The longest delay that a timer of Node accepts; it fires at once for a longer one. */
const MAX_TIMER_MS = 2 ** 31 - 1;

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
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      let timer: NodeJS.Timeout;
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', finish);
        resolve();
      };
      const arm = (leftMs: number): void => {
        timer =
          leftMs > MAX_TIMER_MS
            ? setTimeout(() => arm(leftMs - MAX_TIMER_MS), MAX_TIMER_MS)
            : setTimeout(finish, leftMs);
      };
      arm(ms);
      signal?.addEventListener('abort', finish);
    }),
};
