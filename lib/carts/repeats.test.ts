import { describe, expect, it } from 'vitest';
import type { CartEvent } from '../../schemas/types.ts';
import { decodeState, foldCart } from './index.ts';
import { MINUTE, cartEvent, keyOf, minute } from './testing/events.ts';

const FIRST = { event_key: keyOf('body'), occurred_at: minute(0), received_at: minute(1), request_at: minute(0.5) };
const HORIZON = 15 * MINUTE;

type Fields = Partial<CartEvent>;

/** Whether a delivery that differs from the first in `fields` is an event of its own. */
function outcome(kind: Fields, fields: Fields, first: Fields = {}): string {
  const event = cartEvent({ ...FIRST, ...kind, ...first });
  const { state } = foldCart(undefined, event, minute(2));
  return foldCart(state, { ...event, ...fields }, minute(600)).result;
}

const STATUS: Fields = { kind: 'cart_status', status: 'preparing' };
const ACTIVITY: Fields = { kind: 'cart_activity' };
const OWN: Fields = { kind: 'cart_abandoned' };
const soon = { received_at: minute(1) + HORIZON, request_at: minute(9) };
const later = { received_at: minute(1) + HORIZON + 1, request_at: minute(9) };

describe('a delivery repeats an event (semantics §1)', () => {
  it.each<[string, Fields, Fields, Fields, string]>([
    ['cart_status, the same again, however late', STATUS, { received_at: minute(500) }, {}, 'repeat'],
    ['cart_status, another request within the retry horizon', STATUS, soon, {}, 'repeat'],
    ['cart_status, another request beyond it', STATUS, later, {}, 'event'],
    [
      'cart_status, received before the first',
      STATUS,
      { received_at: minute(-50), request_at: minute(9) },
      {},
      'repeat',
    ],
    [
      'cart_status without request timestamps, within',
      STATUS,
      { ...soon, request_at: null },
      { request_at: null },
      'repeat',
    ],
    [
      'cart_status without request timestamps, beyond',
      STATUS,
      { ...later, request_at: null },
      { request_at: null },
      'event',
    ],
    [
      'cart_status, the horizon stamped on the delivery counts',
      STATUS,
      { ...later, retry_horizon_ms: HORIZON + 1 },
      {},
      'repeat',
    ],
    [
      'cart_status, the horizon stamped on the first does not',
      STATUS,
      { ...later, retry_horizon_ms: HORIZON },
      { retry_horizon_ms: 99 * HORIZON },
      'event',
    ],
    ['cart_status, another body', STATUS, { event_key: keyOf('other') }, {}, 'event'],
    ['cart_activity, the same request', ACTIVITY, { received_at: minute(500) }, {}, 'repeat'],
    ['cart_activity, another request within the horizon', ACTIVITY, soon, {}, 'event'],
    [
      'cart_activity without request timestamps, within',
      ACTIVITY,
      { ...soon, request_at: null },
      { request_at: null },
      'repeat',
    ],
    [
      'cart_activity without request timestamps, beyond',
      ACTIVITY,
      { ...later, request_at: null },
      { request_at: null },
      'event',
    ],
    ['cart_activity, only the first has one, within', ACTIVITY, { ...soon, request_at: null }, {}, 'repeat'],
    ['cart_activity, only the first has one, beyond', ACTIVITY, { ...later, request_at: null }, {}, 'event'],
    ['cart_activity, only the second has one, within', ACTIVITY, soon, { request_at: null }, 'repeat'],
    ['cart_abandoned, the same request', OWN, { received_at: minute(500) }, {}, 'repeat'],
    ['cart_abandoned, another request within the horizon', OWN, soon, {}, 'event'],
    [
      'a line, however late and whatever else',
      { ...STATUS, source: 'line' },
      { ...later, retry_horizon_ms: 0 },
      {},
      'repeat',
    ],
    ['a line and a webhook', STATUS, { source: 'line' }, {}, 'event'],
    ['a webhook and a line', { ...STATUS, source: 'line' }, { source: 'webhook' }, {}, 'event'],
    ['one event_id for two kinds', { ...ACTIVITY, source: 'line' }, { ...STATUS, source: 'line' }, {}, 'event'],
  ])('%s', (_name, kind, fields, first, wanted) => {
    expect(outcome(kind, fields, first)).toBe(wanted);
  });

  it('any of several events that share a key', () => {
    const first = cartEvent({ ...FIRST, ...ACTIVITY });
    const second = { ...first, request_at: minute(5) };
    let { state } = foldCart(undefined, first, minute(2));
    ({ state } = foldCart(state, cartEvent({ occurred_at: minute(1) }), minute(6)));
    ({ state } = foldCart(state, second, minute(6)));
    expect(foldCart(state, { ...second, received_at: minute(99) }, minute(99)).result).toBe('repeat');
    expect(foldCart(state, { ...first, received_at: minute(99) }, minute(99)).result).toBe('repeat');
    expect(foldCart(state, { ...first, request_at: minute(7) }, minute(99)).result).toBe('event');
  });

  it('of two events that are level in all that orders them the one that arrived first is the change', () => {
    const first = cartEvent({ ...FIRST, ...STATUS });
    const activity = (at: number, window: number): CartEvent =>
      cartEvent({ occurred_at: minute(at), abandonment_window_ms: window * MINUTE });
    // Activities with other settings come between, which are no status's business.
    let { state } = foldCart(undefined, activity(-9, 60), minute(1));
    ({ state } = foldCart(state, first, minute(2)));
    ({ state } = foldCart(state, activity(3, 30), minute(3)));
    const again = foldCart(state, { ...first, ...later }, minute(30));
    expect([again.result, again.changes]).toEqual(['event', []]);
    // A change whose assertion is as old as its event needs no decision.
    expect(decodeState(again.state).decisions).toEqual([]);
    const before = foldCart(again.state, { ...first, occurred_at: minute(-1), event_key: keyOf('b') }, minute(31));
    expect(before.changes.map((change) => [change.op, change.occurred_at, change.detected_at])).toEqual([
      ['retracted', minute(0), minute(2)],
      ['asserted', minute(-1), minute(31)],
    ]);
  });

  it('keys that begin alike are not the same', () => {
    const key = Buffer.alloc(16, 7);
    const other = Buffer.alloc(16, 7);
    other[15] = 8;
    const { state } = foldCart(undefined, cartEvent({ ...FIRST, event_key: key }), minute(2));
    expect(foldCart(state, cartEvent({ ...FIRST, event_key: other }), minute(2)).result).toBe('event');
    expect(foldCart(state, cartEvent({ ...FIRST, event_key: key }), minute(2)).result).toBe('repeat');
  });

  it('a repeat leaves the very state that was there', () => {
    const event = cartEvent(FIRST);
    const { state } = foldCart(undefined, event, minute(2));
    const again = foldCart(state, event, minute(3));
    expect(again.state).toBe(state);
    expect(again.changes).toEqual([]);
  });

  it('a repeat still tells what fell due meanwhile', () => {
    const event = cartEvent(FIRST);
    const { state } = foldCart(undefined, event, minute(2));
    const again = foldCart(state, event, minute(31));
    expect(again.changes.map((change) => [change.op, change.occurred_at, change.detected_at])).toEqual([
      ['asserted', minute(30), minute(31)],
    ]);
    expect(again.state).not.toBe(state);
  });

  it('a tick is not an event of a cart', () => {
    expect(() => foldCart(undefined, { ...cartEvent(FIRST), kind: 'tick' }, minute(2))).toThrow(
      new RangeError('a tick is not an event of a cart'),
    );
  });
});
