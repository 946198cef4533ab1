/** Generated histories in the form in which the executors get them. */
import type { CartFacts, PersonFacts, TraitEventFacts } from '../facts.ts';
import type { GeneratedPerson } from './generate.ts';
import type { PastCart, PastEvent } from './oracle.ts';

export const eventIdOf = (event: PastEvent): string =>
  JSON.stringify([event.cart, event.trait, event.status, event.at]);

const productsOf = (products: PastCart['products']): { product_id: string; count: number; price: null }[] =>
  products.map(({ id, count }) => ({ product_id: id, count, price: null }));

export const eventFactsOf = (event: PastEvent): TraitEventFacts => ({
  event_id: eventIdOf(event),
  trait: event.trait,
  status: event.status,
  occurred_at: event.at,
  detected_at: event.detectedAt,
  retracted_at: event.retractedAt,
  recovered_at: event.recoveredAt,
  cart_id: event.cart,
  store_id: event.store,
  mode: event.mode,
  amount: event.amount,
  products: productsOf(event.products),
  anomaly: event.anomaly as TraitEventFacts['anomaly'],
  reentered: false,
  source: event.trait === 'cart_abandoned' ? 'timer' : null,
});

/** As the fold of carts states it: each status once, in the order of the latest changes to them. */
function statusesOf(changes: PastCart['changes']): CartFacts['statuses'] {
  const statuses = new Map<string, CartFacts['statuses'][number]>();
  for (const [i, { status, at }] of changes.entries()) {
    statuses.delete(status);
    statuses.set(status, { status, began_at: at, left_at: changes[i + 1]?.at ?? null });
  }
  return [...statuses.values()];
}

export const cartFactsOf = (cart: PastCart): CartFacts => ({
  cart_id: cart.cart,
  status: cart.changes.at(-1)?.status ?? null,
  status_since: cart.changes.at(-1)?.at ?? null,
  store_id: cart.store,
  store_name: null,
  mode: cart.mode,
  amount: cart.amount,
  products: productsOf(cart.products),
  created_at: null,
  last_activity_at: null,
  last_event_at: cart.changes.at(-1)?.at ?? null,
  due_at: cart.deadline,
  abandoned_at: null,
  recovered_at: null,
  reservation_start_at: cart.reservation,
  first_status_at: cart.changes[0]?.at ?? null,
  statuses: statusesOf(cart.changes),
});

export const factsOf = ({ id, firstAt, anonymous, events, carts }: GeneratedPerson): PersonFacts => ({
  personId: id,
  firstAtMs: firstAt,
  anonymous,
  traitEvents: events.map(eventFactsOf),
  carts: carts.map(cartFactsOf),
});
