import type { Person, Source } from './entries.ts';
import type { Graph } from './graph.ts';
import { isCart, kindIndexOf } from './keys.ts';
import { unite } from './unite.ts';

/**
 * Where a source belongs: with the people of its identifiers that link; if all of them are junk, with
 * the person that is made of one of them; without any, it is a person of its own.
 */

/** Adds identifiers to a source and counts who was seen with whom. Returns those that became junk by it. */
export function link(graph: Graph, source: Source, words: readonly string[]): string[] {
  const turned: string[] = [];
  const counts = [0, 0, 0, 0];
  for (const { word } of source.identifiers) counts[kindIndexOf(word)]! += 1;
  for (const word of words) {
    if (source.identifiers.some((carried) => carried.word === word)) continue;
    const entry = graph.identifier(word);
    if (graph.seeWithMany(word, counts)) turned.push(word);
    for (const { word: other } of source.identifiers) {
      if (other[0] !== word[0]) turned.push(...graph.seeTogether(word, other));
    }
    counts[kindIndexOf(word)]! += 1;
    source.identifiers.push({ word, next: entry.sourceHead });
    entry.sourceHead = source.key;
  }
  return turned;
}

/** The identifiers of a source that link. */
export const linking = (graph: Graph, source: Source): string[] =>
  source.identifiers.flatMap(({ word }) => (graph.junk(word) ? [] : [word]));

/** The identifier that a cart's person is made of when all that it carries are junk. Undefined of a record. */
export function junkNameOf(source: Source): string | undefined {
  if (!isCart(source.key) || source.identifiers.length === 0) return undefined;
  return source.identifiers.map(({ word }) => word).sort()[0];
}

export const distinctPeople = (graph: Graph, ids: readonly number[]): Person[] => [
  ...new Set(ids.filter((id) => id !== 0).map((id) => graph.personOf(id))),
];

/**
 * Determines the person of a source after identifiers were added to it, none of which became junk. Returns true when
 * the source left a person who continues without it: what was emitted about it under their id must be emitted again.
 */
export function place(graph: Graph, source: Source): boolean {
  const words = linking(graph, source);
  const left = leaveJunk(graph, source, words);
  const own = source.person === 0 ? [] : [source.person];
  const former = own.length > 0 ? graph.personOf(source.person) : undefined;
  if (words.length > 0) {
    const people = distinctPeople(graph, [...words.map((word) => graph.identifier(word).person), ...own]);
    const person = people.length > 0 ? unite(graph, people) : graph.newPerson();
    for (const word of words) take(graph, person, word);
    settle(graph, source, person);
  } else if (source.identifiers.length === 0) {
    const person = own.length > 0 ? graph.personOf(source.person) : graph.newPerson();
    person.onlySource = source.key;
    settle(graph, source, person);
  } else {
    const name = junkNameOf(source);
    if (name !== undefined) {
      const people = distinctPeople(graph, [graph.identifier(name).person, ...own]);
      const person = people.length > 0 ? unite(graph, people) : graph.newPerson();
      makeOfJunk(graph, person, name);
      settle(graph, source, person);
    }
  }
  return left || former?.dissolved === true;
}

/** Makes an identifier that is nobody's yet this person's. */
export function take(graph: Graph, person: Person, word: string): void {
  const entry = graph.identifier(word);
  if (entry.person === 0) graph.give(person, word);
  entry.person = person.id;
}

export function makeOfJunk(graph: Graph, person: Person, word: string): void {
  graph.identifier(word).person = person.id;
  if (person.junk) return;
  graph.makeJunk(person, word);
}

/** Counts a source as the person's. */
export function settle(graph: Graph, source: Source, person: Person): void {
  if (source.person === 0 && isCart(source.key)) person.carts += 1;
  source.person = person.id;
  graph.absorb(person, source);
}

/**
 * A cart that carried nothing but junk leaves the person made of it once it carries something that
 * links, or junk that goes before. If it was their only cart, that person simply becomes somebody else.
 */
export function leaveJunk(graph: Graph, source: Source, words: readonly string[]): boolean {
  if (source.person === 0) return false;
  const old = graph.personOf(source.person);
  const word = old.identifiers[0]?.word;
  if (!old.junk || word === undefined) return false;
  if (words.length === 0 && junkNameOf(source) === word) return false;
  if (old.carts === 1) {
    graph.identifier(word).person = 0;
    graph.clear(old);
    old.carts = 1;
    return false;
  }
  source.person = 0;
  const { firstAt, lastAt } = old;
  old.carts -= 1;
  // The cart was the person's first or last: the outcomes after it are emitted again.
  if (source.firstAt <= firstAt || source.lastAt >= lastAt) graph.touch(old);
  return true;
}
