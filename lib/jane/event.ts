import type { CartEvent } from '../../schemas/types.ts';
import type { CartFacts } from './cart.ts';
import type { ReceiptSettings } from './settings.ts';

/** The circumstances in which a cart's facts were delivered. */
export type Delivery = Pick<
  CartEvent,
  | 'kind'
  | 'source'
  | 'workspace'
  | 'subscription_id'
  | 'event_id'
  | 'event_key'
  | 'occurred_at'
  | 'occurred_at_source'
  | 'clamped'
  | 'received_at'
  | 'request_at'
> & { settings: ReceiptSettings; body: Uint8Array };

/** The record of `cart-events`. Member by member: spreading this many costs more than all other work on a delivery. */
export function cartEventOf(facts: CartFacts, delivery: Delivery): CartEvent {
  const { settings, body } = delivery;
  return {
    kind: delivery.kind,
    source: delivery.source,
    workspace: delivery.workspace,
    cart_id: facts.cart_id,
    subscription_id: delivery.subscription_id,
    event_id: delivery.event_id,
    event_key: delivery.event_key,
    occurred_at: delivery.occurred_at,
    occurred_at_source: delivery.occurred_at_source,
    clamped: delivery.clamped,
    received_at: delivery.received_at,
    request_at: delivery.request_at,
    abandonment_window_ms: settings.abandonmentWindowMs,
    grace_ms: settings.graceMs,
    retry_horizon_ms: settings.retryHorizonMs,
    status: facts.status,
    emptying: facts.emptying,
    store_id: facts.store_id,
    store_name: facts.store_name,
    mode: facts.mode,
    amount: facts.amount,
    products: facts.products,
    cart_created_at: facts.cart_created_at,
    reservation_start_at: facts.reservation_start_at,
    user_id: facts.who.user_id,
    external_source: facts.who.external_source,
    external_id: facts.who.external_id,
    phone: facts.who.phone,
    email: facts.who.email,
    unread_phone: facts.who.unread_phone,
    unread_email: facts.who.unread_email,
    name: facts.name,
    body: Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
  };
}
