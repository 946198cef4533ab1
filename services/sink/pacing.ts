/** The pause after a block is the time that its tables took, but never longer. */
const MAX_PAUSE_MS = 100;

/**
 * Decides when the next block begins. After some quiet: at once. Under load: not before the interval has passed, and
 * not before ClickHouse had a pause as long as the last block took. A slow ClickHouse so gets fewer and larger blocks.
 */
export class BlockPacing {
  private startedAtMs = -Infinity;
  private pauseEndsAtMs = -Infinity;

  /** `intervalMs`: the least time between the beginnings of two blocks. */
  constructor(private readonly intervalMs: number) {}

  started(nowMs: number): void {
    this.startedAtMs = nowMs;
  }

  inserted(nowMs: number): void {
    this.pauseEndsAtMs = nowMs + Math.min(MAX_PAUSE_MS, nowMs - this.startedAtMs);
  }

  /** When the next block may begin, in elapsed time; in the past after some quiet. */
  get dueAtMs(): number {
    return Math.max(this.startedAtMs + this.intervalMs, this.pauseEndsAtMs);
  }
}
