/** Records in flight that are allowed at the start, and at least and at most later. */
const FIRST_WINDOW = 500;
const MIN_WINDOW = 100;
const MAX_WINDOW = 1_000_000;
/** The window is adjusted once per delay, but no more and no less often than this. */
const ADJUST_EVERY_MIN_MS = 200;
const ADJUST_EVERY_MAX_MS = 2_000;
/** The exponent of the error in one adjustment: with more, the delay swings around its target. */
const GAIN = 0.3;
/** The largest error that one adjustment considers, as a factor. */
const MAX_ERROR = 4;

/**
 * How many records of imports may be in flight: sent, and not processed by the stages behind. A window, as congestion
 * control of networks has it, not a rate: what is processed makes room for as much, so imports follow the speed of the
 * stages at once, also through a pause of theirs, and nothing has to find out what that speed is. The window is as
 * large as makes the delay of the stages its target (FAST TCP, Wei et al. 2006, adjusts its window by the same ratio).
 *
 * What was sent before the oldest unprocessed record, as the delay tells, has been processed.
 */
export class ImportWindow {
  private window = FIRST_WINDOW;
  private sent = 0;
  private processed = 0;
  /** What had been sent at each measurement, from the last one before which everything is processed. */
  private history: { atMs: number; sent: number }[] = [];
  private delaySumMs = 0;
  private delays = 0;
  private wasLimiting = false;
  private adjustedAtMs: number | undefined;

  /** @param targetMs may change between measurements */
  constructor(public targetMs: number) {}

  /** Records that may be sent now; negative after a send that was larger. */
  get free(): number {
    return this.window - (this.sent - this.processed);
  }

  /** Records in flight that are allowed. */
  get size(): number {
    return this.window;
  }

  take(records: number): void {
    this.sent += records;
  }

  /**
   * `delayMs`: how long the oldest unprocessed record has been waiting. `isLimiting`: imports would have sent more since
   * the last measurement; otherwise the window does not grow.
   */
  measured(nowMs: number, delayMs: number, isLimiting: boolean): void {
    this.history.push({ atMs: nowMs, sent: this.sent });
    const processedUntilMs = nowMs - delayMs;
    const next = this.history.findIndex(({ atMs }) => atMs > processedUntilMs);
    if (next !== 0) this.history.splice(0, (next < 0 ? this.history.length : next) - 1);
    const oldest = this.history[0]!;
    if (oldest.atMs <= processedUntilMs) this.processed = Math.max(this.processed, oldest.sent);

    this.delaySumMs += delayMs;
    this.delays++;
    this.wasLimiting ||= isLimiting;
    this.adjustedAtMs ??= nowMs;
    const meanMs = this.delaySumMs / this.delays;
    const everyMs = Math.min(ADJUST_EVERY_MAX_MS, Math.max(ADJUST_EVERY_MIN_MS, meanMs));
    if (nowMs - this.adjustedAtMs >= everyMs) this.adjust(nowMs, meanMs);
  }

  private adjust(nowMs: number, meanDelayMs: number): void {
    const error = Math.min(MAX_ERROR, Math.max(1 / MAX_ERROR, this.targetMs / Math.max(1, meanDelayMs)));
    if (error < 1 || this.wasLimiting)
      this.window = Math.min(MAX_WINDOW, Math.max(MIN_WINDOW, this.window * error ** GAIN));
    this.delaySumMs = 0;
    this.delays = 0;
    this.wasLimiting = false;
    this.adjustedAtMs = nowMs;
  }
}
