import { expect, it } from 'vitest';
import { rowsOf } from '../../lib/audiences/index.ts';
import { personFacts, traitFacts } from './testing.ts';

it('measures the memory of facts with their lines of products', () => {
  const products = Array.from({ length: 7 }, (_, i) => ({ product_id: `p${i}`, count: 1, price: 1 }));
  expect(rowsOf(personFacts(1))).toBe(1);
  expect(rowsOf(personFacts(1, [traitFacts('a', 0), traitFacts('b', 0)]))).toBe(3);
  expect(rowsOf(personFacts(1, [traitFacts('a', 0, { products })]))).toBe(5);
});
