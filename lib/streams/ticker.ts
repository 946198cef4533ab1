/** No more ticks than ten a second go to a partition. */
const MIN_INTERVAL_MS = 100;
const MAX_BACKOFF_MS = 30_000;
/** A tick that was sent and never seen is given up after this long. */
const LOST_AFTER_MS = 15_000;

export interface TickerOptions {
  /** Appends one tick; resolves when it is in the log. */
  send(nowMs: number): Promise<void>;
  /** The task's own clock, Unix milliseconds. */
  now(): number;
  onError(error: unknown): void;
}

/** What a task knows when something has changed. */
export interface TickerView {
  /** The earliest due time that has not fired. */
  earliestDueMs: number | undefined;
  logTimeMs: number;
  /** Everything in the log was handled. */
  caughtUp: boolean;
}

/**
 * Makes time pass in a partition where nothing comes: one tick at a time, only once the task has caught up, and ever
 * slower while the log's clock does not follow the task's.
 */
export class Ticker {
  private timer: NodeJS.Timeout | null = null;
  private view: TickerView = { earliestDueMs: undefined, logTimeMs: 0, caughtUp: false };
  private outstanding = false;
  private sentAtMs = -Infinity;
  /** Ticks in a row that did not bring the log's clock past the deadline that they were for. */
  private inVain = 0;
  private targetMs: number | null = null;
  private closed = false;

  constructor(private readonly options: TickerOptions) {}

  /** A record was handled, ours or another's. */
  recordSeen(): void {
    this.outstanding = false;
  }

  update(view: TickerView): void {
    this.view = view;
    if (this.targetMs !== null && view.logTimeMs > this.targetMs) {
      this.targetMs = null;
      this.inVain = 0;
    }
    this.schedule();
  }

  close(): void {
    this.closed = true;
    this.cancel();
  }

  private cancel(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private schedule(): void {
    this.cancel();
    const { earliestDueMs, caughtUp } = this.view;
    if (this.closed || earliestDueMs === undefined || !caughtUp) return;
    const now = this.options.now();
    const backoffMs =
      this.inVain === 0 ? MIN_INTERVAL_MS : Math.min(MAX_BACKOFF_MS, MIN_INTERVAL_MS * 2 ** this.inVain);
    const pauseMs = this.outstanding ? LOST_AFTER_MS : backoffMs;
    // Due when the log's clock is past the time, so a millisecond later.
    const at = Math.max(earliestDueMs + 1, this.sentAtMs + pauseMs);
    // The longest that setTimeout can wait is about 24 days.
    this.timer = setTimeout(() => this.fire(), Math.min(Math.max(0, at - now), 2 ** 31 - 1));
  }

  private fire(): void {
    this.timer = null;
    const now = this.options.now();
    const { earliestDueMs } = this.view;
    if (this.closed || earliestDueMs === undefined) return;
    if (now <= earliestDueMs) return this.schedule();
    this.outstanding = true;
    this.inVain++;
    this.targetMs ??= earliestDueMs;
    this.sentAtMs = now;
    this.options.send(now).catch((error: unknown) => {
      this.outstanding = false;
      this.options.onError(error);
      this.schedule();
    });
  }
}
