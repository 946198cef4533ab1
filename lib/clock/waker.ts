import type { Clock } from './clock.ts';

/** Sleeps that can be ended from outside, all at once. */
export class Waker {
  private waking: AbortController | null = null;

  constructor(private readonly clock: Clock) {}

  /** Resolves after `ms`, or at the next `wake()`. */
  sleep(ms: number): Promise<void> {
    this.waking ??= new AbortController();
    return this.clock.sleep(ms, this.waking.signal);
  }

  /** Ends all current sleeps. A later sleep is not shortened. */
  wake(): void {
    this.waking?.abort('woken');
    this.waking = null;
  }
}
