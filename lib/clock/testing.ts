/** A clock that advances only when a test advances it. */
import type { Clock } from './clock.ts';

interface Sleeper {
  wakeAtMs: number;
  wake: () => void;
}

export class ManualClock implements Clock {
  private readonly sleepers = new Set<Sleeper>();

  /** @param startMs wall clock at the start, Unix milliseconds; `elapsedMs` starts at 0 */
  constructor(private readonly startMs = Date.UTC(2026, 0, 1)) {}

  private nowMs = 0;

  wallMs(): number {
    return this.startMs + this.nowMs;
  }

  elapsedMs(): number {
    return this.nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.sleepers.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper: Sleeper = { wakeAtMs: this.nowMs + Math.max(0, ms), wake };
      this.sleepers.add(sleeper);
      signal?.addEventListener('abort', wake);
    });
  }

  /** When the next sleeper wakes, by `elapsedMs`; null when nobody sleeps. */
  get nextWakeMs(): number | null {
    let first: number | null = null;
    for (const { wakeAtMs } of this.sleepers) if (first === null || wakeAtMs < first) first = wakeAtMs;
    return first;
  }

  /**
   * Advances time by `ms`. Sleepers wake in the order of their times, each at its own time; everything that a sleeper
   * does without sleeping or real I/O is done before the next one wakes.
   */
  async advance(ms: number): Promise<void> {
    const targetMs = this.nowMs + ms;
    await settle();
    for (let next = this.first(targetMs); next !== undefined; next = this.first(targetMs)) {
      this.nowMs = Math.max(this.nowMs, next.wakeAtMs);
      next.wake();
      await settle();
    }
    this.nowMs = targetMs;
  }

  /** The sleeper that wakes next; among equal times, the one that began to sleep first. */
  private first(targetMs: number): Sleeper | undefined {
    let found: Sleeper | undefined;
    for (const sleeper of this.sleepers) {
      if (sleeper.wakeAtMs <= targetMs && (found === undefined || sleeper.wakeAtMs < found.wakeAtMs)) found = sleeper;
    }
    return found;
  }
}

/** Waits until every promise that needs neither time nor I/O has settled. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
