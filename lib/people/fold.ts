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
import { NEVER_SAID, type Said, type Source } from './entries.ts';
import { Graph } from './graph.ts';
import { cartSource, kindIndexOf, KINDS, recordSource, rulesKey, wordsOf } from './keys.ts';
import { OutcomeWriter, type Cause } from './outcomes.ts';
import { part } from './part.ts';
import { link, place } from './place.ts';
import { laterSaid } from './profile.ts';
import type { StoredRow } from './rows.ts';
import { relink } from './relink.ts';
import { decodeRules, DEFAULT_BOUNDS, DEFAULT_RULES, encodeRules, type Bounds, type LinkRules } from './rules.ts';
import type { PeopleStore } from './store.ts';

/**
 * Who is who: folds one record of person-inputs into the state behind `store` and returns what follows
 * from it, in the order in which it is emitted: merges, profiles, carts, trait events. A pure function of
 * state, record and cause; it reads no clock.
 *
 * Erasures are not built yet: they change nothing.
 *
 * @param rules those of a workspace that has not set its own
 * @param bounds what one record can add at most
 */
export function foldPersonInput(
  store: PeopleStore,
  input: PersonInput,
  cause: Cause,
  rules: LinkRules = DEFAULT_RULES,
  bounds: Bounds = DEFAULT_BOUNDS,
): Outcome[] {
  const { kind, workspace } = input;
  const storedRules = store.get(rulesKey(workspace));
  const graph = new Graph(store, workspace, storedRules === undefined ? rules : decodeRules(storedRules), bounds);
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
  const source = graph.source(cartSource(update.cart_id));
  const at = update.occurred_at ?? (source.person === 0 ? receivedAt : null);
  if (at !== null) observe(source, at, update.name, null);
  source.snapshot = update.snapshot;
  takeAddresses(source.addresses, update);
  const { moved, selfMoved } = relate(graph, source, wordsOf(update.identifiers));
  const person = graph.personOf(source.person).id;
  const changes = storeChanges(graph, source, update.changes, person, selfMoved);
  graph.countTimes();

  const out = new OutcomeWriter(graph.workspace, cause);
  sayPeople(out, graph);
  for (const one of [source, ...moved]) sayCart(out, graph, one);
  for (const { row, former } of changes) out.trait(source, person, row, former);
  for (const other of moved) sayRows(out, graph, other);
  graph.flush();
  return out.outcomes;
}

function foldRecord(graph: Graph, record: PersonRecord, receivedAt: number, cause: Cause): Outcome[] {
  const words = wordsOf(record.identifiers);
  // Ingest refuses a record without a readable identifier; one that came here all the same is nobody's.
  if (words.length === 0) return [];
  const source = graph.source(recordSource(words));
  const at = Math.min(record.occurred_at, receivedAt);
  observe(source, at, record.name, record.time_zone);
  for (const word of words) {
    const kind = KINDS[kindIndexOf(word)];
    if (kind === 'phone') consent(graph, word, record.sms_consent, at);
    if (kind === 'email') consent(graph, word, record.email_consent, at);
  }
  const { moved } = relate(graph, source, words);
  return outcomesOf(graph, moved, cause);
}

/** Rules hold for the past too. A change that was taken already has no effect. */
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

/** What follows for people and for carts that moved, when no cart is the cause; writes the graph back. */
function outcomesOf(graph: Graph, moved: readonly Source[], cause: Cause): Outcome[] {
  graph.countTimes();
  const out = new OutcomeWriter(graph.workspace, cause);
  sayPeople(out, graph);
  for (const source of moved) sayCart(out, graph, source);
  for (const source of moved) sayRows(out, graph, source);
  graph.flush();
  return out.outcomes;
}

/** Takes in when a source was seen, and what its person was called then. */
function observe(source: Source, at: number, name: string | null, timeZone: string | null): void {
  // The state holds no times before 1970; what is refused elsewhere must not spoil it.
  const t = Math.max(0, at);
  source.firstAt = Math.min(source.firstAt, t);
  source.lastAt = Math.max(source.lastAt, t);
  source.name = laterSaid(source.name, said(name, t));
  source.timeZone = laterSaid(source.timeZone, said(timeZone, t));
}

const said = (value: string | null, at: number): Said => (value === null || value === '' ? NEVER_SAID : { value, at });

/** The latest record by T decides; at the same T it is the refusal. */
function consent(graph: Graph, word: string, value: Consent | null, at: number): void {
  if (value === null) return;
  const entry = graph.identifier(word);
  const t = Math.max(0, at);
  if (t < entry.consentAt || (t === entry.consentAt && value !== 'opted_out')) return;
  graph.setConsent(entry, value, t);
}

/** Gives the source its person, with what it carries now. */
function relate(graph: Graph, source: Source, words: readonly string[]): { moved: Source[]; selfMoved: boolean } {
  const fresh = words.some((word) => !source.identifiers.some((carried) => carried.word === word));
  if (!fresh && source.firstAt !== Infinity && source.person !== 0) {
    graph.absorb(graph.personOf(source.person), source);
    source.person = graph.personOf(source.person).id;
    return { moved: [], selfMoved: false };
  }
  const turned = link(graph, source, words);
  if (turned.length === 0) return { moved: [], selfMoved: place(graph, source) };
  const { moved, causeMoved } = part(graph, source, turned);
  return { moved, selfMoved: causeMoved };
}

function sayPeople(out: OutcomeWriter, graph: Graph): void {
  for (const merge of graph.merges) out.merge(merge);
  for (const person of graph.changedPeople()) out.person(person);
}

/** Emits a cart under the person that it has now. */
function sayCart(out: OutcomeWriter, graph: Graph, source: Source): void {
  if (source.snapshot === null) return;
  source.person = graph.personOf(source.person).id;
  out.cart(source);
}

/** Emits all trait events of a cart under the person that it has now. */
function sayRows(out: OutcomeWriter, graph: Graph, source: Source): void {
  const person = graph.personOf(source.person).id;
  for (const row of graph.moveRows(source, person)) {
    out.trait(source, person, asUpdate(row), row.person === 0 ? source.formerPerson : row.person);
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
  source: Source,
  changes: readonly TraitChange[],
  person: number,
  isMoved: boolean,
): Emission[] {
  const moved = isMoved ? graph.moveRows(source, person) : [];
  const formers = changes.length === 0 ? [] : graph.recordRows(source, changes, person);
  const formerOf = new Map(moved.map((row) => [assertionOf(row), row.person || source.formerPerson]));
  const changed = new Set(changes.map(assertionOf));
  return [
    ...moved
      .filter((row) => !changed.has(assertionOf(row)))
      .map((row) => ({ row: asUpdate(row), former: formerOf.get(assertionOf(row)) ?? 0 })),
    ...changes.map((row, i) => ({ row, former: formerOf.get(assertionOf(row)) ?? formers[i] ?? 0 })),
  ];
}

const assertionOf = ({ trait, status, occurred_at }: TraitChange): string => `${occurred_at}${trait}${status}`;
