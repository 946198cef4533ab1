import { Backoff, type Clock } from '../clock/index.ts';

/** The pauses between attempts to reach a broker. */
export const RETRY_PAUSES = { firstMs: 50, maxMs: 1_000 };

/** Brokers or partitions that have failed, each with a back-off of its own. */
export class Retries {
  private readonly failing = new Map<string, { backoff: Backoff; retryAtMs: number }>();

  constructor(private readonly clock: Clock) {}

  /** It failed: it is not due until its pause is over. Returns whether it had not failed since its last success. */
  failed(key: string): boolean {
    const known = this.failing.get(key);
    const backoff = known?.backoff ?? new Backoff(RETRY_PAUSES);
    this.failing.set(key, { backoff, retryAtMs: this.clock.elapsedMs() + backoff.nextMs() });
    return known === undefined;
  }

  succeeded(key: string): void {
    this.failing.delete(key);
  }

  isDue(key: string): boolean {
    return this.clock.elapsedMs() >= (this.failing.get(key)?.retryAtMs ?? -Infinity);
  }

  /** When the next pause ends, by `elapsedMs`; Infinity when there is none. */
  get nextMs(): number {
    const nowMs = this.clock.elapsedMs();
    let next = Infinity;
    for (const { retryAtMs } of this.failing.values()) if (retryAtMs > nowMs) next = Math.min(next, retryAtMs);
    return next;
  }

  clear(): void {
    this.failing.clear();
  }
}
