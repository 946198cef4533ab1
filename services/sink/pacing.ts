/** The pause after a block is this share of the time that it took, within a limit. */
const PAUSE_SHARE = 0.5;
const MAX_PAUSE_MS = 100;

/**
 * Decides when the next block begins. After some quiet: at once. Under load: not before the interval has passed, and
 * not before ClickHouse had a pause of half the time that the last block took. A slow ClickHouse so gets fewer and larger blocks.
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
    this.pauseEndsAtMs = nowMs + Math.min(MAX_PAUSE_MS, PAUSE_SHARE * (nowMs - this.startedAtMs));
  }

  /** When the next block may begin, in elapsed time; in the past after some quiet. */
  get dueAtMs(): number {
    return Math.max(this.startedAtMs + this.intervalMs, this.pauseEndsAtMs);
  }
}
