import { expect, it } from 'vitest';
import type { CartFacts } from '../../lib/audiences/index.ts';
import type { Cart, Outcome } from '../../schemas/types.ts';
import {
  erasureOutcome,
  mergeOutcome,
  outcome,
  personFacts,
  personOutcome,
  traitFacts,
  traitOutcome,
} from '../audiences/testing.ts';
import { plainFor, withNews } from './news.ts';

const cart = (cart_id: string, status: string): Outcome =>
  outcome('acme', { kind: 'cart', cart: { cart_id, person_id: 1, status } as Cart });

it('tells what a record means, except for merges, erasures and former owners', () => {
  const moved = traitOutcome('acme', 1, traitFacts('a', 1), { moved_from: 2 });
  const merged = mergeOutcome('acme', 2, 1);
  const dissolved: Outcome = { ...merged, merge: { ...merged.merge!, dissolved: true } };
  expect([moved, merged, dissolved].map(plainFor)).toEqual([1, null, 1]);
  expect(plainFor(personOutcome('acme', 1))).toBe(1);
  expect(plainFor(erasureOutcome('acme', 1))).toBeNull();
});

it('adds, replaces and retracts trait events', () => {
  const facts = personFacts(1, [traitFacts('a', 1), traitFacts('b', 2)]);
  const news = [
    traitOutcome('acme', 1, traitFacts('a', 1, { retracted_at: 5 })),
    traitOutcome('acme', 1, traitFacts('b', 2, { amount: 7 })),
    traitOutcome('acme', 1, traitFacts('c', 3)),
    traitOutcome('acme', 1, traitFacts('d', 4)),
    traitOutcome('acme', 1, traitFacts('d', 4, { retracted_at: 5 })),
  ];
  const current = withNews(facts, 1, news)!;
  expect(current.traitEvents.map(({ event_id, amount }) => [event_id, amount])).toEqual([
    ['b', 7],
    ['c', null],
  ]);
  // What is reflected already changes nothing.
  expect(withNews(current, 1, news)).toEqual(current);
});

it('replaces carts and the profile', () => {
  const facts = { ...personFacts(1), carts: [{ cart_id: 'a', status: 'pending' } as CartFacts] };
  const current = withNews(facts, 1, [
    cart('a', 'verification'),
    cart('b', 'pending'),
    outcome('acme', {
      kind: 'person',
      person: { ...personOutcome('acme', 1).person!, anonymous: true, first_at: 9 },
    }),
  ])!;
  expect(current.carts.map(({ cart_id, status }) => [cart_id, status])).toEqual([
    ['a', 'verification'],
    ['b', 'pending'],
  ]);
  expect([current.personId, current.anonymous, current.firstAtMs]).toEqual([1, true, 9]);
});

it('knows somebody who is not in ClickHouse yet by the profile, wherever that is', () => {
  const trait = traitOutcome('acme', 1, traitFacts('a', 1));
  expect(withNews(undefined, 1, [])).toBeUndefined();
  expect(withNews(undefined, 1, [trait])).toBeUndefined();
  expect(withNews(undefined, 1, [trait, personOutcome('acme', 1)])).toEqual(
    expect.objectContaining({ personId: 1, traitEvents: [trait.trait] }),
  );
});
