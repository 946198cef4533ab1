import { describe, expect, it } from 'vitest';
import { ByteReader } from '../bytes/index.ts';
import { Scratch, concludeDue, dueOf, foldCart, snapshotOf } from './index.ts';
import { emptyCart, newCart, openState } from './state.ts';
import { newSummary, clearSummary } from './summary.ts';
import { TestCart } from './testing/cart.ts';
import { cartEvent, keyOf, minute } from './testing/events.ts';
import { history } from './testing/histories.ts';
import { randomFrom } from './testing/random.ts';
import { readStored, stateOf } from './testing/stored.ts';

/** States of many carts, one cart after the other. */
function* states(seeds = 50): Generator<Buffer> {
  for (let seed = 1; seed <= seeds; seed++) {
    const cart = new TestCart();
    for (const { event, logTime } of history(randomFrom(seed), { events: 12, span: 200, ordered: 0.3 })) {
      if (event === null) cart.tick(logTime);
      else cart.deliver(event, logTime);
      if (cart.state !== undefined) yield cart.state;
    }
  }
}

/** A scratch whose cart was opened and has taken an event: every member of its summary may differ from a new one's. */
function used(state: Buffer, scratch: Scratch): Scratch {
  for (const [i, kind] of (['cart_activity', 'cart_status', 'cart_abandoned'] as const).entries()) {
    const event = cartEvent({ kind, event_key: keyOf(`${i}`), occurred_at: minute(1000 + i), store_id: 'other' });
    foldCart(
      state,
      { ...event, status: kind === 'cart_status' ? 'put_aside' : null },
      minute(2000 + i),
      undefined,
      scratch,
    );
  }
  return scratch;
}

/** Values of the members that a new summary does not have. */
const others = (): Record<string, unknown> => ({
  episode: { openedAt: 1, deadline: 2, settledAt: 3, lastIndex: 4, concluded: true },
  seenUnknown: [true],
  stays: [{ status: 3, beganAt: 1, leftAt: 2 }],
  stored: Buffer.from('stored'),
  texts: ['other'],
  unread: new ByteReader(Buffer.from('unread'), 'another state'),
});

/** Gives every member of every part a value that no state of the test has, and every flag this one. */
function spoil(part: object, flag: boolean): void {
  for (const [member, value] of Object.entries(part) as [string, unknown][]) {
    if (typeof value === 'object' && value !== null) {
      spoil(value, flag);
      continue;
    }
    const other = typeof value === 'number' ? 0.5 : typeof value === 'boolean' ? flag : others()[member];
    expect(other, member).toBeDefined();
    Reflect.set(part, member, other);
  }
}

/** Of every format that is read. */
function* statesOfAllFormats(): Generator<Buffer> {
  yield* states(20);
  for (const version of [3, 4]) for (const stored of readStored(version)) yield stateOf(stored);
  const cart = new TestCart();
  const products = Array.from({ length: 400 }, (_, i) => ({ product_id: `p${i}`, count: 1, price: 1 }));
  cart.deliver(cartEvent({ occurred_at: minute(1), products }), minute(1));
  yield cart.state!;
}

describe('a scratch', () => {
  it('whose every member is another opens every state like a new one', () => {
    for (const state of statesOfAllFormats()) {
      for (const flag of [false, true]) {
        const scratch = new Scratch();
        spoil(scratch.cart.summary, flag);
        expect(openState(state, scratch)).toEqual(openState(state));
      }
    }
  });

  it('that was used for other carts opens every state like a new one', () => {
    const scratch = new Scratch();
    for (const state of states()) {
      const opened = openState(state, used(state, scratch));
      expect(opened).toEqual(openState(state));
    }
  });

  it('that was used for other carts begins every life like a new one', () => {
    const scratch = new Scratch();
    for (const state of states()) {
      const { cart } = used(state, scratch);
      for (const beyondHorizon of [false, true]) {
        expect(emptyCart(beyondHorizon, cart)).toEqual(emptyCart(beyondHorizon, newCart()));
      }
      used(state, scratch);
      clearSummary(cart.summary);
      expect(cart.summary).toEqual(newSummary());
    }
  });

  it('that has met a damaged state folds the next one like a new one', () => {
    const scratch = new Scratch();
    for (const state of states(5)) {
      for (const size of [2, 7, 12, state.length >> 1, state.length - 1]) {
        expect(() => openState(state.subarray(0, size), scratch)).toThrow();
        expect(snapshotOf(state, scratch)).toEqual(snapshotOf(state));
        expect(dueOf(state, undefined, scratch)).toBe(dueOf(state));
        expect(concludeDue(state, minute(900), undefined, scratch)).toEqual(concludeDue(state, minute(900)));
      }
    }
  });
});
