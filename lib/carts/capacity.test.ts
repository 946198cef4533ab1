/** Up to 2,000 events, no cart of realistic size is overfull, in any order of arrival. */
import { describe, expect, it } from 'vitest';
import type { CartEvent, Product } from '../../schemas/types.ts';
import { EVENT_LIMIT, foldCart } from './index.ts';
import { cartEvent, keyOf, minute } from './testing/events.ts';
import { randomFrom, shuffled, type Random } from './testing/random.ts';

const SEED = Number(process.env['JT_SEED'] ?? 1);

/** Ids of 36 characters. */
const lineOf = (id: number, count = 1, price = 10 + (id % 90) / 4): Product => ({
  product_id: `9f1c2d3e-5b7a-4c11-8000-${String(id * 7919).padStart(12, '0')}`,
  count,
  price,
});

const linesOf = (size: number): Product[] => Array.from({ length: size }, (_, i) => lineOf(i));

/** 60 of 500. */
const draw = (random: Random): number[] =>
  shuffled(
    Array.from({ length: 500 }, (_, id) => id),
    random,
  ).slice(0, 60);

/** Carts of 60 lines, by the list of their event `index` of `EVENT_LIMIT`. */
const CARTS: Record<string, (index: number, random: Random, before: Product[]) => Product[]> = {
  'that grow line by line': (index) => linesOf(1 + Math.floor((60 * index) / EVENT_LIMIT)),
  'in which one count changes at a time': (_index, random, before) => {
    const list = before.length === 0 ? linesOf(60) : [...before];
    const at = random.below(60);
    list[at] = lineOf(at, 1 + random.below(10));
    return list;
  },
  'drawn at random from 500 products': (_index, random) => draw(random).map((id) => lineOf(id)),
  'drawn at random from 500 products, with ten counts': (_index, random) =>
    draw(random).map((id) => lineOf(id, 1 + random.below(10))),
  'drawn at random from 500 products, with new prices for all every hundred events': (index, random) =>
    draw(random).map((id) => lineOf(id, 1, 10 + Math.floor(index / 100) / 4)),
};

function eventsOf(cart: string, random: Random): CartEvent[] {
  let products: Product[] = [];
  return Array.from({ length: EVENT_LIMIT }, (_, index) => {
    products = CARTS[cart]!(index, random, products);
    const at = minute(index) + random.below(60_000);
    return cartEvent({
      event_key: keyOf(`${cart} ${index}`),
      occurred_at: at,
      received_at: at + random.below(5000),
      request_at: at - random.below(5000),
      products,
    });
  });
}

/** Folds the events; all are accepted, and a later abandonment has the last list in order. Returns the size of the state. */
function fill(events: readonly CartEvent[], last: Product[] | null): number {
  let state: Buffer | undefined;
  for (const [i, event] of events.entries()) {
    const folded = foldCart(state, event, minute(EVENT_LIMIT) + i * 1234);
    if (folded.result !== 'event') expect(`event ${i}: ${folded.result}`).toBe('event');
    state = folded.state;
  }
  const overfull = foldCart(state, cartEvent({ occurred_at: minute(5000) }), minute(9000));
  expect(overfull).toMatchObject({ result: 'overfull', overfull: 'events' });
  expect(overfull.changes.at(-1)).toMatchObject({ trait: 'cart_abandoned', products: last });
  return state!.length;
}

describe(`2,000 events of up to 60 products, carts (JT_SEED=${SEED})`, () => {
  it.each(Object.keys(CARTS))('%s', { timeout: 300_000 }, (cart) => {
    const random = randomFrom(SEED);
    const events = eventsOf(cart, random);
    const last = events.at(-1)!.products;
    const sizes = [events, [...events].reverse(), shuffled(events, random)].map((order) => fill(order, last));
    // Far from the limit, so that what else a cart has fits too.
    expect(Math.max(...sizes)).toBeLessThan(600_000);
  });
});
