import { leavesOf } from './leaves.ts';
import { looksAtNow, type Audience } from './tree.ts';

/** Parts of `PersonFacts` that cost most to read. What is not needed may be empty or null there. */
export interface FactsNeeded {
  carts: boolean;
  /** The products of trait events and carts. */
  products: boolean;
}

/** What the predicate of these audiences, and the times at which it may change, depend on. */
export function factsNeeded(audiences: readonly Audience[]): FactsNeeded {
  const leaves = audiences.flatMap(leavesOf);
  return {
    carts: audiences.some(looksAtNow),
    products: leaves.some((leaf) => 'trait' in leaf && (leaf.product_id?.length ?? 0) > 0),
  };
}
