import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CartSnapshot, PersonInput } from '../../schemas/types.ts';
import { BLANK_SNAPSHOT } from '../carts/index.ts';
import { cartInput, change, World } from './testing.ts';

function inputOf(at: number, order: number, identifiers: string[], snapshot = BLANK_SNAPSHOT): PersonInput {
  const input = cartInput('c', identifiers, { at, snapshot, changes: [change(at, 'preparing')] });
  return { ...input, cart: { ...input.cart!, event_order: Buffer.from([order]) } };
}

const SNAPSHOT: CartSnapshot = {
  ...BLANK_SNAPSHOT,
  status: 'preparing',
  products: [{ product_id: 'p', count: 0.5, price: 3 }],
  store_name: 'Läden',
  last_event_at: 40,
  first_status_at: 10,
  statuses: [
    { status: 'pending', began_at: 10, left_at: 20 },
    { status: 'preparing', began_at: 20, left_at: null },
  ],
};

describe("a cart's own addresses", () => {
  it('are those that it carried last in the order of its events, whatever the order of arrival', () => {
    const event = fc.record({
      at: fc.integer({ min: 1, max: 3 }),
      phone: fc.option(fc.constantFrom('phone:+1', 'phone:+2', 'phone:+3')),
      email: fc.option(fc.constantFrom('email:a@x.org', 'email:b@x.org')),
    });
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 8 }), fc.infiniteStream(fc.nat()), (events, keys) => {
        const inOrder = events
          .map((one, order) => ({ ...one, order }))
          .sort((a, b) => a.at - b.at || a.order - b.order);
        const arrivals = inOrder.map((one) => ({ one, key: keys.next().value })).sort((a, b) => a.key - b.key);
        let world = new World();
        for (const { one } of arrivals) {
          const identifiers = [one.phone, one.email].filter((text) => text !== null);
          world.fold(inputOf(one.at, one.order, identifiers));
          const outcomes = world.outcomes;
          world = world.restarted();
          world.outcomes.push(...outcomes);
        }
        const last = world.outcomes.findLast(({ cart }) => cart !== null)!.cart!;
        const phone = inOrder.findLast((one) => one.phone !== null)?.phone?.slice('phone:'.length) ?? null;
        const email = inOrder.findLast((one) => one.email !== null)?.email?.slice('email:'.length) ?? null;
        expect({ phone: last.phone, email: last.email }).toEqual({ phone, email });
      }),
    );
  });

  it('are on its trait events, and ticks do not change them', () => {
    const world = new World();
    world.fold(inputOf(10, 0, ['phone:+1', 'email:a@x.org']));
    const tick = cartInput('c', [], { at: null, changes: [change(30, '', { last_activity_at: 7 })] });
    const outcomes = world.restarted().fold(tick);
    expect(outcomes.find(({ trait }) => trait !== null)!.trait).toMatchObject({
      last_activity_at: 7,
      cart_phone: '+1',
      cart_email: 'a@x.org',
    });
  });
});

describe('what is known of a cart', () => {
  it('is emitted as it came, and again when the cart moves to another person', () => {
    const world = new World({ limit: 2 });
    world.fold(inputOf(40, 0, ['phone:+1', 'email:a@x.org'], SNAPSHOT));
    const { cart } = world.outcomes.find((outcome) => outcome.cart !== null)!;
    const { reservation_start_at: _reservation, ...facts } = SNAPSHOT;
    expect(cart).toMatchObject({ ...facts, phone: '+1', email: 'a@x.org', moved_from: null });
    const next = world.restarted();
    // With a third address the phone is junk: the person goes on as the two other carts, and this one leaves.
    const others = [
      ['d', 'b'],
      ['e', 'b'],
      ['f', 'c'],
    ].flatMap(([id, name]) => next.fold(cartInput(id!, ['phone:+1', `email:${name}@x.org`])));
    const moved = others.filter((outcome) => outcome.cart !== null && outcome.cart.moved_from !== null);
    expect(moved.map((outcome) => outcome.cart)).toMatchObject([
      { ...facts, cart_id: 'c', phone: '+1', email: 'a@x.org' },
    ]);
  });

  it('keeps the last activity before an abandonment when its rows are emitted again', () => {
    const world = new World();
    world.fold(cartInput('c', [], { at: 10, changes: [change(40, '', { last_activity_at: 10 })] }));
    // The anonymous person gains an owner, under whom the rows are emitted again.
    world.fold(cartInput('d', ['phone:+1'], { at: 5 }));
    const outcomes = world.restarted().fold(cartInput('c', ['phone:+1'], { at: 50 }));
    expect(outcomes.filter(({ trait }) => trait !== null).map(({ trait }) => trait)).toMatchObject([
      { last_activity_at: 10, cart_phone: '+1' },
    ]);
  });
});
