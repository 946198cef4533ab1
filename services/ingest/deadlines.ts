import type { Clock } from '../../lib/clock/index.ts';

/**
 * Deadlines that all come after the same time. One sleep serves them all: one for each webhook would cost half as much
 * as everything else that is done for it.
 */
export class Deadlines {
  /** By when they were started, the oldest first. */
  private readonly waiting = new Map<symbol, { dueMs: number; expire: () => void }>();
  private watching = false;

  constructor(
    private readonly clock: Clock,
    private readonly timeoutMs: number,
  ) {}

  /** Calls `expire` after the timeout, unless the returned function is called before. */
  start(expire: () => void): () => void {
    const id = Symbol();
    this.waiting.set(id, { dueMs: this.clock.elapsedMs() + this.timeoutMs, expire });
    if (!this.watching) void this.watch();
    return () => void this.waiting.delete(id);
  }

  private async watch(): Promise<void> {
    this.watching = true;
    for (let next = this.first(); next !== undefined; next = this.first()) {
      const leftMs = next.deadline.dueMs - this.clock.elapsedMs();
      if (leftMs > 0) await this.clock.sleep(leftMs);
      else {
        this.waiting.delete(next.id);
        next.deadline.expire();
      }
    }
    this.watching = false;
  }

  private first(): { id: symbol; deadline: { dueMs: number; expire: () => void } } | undefined {
    for (const [id, deadline] of this.waiting) return { id, deadline };
    return undefined;
  }
}
