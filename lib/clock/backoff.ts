export interface BackoffOptions {
  /** The first pause; each later one is twice as long. */
  firstMs: number;
  /** The longest pause. */
  maxMs: number;
  /**
   * Returns a number from 0 up to 1, such as `Math.random`. If given, every pause is drawn between 0 and its full
   * length, so that clients do not retry at the same moments.
   */
  random?: () => number;
}

/** The pauses between attempts: exponential and capped, with full jitter if `random` is given. */
export class Backoff {
  private fullMs = 0;

  constructor(private readonly options: BackoffOptions) {}

  /** The pause before the next attempt, in milliseconds. Each call counts as one failed attempt. */
  nextMs(): number {
    const { firstMs, maxMs, random } = this.options;
    this.fullMs = Math.min(maxMs, Math.max(firstMs, this.fullMs * 2));
    return random === undefined ? this.fullMs : random() * this.fullMs;
  }

  /** An attempt succeeded: the next pause is the first one again. */
  reset(): void {
    this.fullMs = 0;
  }
}
