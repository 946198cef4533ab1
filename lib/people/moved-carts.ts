import { DamagedStateError } from '../bytes/index.ts';
import type { Carrier } from './entries.ts';
import { movedKey } from './keys.ts';
import type { PeopleStore } from './store.ts';

/**
 * Carts that a record has moved to another person, and that are not emitted under it yet. A parting may move 50,000 carts
 * with all their trait events: they are emitted in steps of a bounded size, all of them before the next record. Only the
 * emission is postponed; who has which cart is decided and stored with the record.
 */

/** A cart, and the person that it was emitted under last. */
export interface MovedCart {
  carrier: string;
  formerPerson: number;
}

/** Stores what later steps emit, as one entry for each step. */
export function postpone(store: PeopleStore, workspace: string, carriers: readonly Carrier[], perStep: number): void {
  for (let from = 0; from < carriers.length; from += perStep) {
    const carts: MovedCart[] = carriers
      .slice(from, from + perStep)
      .map(({ key, formerPerson }) => ({ carrier: key, formerPerson }));
    store.put(movedKey(workspace, from / perStep), Buffer.from(JSON.stringify(carts), 'utf8'));
  }
}

/** Throws a DamagedStateError. */
export function movedCartsOf(value: Buffer): MovedCart[] {
  let carts: unknown;
  try {
    carts = JSON.parse(value.toString('utf8'));
  } catch {
    carts = null;
  }
  if (!Array.isArray(carts)) throw new DamagedStateError('moved carts', 0, 'a list of carts');
  return carts as MovedCart[];
}
