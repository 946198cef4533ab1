import type { CartFacts, PersonFacts, TraitEventFacts } from '../../lib/audiences/index.ts';
import type { Outcome } from '../../schemas/types.ts';

/** A record of trait-events, as news about somebody. */
export interface News {
  offset: number;
  outcome: Outcome;
  /** The person about whom it is plain. */
  plainFor: number | null;
}

/**
 * The person about whom the record contains all that it means: it is plain. Only ClickHouse can tell what merges,
 * partings and erasures mean, and what a former owner of a cart has left: they are plain for nobody, or for somebody else.
 * When somebody is dissolved, the winner gets everything by records of its own.
 */
export function plainFor({ trait, cart, person, merge }: Outcome): number | null {
  const row = trait ?? cart ?? person;
  if (row !== null) return row.person_id;
  return merge !== null && merge.dissolved && merge.winner !== merge.loser ? merge.winner : null;
}

/**
 * The facts of a person with what plain records have reported since, in the order of the log; a record that they reflect
 * already may be among them, if all later ones about the person are too. Undefined for somebody who does not exist.
 */
export function withNews(
  facts: PersonFacts | undefined,
  personId: number,
  news: readonly Outcome[],
): PersonFacts | undefined {
  if (news.length === 0) return facts;
  const traitEvents = new Map<string, TraitEventFacts>();
  const carts = new Map<string, CartFacts>();
  for (const event of facts?.traitEvents ?? []) traitEvents.set(event.event_id, event);
  for (const cart of facts?.carts ?? []) carts.set(cart.cart_id, cart);
  let profile = facts && { firstAtMs: facts.firstAtMs, anonymous: facts.anonymous };
  for (const { trait, cart, person } of news) {
    if (trait !== null && trait.retracted_at === null) traitEvents.set(trait.event_id, trait);
    else if (trait !== null) traitEvents.delete(trait.event_id);
    if (cart !== null) carts.set(cart.cart_id, cart);
    if (person !== null) profile = { firstAtMs: person.first_at, anonymous: person.anonymous };
  }
  return profile && { personId, ...profile, traitEvents: [...traitEvents.values()], carts: [...carts.values()] };
}
