import type { Person, Carrier } from './entries.ts';
import type { Graph } from './graph.ts';
import { isCart, kindIndexOf } from './keys.ts';
import { unite } from './unite.ts';

/**
 * Assigns a carrier to its person: the one of its identifiers that link; if all of them are junk, the person that is made of
 * one of them; a cart without identifiers is a person of its own.
 */

/** Adds identifiers to a carrier and counts which were seen together. Returns the identifiers that became junk. */
export function linkIdentifiers(graph: Graph, carrier: Carrier, words: readonly string[]): string[] {
  const newJunk: string[] = [];
  const counts = [0, 0, 0, 0];
  for (const { word } of carrier.identifiers) counts[kindIndexOf(word)]! += 1;
  for (const word of words) {
    if (carrier.identifiers.some((carried) => carried.word === word)) continue;
    const entry = graph.identifier(word);
    if (graph.seeWithMany(word, counts)) newJunk.push(word);
    const isFull = graph.saturatedKinds(counts);
    const isWordFull = isFull[kindIndexOf(word)] === true;
    for (const { word: other } of carrier.identifiers) {
      // Two that are saturated are not counted, and need not be read.
      if (other[0] === word[0] || (isWordFull && isFull[kindIndexOf(other)] === true)) continue;
      newJunk.push(...graph.seeTogether(word, other));
    }
    counts[kindIndexOf(word)]! += 1;
    carrier.identifiers.push({ word, next: entry.carrierHead });
    entry.carrierHead = carrier.key;
  }
  return newJunk;
}

/** The identifiers of a carrier that link. */
export function linking(graph: Graph, carrier: Carrier): string[] {
  const isKnownJunk = graph.knownJunkOf(carrier);
  return carrier.identifiers.flatMap(({ word }) => (isKnownJunk(word) || graph.junk(word) ? [] : [word]));
}

/** The identifier that the person of a cart is made of if all its identifiers are junk. Undefined for a record. */
export function junkNameOf(carrier: Carrier): string | undefined {
  if (!isCart(carrier.key) || carrier.identifiers.length === 0) return undefined;
  return carrier.identifiers.reduce((first, { word }) => (word < first ? word : first), carrier.identifiers[0]!.word);
}

export const distinctPeople = (graph: Graph, ids: readonly number[]): Person[] => [
  ...new Set(ids.filter((id) => id !== 0).map((id) => graph.personOf(id))),
];

/**
 * Determines the person of a carrier after identifiers were added to it, none of which became junk. Returns true when
 * the carrier left a person who continues without it: what was emitted about it under their id must be emitted again.
 */
export function assignOwner(graph: Graph, carrier: Carrier): boolean {
  const words = linking(graph, carrier);
  const left = leaveJunk(graph, carrier, words);
  const own = carrier.person === 0 ? [] : [carrier.person];
  const former = own.length > 0 ? graph.personOf(carrier.person) : undefined;
  if (words.length > 0) {
    const people = distinctPeople(graph, [...words.map((word) => graph.identifier(word).person), ...own]);
    const person = people.length > 0 ? unite(graph, people) : graph.newPerson();
    for (const word of words) assignIdentifier(graph, person, word);
    assignCarrier(graph, carrier, person);
  } else if (carrier.identifiers.length === 0) {
    const person = own.length > 0 ? graph.personOf(carrier.person) : graph.newPerson();
    person.onlyCarrier = carrier.key;
    assignCarrier(graph, carrier, person);
  } else {
    const name = junkNameOf(carrier);
    if (name !== undefined) {
      const people = distinctPeople(graph, [graph.identifier(name).person, ...own]);
      const person = people.length > 0 ? unite(graph, people) : graph.newPerson();
      assignJunk(graph, person, name);
      assignCarrier(graph, carrier, person);
    }
  }
  return left || former?.dissolved === true;
}

/** Assigns an identifier to a person. */
export function assignIdentifier(graph: Graph, person: Person, word: string): void {
  const entry = graph.identifier(word);
  if (entry.person === 0) graph.give(person, word);
  entry.person = person.id;
}

export function assignJunk(graph: Graph, person: Person, word: string): void {
  graph.identifier(word).person = person.id;
  if (person.junk) return;
  graph.makeJunk(person, word);
}

/** Assigns a carrier to a person, and counts it if it is a cart without a person. */
export function assignCarrier(graph: Graph, carrier: Carrier, person: Person): void {
  if (carrier.person === 0 && isCart(carrier.key)) person.carts += 1;
  carrier.person = person.id;
  graph.absorb(person, carrier);
}

/**
 * Takes a cart that carried nothing but junk from the person made of it once it carries an identifier that links, or junk
 * that precedes. If it was the only cart, that person continues with the new identifier.
 */
export function leaveJunk(graph: Graph, carrier: Carrier, words: readonly string[]): boolean {
  if (carrier.person === 0) return false;
  const old = graph.personOf(carrier.person);
  const word = old.identifiers[0]?.word;
  if (!old.junk || word === undefined) return false;
  if (words.length === 0 && junkNameOf(carrier) === word) return false;
  if (old.carts === 1) {
    graph.identifier(word).person = 0;
    graph.clear(old);
    old.carts = 1;
    return false;
  }
  carrier.person = 0;
  const { firstAt, lastAt } = old;
  old.carts -= 1;
  // The cart was the person's first or last: the outcomes after it are emitted again.
  if (carrier.firstAt <= firstAt || carrier.lastAt >= lastAt) graph.touch(old);
  return true;
}
