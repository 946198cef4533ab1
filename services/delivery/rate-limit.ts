/** Spreads calls evenly: at most `perSecond` in a second, without saving up what was not used. */
export class RateLimit {
  private nextMs = -Infinity;

  constructor(private readonly perSecond: number) {}

  /** Takes the right to one call now, and returns 0; or returns how long to wait, in ms. Times are `elapsedMs`. */
  take(nowMs: number): number {
    if (nowMs < this.nextMs) return Math.ceil(this.nextMs - nowMs);
    this.nextMs = Math.max(this.nextMs, nowMs - 1_000 / this.perSecond) + 1_000 / this.perSecond;
    return 0;
  }
}
