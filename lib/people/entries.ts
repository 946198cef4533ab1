import type { CartSnapshot, Consent } from '../../schemas/types.ts';
import { ByteReader, ByteWriter } from './bytes.ts';

/**
 * The entries of the state and their bytes. Every value begins with its format's number, so that a later
 * format can be told apart. Times are Unix milliseconds, UTC. Lists are threaded through the entries
 * (each holds the name of the next), so that adding to a long one costs one small entry.
 */

const FORMAT = 1;

/** Of one workspace. */
export interface Workspace {
  nextPersonId: number;
  /** The newest identifier: the head of the list of all of them. */
  identifierHead: string;
}

/** What a person is called, or where they live, and when that was said; '' with -Infinity: never. */
export interface Said {
  value: string;
  at: number;
}

/** What identifiers were seen on together: a cart, or the records with one set of identifiers. */
export interface Source {
  readonly key: string;
  /** As of when the source came there: follow the aliases. 0: nobody (a record with nothing but junk). */
  person: number;
  /** In the order of arrival, each with the next source in that identifier's list. */
  identifiers: { word: string; next: string }[];
  /** Smallest T; Infinity before the first. */
  firstAt: number;
  /** Largest T; -Infinity before the first. */
  lastAt: number;
  name: Said;
  timeZone: Said;
  snapshot: CartSnapshot | null;
  rows: Rows;
}

/** The trait events of a cart, as said last. Kept so that they can be said again when people part. */
export interface Rows {
  /** How many full chunks are kept as entries of their own. */
  chunks: number;
  /** Largest occurred_at of all rows; -Infinity while there are none. */
  lastAt: number;
  /** Product lists that the rows below name by place. */
  lists: Buffer[];
  /** Encoded rows that are in no full chunk. */
  bytes: Buffer;
}

/** One identifier. */
export interface IdentifierEntry {
  readonly word: string;
  /** Whose it is: follow the aliases. Of junk: the person that is made of it. 0: nobody's. */
  person: number;
  consent: Consent | null;
  /** T of the record that gave the consent; -Infinity: none. */
  consentAt: number;
  /** By kind: the number of distinct values that it was seen together with. */
  seenWith: number[];
  /** The newest source that carries it. */
  sourceHead: string;
  /** The next in the workspace's list. */
  next: string;
}

/** One person, or a former one that has become another's alias. */
export interface Person {
  readonly id: number;
  /** Of an alias: the person that it was merged into then. 0: still somebody. */
  winner: number;
  /** Of an alias: the next in its winner's list of aliases. */
  nextAlias: number;
  aliasHead: number;
  aliasTail: number;
  /** Made of junk: carries one identifier that links nothing. */
  junk: boolean;
  /** Number of carts. */
  carts: number;
  /** Of a person without identifiers: its one source. */
  onlySource: string;
  firstAt: number;
  lastAt: number;
  name: Said;
  timeZone: Said;
  /** Sorted by word. The consent is the identifier's, repeated here. */
  identifiers: { word: string; consent: Consent | null }[];
}

export const NEVER_SAID: Readonly<Said> = { value: '', at: -Infinity };

const writer = new ByteWriter();

/** A time that may be an infinity, as one more than its value. */
function writeTime(value: number): void {
  writer.uint(Number.isFinite(value) ? value + 1 : 0);
}

function readTime(reader: ByteReader, missing: number): number {
  const value = reader.uint();
  return value === 0 ? missing : value - 1;
}

function writeSaid(said: Said): void {
  writeTime(said.at);
  if (said.at !== -Infinity) writer.text(said.value);
}

function readSaid(reader: ByteReader): Said {
  const at = readTime(reader, -Infinity);
  return at === -Infinity ? NEVER_SAID : { at, value: reader.text() };
}

const CONSENTS: readonly (Consent | null)[] = [null, 'opted_in', 'opted_out'];

function readerOf(buffer: Buffer): ByteReader {
  const reader = new ByteReader(buffer);
  const format = reader.byte();
  if (format !== FORMAT) throw new RangeError(`a state entry of people has the unknown format ${format}`);
  return reader;
}

export function encodeWorkspace(workspace: Workspace): Buffer {
  writer.byte(FORMAT);
  writer.uint(workspace.nextPersonId);
  writer.text(workspace.identifierHead);
  return writer.take();
}

export function decodeWorkspace(buffer: Buffer): Workspace {
  const reader = readerOf(buffer);
  return { nextPersonId: reader.uint(), identifierHead: reader.text() };
}

export function encodeIdentifier(entry: IdentifierEntry): Buffer {
  writer.byte(FORMAT);
  writer.uint(entry.person);
  writer.byte(CONSENTS.indexOf(entry.consent));
  writeTime(entry.consentAt);
  for (const count of entry.seenWith) writer.uint(count);
  writer.text(entry.sourceHead);
  writer.text(entry.next);
  return writer.take();
}

export function decodeIdentifier(word: string, buffer: Buffer): IdentifierEntry {
  const reader = readerOf(buffer);
  return {
    word,
    person: reader.uint(),
    consent: CONSENTS[reader.byte()] ?? null,
    consentAt: readTime(reader, -Infinity),
    seenWith: [reader.uint(), reader.uint(), reader.uint(), reader.uint()],
    sourceHead: reader.text(),
    next: reader.text(),
  };
}

const ALIAS = 1;
const JUNK = 2;

export function encodePerson(person: Person): Buffer {
  writer.byte(FORMAT);
  if (person.winner !== 0) {
    writer.byte(ALIAS);
    writer.uint(person.winner);
    writer.uint(person.nextAlias);
    return writer.take();
  }
  writer.byte(person.junk ? JUNK : 0);
  writer.uint(person.aliasHead);
  writer.uint(person.aliasTail);
  writer.uint(person.carts);
  writer.text(person.onlySource);
  writeTime(person.firstAt);
  writeTime(person.lastAt);
  writeSaid(person.name);
  writeSaid(person.timeZone);
  writer.uint(person.identifiers.length);
  for (const { word, consent } of person.identifiers) {
    writer.text(word);
    writer.byte(CONSENTS.indexOf(consent));
  }
  return writer.take();
}

export function newPerson(id: number): Person {
  return {
    id,
    winner: 0,
    nextAlias: 0,
    aliasHead: 0,
    aliasTail: 0,
    junk: false,
    carts: 0,
    onlySource: '',
    firstAt: Infinity,
    lastAt: -Infinity,
    name: NEVER_SAID,
    timeZone: NEVER_SAID,
    identifiers: [],
  };
}

export function decodePerson(id: number, buffer: Buffer): Person {
  const reader = readerOf(buffer);
  const person = newPerson(id);
  const flags = reader.byte();
  if (flags === ALIAS) {
    person.winner = reader.uint();
    person.nextAlias = reader.uint();
    return person;
  }
  person.junk = flags === JUNK;
  person.aliasHead = reader.uint();
  person.aliasTail = reader.uint();
  person.carts = reader.uint();
  person.onlySource = reader.text();
  person.firstAt = readTime(reader, Infinity);
  person.lastAt = readTime(reader, -Infinity);
  person.name = readSaid(reader);
  person.timeZone = readSaid(reader);
  for (let left = reader.uint(); left > 0; left--) {
    person.identifiers.push({ word: reader.text(), consent: CONSENTS[reader.byte()] ?? null });
  }
  return person;
}

export function encodeSource(source: Source): Buffer {
  writer.byte(FORMAT);
  writer.uint(source.person);
  writer.uint(source.identifiers.length);
  for (const { word, next } of source.identifiers) {
    writer.text(word);
    writer.text(next);
  }
  writeTime(source.firstAt);
  writeTime(source.lastAt);
  writeSaid(source.name);
  writeSaid(source.timeZone);
  writeSnapshot(source.snapshot);
  const rows = source.rows;
  writer.uint(rows.chunks);
  writeTime(rows.lastAt);
  writer.uint(rows.lists.length);
  for (const list of rows.lists) writer.block(list);
  writer.raw(rows.bytes);
  return writer.take();
}

const NO_BYTES = Buffer.alloc(0);

export const noRows = (): Rows => ({ chunks: 0, lastAt: -Infinity, lists: [], bytes: NO_BYTES });

export function newSource(key: string): Source {
  return {
    key,
    person: 0,
    identifiers: [],
    firstAt: Infinity,
    lastAt: -Infinity,
    name: NEVER_SAID,
    timeZone: NEVER_SAID,
    snapshot: null,
    rows: noRows(),
  };
}

export function decodeSource(key: string, buffer: Buffer): Source {
  const reader = readerOf(buffer);
  const source = newSource(key);
  source.person = reader.uint();
  for (let left = reader.uint(); left > 0; left--) {
    source.identifiers.push({ word: reader.text(), next: reader.text() });
  }
  source.firstAt = readTime(reader, Infinity);
  source.lastAt = readTime(reader, -Infinity);
  source.name = readSaid(reader);
  source.timeZone = readSaid(reader);
  source.snapshot = readSnapshot(reader);
  const rows = source.rows;
  rows.chunks = reader.uint();
  rows.lastAt = readTime(reader, -Infinity);
  for (let left = reader.uint(); left > 0; left--) rows.lists.push(reader.block());
  rows.bytes = reader.rest();
  return source;
}

/** Bit n of a snapshot's first number: the n-th member is there. The last one: there is a snapshot. */
function writeSnapshot(snapshot: CartSnapshot | null): void {
  if (snapshot === null) return writer.uint(0);
  const { status, store_id, mode, amount } = snapshot;
  const times = snapshotTimes(snapshot);
  let present = 1;
  if (status !== null) present |= 2;
  if (store_id !== null) present |= 4;
  if (mode !== null) present |= 8;
  if (amount !== null) present |= 16;
  for (let i = 0; i < times.length; i++) if (times[i] !== null) present |= 32 << i;
  writer.uint(present);
  if (status !== null) writer.text(status);
  if (store_id !== null) writer.text(store_id);
  if (mode !== null) writer.text(mode);
  if (amount !== null) writer.double(amount);
  for (const time of times) if (time !== null) writer.int(time);
}

const snapshotTimes = (snapshot: CartSnapshot): (number | null)[] => [
  snapshot.status_since,
  snapshot.created_at,
  snapshot.last_activity_at,
  snapshot.due_at,
  snapshot.abandoned_at,
  snapshot.recovered_at,
  snapshot.reservation_start_at,
];

function readSnapshot(reader: ByteReader): CartSnapshot | null {
  const present = reader.uint();
  if (present === 0) return null;
  const text = (bit: number): string | null => ((present & bit) !== 0 ? reader.text() : null);
  const time = (place: number): number | null => ((present & (32 << place)) !== 0 ? reader.int() : null);
  return {
    status: text(2),
    store_id: text(4),
    mode: text(8),
    amount: (present & 16) !== 0 ? reader.double() : null,
    status_since: time(0),
    created_at: time(1),
    last_activity_at: time(2),
    due_at: time(3),
    abandoned_at: time(4),
    recovered_at: time(5),
    reservation_start_at: time(6),
  };
}
