import { expect, it } from 'vitest';
import { factsNeeded } from './facts-needed.ts';
import type { Audience } from './tree.ts';

it.each<[string, Audience[], boolean, boolean]>([
  ['trait events alone', [{ trait: 'cart_abandoned', product_id: [] }, { everyone: true }], false, false],
  ['products', [{ not: { and: [{ trait: 'cart_abandoned', product_id: ['7'] }] } }], false, true],
  ['what is due', [{ trait: 'cart_abandoned', time: { operator: 'in_next', amount: 1, unit: 'hours' } }], true, false],
  [
    'how long carts have had a status, in one of several audiences',
    [{ everyone: true }, { or: [{ dwell: { status: ['preparing'], for: { amount: 1, unit: 'hours' } } }] }],
    true,
    false,
  ],
])('knows what the predicate depends on: %s', (_, audiences, carts, products) => {
  expect(factsNeeded(audiences)).toEqual({ carts, products });
});
