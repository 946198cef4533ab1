import type {
  CartSnapshot,
  Consent,
  FlowCommand,
  FlowInput,
  FlowSettings,
  Identifier,
  IdentifierKind,
  LinkReport,
  Merge,
  Outcome,
  Person,
  PersonErasure,
  PersonInput,
  TraitChange,
  TraitEvent,
} from '../../schemas/types.ts';
import { BLANK_SNAPSHOT } from '../carts/index.ts';
import { decodeIdentifier } from './entry-bytes.ts';
import { continueWithFlows, foldWithFlows } from './flow-log.ts';
import { SHOWN_OF_KIND } from './profile.ts';
import { identifierOf, isWorkKey } from './keys.ts';
import { DEFAULT_RULES, HIGHEST_LIMIT, type Bounds, type LinkRules } from './rules.ts';
import { newScratch } from './scratch.ts';

/** What tests of the people need: inputs in a line, and a reader of outcomes that does what the sink does. */

export function identifier(text: string): Identifier {
  const colon = text.indexOf(':');
  return { kind: text.slice(0, colon) as IdentifierKind, value: text.slice(colon + 1) };
}

interface CartOptions {
  at?: number | null;
  name?: string;
  changes?: TraitChange[];
  workspace?: string;
  snapshot?: CartSnapshot;
  receivedAt?: number;
}

export function cartInput(cart: string, identifiers: readonly string[], options: CartOptions = {}): PersonInput {
  const at = options.at === undefined ? 1000 : options.at;
  return {
    kind: 'cart',
    workspace: options.workspace ?? 'w',
    log_time: options.receivedAt ?? at ?? 1000,
    received_at: options.receivedAt ?? at ?? 1000,
    cart: {
      cart_id: cart,
      occurred_at: at,
      event_order: null,
      identifiers: identifiers.map(identifier),
      name: options.name ?? null,
      part: 0,
      parts: 1,
      changes: options.changes ?? [],
      snapshot: options.snapshot ?? BLANK_SNAPSHOT,
    },
    record: null,
    erasure: null,
    link_rules: null,
    command: null,
    settings: null,
    code_pool: null,
  };
}

interface RecordOptions {
  at?: number;
  receivedAt?: number;
  name?: string;
  timeZone?: string;
  sms?: Consent;
  email?: Consent;
  workspace?: string;
}

export function recordInput(identifiers: readonly string[], options: RecordOptions = {}): PersonInput {
  const at = options.at ?? 1000;
  return {
    kind: 'record',
    workspace: options.workspace ?? 'w',
    log_time: null,
    received_at: options.receivedAt ?? at,
    cart: null,
    record: {
      occurred_at: at,
      identifiers: identifiers.map(identifier),
      name: options.name ?? null,
      time_zone: options.timeZone ?? null,
      sms_consent: options.sms ?? null,
      email_consent: options.email ?? null,
    },
    erasure: null,
    link_rules: null,
    command: null,
    settings: null,
    code_pool: null,
  };
}

export const rulesInput = (
  number: number,
  rules: { limit?: number; allow?: readonly string[]; deny?: readonly string[] },
): PersonInput => ({
  ...recordInput([]),
  kind: 'link_rules',
  record: null,
  link_rules: {
    number,
    limit: rules.limit ?? DEFAULT_RULES.limit,
    allow: (rules.allow ?? []).map(identifier),
    deny: (rules.deny ?? []).map(identifier),
  },
});

export const erasureInput = (
  through: number,
  names: { identifiers?: readonly string[]; carts?: readonly string[] },
): PersonInput => ({
  ...recordInput([]),
  kind: 'erasure',
  received_at: through,
  record: null,
  erasure: {
    identifiers: (names.identifiers ?? []).map(identifier),
    carts: [...(names.carts ?? [])],
    received_through: through,
  },
});

/** A command to the flow `f`; a publish has the version of its number. */
export const commandInput = (number: number, what: FlowCommand['what'] = 'publish'): PersonInput => ({
  ...recordInput([]),
  kind: 'command',
  record: null,
  command: {
    number,
    what,
    flow_id: 'f',
    version: what === 'publish' ? number : 0,
    definition: what === 'publish' ? '{}' : null,
    runs: 'finish',
    run_id: what === 'cancel' ? 'run' : null,
  },
  settings: what === 'publish' ? flowSettings(number, 'of the publish') : null,
});

export const flowSettings = (number: number, name: string): FlowSettings => ({
  number,
  name,
  time_zone: 'UTC',
  frequency_cap: null,
  quiet_hours: null,
});

export const settingsInput = (number: number, name: string): PersonInput => ({
  ...recordInput([]),
  kind: 'settings',
  record: null,
  settings: flowSettings(number, name),
});

export const poolInput = (number: number, name: string, total: number): PersonInput => ({
  ...recordInput([]),
  kind: 'code_pool',
  record: null,
  code_pool: { number, name, total },
});

export function change(occurredAt: number, status = '', more: Partial<TraitChange> = {}): TraitChange {
  return {
    op: 'asserted',
    trait: status === '' ? 'cart_abandoned' : 'cart_status_updated',
    status,
    occurred_at: occurredAt,
    detected_at: occurredAt,
    retracted_at: null,
    recovered_at: null,
    source: status === '' ? 'timer' : null,
    previous_status: null,
    reentered: false,
    anomaly: null,
    store_id: null,
    mode: null,
    amount: null,
    products: null,
    beyond_horizon: false,
    replaces: null,
    last_activity_at: null,
    ...more,
  };
}

/** A store in memory. */
export class MapStore {
  readonly entries = new Map<string, Buffer>();
  /** The keys of work that is to be done before the next record, in no order. */
  readonly work = new Set<string>();
  get(key: string): Buffer | undefined {
    return this.entries.get(key);
  }
  put(key: string, value: Buffer): void {
    this.entries.set(key, value);
    if (isWorkKey(key)) this.work.add(key);
  }
  delete(key: string): void {
    this.entries.delete(key);
    this.work.delete(key);
  }
}

/** Folds inputs and keeps what a reader of the outcomes knows. */
export class World {
  readonly store = new MapStore();
  readonly outcomes: Outcome[] = [];
  readonly flowInputs: FlowInput[] = [];
  readonly aliases = new Map<number, number>();
  /** Ids of people of one anonymous cart who became somebody else's. */
  readonly dissolved = new Set<number>();
  /** What a reader holds that keeps carts and trait events by person: `person/cart` and `person/event`. */
  readonly byPerson = new Set<string>();
  readonly people = new Map<number, Person>();
  /** The link report, by the id of the identifier. */
  readonly report = new Map<string, LinkReport>();
  readonly carts = new Map<string, number>();
  readonly traits = new Map<string, TraitEvent>();
  /** The largest T of the events of each cart. */
  readonly lastEvents = new Map<string, number>();
  private readonly rules: LinkRules;
  private readonly bounds: Bounds;
  private readonly scratch = newScratch();
  private offset = 0;

  constructor(rules: Partial<LinkRules> = {}, shownOfKind = SHOWN_OF_KIND, highestLimit = HIGHEST_LIMIT) {
    this.rules = { ...DEFAULT_RULES, ...rules };
    // Few, so that moved carts are emitted, and link rules applied, in several steps.
    this.bounds = { shownOfKind, highestLimit, cartsPerStep: 2, identifiersPerStep: 3, entriesPerStep: 3 };
  }

  fold(input: PersonInput): Outcome[] {
    return this.foldAt(input, this.offset);
  }

  /** With the log time of the record; otherwise it is its offset. */
  foldAt(input: PersonInput, logTimeMs: number): Outcome[] {
    const cause = { logTimeMs, offset: this.offset++ };
    const options = { rules: this.rules, bounds: this.bounds, scratch: this.scratch };
    const folded = foldWithFlows(this.store, input, cause, options);
    const [outcomes, flowInputs] = [[...folded.outcomes], [...folded.flowInputs]];
    for (let [key] = [...this.store.work].sort(); key !== undefined; [key] = [...this.store.work].sort()) {
      const more = continueWithFlows(this.store, key, cause, options);
      outcomes.push(...more.outcomes);
      flowInputs.push(...more.flowInputs);
    }
    this.flowInputs.push(...flowInputs);
    for (const outcome of outcomes) this.read(outcome);
    this.outcomes.push(...outcomes);
    return outcomes;
  }

  /** Another task that continues from a copy of the state, as after a restart. */
  restarted(): World {
    const next = new World(this.rules, this.bounds.shownOfKind, this.bounds.highestLimit);
    for (const [key, value] of this.store.entries) next.store.entries.set(key, Buffer.from(value));
    next.offset = this.offset;
    return next;
  }

  /** In one step: aliases are flat. */
  resolve(id: number): number {
    return this.aliases.get(id) ?? id;
  }

  personOfCart(cart: string): number {
    return this.resolve(this.carts.get(cart) ?? 0);
  }

  /** The people as sorted lists of carts and identifiers, as a reader of the outcomes sees them. */
  partition(): string[][] {
    const members = new Map<number, string[]>();
    for (const person of this.people.values()) {
      if (this.aliases.has(person.person_id)) continue;
      members.set(
        person.person_id,
        person.identifiers.map(({ kind, value }) => `${kind}:${value}`),
      );
    }
    for (const [cart, id] of this.carts) members.get(this.resolve(id))?.push(`cart:${cart}`);
    return [...members.values()].filter((list) => list.length > 0);
  }

  /** Whose identifier it is by the state, profiles aside; those that are nobody's are left out. */
  owners(): Map<string, number> {
    const owners = new Map<string, number>();
    for (const [key, value] of this.store.entries) {
      if (!key.startsWith('i/w/')) continue;
      const word = key.slice('i/w/'.length);
      const { kind, value: text } = identifierOf(word);
      const { person } = decodeIdentifier(word, value);
      if (person !== 0) owners.set(`${kind}:${text}`, this.resolve(person));
    }
    return owners;
  }

  private read({ merge, person, cart, trait, erasure, link_report: report }: Outcome): void {
    if (report?.removed === true) this.report.delete(report.identifier_id);
    else if (report) this.report.set(report.identifier_id, report);
    if (erasure !== null) this.erase(erasure);
    if (merge !== null) this.alias(merge);
    if (person !== null) this.people.set(person.person_id, person);
    if (cart !== null) {
      this.carts.set(cart.cart_id, cart.person_id);
      if (cart.last_event_at !== null) this.lastEvents.set(cart.cart_id, cart.last_event_at);
      this.keepByPerson(cart.person_id, `cart ${cart.cart_id}`, cart.moved_from);
    }
    if (trait !== null) {
      this.traits.set(trait.event_id, trait);
      this.keepByPerson(trait.person_id, trait.event_id, trait.moved_from);
    }
  }

  /** Deletes rows, each of which must be there under the id that the erasure gives. */
  private erase({ person_id, former_ids, carts, trait_events }: PersonErasure): void {
    if (person_id !== null && !this.people.delete(person_id)) throw new Error(`no person ${person_id} to erase`);
    for (const id of former_ids) {
      if (!this.aliases.delete(id)) throw new Error(`no alias ${id} to erase`);
      this.people.delete(id);
      this.dissolved.delete(id);
    }
    for (const cart of carts) {
      this.forgetByPerson(cart.person_id, `cart ${cart.cart_id}`);
      this.carts.delete(cart.cart_id);
    }
    for (const event of trait_events) {
      this.forgetByPerson(event.person_id, event.event_id);
      this.traits.delete(event.event_id);
    }
  }

  private forgetByPerson(person: number, what: string): void {
    if (!this.byPerson.delete(`${person}/${what}`)) throw new Error(`person ${person} has no ${what} to erase`);
  }

  private alias({ loser, winner, dissolved }: Merge): void {
    this.aliases.set(loser, winner);
    if (dissolved) this.dissolved.add(loser);
  }

  private keepByPerson(person: number, what: string, movedFrom: number | null): void {
    if (movedFrom !== null) this.byPerson.delete(`${movedFrom}/${what}`);
    this.byPerson.add(`${person}/${what}`);
  }
}
