import type { CartEvent } from '../../schemas/types.ts';
import { readCart } from './cart.ts';
import { cartEventOf } from './event.ts';
import { Fields } from './fields.ts';
import { isObject, parseJson, type JsonObject } from './json.ts';
import { contentKey, eventIdKey } from './keys.ts';
import { CLAMP_TOLERANCE_MS, EARLIEST_MS, MAX_EVENT_ID_CHARACTERS } from './limits.ts';
import type { DeliveryKind, LineContext } from './settings.ts';
import { readInstant } from '../time/index.ts';
import { Unusable } from './unusable.ts';

const FIELDS = new Set(['type', 'occurred_at', 'event_id', 'cart']);
const KINDS: ReadonlySet<string> = new Set<DeliveryKind>(['cart_status', 'cart_activity', 'cart_abandoned']);
/** Jane's times without a zone are UTC in lines. */
const LINE_ZONE = 'UTC';

/** Interprets one line of `/v1/events`, without its line break (semantics §1). No bytes make it throw. */
export function parseLine(line: Uint8Array, context: LineContext): CartEvent | Unusable {
  const object = parseLineObject(line);
  if (object instanceof Unusable) return object;
  const fields = new Fields(object, '');
  fields.only(FIELDS);
  const kind = fields.text('type');
  if (kind === null || !KINDS.has(kind))
    fields.refuse('type', 'wrong_value', `must be one of ${[...KINDS].join(', ')}.`);
  const time = readOccurredAt(fields, context.receivedAtMs);
  const eventId = fields.text('event_id', MAX_EVENT_ID_CHARACTERS);
  if (eventId === '') fields.refuse('event_id', 'wrong_value', 'is empty; send an id or leave it out.');
  const cart = fields.child('cart');
  if (cart === null) fields.refuse('cart', 'no_cart', 'is missing; send the cart in it.');
  if (fields.problem !== null || cart === null || time === null) return fields.problem!;

  const facts = readCart(cart, kind as DeliveryKind, LINE_ZONE, context.settings.defaultCountry);
  if (facts instanceof Unusable) return facts;
  const key = eventId === null ? contentKey(kind!, facts.cart_id, line) : eventIdKey(eventId);
  return cartEventOf(facts, {
    kind: kind as DeliveryKind,
    source: 'line',
    workspace: context.workspace,
    subscription_id: null,
    event_id: eventId ?? key.toString('hex'),
    event_key: key,
    occurred_at: time.at,
    occurred_at_source: 'given',
    clamped: time.clamped,
    received_at: context.receivedAtMs,
    request_at: null,
    settings: context.settings,
    body: line,
  });
}

/** The JSON object of a line of a bulk body. */
export function parseLineObject(line: Uint8Array): JsonObject | Unusable {
  const parsed = parseJson(line);
  if (parsed instanceof Unusable) return parsed;
  return isObject(parsed.value) ? parsed.value : new Unusable('not_an_object', '', 'The line must be one JSON object.');
}

/** The time of a line, bounded by receipt (Unix ms). Null, with `problem` set, if it is invalid. */
export function readOccurredAt(fields: Fields, receivedAtMs: number): { at: number; clamped: boolean } | null {
  const text = fields.raw('occurred_at');
  const time = typeof text === 'string' ? readInstant(text) : null;
  if (time === null)
    return fields.refuse(
      'occurred_at',
      'bad_time',
      'must be an RFC 3339 instant with its zone, such as 2026-03-17T09:30:00Z.',
    );
  if (time < EARLIEST_MS)
    return fields.refuse('occurred_at', 'too_early', 'is before 2010-01-01; send the time of the event.');
  return { at: Math.min(time, receivedAtMs), clamped: time > receivedAtMs + CLAMP_TOLERANCE_MS };
}
