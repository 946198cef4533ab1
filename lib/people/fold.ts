import type {
  CartUpdate,
  Consent,
  Outcome,
  LinkRules as LinkRulesChange,
  PersonInput,
  PersonRecord,
  TraitChange,
} from '../../schemas/types.ts';
import { takeAddresses } from './addresses.ts';
import { NO_TEXT, type DatedText, type Carrier } from './entries.ts';
import { Graph } from './graph.ts';
import { cartCarrier, kindIndexOf, KINDS, recordCarrier, rulesKey, wordsOf } from './keys.ts';
import { OutcomeWriter, type Cause } from './outcomes.ts';
import { partPeople } from './parting.ts';
import { linkIdentifiers, assignOwner } from './ownership.ts';
import { laterText } from './profile.ts';
import type { StoredRow } from './rows.ts';
import { relink } from './relink.ts';
import { decodeRules, DEFAULT_BOUNDS, DEFAULT_RULES, encodeRules, type Bounds, type LinkRules } from './rules.ts';
import { newScratch, type Scratch } from './scratch.ts';
import type { PeopleStore } from './store.ts';

export interface FoldOptions {
  /** The link rules of a workspace that has not set any. */
  rules?: LinkRules;
  /** Limits of what one record can add. */
  bounds?: Bounds;
  /** Reused for one record after another, it saves the allocation of new writers. */
  scratch?: Scratch;
}

/**
 * Decides who is who: folds one record of person-inputs into the state behind `store` and returns the outcomes in the order
 * in which they are emitted: merges, profiles, carts, trait events. A pure function of state, record and cause; it reads no
 * clock. Erasures have no effect yet.
 */
export function foldPersonInput(
  store: PeopleStore,
  input: PersonInput,
  cause: Cause,
  { rules = DEFAULT_RULES, bounds = DEFAULT_BOUNDS, scratch = newScratch() }: FoldOptions = {},
): Outcome[] {
  const { kind, workspace } = input;
  const storedRules = store.get(rulesKey(workspace));
  const graph = new Graph(
    store,
    workspace,
    storedRules === undefined ? rules : decodeRules(storedRules),
    bounds,
    scratch,
  );
  switch (kind) {
    case 'cart':
      return input.cart === null ? [] : foldCart(graph, input.cart, input.received_at, cause);
    case 'record':
      return input.record === null ? [] : foldRecord(graph, input.record, input.received_at, cause);
    case 'link_rules':
      return input.link_rules === null ? [] : foldLinkRules(store, graph, input.link_rules, bounds, cause);
    case 'erasure':
      return [];
  }
}

function foldCart(graph: Graph, update: CartUpdate, receivedAt: number, cause: Cause): Outcome[] {
  const carrier = graph.carrier(cartCarrier(update.cart_id));
  const at = update.occurred_at ?? (carrier.person === 0 ? receivedAt : null);
  if (at !== null) observe(carrier, at, update.name, null);
  carrier.snapshot = update.snapshot;
  takeAddresses(carrier.addresses, update);
  const { moved, selfMoved } = relate(graph, carrier, wordsOf(update.identifiers));
  const person = graph.personOf(carrier.person).id;
  const changes = storeChanges(graph, carrier, update.changes, person, selfMoved);
  graph.countTimes();

  const out = new OutcomeWriter(graph.workspace, cause);
  emitPeople(out, graph);
  for (const one of [carrier, ...moved]) emitCart(out, graph, one);
  for (const { row, former } of changes) out.trait(carrier, person, row, former);
  for (const other of moved) emitRows(out, graph, other);
  graph.flush();
  return out.outcomes;
}

function foldRecord(graph: Graph, record: PersonRecord, receivedAt: number, cause: Cause): Outcome[] {
  const words = wordsOf(record.identifiers);
  // Ingest refuses a record without a readable identifier; one that came here all the same is nobody's.
  if (words.length === 0) return [];
  const carrier = graph.carrier(recordCarrier(words));
  const at = Math.min(record.occurred_at, receivedAt);
  observe(carrier, at, record.name, record.time_zone);
  for (const word of words) {
    const kind = KINDS[kindIndexOf(word)];
    if (kind === 'phone') consent(graph, word, record.sms_consent, at);
    if (kind === 'email') consent(graph, word, record.email_consent, at);
  }
  const { moved } = relate(graph, carrier, words);
  return outcomesOf(graph, moved, cause);
}

/** Applies link rules, which hold for the past too. A change that has already been applied has no effect. */
function foldLinkRules(
  store: PeopleStore,
  graph: Graph,
  change: LinkRulesChange,
  bounds: Bounds,
  cause: Cause,
): Outcome[] {
  const key = rulesKey(graph.workspace);
  const stored = store.get(key);
  if (change.number <= (stored === undefined ? -1 : decodeRules(stored).number)) return [];
  const rules = {
    number: change.number,
    limit: Math.max(1, Math.min(change.limit, bounds.highestLimit)),
    allow: new Set(wordsOf(change.allow)),
    deny: new Set(wordsOf(change.deny)),
  };
  store.put(key, encodeRules(rules));
  return outcomesOf(graph, relink(graph, rules), cause);
}

/** The outcomes for people and for moved carts when the cause is not a cart. Writes the graph back. */
function outcomesOf(graph: Graph, moved: readonly Carrier[], cause: Cause): Outcome[] {
  graph.countTimes();
  const out = new OutcomeWriter(graph.workspace, cause);
  emitPeople(out, graph);
  for (const carrier of moved) emitCart(out, graph, carrier);
  for (const carrier of moved) emitRows(out, graph, carrier);
  graph.flush();
  return out.outcomes;
}

/** Records that a carrier was seen at a time, with the name and time zone that were given then. */
function observe(carrier: Carrier, at: number, name: string | null, timeZone: string | null): void {
  // The state holds no times before 1970; what is refused elsewhere must not spoil it.
  const t = Math.max(0, at);
  carrier.firstAt = Math.min(carrier.firstAt, t);
  carrier.lastAt = Math.max(carrier.lastAt, t);
  carrier.name = laterText(carrier.name, datedText(name, t));
  carrier.timeZone = laterText(carrier.timeZone, datedText(timeZone, t));
}

const datedText = (value: string | null, at: number): DatedText =>
  value === null || value === '' ? NO_TEXT : { value, at };

/** Sets a consent: the latest record by T counts; at the same T, `opted_out` counts. */
function consent(graph: Graph, word: string, value: Consent | null, at: number): void {
  if (value === null) return;
  const entry = graph.identifier(word);
  const t = Math.max(0, at);
  if (t < entry.consentAt || (t === entry.consentAt && value !== 'opted_out')) return;
  graph.setConsent(entry, value, t);
}

/** Adds identifiers to a carrier and assigns it to its person. */
function relate(graph: Graph, carrier: Carrier, words: readonly string[]): { moved: Carrier[]; selfMoved: boolean } {
  const fresh = words.some((word) => !carrier.identifiers.some((carried) => carried.word === word));
  if (!fresh && carrier.firstAt !== Infinity && carrier.person !== 0) {
    graph.absorb(graph.personOf(carrier.person), carrier);
    carrier.person = graph.personOf(carrier.person).id;
    return { moved: [], selfMoved: false };
  }
  const newJunk = linkIdentifiers(graph, carrier, words);
  if (newJunk.length === 0) return { moved: [], selfMoved: assignOwner(graph, carrier) };
  const { moved, causeMoved } = partPeople(graph, carrier, newJunk);
  return { moved, selfMoved: causeMoved };
}

function emitPeople(out: OutcomeWriter, graph: Graph): void {
  for (const merge of graph.merges) out.merge(merge);
  for (const person of graph.changedPeople()) out.person(person);
}

/** Emits a cart under the person that it has now. */
function emitCart(out: OutcomeWriter, graph: Graph, carrier: Carrier): void {
  if (carrier.snapshot === null) return;
  carrier.person = graph.personOf(carrier.person).id;
  out.cart(carrier);
}

/** Emits all trait events of a cart under the person that it has now. */
function emitRows(out: OutcomeWriter, graph: Graph, carrier: Carrier): void {
  const person = graph.personOf(carrier.person).id;
  for (const row of graph.moveRows(carrier, person)) {
    out.trait(carrier, person, asUpdate(row), row.person === 0 ? carrier.formerPerson : row.person);
  }
}

const asUpdate = (row: StoredRow): TraitChange => (row.op === 'retracted' ? row : { ...row, op: 'updated' });

/** A trait event to be emitted, and the id that it was emitted under before; 0: none. */
interface Emission {
  row: TraitChange;
  former: number;
}

/** Stores the changes of a cart. Returns what is to be emitted: the changes, or all its trait events if it has moved. */
function storeChanges(
  graph: Graph,
  carrier: Carrier,
  changes: readonly TraitChange[],
  person: number,
  isMoved: boolean,
): Emission[] {
  const moved = isMoved ? graph.moveRows(carrier, person) : [];
  const formers = changes.length === 0 ? [] : graph.recordRows(carrier, changes, person);
  if (moved.length === 0) return changes.map((row, i) => ({ row, former: formers[i] ?? 0 }));
  const formerOf = new Map(moved.map((row) => [assertionOf(row), row.person || carrier.formerPerson]));
  const changed = new Set(changes.map(assertionOf));
  return [
    ...moved
      .filter((row) => !changed.has(assertionOf(row)))
      .map((row) => ({ row: asUpdate(row), former: formerOf.get(assertionOf(row)) ?? 0 })),
    ...changes.map((row, i) => ({ row, former: formerOf.get(assertionOf(row)) ?? formers[i] ?? 0 })),
  ];
}

const assertionOf = ({ trait, status, occurred_at }: TraitChange): string => `${occurred_at}${trait}${status}`;
