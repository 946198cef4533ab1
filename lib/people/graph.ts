import { DamagedStateError, invariant } from '../bytes/index.ts';
import type { Consent, TraitChange } from '../../schemas/types.ts';
import type { Counted, IdentifierEntry, Person, Carrier, Workspace } from './entries.ts';
import * as entries from './entries.ts';
import * as bytes from './entry-bytes.ts';
import * as keys from './keys.ts';
import { moveRows, recordRows, type ChunkStore, type StoredRow } from './rows.ts';
import type { Scratch } from './scratch.ts';
import { absorbInto, addIdentifiers, addTo } from './profile.ts';
import { isJunk, isSaturated, type Bounds, type LinkRules } from './rules.ts';
import type { MergedPerson, PeopleStore } from './store.ts';
import { TimeIndex } from './times.ts';

/**
 * The graph of one workspace while one record is folded: entries are read once, changed in memory and written back by
 * `flush`. It keeps the invariants of single entries and of the lists through them; its callers decide who belongs to whom.
 */
export class Graph {
  private currentRules: LinkRules;
  /** Identifiers that are still treated as before the rules changed. */
  private readonly unapplied = new Set<string>();
  readonly merges: MergedPerson[] = [];
  private readonly store: PeopleStore;
  private readonly workspaceName: string;
  private header: Workspace | undefined;
  private readonly carriers = new Map<string, Carrier>();
  private readonly identifiers = new Map<string, IdentifierEntry>();
  private readonly persons = new Map<number, Person>();
  /** People whose profile has changed. */
  private readonly changed = new Set<Person>();
  /** The times of the carts of a person made of junk, by the junk identifier. */
  private readonly times = new Map<string, TimeIndex>();
  private readonly bounds: Bounds;
  private readonly scratch: Scratch;

  constructor(store: PeopleStore, workspace: string, rules: LinkRules, bounds: Bounds, scratch: Scratch) {
    invariant(rules.limit <= bounds.highestLimit, 'no limit is higher than pairs are recorded for');
    this.store = store;
    this.workspaceName = workspace;
    this.currentRules = rules;
    this.bounds = bounds;
    this.scratch = scratch;
  }

  get rules(): LinkRules {
    return this.currentRules;
  }

  /** Changes the rules. They hold for each of the identifiers in `unapplied` only after `apply`. */
  changeRules(rules: LinkRules, unapplied: readonly string[]): void {
    this.currentRules = rules;
    for (const word of unapplied) this.unapplied.add(word);
  }

  apply(word: string): void {
    this.unapplied.delete(word);
  }

  get workspace(): string {
    return this.workspaceName;
  }

  /** The carrier of this name; a new one if there was none. */
  carrier(key: string): Carrier {
    let carrier = this.carriers.get(key);
    if (carrier === undefined) {
      const value = this.store.get(keys.carrierKey(this.workspaceName, key));
      carrier =
        value === undefined
          ? entries.newCarrier(key)
          : this.reading(`carrier ${key}`, () => bytes.decodeCarrier(key, value, this.carried(key)));
      this.carriers.set(key, carrier);
    }
    return carrier;
  }

  /** The entry of the identifier; a new one if there was none. */
  identifier(word: string): IdentifierEntry {
    let entry = this.identifiers.get(word);
    if (entry === undefined) {
      entry = this.readIdentifier(word) ?? this.newIdentifier(word);
      this.identifiers.set(word, entry);
    }
    return entry;
  }

  junk(word: string): boolean {
    return isJunk(this.currentRules, word, this.identifier(word).seenWith) !== this.unapplied.has(word);
  }

  /** The current person of an id. Aliases are flat, so this is one step. */
  personOf(id: number): Person {
    const person = this.personEntry(id);
    return person.winner === 0 ? person : this.personEntry(person.winner);
  }

  newPerson(): Person {
    const header = this.workspaceEntry();
    const person = entries.newPerson(header.nextPersonId);
    header.nextPersonId += 1;
    this.persons.set(person.id, person);
    this.changed.add(person);
    return person;
  }

  /** The entry of the id itself, which may be an alias. */
  person(id: number): Person {
    return this.personEntry(id);
  }

  /** Shows and counts the identifiers of another person's profile in this one. */
  giveAll(person: Person, from: Person): void {
    from.more.forEach((count, index) => addTo(person.more, index, count));
    addIdentifiers(person, from.identifiers, this.bounds.shownOfKind);
    if (person.identifiers.length > 0) person.onlyCarrier = '';
    this.changed.add(person);
  }

  /**
   * Counts two identifiers of different kinds as seen together; returns those that became junk. All pairs of an
   * identifier are recorded until it is saturated, so its counts are exact; further pairs cannot change what it is.
   */
  seeTogether(one: string, other: string): string[] {
    if (this.isSaturated(one) && this.isSaturated(other)) return [];
    const key = keys.pairKey(this.workspaceName, one, other);
    if (this.store.get(key) !== undefined) return [];
    this.store.put(key, SEEN);
    const newJunk: string[] = [];
    if (this.countSeenWith(one, keys.kindIndexOf(other), 1)) newJunk.push(one);
    if (this.countSeenWith(other, keys.kindIndexOf(one), 1)) newJunk.push(other);
    return newJunk;
  }

  /** Saturates the identifier if it was seen with more distinct ones of a kind than any limit allows. True if now junk. */
  seeWithMany(word: string, counts: readonly number[]): boolean {
    if (this.isSaturated(word)) return false;
    const kind = counts.findIndex((count, of) => of !== keys.kindIndexOf(word) && count > this.bounds.highestLimit);
    if (kind < 0) return false;
    return this.countSeenWith(word, kind, this.bounds.highestLimit + 1);
  }

  private isSaturated(word: string): boolean {
    return isSaturated(this.bounds.highestLimit, word, this.identifier(word).seenWith);
  }

  /** Counts further identifiers of a kind, as far as any limit asks. True when that makes the identifier junk. */
  private countSeenWith(word: string, kind: number, more: number): boolean {
    const { seenWith } = this.identifier(word);
    if (this.isSaturated(word)) return false;
    const before = isJunk(this.currentRules, word, seenWith);
    seenWith[kind] = Math.min((seenWith[kind] ?? 0) + more, this.bounds.highestLimit + 1);
    return !before && isJunk(this.currentRules, word, seenWith);
  }

  /** All identifiers of the workspace, newest first, without keeping them in memory. */
  *allIdentifiers(): Generator<IdentifierEntry> {
    for (let word = this.workspaceEntry().identifierHead; word !== '';) {
      const entry = this.identifiers.get(word) ?? this.readIdentifier(word);
      if (entry === undefined) throw new DamagedStateError(this.subject(nameOf(word)), 0, 'an entry');
      yield entry;
      word = entry.next;
    }
  }

  private readIdentifier(word: string): IdentifierEntry | undefined {
    const value = this.store.get(keys.identifierKey(this.workspaceName, word));
    return value && this.reading(nameOf(word), () => bytes.decodeIdentifier(word, value));
  }

  /** All carriers of the identifier, newest first. */
  *carriersOf(word: string): Generator<Carrier> {
    for (let key = this.identifier(word).carrierHead; key !== '';) {
      const carrier = this.carrier(key);
      yield carrier;
      key = carrier.identifiers.find((carried) => carried.word === word)?.next ?? '';
    }
  }

  /** Puts an identifier into a person's profile. */
  give(person: Person, word: string): void {
    const { consent } = this.identifier(word);
    addIdentifiers(person, [{ word, consent }], this.bounds.shownOfKind);
    person.onlyCarrier = '';
    this.changed.add(person);
  }

  /** Sets an identifier's consent, also in the profile that it belongs to. */
  setConsent(entry: IdentifierEntry, consent: Consent, at: number): void {
    const before = entry.consent;
    entry.consent = consent;
    entry.consentAt = at;
    if (entry.person === 0 || consent === before) return;
    const person = this.personOf(entry.person);
    const shown = person.identifiers.find(({ word }) => word === entry.word);
    if (shown !== undefined) shown.consent = consent;
    else {
      const kind = keys.kindIndexOf(entry.word);
      addTo(person.more, entries.moreIndexOf(kind, before), -1);
      addTo(person.more, entries.moreIndexOf(kind, consent), 1);
    }
    this.changed.add(person);
  }

  /** Adds the times and names of a carrier to its person's profile. */
  absorb(person: Person, from: Carrier | Person): void {
    if (absorbInto(person, from)) this.changed.add(person);
  }

  /** Clears a profile before it is filled again. */
  clear(person: Person): void {
    const blank = entries.newPerson(person.id);
    const { aliasHead, aliasTail, aliases } = person;
    Object.assign(person, { ...blank, aliasHead, aliasTail, aliases });
    this.changed.add(person);
  }

  /** A person made of junk has no name, and no other identifier. */
  makeJunk(person: Person, word: string): void {
    person.junk = true;
    person.indexed = true;
    person.identifiers = [];
    person.more = entries.noMore();
    person.name = entries.NO_TEXT;
    person.timeZone = entries.NO_TEXT;
    this.give(person, word);
  }

  /** Updates the times of people made of junk to their current carts. Call it after parting, before profiles are emitted. */
  countTimes(): void {
    const touched = new Set<string>();
    for (const carrier of this.carriers.values()) {
      const person = carrier.person === 0 ? undefined : this.personOf(carrier.person);
      const word = person?.junk === true ? (person.identifiers[0]?.word ?? '') : '';
      const { counted, firstAt, lastAt } = carrier;
      if (counted === null ? word === '' : isSame(counted, word, carrier)) continue;
      if (counted !== null) {
        this.timesOf(counted.word).count(counted.firstAt, -1);
        this.timesOf(counted.word).count(counted.lastAt, -1);
        touched.add(counted.word);
      }
      carrier.counted = word === '' ? null : { word, firstAt, lastAt };
      if (word === '') continue;
      this.timesOf(word).count(firstAt, 1);
      this.timesOf(word).count(lastAt, 1);
      touched.add(word);
    }
    for (const word of touched) this.takeTimes(word);
  }

  private takeTimes(word: string): void {
    const id = this.identifier(word).person;
    const person = id === 0 ? undefined : this.personOf(id);
    const times = this.timesOf(word);
    const firstAt = times.first();
    const lastAt = times.last();
    if (person?.junk !== true || firstAt === undefined || lastAt === undefined) return;
    if (person.firstAt === firstAt && person.lastAt === lastAt) return;
    person.firstAt = firstAt;
    person.lastAt = lastAt;
    this.changed.add(person);
  }

  /** Marks the profile to be emitted again. */
  touch(person: Person): void {
    this.changed.add(person);
  }

  /** Current people whose profile has changed, by id. */
  changedPeople(): Person[] {
    const people = [...this.changed].filter((person) => person.winner === 0);
    return people.length > 1 ? people.sort((a, b) => a.id - b.id) : people;
  }

  /** Stores changes of a cart's trait events, asserted under a person. Returns the id of each one's former assertion, or 0. */
  recordRows(carrier: Carrier, changes: readonly TraitChange[], person: number): number[] {
    return this.reading(carrier.key, () =>
      recordRows(this.scratch, carrier.rows, changes, this.chunksOf(carrier), person),
    );
  }

  /** Stores all trait events of a cart as asserted under a person. Returns them as they were, oldest assertion first. */
  moveRows(carrier: Carrier, person: number): StoredRow[] {
    return this.reading(carrier.key, () => moveRows(this.scratch, carrier.rows, this.chunksOf(carrier), person));
  }

  private chunksOf(carrier: Carrier): ChunkStore {
    const key = (chunk: number): string => keys.rowsKey(this.workspaceName, chunk, carrier.key);
    return {
      get: (chunk) => {
        const value = this.store.get(key(chunk));
        if (value === undefined)
          throw new DamagedStateError(this.subject(carrier.key), 0, `chunk ${chunk} of trait events`);
        return value;
      },
      put: (chunk, value) => this.store.put(key(chunk), value),
    };
  }

  /** Writes back the entries that have changed. */
  flush(): void {
    const workspace = this.workspaceName;
    for (const index of this.times.values()) index.flush();
    for (const carrier of this.carriers.values()) {
      for (const { chunk, value } of bytes.newCarriedChunks(this.scratch, carrier)) {
        this.store.put(keys.carriedKey(workspace, chunk, carrier.key), value);
      }
      this.write(keys.carrierKey(workspace, carrier.key), bytes.encodeCarrier(this.scratch, carrier));
    }
    for (const entry of this.identifiers.values()) {
      this.write(keys.identifierKey(workspace, entry.word), bytes.encodeIdentifier(this.scratch, entry));
    }
    for (const person of this.persons.values()) {
      this.write(keys.personKey(workspace, person.id), bytes.encodePerson(this.scratch, person));
    }
    if (this.header !== undefined)
      this.write(keys.workspaceKey(workspace), bytes.encodeWorkspace(this.scratch, this.header));
  }

  private write(key: string, value: Buffer): void {
    if (this.store.get(key)?.equals(value) !== true) this.store.put(key, value);
  }

  private workspaceEntry(): Workspace {
    if (this.header === undefined) {
      const value = this.store.get(keys.workspaceKey(this.workspaceName));
      this.header =
        value === undefined
          ? { nextPersonId: 1, identifierHead: '' }
          : this.reading('the header', () => bytes.decodeWorkspace(value));
    }
    return this.header;
  }

  private personEntry(id: number): Person {
    let person = this.persons.get(id);
    if (person === undefined) {
      const value = this.store.get(keys.personKey(this.workspaceName, id));
      if (value === undefined) throw new DamagedStateError(this.subject(`person ${id}`), 0, 'an entry');
      person = this.reading(`person ${id}`, () => bytes.decodePerson(id, value));
      this.persons.set(id, person);
      // A person in an earlier format: all their carts are read once, so that countTimes counts them.
      if (person.junk && !person.indexed) {
        for (const { word } of person.identifiers) for (const carrier of this.carriersOf(word)) void carrier;
        person.indexed = true;
      }
    }
    return person;
  }

  /** Decodes an entry; damage is reported with its name. */
  private reading<T>(name: string, decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      throw error instanceof DamagedStateError ? error.of(this.subject(name)) : error;
    }
  }

  private subject(name: string): string {
    return `the state of ${name} in workspace ${this.workspaceName}`;
  }

  private newIdentifier(word: string): IdentifierEntry {
    const header = this.workspaceEntry();
    const next = header.identifierHead;
    header.identifierHead = word;
    return { word, person: 0, consent: null, consentAt: -Infinity, seenWith: [0, 0, 0, 0], carrierHead: '', next };
  }

  private timesOf(word: string): TimeIndex {
    let index = this.times.get(word);
    if (index === undefined) {
      const key = (path: string): string => keys.timesKey(this.workspaceName, path, word);
      const nodes = {
        get: (path: string) => this.store.get(key(path)),
        put: (path: string, value: Buffer) => this.store.put(key(path), value),
        delete: (path: string) => this.store.delete(key(path)),
      };
      index = new TimeIndex(nodes, this.scratch.entry, this.subject('an index of times'));
      this.times.set(word, index);
    }
    return index;
  }

  private carried(carrier: string): (chunk: number) => Buffer {
    return (chunk) => {
      const value = this.store.get(keys.carriedKey(this.workspaceName, chunk, carrier));
      if (value === undefined) throw new DamagedStateError(this.subject(carrier), 0, `chunk ${chunk} of identifiers`);
      return value;
    };
  }
}

const isSame = (counted: Counted, word: string, { firstAt, lastAt }: Carrier): boolean =>
  counted.word === word && counted.firstAt === firstAt && counted.lastAt === lastAt;

const SEEN = Buffer.from([1]);

/** The name of an identifier in errors: they are logged, and the identifier itself is personal data. */
const nameOf = (word: string): string => `an identifier (${keys.KINDS[keys.kindIndexOf(word)]})`;
