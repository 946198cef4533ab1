import type { CartUpdate, Erasure, TraitChange } from '../../schemas/types.ts';
import type { Carrier, Person } from './entries.ts';
import type { Graph } from './graph.ts';
import { cartCarrier, cartIdOf, isCart, wordsOf } from './keys.ts';
import { assertionOf, type Assertion, type CartMarker } from './markers.ts';
import { carriersOfAll, reassign } from './parting.ts';
import type { StoredRow } from './rows.ts';

/**
 * Erasure: a person is removed with all their carts, identifiers and records. Markers remain, so that what was received
 * before does not come back: see `markers.ts`. A carrier that is seen again later is a new one.
 *
 * An erasure does not lower the counts of identifiers that remain: whether they are junk does not change, so nobody else is
 * merged or split because a person was erased.
 */

/** What was erased, and the carts that have another person now. */
export interface Erased {
  people: { id: number; aliases: number[] }[];
  carts: { cartId: string; personId: number; rows: StoredRow[] }[];
  moved: Carrier[];
}

const NOTHING: Erased = { people: [], carts: [], moved: [] };

/** Erases the people whom an erasure names. What it names and is not known is marked, so that it is erased when it arrives. */
export function erase(graph: Graph, erasure: Erasure): Erased {
  const { markers } = graph;
  const throughMs = Math.max(0, erasure.received_through);
  const people = new Set<Person>();
  const carriers = new Set<Carrier>();
  for (const cartId of new Set(erasure.carts)) {
    if ((markers.cart(cartId)?.throughMs ?? -1) >= throughMs) continue;
    const carrier = graph.knownCarrier(cartCarrier(cartId));
    const person = ownerOf(graph, carrier);
    if (carrier === undefined) markers.eraseCart(cartId, throughMs, []);
    // Other carts of a person made of junk are not theirs.
    else if (person === undefined || person.junk) carriers.add(carrier);
    else people.add(person);
  }
  const words = wordsOf(erasure.identifiers);
  for (const word of words) {
    if (markers.identifierThrough(word) >= throughMs) continue;
    const entry = graph.knownIdentifier(word);
    if (entry === undefined) {
      if (!graph.rules.deny.has(word)) markers.eraseIdentifier(word, throughMs);
    } else if (graph.junk(word)) {
      for (const carrier of recordsOfOnly(graph, word, new Set(words))) carriers.add(carrier);
    } else if (entry.person !== 0) people.add(graph.personOf(entry.person));
  }
  return eraseAll(graph, people, carriers, throughMs);
}

/** The records that consist of junk among these words: they belong to nobody. */
const recordsOfOnly = (graph: Graph, junk: string, words: ReadonlySet<string>): Carrier[] =>
  [...graph.peekCarriersOf(junk)]
    .filter(
      ({ key, person, identifiers }) => !isCart(key) && person === 0 && identifiers.every((i) => words.has(i.word)),
    )
    .map(({ key }) => graph.carrier(key));

const ownerOf = (graph: Graph, carrier: Carrier | undefined): Person | undefined =>
  carrier === undefined || carrier.person === 0 ? undefined : graph.personOf(carrier.person);

/**
 * Erases people with everything that is theirs, and single carriers of others, who are then determined again without them.
 */
function eraseAll(graph: Graph, people: ReadonlySet<Person>, single: ReadonlySet<Carrier>, throughMs: number): Erased {
  const carriers = new Set([...single, ...carriersOfAll(graph, [...people], null)]);
  if (carriers.size === 0) return NOTHING;
  const bereft = new Set<Person>();
  const emptied = new Set<Person>();
  for (const carrier of single) {
    const person = ownerOf(graph, carrier);
    if (person === undefined || people.has(person)) continue;
    if (!person.junk) bereft.add(person);
    else if (isCart(carrier.key) && --person.carts === 0) emptied.add(person);
  }
  const remaining = carriersOfAll(graph, [...bereft], null).filter((carrier) => !carriers.has(carrier));
  const carts = [...carriers].filter(({ key }) => isCart(key)).sort((a, b) => (a.key < b.key ? -1 : 1));
  const erased: Erased = { people: [], carts: carts.map((cart) => eraseCart(graph, cart, throughMs)), moved: [] };

  const gone = dropIdentifiers(graph, carriers, people, throughMs);
  for (const carrier of carriers) {
    graph.uncountTimes(carrier);
    graph.deleteCarrier(carrier);
  }
  for (const person of emptied) {
    for (const { word } of person.identifiers) if (!gone.has(word)) graph.identifier(word).person = 0;
  }
  graph.deleteIdentifiers([...gone]);
  const deletePerson = (person: Person): void => {
    erased.people.push({ id: person.id, aliases: graph.deletePerson(person) });
  };
  for (const person of [...people, ...emptied].sort((a, b) => a.id - b.id)) deletePerson(person);
  if (bereft.size > 0) {
    erased.moved = reassign(graph, null, [...bereft], remaining, []).moved;
    for (const person of bereft) if (person.winner === 0 && isNobody(person)) deletePerson(person);
  }
  return erased;
}

const isNobody = (person: Person): boolean =>
  person.carts === 0 && person.identifiers.length === 0 && person.onlyCarrier === '';

function eraseCart(graph: Graph, carrier: Carrier, throughMs: number): Erased['carts'][number] {
  const cartId = cartIdOf(carrier.key);
  const rows = graph.rowsOf(carrier);
  graph.markers.eraseCart(cartId, throughMs, rows);
  return { cartId, personId: carrier.person, rows };
}

/**
 * Takes carriers out of the lists of their identifiers. Returns the identifiers that nothing carries any more: those of the
 * erased people, and junk that only they had.
 */
function dropIdentifiers(
  graph: Graph,
  carriers: ReadonlySet<Carrier>,
  people: ReadonlySet<Person>,
  throughMs: number,
): Set<string> {
  const gone = new Set<string>();
  /** The other identifiers, each with those that it is still seen with. */
  const others = new Map<string, Set<string>>();
  for (const carrier of carriers) {
    for (const { word } of carrier.identifiers) {
      const { person } = graph.identifier(word);
      if (person === 0 || !people.has(graph.personOf(person))) others.set(word, new Set());
      else if (!gone.has(word)) {
        gone.add(word);
        graph.markers.eraseIdentifier(word, throughMs);
      }
    }
  }
  for (const [word, seenWith] of others) {
    graph.unlinkCarriers(word, carriers, ({ identifiers }) => {
      for (const carried of identifiers) if (others.has(carried.word)) seenWith.add(carried.word);
    });
    if (graph.identifier(word).carrierHead === '') gone.add(word);
  }
  // The counts remain. A pair that is no longer seen anywhere is not stored any longer. Neither is one of two saturated
  // identifiers, which is not looked up again: the last carrier that has both may not know of it.
  for (const carrier of carriers) {
    graph.forEachPair(carrier, (one, other) => {
      const isSeen = others.get(one)?.has(other) === true;
      if (!isSeen || (graph.isSaturated(one) && graph.isSaturated(other))) graph.deletePair(one, other);
    });
  }
  return gone;
}

/**
 * Removes from an update of a cart what belongs to an erased person: a delivery that was received before the erasure, and
 * changes of trait events that were erased. Returns null for the update if nothing remains of it.
 */
export function dropErased(
  graph: Graph,
  update: CartUpdate,
  receivedAt: number,
): { update: CartUpdate | null; erased: Erased } {
  const { markers } = graph;
  if (markers.isEmpty) return { update, erased: NOTHING };
  const { cart_id: cartId } = update;
  const marker = markers.cart(cartId);
  const carrier = graph.knownCarrier(cartCarrier(cartId));
  const isLate = marker !== undefined && receivedAt <= marker.throughMs;
  const throughMs = isLate ? -1 : erasedThrough(graph, update, receivedAt);
  if (throughMs >= receivedAt) {
    // The cart of an erased person, which was not known yet or not known to be theirs.
    const erased = carrier === undefined ? NOTHING : eraseAll(graph, new Set(), new Set([carrier]), throughMs);
    markers.eraseCart(cartId, throughMs, assertedBy(update));
    return { update: null, erased };
  }
  if (marker === undefined) return { update, erased: NOTHING };
  if (carrier === undefined && (isLate || update.occurred_at === null)) {
    markers.eraseCart(cartId, marker.throughMs, assertedBy(update));
    return { update: null, erased: NOTHING };
  }
  const isErased = (change: Assertion): boolean => markers.has(marker, cartId, change);
  const remaining = withoutErased(update, isErased);
  if (!isLate || carrier === undefined) return { update: remaining, erased: NOTHING };
  return { update: withoutOwn(graph, carrier, remaining, marker), erased: NOTHING };
}

/** The latest receipt up to which an identifier of the update is erased. */
function erasedThrough({ markers }: Graph, update: CartUpdate, receivedAt: number): number {
  if (update.occurred_at === null || !markers.concern(receivedAt)) return -1;
  return Math.max(-1, ...wordsOf(update.identifiers).map((word) => markers.identifierThrough(word)));
}

const assertedBy = ({ changes }: CartUpdate): TraitChange[] => changes.filter(({ op }) => op === 'asserted');

/** The update without changes of erased trait events, and without what refers to them. */
function withoutErased(update: CartUpdate, isErased: (change: Assertion) => boolean): CartUpdate {
  const { snapshot } = update;
  const abandonment = { trait: 'cart_abandoned' as const, status: '' };
  const isAbandonmentErased =
    snapshot.abandoned_at !== null && isErased({ ...abandonment, occurred_at: snapshot.abandoned_at });
  return {
    ...update,
    changes: update.changes
      .filter((change) => !isErased(change))
      .map((change) => {
        const { replaces } = change;
        return replaces !== null && isErased({ ...change, occurred_at: replaces })
          ? { ...change, replaces: null }
          : change;
      }),
    snapshot: isAbandonmentErased ? { ...snapshot, abandoned_at: null, recovered_at: null } : snapshot,
  };
}

/**
 * What an update by a delivery from before the erasure changes in a cart that was seen again afterwards: trait events that
 * the cart has had since, and its state, but nothing by the delivery itself.
 */
function withoutOwn(graph: Graph, carrier: Carrier, update: CartUpdate, marker: CartMarker): CartUpdate {
  const known = new Set(graph.rowsOf(carrier).map(assertionOf));
  const own = assertedBy(update).filter((change) => !known.has(assertionOf(change)));
  graph.markers.eraseCart(update.cart_id, marker.throughMs, own);
  const changes = update.changes.filter((change) => !own.includes(change));
  return { ...update, occurred_at: null, event_order: null, identifiers: [], name: null, changes };
}
