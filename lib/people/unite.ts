import type { Person } from './entries.ts';
import type { Graph } from './graph.ts';
import { isCart } from './keys.ts';

/**
 * Merges of people. Aliases are flat, so a merge emits all aliases of the loser again. The winner is therefore the
 * person with more aliases: an id is emitted again only when it joins at least as many others, so n merges lead to at
 * most n log n outcomes, regardless of the order in which people are linked.
 */

/** Whether the person consists of one cart without identifiers. Nothing but that cart is stored under its id. */
export const isOneAnonymousCart = (person: Person): boolean =>
  isCart(person.onlyCarrier) && person.identifiers.length === 0 && !person.junk && person.aliasHead === 0;

/**
 * Makes one person of several; the one with more aliases wins, of equal ones the smallest id.
 *
 * @param anonymous those that are dissolved: they never win, and the caller emits their cart again
 */
export function unite(
  graph: Graph,
  people: readonly Person[],
  anonymous: readonly Person[] = people.filter(isOneAnonymousCart),
): Person {
  const rank = (person: Person): number => (anonymous.includes(person) ? -1 : aliasesOf(graph, person));
  const distinct = [...new Set(people)].sort((a, b) => rank(b) - rank(a) || a.id - b.id);
  const winner = distinct[0]!;
  for (const loser of distinct.slice(1)) {
    loser.dissolved = anonymous.includes(loser);
    merge(graph, loser, winner);
  }
  return winner;
}

/** The number of ids that are aliases of the person. */
function aliasesOf(graph: Graph, person: Person): number {
  if (person.aliases < 0) {
    let count = 0;
    for (let id = person.aliasHead; id !== 0; id = graph.person(id).nextAlias) count += 1;
    person.aliases = count;
  }
  return person.aliases;
}

function merge(graph: Graph, loser: Person, winner: Person): void {
  graph.merges.push({ loser: loser.id, winner: winner.id, dissolved: loser.dissolved, isAgain: false });
  for (let id = loser.aliasHead; id !== 0;) {
    const alias = graph.person(id);
    alias.winner = winner.id;
    graph.merges.push({ loser: id, winner: winner.id, dissolved: alias.dissolved, isAgain: true });
    id = alias.nextAlias;
  }
  const tail = loser.aliasTail === 0 ? loser : graph.person(loser.aliasTail);
  winner.aliases = aliasesOf(graph, winner) + aliasesOf(graph, loser) + 1;
  loser.winner = winner.id;
  loser.nextAlias = loser.aliasHead;
  tail.nextAlias = winner.aliasHead;
  if (winner.aliasTail === 0) winner.aliasTail = tail.id;
  winner.aliasHead = loser.id;
  winner.carts += loser.carts;
  graph.giveAll(winner, loser);
  graph.absorb(winner, loser);
}
