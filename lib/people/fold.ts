import type {
  CartUpdate,
  Consent,
  Erasure,
  Outcome,
  LinkRules as LinkRulesChange,
  PersonInput,
  PersonRecord,
  TraitChange,
} from '../../schemas/types.ts';
import { takeAddresses } from './addresses.ts';
import { NO_TEXT, type DatedText, type Carrier } from './entries.ts';
import { dropErased, erase, type Erased } from './erasure.ts';
import { Graph } from './graph.ts';
import {
  cartCarrier,
  kindIndexOf,
  KINDS,
  recordCarrier,
  rulesKey,
  wordsOf,
  workspaceOfMoved,
  workspaceOfRelink,
} from './keys.ts';
import { assertionOf } from './markers.ts';
import { movedCartsOf, postpone } from './moved-carts.ts';
import { OutcomeWriter, type Cause } from './outcomes.ts';
import { partPeople } from './parting.ts';
import { linkIdentifiers, assignOwner } from './ownership.ts';
import { laterText } from './profile.ts';
import type { StoredRow } from './rows.ts';
import { beginRelink, relinkStep } from './relink.ts';
import { decodeRules, DEFAULT_BOUNDS, DEFAULT_RULES, type Bounds, type LinkRules } from './rules.ts';
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
 * in which they are emitted: erasures, merges, profiles, carts, trait events, the link report. When many carts have moved, or
 * link rules have changed, the work that is left is in entries of the state, for which `isWorkKey` is true: `continueWithFlows`
 * must be called for the first of them, in the order of their keys, until none is left, before the next record. A pure function of
 * state, record and cause; it reads no clock.
 */
export const foldPersonInput = (
  store: PeopleStore,
  input: PersonInput,
  cause: Cause,
  options: FoldOptions = {},
): Outcome[] => foldInto(graphOf(store, input.workspace, options), input, cause, options);

/** As `foldPersonInput`, with the graph of the workspace, which the caller may read afterwards. */
export function foldInto(graph: Graph, input: PersonInput, cause: Cause, options: FoldOptions = {}): Outcome[] {
  const { bounds = DEFAULT_BOUNDS } = options;
  const { store } = graph;
  switch (input.kind) {
    case 'cart':
      return input.cart === null ? [] : foldCart(store, graph, input.cart, input.received_at, bounds, cause);
    case 'record':
      return input.record === null ? [] : foldRecord(store, graph, input.record, input.received_at, bounds, cause);
    case 'link_rules':
      if (input.link_rules !== null) takeLinkRules(store, input.workspace, input.link_rules, bounds);
      return [];
    case 'erasure':
      return input.erasure === null ? [] : foldErasure(store, graph, input.erasure, bounds, cause);
    case 'command':
    case 'settings':
    case 'code_pool':
      // Flows alone depend on these: see `flow-log.ts`.
      return [];
  }
}

/** Does a step of applying changed link rules. Returns the outcomes, and the graph of the step. */
export function continueRelink(
  store: PeopleStore,
  key: string,
  cause: Cause,
  options: FoldOptions = {},
): { graph: Graph; outcomes: Outcome[] } {
  const { bounds = DEFAULT_BOUNDS, scratch = newScratch() } = options;
  const workspace = workspaceOfRelink(key);
  const former = rulesOf(store, workspace, options);
  const { graph, moved } = relinkStep(store, workspace, former, bounds, scratch);
  return { graph, outcomes: outcomesOf(store, graph, moved, bounds, cause) };
}

/** Emits the moved carts of an entry, and deletes the entry. */
export function emitMovedCarts(store: PeopleStore, key: string, cause: Cause, options: FoldOptions = {}): Outcome[] {
  const value = store.get(key);
  if (value === undefined) return [];
  const graph = graphOf(store, workspaceOfMoved(key), options);
  const carriers = movedCartsOf(value).map(({ carrier, formerPerson }) => ({
    ...graph.carrier(carrier),
    formerPerson,
  }));
  const out = new OutcomeWriter(graph.workspace, cause);
  emitCarts(out, graph, carriers);
  graph.flush();
  store.delete(key);
  return out.outcomes;
}

function rulesOf(store: PeopleStore, workspace: string, { rules = DEFAULT_RULES }: FoldOptions): LinkRules {
  const stored = store.get(rulesKey(workspace));
  return stored === undefined ? rules : decodeRules(stored);
}

export function graphOf(store: PeopleStore, workspace: string, options: FoldOptions): Graph {
  const { bounds = DEFAULT_BOUNDS, scratch = newScratch() } = options;
  return new Graph(store, workspace, rulesOf(store, workspace, options), bounds, scratch);
}

/** Erases people. What they had must not come back: see `erasure.ts`. */
function foldErasure(store: PeopleStore, graph: Graph, erasure: Erasure, bounds: Bounds, cause: Cause): Outcome[] {
  const erased = erase(graph, erasure);
  return outcomesOf(store, graph, erased.moved, bounds, cause, erased);
}

function foldCart(
  store: PeopleStore,
  graph: Graph,
  input: CartUpdate,
  receivedAt: number,
  bounds: Bounds,
  cause: Cause,
): Outcome[] {
  const { update, erased } = dropErased(graph, input, receivedAt);
  if (update === null) return outcomesOf(store, graph, erased.moved, bounds, cause, erased);
  const { cartsPerStep } = bounds;
  const carrier = graph.carrier(cartCarrier(update.cart_id));
  const at = update.occurred_at ?? (carrier.person === 0 ? receivedAt : null);
  if (at !== null) observe(carrier, at, update.name, null);
  carrier.snapshot = update.snapshot;
  takeAddresses(carrier.addresses, update);
  const { moved, selfMoved } = relate(graph, carrier, wordsOf(update.identifiers));
  graph.noteMoved(selfMoved ? [carrier, ...moved] : moved);
  const person = graph.personOf(carrier.person).id;
  const changes = storeChanges(graph, carrier, update.changes, person, selfMoved);
  graph.countTimes();

  const out = new OutcomeWriter(graph.workspace, cause);
  emitPeople(out, graph);
  const first = moved.slice(0, cartsPerStep);
  for (const one of [carrier, ...first]) emitCart(out, graph, one);
  for (const { row, former } of changes) out.trait(carrier, person, row, former);
  for (const other of first) emitRows(out, graph, other);
  postponeOthers(store, graph, moved, cartsPerStep);
  return finish(out, graph);
}

function foldRecord(
  store: PeopleStore,
  graph: Graph,
  record: PersonRecord,
  receivedAt: number,
  bounds: Bounds,
  cause: Cause,
): Outcome[] {
  const words = wordsOf(record.identifiers);
  // Ingest refuses a record without a readable identifier; one that came here all the same is nobody's.
  if (words.length === 0) return [];
  if (graph.markers.concern(receivedAt)) {
    if (words.some((word) => graph.markers.identifierThrough(word) >= receivedAt)) return [];
  }
  const carrier = graph.carrier(recordCarrier(words));
  const at = Math.min(record.occurred_at, receivedAt);
  observe(carrier, at, record.name, record.time_zone);
  for (const word of words) {
    const kind = KINDS[kindIndexOf(word)];
    if (kind === 'phone') consent(graph, word, record.sms_consent, at);
    if (kind === 'email') consent(graph, word, record.email_consent, at);
  }
  const { moved } = relate(graph, carrier, words);
  return outcomesOf(store, graph, moved, bounds, cause);
}

/** Takes link rules, which `continueRelink` applies. A change that has already been taken has no effect. */
function takeLinkRules(store: PeopleStore, workspace: string, change: LinkRulesChange, bounds: Bounds): void {
  const stored = store.get(rulesKey(workspace));
  if (change.number <= (stored === undefined ? -1 : decodeRules(stored).number)) return;
  beginRelink(store, workspace, {
    number: change.number,
    limit: Math.max(1, Math.min(change.limit, bounds.highestLimit)),
    allow: new Set(wordsOf(change.allow)),
    deny: new Set(wordsOf(change.deny)),
  });
}

/** The outcomes for people and for moved carts when the cause is not a cart. Writes the graph back. */
function outcomesOf(
  store: PeopleStore,
  graph: Graph,
  moved: readonly Carrier[],
  { cartsPerStep }: Bounds,
  cause: Cause,
  erased?: Erased,
): Outcome[] {
  graph.noteMoved(moved);
  graph.countTimes();
  const out = new OutcomeWriter(graph.workspace, cause);
  if (erased !== undefined) out.erasure(erased);
  emitPeople(out, graph);
  emitCarts(out, graph, moved.slice(0, cartsPerStep));
  postponeOthers(store, graph, moved, cartsPerStep);
  return finish(out, graph);
}

function finish(out: OutcomeWriter, graph: Graph): Outcome[] {
  for (const report of graph.linkReports()) out.linkReport(report);
  graph.flush();
  return out.outcomes;
}

function emitCarts(out: OutcomeWriter, graph: Graph, carriers: readonly Carrier[]): void {
  for (const carrier of carriers) emitCart(out, graph, carrier);
  for (const carrier of carriers) emitRows(out, graph, carrier);
}

/** All moved carts but those of the first step. */
function postponeOthers(store: PeopleStore, graph: Graph, moved: readonly Carrier[], cartsPerStep: number): void {
  const others = moved.slice(cartsPerStep);
  for (const carrier of others) carrier.person = graph.personOf(carrier.person).id;
  postpone(store, graph.workspace, others, cartsPerStep);
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
