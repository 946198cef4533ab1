import type { Outcome, PersonErasure } from '../../schemas/types.ts';

/** Why a person may have changed: a set of these bits. */
export const TOUCH = {
  /** A trait event was asserted or updated. */
  asserted: 1,
  /** A trait event was retracted. */
  retracted: 2,
  /** The profile or a cart changed. */
  facts: 4,
  /** Two people were merged, one was parted, or a cart found its owner. */
  merged: 8,
  erased: 16,
} as const;

/** The people who may have changed by an outcome, with the bits of `TOUCH`. */
export function touchedBy(outcome: Outcome): [personId: number, touch: number][] {
  const { trait, cart, person, merge, erasure } = outcome;
  if (trait !== null) {
    return moved(trait.person_id, trait.moved_from, trait.op === 'retracted' ? TOUCH.retracted : TOUCH.asserted);
  }
  if (cart !== null) return moved(cart.person_id, cart.moved_from, TOUCH.facts);
  if (person !== null) return [[person.person_id, TOUCH.facts]];
  if (erasure !== null) return erasedBy(erasure);
  if (merge === null) return [];
  return [
    [merge.loser, TOUCH.merged],
    [merge.winner, TOUCH.merged],
  ];
}

function erasedBy({ person_id, former_ids, carts, trait_events }: PersonErasure): [number, number][] {
  const people = [...former_ids, ...[...carts, ...trait_events].map((row) => row.person_id)];
  if (person_id !== null) people.push(person_id);
  return [...new Set(people)].map((personId) => [personId, TOUCH.erased]);
}

function moved(personId: number, from: number | null, touch: number): [number, number][] {
  if (from === null) return [[personId, touch]];
  return [
    [personId, touch | TOUCH.merged],
    [from, TOUCH.merged],
  ];
}
