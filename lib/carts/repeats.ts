/** Decides whether a delivery repeats an event that the cart already has (semantics §1, the table of deliveries). */
import { KIND_STATUS } from './order.ts';

/** A delivery as far as repeats go. Times are Unix milliseconds; `requestAt` is NaN if it has none. */
export interface Delivery {
  kind: number;
  line: boolean;
  receivedAt: number;
  requestAt: number;
}

/**
 * @param delivery has the same event key as
 * @param first the first delivery of an event of the same cart
 * @param retryHorizonMs as stamped on `delivery`
 */
export function repeats(delivery: Delivery, first: Delivery, retryHorizonMs: number): boolean {
  if (delivery.kind !== first.kind || delivery.line !== first.line) return false;
  if (delivery.line) return true;
  // NaN equals nothing: two deliveries without a request timestamp do not share one.
  if (delivery.requestAt === first.requestAt) return true;
  const bothSay = !Number.isNaN(delivery.requestAt) && !Number.isNaN(first.requestAt);
  if (delivery.kind !== KIND_STATUS && bothSay) return false;
  return delivery.receivedAt - first.receivedAt <= retryHorizonMs;
}
