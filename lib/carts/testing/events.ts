/** Events for tests: whole wire records from the few fields that a test is about. */
import { createHash } from 'node:crypto';
import type { CartEvent } from '../../../schemas/types.ts';

export const MINUTE = 60_000;
/** Minute 0 of the tests' histories. */
export const EPOCH = Date.UTC(2026, 2, 17);

/** Unix milliseconds of a minute of a test's history. */
export const minute = (count: number): number => EPOCH + Math.round(count * MINUTE);

/** The 16-byte key of a test's event name. */
export function keyOf(name: string): Buffer {
  return createHash('sha256').update(name).digest().subarray(0, 16);
}

/** A webhook about a cart; everything that is not given is absent or has its default. */
export function cartEvent(fields: Partial<CartEvent> & { occurred_at: number }): CartEvent {
  const key = fields.event_key ?? keyOf(JSON.stringify(fields));
  const receivedAt = fields.received_at ?? fields.occurred_at;
  return {
    kind: 'cart_activity',
    source: 'webhook',
    workspace: 'shop',
    cart_id: '7469',
    subscription_id: null,
    event_id: key.toString('hex'),
    event_key: key,
    occurred_at_source: 'updated',
    clamped: false,
    received_at: receivedAt,
    request_at: receivedAt,
    abandonment_window_ms: 30 * MINUTE,
    grace_ms: MINUTE,
    retry_horizon_ms: 15 * MINUTE,
    status: null,
    emptying: false,
    store_id: null,
    store_name: null,
    mode: null,
    amount: null,
    products: null,
    cart_created_at: null,
    reservation_start_at: null,
    user_id: null,
    external_source: null,
    external_id: null,
    phone: null,
    email: null,
    unread_phone: null,
    unread_email: null,
    name: null,
    body: Buffer.alloc(0),
    ...fields,
  };
}
