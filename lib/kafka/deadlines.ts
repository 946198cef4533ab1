import type { Clock } from '../clock/index.ts';

interface Entry {
  deadlineMs: number;
  expire: () => void;
}

/**
 * Rejects work that is not finished after a fixed time. All work shares one sleep, as a sleep for each would cost more
 * than the work itself (15 µs against 1 µs for every send of a producer).
 */
export class Deadlines {
  /** In the order of their deadlines, as the time-out is the same for all. */
  private readonly open = new Set<Entry>();
  private watching = false;
  private closed = false;
  private readonly idle = new AbortController();

  constructor(
    private readonly clock: Clock,
    private readonly timeoutMs: number,
    /** The error of work that is not finished in time. */
    private readonly timeoutError: () => Error,
  ) {}

  /** The result of `work`, or the time-out error. The work itself is not cancelled. */
  limit<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const entry = {
        deadlineMs: this.clock.elapsedMs() + this.timeoutMs,
        expire: () => reject(this.timeoutError()),
      };
      this.open.add(entry);
      if (!this.watching) void this.watch();
      work.then(resolve, reject).finally(() => {
        this.open.delete(entry);
        this.endWhenIdle();
      });
    });
  }

  /** The last call. Work that is still open keeps its deadline. */
  close(): void {
    this.closed = true;
    this.endWhenIdle();
  }

  private endWhenIdle(): void {
    if (this.closed && this.open.size === 0) this.idle.abort();
  }

  private async watch(): Promise<void> {
    this.watching = true;
    for (const entry of this.open) {
      // Entries that are added meanwhile are visited too, those that finish meanwhile are not.
      while (this.open.has(entry)) {
        const leftMs = entry.deadlineMs - this.clock.elapsedMs();
        if (leftMs > 0) await this.clock.sleep(leftMs, this.idle.signal);
        else {
          this.open.delete(entry);
          entry.expire();
        }
      }
    }
    this.watching = false;
  }
}
