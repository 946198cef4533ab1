import type { CartEvent, OccurredAtSource } from '../../schemas/types.ts';
import { readCart } from './cart.ts';
import { cartEventOf } from './event.ts';
import { isObject, parseJson, type JsonObject } from './json.ts';
import { contentKey } from './keys.ts';
import { CLAMP_TOLERANCE_MS, EARLIEST_MS } from './limits.ts';
import type { WebhookContext } from './settings.ts';
import { readTime, UnknownZoneError } from '../time/index.ts';
import { Unusable } from './unusable.ts';

/** Interprets the raw body of one authenticated webhook (semantics §1). No body makes it throw. */
export function parseWebhook(body: Uint8Array, context: WebhookContext): CartEvent | Unusable {
  try {
    return interpret(body, context);
  } catch (error) {
    // An invalid stored zone must not lose a webhook, and its time must not be guessed: keep it for a replay.
    if (error instanceof UnknownZoneError)
      return new Unusable(
        'bad_zone',
        '',
        `A time in it has no offset, and the subscription's time_zone ${error.zone} is not an IANA time zone. Set another time_zone, then replay this dead letter.`,
      );
    throw error;
  }
}

function interpret(body: Uint8Array, context: WebhookContext): CartEvent | Unusable {
  const parsed = parseJson(body);
  if (parsed instanceof Unusable) return parsed;
  if (!isObject(parsed.value))
    return new Unusable('not_an_object', '', 'The body must be a JSON object with a member "cart".');
  const cart = parsed.value['cart'];
  if (!isObject(cart)) return new Unusable('no_cart', '/cart', 'is missing or not an object; send the cart in it.');

  const facts = readCart(cart, context.kind, context.timeZone, context.settings.defaultCountry);
  if (facts instanceof Unusable) return facts;
  const { storeIds, receivedAtMs } = context;
  if (storeIds !== null && storeIds.length > 0 && !isCovered(cart, facts.store_id, storeIds))
    return new Unusable(
      'store_not_covered',
      '/cart/store_id',
      'is not covered by this subscription; add the store to its store_ids.',
    );

  const time = timeOf(cart, facts.status, context);
  const key = contentKey(context.kind, facts.cart_id, body);
  return cartEventOf(facts, {
    kind: context.kind,
    source: 'webhook',
    workspace: context.workspace,
    subscription_id: context.subscriptionId,
    event_id: key.toString('hex'),
    event_key: key,
    occurred_at: Math.min(time.at, receivedAtMs),
    occurred_at_source: time.source,
    clamped: time.at > receivedAtMs + CLAMP_TOLERANCE_MS,
    received_at: receivedAtMs,
    request_at: context.requestAtMs,
    settings: context.settings,
    body,
  });
}

/** Whether the store is one of these, or not given. A given one that cannot be read is not covered. */
function isCovered(cart: JsonObject, storeId: string | null, storeIds: readonly string[]): boolean {
  if (storeId !== null) return storeIds.includes(storeId);
  const said = cart['store_id'] ?? '';
  return typeof said === 'string' && said.trim() === '';
}

/** T of a webhook: the first of its sources that can be read and is not before 2010. */
function timeOf(
  cart: JsonObject,
  status: string | null,
  context: WebhookContext,
): { at: number; source: OccurredAtSource } {
  const updated = plausible(cart, 'updated_at_time', context.timeZone);
  if (updated !== null) return { at: updated, source: 'updated' };
  const checkedOut = status === 'verification' ? plausible(cart, 'checked_out_time', context.timeZone) : null;
  if (checkedOut !== null) return { at: checkedOut, source: 'checked_out' };
  if (context.requestAtMs !== null && context.requestAtMs >= EARLIEST_MS)
    return { at: context.requestAtMs, source: 'request' };
  return { at: context.receivedAtMs, source: 'received' };
}

function plausible(cart: JsonObject, key: string, timeZone: string): number | null {
  const value = cart[key];
  const time = typeof value === 'string' ? readTime(value, timeZone) : null;
  return time !== null && time >= EARLIEST_MS ? time : null;
}
