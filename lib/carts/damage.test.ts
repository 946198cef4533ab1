import { describe, expect, it } from 'vitest';
import type { CartEvent, Product } from '../../schemas/types.ts';
import { BrokenInvariantError, ByteWriter, DamagedStateError } from '../bytes/index.ts';
import { UnknownVersionError, concludeDue, decodeState, dueOf, foldCart, snapshotOf } from './index.ts';
import { openState, type LiveCart } from './state.ts';
import { writeSummary } from './summary-bytes.ts';
import type { Sizes } from './summary.ts';
import { TestCart } from './testing/cart.ts';
import { cartEvent, keyOf, minute } from './testing/events.ts';

const at = (time: number, more: Partial<CartEvent> = {}): CartEvent =>
  cartEvent({ occurred_at: minute(time), event_key: keyOf(JSON.stringify([time, more])), ...more });
const status = (time: number, name: string, more: Partial<CartEvent> = {}): CartEvent =>
  at(time, { kind: 'cart_status', status: name, ...more });
const products = (count: number): Product[] =>
  Array.from({ length: count }, (_, i) => ({ product_id: `p${i}`, count: 1, price: i / 4 }));

function stateOf(...events: (CartEvent | number)[]): Buffer {
  const cart = new TestCart();
  let logTime = minute(100);
  for (const event of events) {
    if (typeof event === 'number') cart.tick((logTime = minute(event)));
    else cart.deliver(event, (logTime += 1000));
  }
  return cart.state!;
}

/** Between them they have every section and every member of the summary. */
const STATES: [string, Buffer][] = [
  ['an open cart', stateOf(at(90, { store_id: '68', amount: 41.8, products: products(2) }), at(95, { amount: 3 }))],
  [
    'an order with odd statuses that was abandoned first',
    stateOf(
      at(0, { store_id: '68', reservation_start_at: minute(90) }),
      200,
      at(20, { source: 'line', amount: 1 / 3 }),
      status(60, 'on_hold', { mode: 'delivery', products: products(3) }),
      status(70, 'delivery_arrived', { request_at: null }),
      at(10, { kind: 'cart_abandoned' }),
      status(5, 'pending', { emptying: true, store_id: '70' }),
    ),
  ],
  ['a cart whose products have an index', stateOf(at(0, { products: products(150) }))],
];

/** Everything that reads a state; the late events read all records. */
const READERS: [string, (state: Buffer) => unknown][] = [
  ['snapshotOf', snapshotOf],
  ['dueOf', (state) => dueOf(state)],
  ['decodeState', decodeState],
  ['concludeDue', (state) => concludeDue(state, minute(9000))],
  ['a later event', (state) => foldCart(state, status(8000, 'finished', { products: products(4) }), minute(8000))],
  ['a late event', (state) => foldCart(state, at(1, { products: [] }), minute(8000))],
  ['a repeat', (state) => foldCart(state, at(90), minute(8000))],
];

function refusalOf(read: (state: Buffer) => unknown, state: Buffer): unknown {
  try {
    read(state);
    return undefined;
  } catch (error) {
    return error;
  }
}
const isRefusal = (error: unknown): boolean =>
  error instanceof DamagedStateError || error instanceof UnknownVersionError || error instanceof BrokenInvariantError;

describe.each(STATES)('the state of %s', (_what, state) => {
  it.each(READERS)('is refused by %s when it is cut, at every length', (_name, read) => {
    for (let size = 0; size < state.length; size++) {
      expect(isRefusal(refusalOf(read, Buffer.from(state.subarray(0, size)))), `${size} bytes`).toBe(true);
    }
  });

  it.each(READERS)('is refused by %s with trailing bytes', (_name, read) => {
    for (const size of [1, 16, 40]) {
      const error = refusalOf(read, Buffer.concat([state, Buffer.alloc(size)]));
      expect(error).toBeInstanceOf(DamagedStateError);
    }
  });

  it.each(READERS)('is read or refused by name by %s, whichever bit is wrong', (_name, read) => {
    // Of the index of products most bits are like each other.
    const stride = state.length > 2000 ? 29 : 1;
    for (let bit = 0; bit < 8 * state.length; bit += stride) {
      const damaged = Buffer.from(state);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const error = refusalOf(read, damaged);
      if (error !== undefined && !isRefusal(error)) throw error;
    }
  });

  it('is refused when a length is wrong although the lengths add up', () => {
    const sizes: (keyof Sizes)[] = ['decisions', 'products', 'index', 'records'];
    for (const more of sizes) {
      for (const less of sizes.filter((size) => size !== more)) {
        for (const by of [1, 2, 16]) {
          const cart = openState(state) as LiveCart;
          if (cart.summary.sizes[less] < by) continue;
          cart.summary.sizes[more] += by;
          cart.summary.sizes[less] -= by;
          expect(isRefusal(refusalOf(decodeState, withSummary(cart))), `${more} + ${by}, ${less} - ${by}`).toBe(true);
        }
      }
    }
  });

  it('is refused when the number of events is wrong although the lengths add up', () => {
    for (const by of [1, -1]) {
      const cart = openState(state) as LiveCart;
      if (cart.summary.sizes.records < 16 * by) continue;
      cart.summary.life.count += by;
      cart.summary.sizes.records -= 16 * by;
      expect(isRefusal(refusalOf(decodeState, withSummary(cart)))).toBe(true);
      expect(isRefusal(refusalOf((bytes) => foldCart(bytes, at(1), minute(8000)), withSummary(cart)))).toBe(true);
    }
  });

  it('is refused when an episode ends before its last activity', () => {
    const cart = openState(state) as LiveCart;
    const { visits } = cart.summary;
    if (visits.episode === undefined) return;
    visits.episode.deadline = visits.lastActivityAt - 1;
    const later = (bytes: Buffer): unknown => foldCart(bytes, at(4000, { amount: 2 }), minute(4000));
    expect(refusalOf(later, withSummary(cart))).toBeInstanceOf(BrokenInvariantError);
  });
});

/** The state with the summary as it is now. */
function withSummary({ bytes, summary, version, decisionsAt }: LiveCart): Buffer {
  const head = new ByteWriter();
  writeSummary(head, summary, version);
  return Buffer.concat([head.take(), bytes.subarray(decisionsAt)]);
}

describe('a refusal', () => {
  it('says whose state it is, at which byte, and what was expected', () => {
    const [, state] = STATES[0]!;
    const error = refusalOf(dueOf, state.subarray(0, 5)) as DamagedStateError;
    expect(error.message).toBe('the state of a cart is damaged at byte 5: expected the rest of a whole number');
    expect(error.of('the state of cart shop:7469')).toMatchObject({
      name: 'DamagedStateError',
      subject: 'the state of cart shop:7469',
      offset: 5,
      expected: 'the rest of a whole number',
    });
    const { decisionsAt } = openState(state) as LiveCart;
    const size = state.length;
    expect((refusalOf(dueOf, state.subarray(0, size - 1)) as Error).message).toBe(
      `the state of a cart is damaged at byte ${decisionsAt}: expected ${size} bytes in all, found ${size - 1}`,
    );
  });

  it('of a decision that belongs to no trait event', () => {
    const [, state] = STATES[1]!;
    const cart = openState(state) as LiveCart;
    const damaged = Buffer.from(state);
    // The lowest bits of the T of the first decision, behind its flags.
    damaged[cart.decisionsAt + 1]! ^= 1;
    expect(refusalOf((bytes) => foldCart(bytes, at(1), minute(8000)), damaged)).toBeInstanceOf(BrokenInvariantError);
  });

  it('of a record that refers to a value that no record before it has', () => {
    const state = stateOf(at(0));
    const cart = openState(state) as LiveCart;
    const damaged = Buffer.from(state);
    // The form of the first value, behind the record's flags: the same as before.
    expect(damaged[cart.recordsAt + 1]).toBe(0);
    damaged[cart.recordsAt + 1] = 1;
    const error = refusalOf(decodeState, damaged) as DamagedStateError;
    expect(error.message).toContain('expected a value that an earlier event has stated');
  });
});
