import { DamagedStateError, type ByteWriter } from '../bytes/index.ts';
import type { TraitChange } from '../../schemas/types.ts';
import type { Carrier, IdentifierEntry, Person, Workspace } from './entries.ts';
import * as entries from './entries.ts';
import * as bytes from './entry-bytes.ts';
import * as keys from './keys.ts';
import { allRows, moveRows, recordRows, type ChunkStore, type StoredRow } from './rows.ts';
import type { Scratch } from './scratch.ts';
import type { PeopleStore } from './store.ts';

/**
 * The entries of one workspace while one record is folded: each is read once, changed in memory and written back by `flush`.
 * The lists that lead through entries are kept intact when entries are deleted.
 */
export class EntryCache {
  readonly workspace: string;
  readonly store: PeopleStore;
  protected readonly scratch: Scratch;
  protected readonly carriers = new Map<string, Carrier>();
  protected readonly identifiers = new Map<string, IdentifierEntry>();
  private readonly persons = new Map<number, Person>();
  /** What the store has of the entries in memory, so that an unchanged one is not looked up again. */
  private readonly stored = new Map<Carrier | IdentifierEntry | Person | Workspace, Buffer>();
  private header: Workspace | undefined;

  constructor(store: PeopleStore, workspace: string, scratch: Scratch) {
    this.store = store;
    this.workspace = workspace;
    this.scratch = scratch;
  }

  /** The carrier of this name; a new one if there was none. */
  carrier(key: string): Carrier {
    let carrier = this.knownCarrier(key);
    if (carrier === undefined) {
      carrier = entries.newCarrier(key);
      this.carriers.set(key, carrier);
    }
    return carrier;
  }

  /** The carrier of this name; undefined if there is none. */
  knownCarrier(key: string): Carrier | undefined {
    const cached = this.carriers.get(key);
    if (cached !== undefined) return cached;
    const value = this.store.get(keys.carrierKey(this.workspace, key));
    if (value === undefined) return undefined;
    const carrier = this.decodeCarrier(key, value);
    this.stored.set(carrier, value);
    this.carriers.set(key, carrier);
    return carrier;
  }

  /** The entry of the identifier; a new one if there was none. */
  identifier(word: string): IdentifierEntry {
    let entry = this.knownIdentifier(word);
    if (entry === undefined) {
      entry = this.newIdentifier(word);
      this.identifiers.set(word, entry);
    }
    return entry;
  }

  /** The entry of the identifier; undefined if it was never seen. */
  knownIdentifier(word: string): IdentifierEntry | undefined {
    const cached = this.identifiers.get(word);
    if (cached !== undefined) return cached;
    const value = this.store.get(keys.identifierKey(this.workspace, word));
    if (value === undefined) return undefined;
    const entry = this.decodeIdentifier(word, value);
    this.stored.set(entry, value);
    this.identifiers.set(word, entry);
    return entry;
  }

  /** The number of entries in memory. */
  get size(): number {
    return this.carriers.size + this.identifiers.size + this.persons.size;
  }

  /** All identifiers of the workspace, or those from one on, newest first, without keeping them in memory. */
  *allIdentifiers(from = this.workspaceEntry().identifierHead): Generator<Readonly<IdentifierEntry>> {
    for (let word = from; word !== '';) {
      const entry = this.identifiers.get(word) ?? this.peekIdentifier(word);
      yield entry;
      word = entry.next;
    }
  }

  /** The newest identifier of the workspace; '' while there are none. */
  get newestIdentifier(): string {
    return this.workspaceEntry().identifierHead;
  }

  /** All ids of people of the workspace are smaller. */
  get nextPersonId(): number {
    return this.workspaceEntry().nextPersonId;
  }

  /** All carriers of the identifier, newest first. */
  *carriersOf(word: string): Generator<Carrier> {
    for (let key = this.identifier(word).carrierHead; key !== '';) {
      const carrier = this.carrier(key);
      yield carrier;
      key = nextOf(carrier, word);
    }
  }

  /** The same, without keeping them in memory. Do not change them. */
  *peekCarriersOf(word: string): Generator<Carrier> {
    for (let key = this.identifier(word).carrierHead; key !== '';) {
      const carrier = this.peekCarrier(key);
      yield carrier;
      key = nextOf(carrier, word);
    }
  }

  /** The carrier of this name, which must be there, without keeping it in memory. Do not change it. */
  peekCarrier(key: string): Carrier {
    const carrier = this.carriers.get(key);
    if (carrier !== undefined) return carrier;
    const value = this.store.get(keys.carrierKey(this.workspace, key));
    if (value === undefined) throw new DamagedStateError(this.subject(`carrier ${key}`), 0, 'an entry');
    return this.decodeCarrier(key, value);
  }

  private peekIdentifier(word: string): IdentifierEntry {
    const value = this.store.get(keys.identifierKey(this.workspace, word));
    if (value === undefined) throw new DamagedStateError(this.subject(nameOf(word)), 0, 'an entry');
    return this.decodeIdentifier(word, value);
  }

  /** Whether this is the id of a person or an alias: those of erased people are not. */
  isPerson(id: number): boolean {
    return this.persons.has(id) || this.store.get(keys.personKey(this.workspace, id)) !== undefined;
  }

  /** The entry of the id itself, which may be an alias. */
  person(id: number): Person {
    let person = this.persons.get(id);
    if (person === undefined) {
      const value = this.store.get(keys.personKey(this.workspace, id));
      if (value === undefined) throw new DamagedStateError(this.subject(`person ${id}`), 0, 'an entry');
      person = this.reading(
        () => `person ${id}`,
        () => bytes.decodePerson(id, value),
      );
      this.stored.set(person, value);
      this.persons.set(id, person);
      // A person in an earlier format: all their carts are read once, so that countTimes counts them.
      if (person.junk && !person.indexed) {
        for (const { word } of person.identifiers) for (const carrier of this.carriersOf(word)) void carrier;
        person.indexed = true;
      }
    }
    return person;
  }

  /** The current person of an id. Aliases are flat, so this is one step. */
  personOf(id: number): Person {
    const person = this.person(id);
    return person.winner === 0 ? person : this.person(person.winner);
  }

  /** A person with the next id. */
  newPerson(): Person {
    const header = this.workspaceEntry();
    const person = entries.newPerson(header.nextPersonId);
    header.nextPersonId += 1;
    this.persons.set(person.id, person);
    return person;
  }

  /** Stores changes of a cart's trait events, asserted under a person. Returns the id of each one's former assertion, or 0. */
  recordRows(carrier: Carrier, changes: readonly TraitChange[], person: number): number[] {
    const chunks = this.chunksOf(carrier);
    return this.reading(
      () => carrier.key,
      () => recordRows(this.scratch, carrier.rows, changes, chunks, person),
    );
  }

  /** Stores all trait events of a cart as asserted under a person. Returns them as they were, oldest assertion first. */
  moveRows(carrier: Carrier, person: number): StoredRow[] {
    return this.reading(
      () => carrier.key,
      () => moveRows(this.scratch, carrier.rows, this.chunksOf(carrier), person),
    );
  }

  /** All trait events of a cart, oldest assertion first. */
  rowsOf(carrier: Carrier): StoredRow[] {
    return this.reading(
      () => carrier.key,
      () => allRows(carrier.rows, this.chunksOf(carrier)),
    );
  }

  private chunksOf(carrier: Carrier): ChunkStore {
    const key = (chunk: number): string => keys.rowsKey(this.workspace, chunk, carrier.key);
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

  /** Deletes a carrier. The lists of its identifiers must not lead to it any more: see `unlinkCarriers`. */
  deleteCarrier({ key, rows, identifierChunks }: Carrier): void {
    this.carriers.delete(key);
    this.store.delete(keys.carrierKey(this.workspace, key));
    for (let i = 0; i < rows.chunks; i++) this.store.delete(keys.rowsKey(this.workspace, i, key));
    for (let i = 0; i < identifierChunks; i++) this.store.delete(keys.carriedKey(this.workspace, i, key));
  }

  /**
   * Removes carriers from the list of an identifier. Calls `onRemaining` with each of the others.
   * Its cost is that of reading the whole list.
   */
  unlinkCarriers(word: string, removed: ReadonlySet<Carrier>, onRemaining: (carrier: Carrier) => void): void {
    const entry = this.identifier(word);
    const removedKeys = new Set([...removed].map(({ key }) => key));
    let previous: Carrier | undefined;
    let isLinked = true;
    for (const carrier of this.peekCarriersOf(word)) {
      if (removedKeys.has(carrier.key)) {
        isLinked = false;
        continue;
      }
      onRemaining(carrier);
      if (!isLinked) this.setNext(entry, previous, carrier.key);
      isLinked = true;
      previous = carrier;
    }
    if (!isLinked) this.setNext(entry, previous, '');
  }

  private setNext(entry: IdentifierEntry, previous: Carrier | undefined, next: string): void {
    if (previous === undefined) {
      entry.carrierHead = next;
      return;
    }
    const carrier = this.carrier(previous.key);
    carrier.identifiers = carrier.identifiers.map((one) => (one.word === entry.word ? { ...one, next } : one));
    // What the full chunks hold may have changed, so all of them are written again.
    carrier.identifierChunks = 0;
  }

  /** Deletes identifiers, which no carrier may carry any more. */
  deleteIdentifiers(words: readonly string[]): void {
    const previousOf = this.previousInList(words);
    const header = this.workspaceEntry();
    for (const word of words) {
      const { previous: stored, next } = this.identifier(word);
      const previous = header.identifierHead === word ? '' : stored || (previousOf.get(word) ?? '');
      if (previous === '') header.identifierHead = next;
      else this.identifier(previous).next = next;
      if (next !== '') {
        this.identifier(next).previous = previous;
        previousOf.set(next, previous);
      }
      this.identifiers.delete(word);
      this.store.delete(keys.identifierKey(this.workspace, word));
    }
  }

  /** The previous one in the list of all identifiers, for those that do not know it: an earlier format did not store it. */
  private previousInList(words: readonly string[]): Map<string, string> {
    const head = this.workspaceEntry().identifierHead;
    const wanted = new Set(words.filter((word) => word !== head && this.identifier(word).previous === ''));
    const previousOf = new Map<string, string>();
    if (wanted.size === 0) return previousOf;
    for (const { word, next } of this.allIdentifiers()) {
      if (wanted.has(next)) previousOf.set(next, word);
      if (previousOf.size === wanted.size) break;
    }
    return previousOf;
  }

  /** Deletes a person and all their aliases. Returns the ids of the aliases. */
  deletePerson(person: Person): number[] {
    const aliases: number[] = [];
    for (let id = person.aliasHead; id !== 0; id = this.person(id).nextAlias) aliases.push(id);
    for (const id of [person.id, ...aliases]) {
      this.persons.delete(id);
      this.store.delete(keys.personKey(this.workspace, id));
    }
    return aliases;
  }

  deletePair(one: string, other: string): void {
    const key = keys.pairKey(this.workspace, one, other);
    if (this.store.get(key) !== undefined) this.store.delete(key);
  }

  /** Writes back the entries that have changed. */
  flush(): void {
    const { workspace, scratch } = this;
    for (const carrier of this.carriers.values()) {
      for (const { chunk, value } of bytes.newCarriedChunks(scratch, carrier)) {
        this.store.put(keys.carriedKey(workspace, chunk, carrier.key), value);
      }
      const value = this.newBytes(carrier, bytes.encodeCarrier(scratch, carrier));
      if (value !== undefined) this.store.put(keys.carrierKey(workspace, carrier.key), value);
    }
    for (const entry of this.identifiers.values()) {
      const value = this.newBytes(entry, bytes.encodeIdentifier(scratch, entry));
      if (value !== undefined) this.store.put(keys.identifierKey(workspace, entry.word), value);
    }
    for (const person of this.persons.values()) {
      const value = this.newBytes(person, bytes.encodePerson(scratch, person));
      if (value !== undefined) this.store.put(keys.personKey(workspace, person.id), value);
    }
    if (this.header !== undefined) {
      const value = this.newBytes(this.header, bytes.encodeWorkspace(scratch, this.header));
      if (value !== undefined) this.store.put(keys.workspaceKey(workspace), value);
    }
  }

  /** The written bytes of an entry, which the store is about to have; undefined if it has them already. */
  private newBytes(entry: Carrier | IdentifierEntry | Person | Workspace, written: ByteWriter): Buffer | undefined {
    const stored = this.stored.get(entry);
    if (stored !== undefined && written.holds(stored)) return undefined;
    const value = written.take();
    this.stored.set(entry, value);
    return value;
  }

  private workspaceEntry(): Workspace {
    if (this.header === undefined) {
      const value = this.store.get(keys.workspaceKey(this.workspace));
      if (value === undefined) this.header = { nextPersonId: 1, identifierHead: '' };
      else {
        this.header = this.reading(
          () => 'the header',
          () => bytes.decodeWorkspace(value),
        );
        this.stored.set(this.header, value);
      }
    }
    return this.header;
  }

  private decodeCarrier(key: string, value: Buffer): Carrier {
    return this.reading(
      () => `carrier ${key}`,
      () => bytes.decodeCarrier(key, value, this.carriedOf(key)),
    );
  }

  private decodeIdentifier(word: string, value: Buffer): IdentifierEntry {
    return this.reading(
      () => nameOf(word),
      () => bytes.decodeIdentifier(word, value),
    );
  }

  private newIdentifier(word: string): IdentifierEntry {
    const header = this.workspaceEntry();
    const next = header.identifierHead;
    if (next !== '') this.identifier(next).previous = word;
    header.identifierHead = word;
    return entries.newIdentifier(word, next);
  }

  private carriedOf(carrier: string): (chunk: number) => Buffer {
    return (chunk) => {
      const value = this.store.get(keys.carriedKey(this.workspace, chunk, carrier));
      if (value === undefined) throw new DamagedStateError(this.subject(carrier), 0, `chunk ${chunk} of identifiers`);
      return value;
    };
  }

  /** Decodes an entry; damage is reported with its name. */
  private reading<T>(name: () => string, decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      throw error instanceof DamagedStateError ? error.of(this.subject(name())) : error;
    }
  }

  protected subject(name: string): string {
    return `the state of ${name} in workspace ${this.workspace}`;
  }
}

/** The next carrier in the list of an identifier; '' after the last. */
export const nextOf = (carrier: Carrier, word: string): string =>
  carrier.identifiers.find((carried) => carried.word === word)?.next ?? '';

/** The name of an identifier in errors: they are logged, and the identifier itself is personal data. */
const nameOf = (word: string): string => `an identifier (${keys.KINDS[keys.kindIndexOf(word)]})`;
