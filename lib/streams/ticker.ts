import { Backoff, after, type Clock } from '../clock/index.ts';

/** No more than ten ticks a second go to a partition. */
const MIN_INTERVAL_MS = 100;
const PAUSES = { firstMs: 2 * MIN_INTERVAL_MS, maxMs: 30_000 };
/** A tick that was sent but not read back is considered lost after this time. */
const LOST_AFTER_MS = 15_000;

export interface TickerOptions {
  /** Appends one tick; resolves when it is in the log. `nowMs` is Unix milliseconds. */
  send(nowMs: number): Promise<void>;
  clock: Clock;
  onError(error: unknown): void;
}

/** What the ticker needs to know about its task. */
export interface TickerView {
  /** The earliest deadline that has not fired, Unix milliseconds. */
  earliestDueMs: number | undefined;
  logTimeMs: number;
  /** Every record in the log has been handled. */
  caughtUp: boolean;
}

/**
 * Moves log time in a partition that receives no records: it appends one tick at a time, only once the task has caught
 * up, and backs off while log time does not reach the deadline.
 */
export class Ticker {
  /** Ends the wait for the next tick. */
  private cancelWait: (() => void) | null = null;
  private view: TickerView = { earliestDueMs: undefined, logTimeMs: 0, caughtUp: false };
  private outstanding = false;
  /** By the clock's `elapsedMs`. */
  private sentAtMs = -Infinity;
  /** Grows with consecutive ticks that did not advance log time past the deadline that they were sent for. */
  private readonly backoff = new Backoff(PAUSES);
  private intervalMs = MIN_INTERVAL_MS;
  private targetMs: number | null = null;
  private closed = false;

  constructor(private readonly options: TickerOptions) {}

  /** A record was handled: a tick of this ticker or any other record. */
  recordSeen(): void {
    this.outstanding = false;
  }

  update(view: TickerView): void {
    this.view = view;
    if (this.targetMs !== null && view.logTimeMs > this.targetMs) {
      this.targetMs = null;
      this.backoff.reset();
      this.intervalMs = MIN_INTERVAL_MS;
    }
    this.schedule();
  }

  close(): void {
    this.closed = true;
    this.cancel();
  }

  private cancel(): void {
    this.cancelWait?.();
    this.cancelWait = null;
  }

  private schedule(): void {
    this.cancel();
    const { earliestDueMs, caughtUp } = this.view;
    if (this.closed || earliestDueMs === undefined || !caughtUp) return;
    const { clock } = this.options;
    const pauseMs = this.outstanding ? LOST_AFTER_MS : this.intervalMs;
    // A deadline fires when log time is past it, hence one millisecond more.
    const untilDueMs = earliestDueMs + 1 - clock.wallMs();
    const waitMs = Math.max(0, untilDueMs, this.sentAtMs + pauseMs - clock.elapsedMs());
    this.cancelWait = after(clock, waitMs, () => this.fire(earliestDueMs));
  }

  private fire(dueMs: number): void {
    this.cancelWait = null;
    const { clock } = this.options;
    const nowMs = clock.wallMs();
    if (nowMs <= dueMs) return this.schedule();
    this.outstanding = true;
    this.intervalMs = this.backoff.nextMs();
    this.targetMs ??= dueMs;
    this.sentAtMs = clock.elapsedMs();
    this.options.send(nowMs).catch((error: unknown) => {
      this.outstanding = false;
      this.options.onError(error);
      this.schedule();
    });
  }
}
