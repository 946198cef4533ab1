/** Part of the naive oracle (oracle.ts): which events repeat others, and their order (docs/semantics.md §1). */
import type { CartEvent } from '../../../schemas/types.ts';

const BEFORE_UNKNOWN = [
  'verification',
  'staff_member_review',
  'preparing',
  'ready_for_pickup',
  'delivery_started',
  'delivery_finished',
];
const AFTER_UNKNOWN = ['finished', 'finished_without_review', 'with_review', 'cancelled', 'dismissed'];
const KINDS = ['cart_status', 'cart_activity', 'cart_abandoned'];

const quiet = (e: CartEvent): boolean =>
  e.kind === 'cart_activity' || (e.kind === 'cart_status' && e.status === 'pending');
export const isEmptying = (e: CartEvent): boolean => quiet(e) && e.emptying;
export const isActivity = (e: CartEvent): boolean => quiet(e) && !e.emptying;
export const isOwn = (e: CartEvent): boolean => e.kind === 'cart_abandoned';

/** §1, the table: whether `delivery` repeats an event whose first delivery is `first`. */
export function repeats(delivery: CartEvent, first: CartEvent): boolean {
  if (delivery.kind !== first.kind || delivery.source !== first.source) return false;
  if (Buffer.compare(delivery.event_key, first.event_key) !== 0) return false;
  if (delivery.source === 'line') return true;
  const within = delivery.received_at - first.received_at <= delivery.retry_horizon_ms;
  const bothSay = delivery.request_at !== null && first.request_at !== null;
  const sameRequest = bothSay && delivery.request_at === first.request_at;
  if (delivery.kind === 'cart_status') return sameRequest || within;
  return bothSay ? sameRequest : within;
}

/** §1, order: what stands first among events of one T, as a list of things to compare one after the other. */
function place(e: CartEvent): [number, number, string] {
  if (isActivity(e)) return [0, 0, ''];
  if (isEmptying(e)) return [1, 0, ''];
  if (isOwn(e)) return [3, 0, ''];
  const status = e.status ?? '';
  const early = BEFORE_UNKNOWN.indexOf(status);
  if (early >= 0) return [2, early, ''];
  const late = AFTER_UNKNOWN.indexOf(status);
  if (late >= 0) return [2, 100 + late, ''];
  return [2, 50, status];
}

/** Earlier than every time for what has none. */
const requestOf = (e: CartEvent): number => (e.source === 'line' || e.request_at === null ? -1e300 : e.request_at);

export function compare(a: CartEvent, b: CartEvent): number {
  if (a.occurred_at !== b.occurred_at) return a.occurred_at - b.occurred_at;
  const x = place(a);
  const y = place(b);
  if (x[0] !== y[0]) return x[0] - y[0];
  if (x[1] !== y[1]) return x[1] - y[1];
  if (x[2] !== y[2]) return x[2] < y[2] ? -1 : 1;
  // "then the request timestamp (lines, and webhooks without one, first)".
  const request = requestOf(a) - requestOf(b);
  if (request !== 0) return request;
  const byKey = Buffer.compare(a.event_key, b.event_key);
  if (byKey !== 0) return byKey;
  // The text ends here. Two events may still be level: one body accepted twice, or one event_id for two kinds. For the
  // law to hold something of the events themselves has to decide, not their arrival.
  if (a.kind !== b.kind) return KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);
  if (a.source !== b.source) return a.source === 'webhook' ? -1 : 1;
  return a.abandonment_window_ms - b.abandonment_window_ms;
}
