/**
 * An event later than all others costs the same however many a cart has: of the past nothing is read for it but what it
 * names, the products that it has in common with events before.
 */
import { describe, expect, it } from 'vitest';
import type { CartEvent } from '../../schemas/types.ts';
import { concludeDue, decodeState, dueOf, foldCart, snapshotOf } from './index.ts';
import { TestCart } from './testing/cart.ts';
import { cartEvent, keyOf, minute } from './testing/events.ts';

/** Carries all values itself, so that none has to be looked up. */
const event = (at: number, fields: Partial<CartEvent> = {}): CartEvent =>
  cartEvent({
    event_key: keyOf(`${at} ${JSON.stringify(fields)}`),
    occurred_at: minute(at),
    store_id: '68',
    mode: 'pickup',
    amount: at,
    products: [{ product_id: 'p', count: 1, price: null }],
    ...fields,
  });
const status = (at: number, name: string): CartEvent => event(at, { kind: 'cart_status', status: name });
const own = (at: number): CartEvent => event(at, { kind: 'cart_abandoned' });

/** A state whose records say nothing any more. */
function garbled(state: Buffer): Buffer {
  const { summary, decisions, products, index, records } = decodeState(state).sizes;
  const start = summary + decisions + products + index;
  return Buffer.from(state).fill(1, start, start + records);
}

/** Products of no event of the tests below. */
const OLD = Array.from({ length: 200 }, (_, i) => ({ product_id: `old ${i}`, count: 1, price: i }));

/** The history after enough events that their products have an index; the size of these products. */
function withOld(history: readonly (CartEvent | number)[]): { state: Buffer; oldSize: number } {
  const old = Array.from({ length: 10 }, (_, i) =>
    event(i - 2000, { emptying: true, products: OLD.slice(20 * i, 20 * i + 20) }),
  );
  return { state: cartOf([...old, ...history]), oldSize: decodeState(cartOf(old)).sizes.products };
}

/** A state whose records say nothing any more, nor do the products of its oldest events. */
function garbledWithOld(state: Buffer, oldSize: number): Buffer {
  const { summary, decisions, index } = decodeState(state).sizes;
  expect(index).toBeGreaterThan(0);
  const start = summary + decisions;
  return garbled(state).fill(1, start, start + oldSize);
}

function cartOf(history: readonly (CartEvent | number)[]): Buffer {
  const cart = new TestCart();
  for (const one of history) {
    if (typeof one === 'number') cart.tick(minute(one));
    else cart.deliver(one, one.occurred_at);
  }
  return cart.state!;
}

const CASES: [string, (CartEvent | number)[], CartEvent][] = [
  ['another activity', [event(0)], event(5)],
  ['a change', [event(0)], status(5, 'verification')],
  ['a change at the same time as an activity', [event(0)], status(0, 'verification')],
  ['emptying at the same time as an activity', [event(0)], event(0, { emptying: true })],
  ["Jane's own at the same time as a change", [status(0, 'verification')], own(0)],
  ['a further change', [status(0, 'verification')], status(5, 'preparing')],
  ['activity after an abandonment', [event(0), 40], event(50)],
  ['pending after an abandonment', [event(0), 40], status(50, 'pending')],
  ['a cancellation after an abandonment', [event(0), 40], status(50, 'cancelled')],
  ["activity after Jane's own", [own(0)], event(5)],
  ['a change after a recovery', [event(0), 40, status(50, 'verification')], status(60, 'preparing')],
  ['an unknown status', [status(0, 'verification')], status(5, 'on_hold')],
];

function same(state: Buffer, garbledState: Buffer, next: CartEvent): void {
  const logTime = next.occurred_at;
  const wanted = foldCart(state, next, logTime);
  const folded = foldCart(garbledState, next, logTime);
  expect(folded.changes).toEqual(wanted.changes);
  expect(snapshotOf(folded.state)).toEqual(snapshotOf(wanted.state));
  expect(dueOf(folded.state)).toBe(dueOf(wanted.state));
}

describe('nothing of the past is read', () => {
  it.each(CASES)('for %s', (_what, history, next) => {
    const state = cartOf(history);
    same(state, garbled(state), next);
  });

  it.each(CASES)('for %s, nor what other products there were', (_what, history, next) => {
    const { state, oldSize } = withOld(history);
    same(state, garbledWithOld(state, oldSize), next);
  });

  it.each<[string, Partial<CartEvent>]>([
    ['an event that says nothing itself', { products: null }],
    ['an event with products of its own', { products: [{ product_id: 'q', count: 1, price: 2 }] }],
    ['an event without products', { products: [] }],
  ])('for %s, nor what other products there were', (_what, fields) => {
    const { state, oldSize } = withOld([event(0)]);
    same(state, garbledWithOld(state, oldSize), { ...status(5, 'verification'), ...fields });
  });

  it('for a deadline, nor what other products there were', () => {
    const { state, oldSize } = withOld([event(0), event(5)]);
    const { changes } = concludeDue(garbledWithOld(state, oldSize), minute(40));
    expect(changes).toMatchObject([{ occurred_at: minute(35), products: event(5).products }]);
  });

  it('for a deadline', () => {
    const state = cartOf([event(0), event(5)]);
    const concluded = concludeDue(garbled(state), minute(40));
    expect(concluded.changes.map((c) => [c.occurred_at, c.detected_at])).toEqual([[minute(35), minute(40)]]);
    expect(dueOf(concluded.state)).toBe(dueOf(concludeDue(state, minute(40)).state));
    expect(snapshotOf(concluded.state).created_at).toBe(minute(0));
  });
});
