/** The pause after some work is this share of the time that it took, within a limit. */
const PAUSE_SHARE = 0.5;

export interface PacingOptions {
  /** The least time between the beginnings of two pieces of work. */
  intervalMs: number;
  /** The longest pause. */
  pauseMaxMs: number;
}

/**
 * Decides when the next block begins. After some quiet: at once. Under load: not before the interval has passed, and
 * not before ClickHouse had a pause of half the time that the last block took. A slow ClickHouse so gets fewer and larger blocks.
 */
export class BlockPacing {
  private startedAtMs = -Infinity;
  private pauseEndsAtMs = -Infinity;

  constructor(private readonly options: PacingOptions) {}

  started(nowMs: number): void {
    this.startedAtMs = nowMs;
  }

  inserted(nowMs: number): void {
    this.pauseEndsAtMs = nowMs + Math.min(this.options.pauseMaxMs, PAUSE_SHARE * (nowMs - this.startedAtMs));
  }

  /** When the next block may begin, in elapsed time; in the past after some quiet. */
  get dueAtMs(): number {
    return Math.max(this.startedAtMs + this.options.intervalMs, this.pauseEndsAtMs);
  }
}
