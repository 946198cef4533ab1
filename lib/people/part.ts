import type { Person, Source } from './entries.ts';
import type { Graph } from './graph.ts';
import { isCart } from './keys.ts';
import { distinctPeople, junkNameOf, leaveJunk, linking, makeOfJunk, settle, take } from './place.ts';
import { isOneAnonymousCart, unite } from './unite.ts';

/**
 * Parting: identifiers that linked people have become junk, so the people around them are determined again. Nobody else
 * is affected, because nobody else was linked through them. Each former person continues as the part with most of their
 * sources (of equal ones, the part with the first source by name); the other parts become new people, numbered in the
 * order of their first source. An id therefore never splits: aliases stay valid, and only what was emitted about carts
 * that moved to another person must be emitted again.
 */

/** The times of a person without sources: later than every clock, so that they are in no audience. */
const NEVER_MS = Date.UTC(2299, 0, 1);

interface Part {
  /** What links it; or, of junk, the one that it is made of. */
  words: string[];
  junkName: string | undefined;
  /** Sorted by key. */
  sources: Source[];
  goesOnAs: Person[];
}

/** Returns the sources that left the person under whose id they were emitted, without `cause`. */
export function part(
  graph: Graph,
  cause: Source | null,
  turned: readonly string[],
): { moved: Source[]; causeMoved: boolean } {
  const left = cause !== null && leaveJunk(graph, cause, linking(graph, cause));
  const former = formerPeople(graph, cause, turned);
  const sources = sourcesOfAll(graph, former, cause);
  const ownerOf = new Map(
    sources.map((source) => [source, source.person === 0 ? undefined : graph.personOf(source.person)]),
  );
  const { parts, nobodys } = partsOf(graph, sources);
  claim(former, parts, ownerOf);
  const anonymous = former.filter(isOneAnonymousCart);
  for (const person of former) graph.clear(person);
  for (const word of turned) graph.identifier(word).person = 0;

  const moved: Source[] = [];
  let causeMoved = left;
  for (const piece of parts) {
    const held = piece.junkName === undefined ? [] : distinctPeople(graph, [graph.identifier(piece.junkName).person]);
    const known = new Set([...piece.goesOnAs, ...held]);
    const person = known.size > 0 ? unite(graph, [...known], anonymous) : graph.newPerson();
    if (piece.junkName !== undefined) makeOfJunk(graph, person, piece.junkName);
    for (const word of piece.words) {
      graph.identifier(word).person = 0;
      take(graph, person, word);
    }
    for (const source of piece.sources) {
      const owner = ownerOf.get(source);
      const asserted = source.person;
      if (owner === undefined || former.includes(owner)) source.person = 0;
      settle(graph, source, person);
      // A cart that stays is not emitted: it keeps the id that it was emitted under.
      if (owner !== undefined && known.has(owner)) source.person = asserted;
      if (piece.words.length === 0 && piece.junkName === undefined) person.onlySource = source.key;
      if (owner === undefined || (known.has(owner) && !owner.dissolved)) continue;
      if (source === cause) causeMoved = true;
      else if (isCart(source.key)) moved.push(source);
    }
  }
  for (const source of nobodys) source.person = 0;
  for (const person of former) if (person.winner === 0 && person.firstAt === Infinity) person.firstAt = NEVER_MS;
  return { moved, causeMoved };
}

/** Those whom the identifiers were linking, and those whom the cause links now. */
function formerPeople(graph: Graph, cause: Source | null, turned: readonly string[]): Person[] {
  const words = cause === null ? turned : [...turned, ...linking(graph, cause)];
  const ids = words.map((word) => graph.identifier(word).person);
  const people = distinctPeople(graph, cause === null ? ids : [...ids, cause.person]);
  // A person made of junk does not change: other carts with that junk are not theirs.
  return people.filter((person) => !person.junk);
}

function sourcesOfAll(graph: Graph, people: readonly Person[], cause: Source | null): Source[] {
  const members = new Set(people);
  const isMembers = (word: string): boolean => {
    const { person } = graph.identifier(word);
    return person !== 0 && members.has(graph.personOf(person));
  };
  const sources = new Set<Source>();
  // A profile shows only some identifiers, but all sources of a person are linked with each other.
  const words = new Set<string>();
  const add = (source: Source): void => {
    if (sources.has(source)) return;
    sources.add(source);
    for (const { word } of source.identifiers) if (isMembers(word)) words.add(word);
  };
  if (cause !== null) add(cause);
  for (const person of people) {
    if (person.onlySource !== '') add(graph.source(person.onlySource));
    for (const { word } of person.identifiers) words.add(word);
  }
  // The set grows while it is walked.
  for (const word of words) for (const source of graph.sourcesOf(word)) add(source);
  return [...sources].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** What hangs together once the junk is dropped, in the order of the first source. */
function partsOf(graph: Graph, sources: readonly Source[]): { parts: Part[]; nobodys: Source[] } {
  const partOf = new Map<string, Part>();
  const parts = new Set<Part>();
  const nobodys: Source[] = [];
  for (const source of sources) {
    const words = linking(graph, source);
    const junkName = words.length === 0 ? junkNameOf(source) : undefined;
    if (words.length === 0 && junkName === undefined && !isCart(source.key)) {
      nobodys.push(source);
      continue;
    }
    const names = junkName === undefined ? words : [junkName];
    const touched = [...new Set(names.flatMap((name) => partOf.get(name) ?? []))];
    const piece = touched[0] ?? { words: [], junkName, sources: [], goesOnAs: [] };
    for (const other of touched.slice(1)) absorbPart(piece, other, partOf, parts);
    parts.add(piece);
    piece.sources.push(source);
    for (const name of names) {
      if (partOf.get(name) === undefined && junkName === undefined) piece.words.push(name);
      partOf.set(name, piece);
    }
  }
  for (const piece of parts) piece.sources.sort((a, b) => (a.key < b.key ? -1 : 1));
  const ordered = [...parts].sort((a, b) => (firstKey(a) < firstKey(b) ? -1 : 1));
  return { parts: ordered, nobodys };
}

function absorbPart(piece: Part, other: Part, partOf: Map<string, Part>, parts: Set<Part>): void {
  piece.sources.push(...other.sources);
  piece.words.push(...other.words);
  for (const word of other.words) partOf.set(word, piece);
  parts.delete(other);
}

const firstKey = (piece: Part): string => piece.sources[0]?.key ?? '';

/** Decides as which part each of the former people continues. */
function claim(
  former: readonly Person[],
  parts: readonly Part[],
  ownerOf: ReadonlyMap<Source, Person | undefined>,
): void {
  const best = new Map<Person, { piece: Part; count: number }>();
  for (const piece of parts) {
    const counts = new Map<Person, number>();
    for (const source of piece.sources) {
      const owner = ownerOf.get(source);
      if (owner !== undefined) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    }
    for (const [owner, count] of counts) {
      if (count > (best.get(owner)?.count ?? 0)) best.set(owner, { piece, count });
    }
  }
  for (const person of former) best.get(person)?.piece.goesOnAs.push(person);
}
