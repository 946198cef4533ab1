/** The pause after a transaction is this share of the time that it took, within a limit. */
const PAUSE_SHARE = 0.5;
const PAUSE_MAX_MS = 25;

/**
 * Decides when the next transaction begins. A transaction costs Kafka the same with one record as with many, and a slow
 * one shows that Kafka, or the machine, is busy: then the next one waits a moment for more records. On a machine that
 * is not busy, transactions take few milliseconds, and the pauses are as short.
 */
export class CommitPacing {
  private resumeAtMs = -Infinity;

  /**
   * A transaction has been committed; times by `elapsedMs`. `isFull`: it held as much as one may hold, so more is waiting,
   * and the next one begins at once.
   */
  committed(startedAtMs: number, nowMs: number, isFull: boolean): void {
    const pauseMs = isFull ? 0 : Math.ceil(Math.min(PAUSE_MAX_MS, PAUSE_SHARE * (nowMs - startedAtMs)));
    this.resumeAtMs = nowMs + pauseMs;
  }

  /** How long the next transaction waits from now on; at most 0 when it begins at once. */
  pauseMs(nowMs: number): number {
    return this.resumeAtMs - nowMs;
  }
}
