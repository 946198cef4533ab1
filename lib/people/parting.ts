import type { Person, Carrier } from './entries.ts';
import type { Graph } from './graph.ts';
import { isCart } from './keys.ts';
import {
  distinctPeople,
  junkNameOf,
  leaveJunk,
  linking,
  assignJunk,
  assignCarrier,
  assignIdentifier,
} from './ownership.ts';
import { isOneAnonymousCart, unite } from './unite.ts';

/**
 * Parting: identifiers that linked people have become junk, so the connected components around them are determined again.
 * Nobody else is affected, because nobody else was linked through them. Each former person continues as the component with
 * most of their carriers (of equal ones, the component with the first carrier by name); the other components become new
 * people, numbered in the order of their first carrier. An id therefore never splits: aliases stay valid, and only what was
 * emitted about carts that moved to another person must be emitted again.
 */

/** The times of a person without carriers: later than every clock, so that they are in no audience. */
const NEVER_MS = Date.UTC(2299, 0, 1);

interface Component {
  /** The identifiers that link it; none if it is made of junk. */
  words: string[];
  /** The junk identifier that it is made of. */
  junkName: string | undefined;
  /** Sorted by key. */
  carriers: Carrier[];
  /** The former people who continue as this component. */
  successorsOf: Person[];
}

/** Returns the carriers that left the person under whose id they were emitted, without `cause`. */
export function partPeople(
  graph: Graph,
  cause: Carrier | null,
  newJunk: readonly string[],
): { moved: Carrier[]; causeMoved: boolean } {
  const left = cause !== null && leaveJunk(graph, cause, linking(graph, cause));
  const former = formerPeople(graph, cause, newJunk);
  const { moved, causeMoved } = reassign(graph, cause, former, carriersOfAll(graph, former, cause), newJunk);
  return { moved, causeMoved: causeMoved || left };
}

/**
 * Determines the people of carriers again; all of them are the former people's, or the cause. Returns the carriers that left
 * the person under whose id they were emitted, without `cause`.
 */
export function reassign(
  graph: Graph,
  cause: Carrier | null,
  former: readonly Person[],
  carriers: readonly Carrier[],
  newJunk: readonly string[],
): { moved: Carrier[]; causeMoved: boolean } {
  const ownerOf = new Map(
    carriers.map((carrier) => [carrier, carrier.person === 0 ? undefined : graph.personOf(carrier.person)]),
  );
  const { components, nobodys } = componentsOf(graph, carriers);
  claim(former, components, ownerOf);
  const anonymous = former.filter(isOneAnonymousCart);
  for (const person of former) graph.clear(person);
  for (const word of newJunk) graph.identifier(word).person = 0;

  const moved: Carrier[] = [];
  let causeMoved = false;
  for (const component of components) {
    const held =
      component.junkName === undefined ? [] : distinctPeople(graph, [graph.identifier(component.junkName).person]);
    const known = new Set([...component.successorsOf, ...held]);
    const person = known.size > 0 ? unite(graph, [...known], anonymous) : graph.newPerson();
    if (component.junkName !== undefined) assignJunk(graph, person, component.junkName);
    for (const word of component.words) {
      graph.identifier(word).person = 0;
      assignIdentifier(graph, person, word);
    }
    for (const carrier of component.carriers) {
      const owner = ownerOf.get(carrier);
      const asserted = carrier.person;
      if (owner === undefined || former.includes(owner)) carrier.person = 0;
      assignCarrier(graph, carrier, person);
      // A cart that stays is not emitted: it keeps the id that it was emitted under.
      if (owner !== undefined && known.has(owner)) carrier.person = asserted;
      if (component.words.length === 0 && component.junkName === undefined) person.onlyCarrier = carrier.key;
      if (owner === undefined || (known.has(owner) && !owner.dissolved)) continue;
      if (carrier === cause) causeMoved = true;
      else if (isCart(carrier.key)) moved.push(carrier);
    }
  }
  for (const carrier of nobodys) carrier.person = 0;
  for (const person of former) if (person.winner === 0 && person.firstAt === Infinity) person.firstAt = NEVER_MS;
  return { moved, causeMoved };
}

/** The people whom the identifiers linked, and those whom the cause links now. */
function formerPeople(graph: Graph, cause: Carrier | null, newJunk: readonly string[]): Person[] {
  const words = cause === null ? newJunk : [...newJunk, ...linking(graph, cause)];
  const ids = words.map((word) => graph.identifier(word).person);
  const people = distinctPeople(graph, cause === null ? ids : [...ids, cause.person]);
  // A person made of junk does not change: other carts with that junk are not theirs.
  return people.filter((person) => !person.junk);
}

/** All carriers of people, and the cause, sorted by key. */
export function carriersOfAll(graph: Graph, people: readonly Person[], cause: Carrier | null): Carrier[] {
  const members = new Set(people);
  const isMembers = (word: string): boolean => {
    const { person } = graph.identifier(word);
    return person !== 0 && members.has(graph.personOf(person));
  };
  const carriers = new Set<Carrier>();
  // A profile shows only some identifiers, but all carriers of a person are linked with each other.
  const words = new Set<string>();
  const add = (carrier: Carrier): void => {
    if (carriers.has(carrier)) return;
    carriers.add(carrier);
    const isKnownJunk = graph.knownJunkOf(carrier);
    // What was junk before is nobody's, or that of a person made of it.
    for (const { word } of carrier.identifiers) if (!isKnownJunk(word) && isMembers(word)) words.add(word);
  };
  if (cause !== null) add(cause);
  for (const person of people) {
    if (person.onlyCarrier !== '') add(graph.carrier(person.onlyCarrier));
    for (const { word } of person.identifiers) words.add(word);
  }
  // The set grows while it is walked.
  for (const word of words) for (const carrier of graph.carriersOf(word)) add(carrier);
  return [...carriers].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** The connected components without the junk, in the order of their first carrier. */
function componentsOf(graph: Graph, carriers: readonly Carrier[]): { components: Component[]; nobodys: Carrier[] } {
  const componentOf = new Map<string, Component>();
  const components = new Set<Component>();
  const nobodys: Carrier[] = [];
  for (const carrier of carriers) {
    const words = linking(graph, carrier);
    const junkName = words.length === 0 ? junkNameOf(carrier) : undefined;
    if (words.length === 0 && junkName === undefined && !isCart(carrier.key)) {
      nobodys.push(carrier);
      continue;
    }
    const names = junkName === undefined ? words : [junkName];
    const touched = [...new Set(names.flatMap((name) => componentOf.get(name) ?? []))];
    const component = touched[0] ?? { words: [], junkName, carriers: [], successorsOf: [] };
    for (const other of touched.slice(1)) absorbComponent(component, other, componentOf, components);
    components.add(component);
    component.carriers.push(carrier);
    for (const name of names) {
      if (componentOf.get(name) === undefined && junkName === undefined) component.words.push(name);
      componentOf.set(name, component);
    }
  }
  for (const component of components) component.carriers.sort((a, b) => (a.key < b.key ? -1 : 1));
  const ordered = [...components].sort((a, b) => (firstKey(a) < firstKey(b) ? -1 : 1));
  return { components: ordered, nobodys };
}

function absorbComponent(
  component: Component,
  other: Component,
  componentOf: Map<string, Component>,
  components: Set<Component>,
): void {
  component.carriers.push(...other.carriers);
  component.words.push(...other.words);
  for (const word of other.words) componentOf.set(word, component);
  components.delete(other);
}

const firstKey = (component: Component): string => component.carriers[0]?.key ?? '';

/** Decides as which component each of the former people continues. */
function claim(
  former: readonly Person[],
  components: readonly Component[],
  ownerOf: ReadonlyMap<Carrier, Person | undefined>,
): void {
  const best = new Map<Person, { component: Component; count: number }>();
  for (const component of components) {
    const counts = new Map<Person, number>();
    for (const carrier of component.carriers) {
      const owner = ownerOf.get(carrier);
      if (owner !== undefined) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    }
    for (const [owner, count] of counts) {
      if (count > (best.get(owner)?.count ?? 0)) best.set(owner, { component, count });
    }
  }
  for (const person of former) best.get(person)?.component.successorsOf.push(person);
}
