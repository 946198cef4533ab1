import type { CartSnapshot, Consent } from '../../schemas/types.ts';
import { ByteReader, ByteWriter } from '../bytes/index.ts';
import { readSnapshot, writeSnapshot } from './snapshot.ts';

/**
 * The entries of the state and their bytes. Every value begins with its format's number, so that a later
 * format can be told apart. Times are Unix milliseconds, UTC. Lists are threaded through the entries
 * (each holds the name of the next), so that adding to a long one costs one small entry.
 */

const FORMAT = 1;
/** Of a person: the flags say whether the counts of hidden identifiers follow. In format 1 they follow or the entry ends. */
const PERSON_FORMAT = 2;
/**
 * Of a source. Format 1 has no chunks of identifiers and no counted times. Formats 1 and 2 end with the rows; format 3
 * has their length before them, so that a shortened entry is noticed.
 */
const SOURCE_FORMAT = 3;
const SOURCE_FORMAT_WITH_CHUNKS = 2;

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
  identifiers: Carried[];
  /** How many full chunks of identifiers, the oldest, are kept as entries of their own. */
  identifierChunks: number;
  /** Of a person made of junk: the times that are counted in the index of that junk (`times.ts`), as of the entry. */
  counted: Counted | null;
  /** Smallest T; Infinity before the first. */
  firstAt: number;
  /** Largest T; -Infinity before the first. */
  lastAt: number;
  name: Said;
  timeZone: Said;
  snapshot: CartSnapshot | null;
  rows: Rows;
}

/** An identifier on a source, with the next source in the identifier's list. */
export interface Carried {
  word: string;
  next: string;
}

export interface Counted {
  word: string;
  firstAt: number;
  lastAt: number;
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
  /** Those that are shown: sorted by word. The consent is the identifier's, repeated here. */
  identifiers: Shown[];
  /** How many there are besides, by kind and consent: see `placeOf`. */
  more: number[];
  /** Of junk: whether its sources are counted in the index of times; states of an earlier format lack it. */
  indexed: boolean;
}

export interface Shown {
  word: string;
  consent: Consent | null;
}

export const NEVER_SAID: Readonly<Said> = { value: '', at: -Infinity };

const writer = new ByteWriter();

/** A time that may be an infinity, as one more than its value. */
function writeTime(value: number): void {
  writer.unsigned(Number.isFinite(value) ? value + 1 : 0);
}

function readTime(reader: ByteReader, missing: number): number {
  const value = reader.unsigned();
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

export const CONSENTS: readonly (Consent | null)[] = [null, 'opted_in', 'opted_out'];

/** Where identifiers of a kind (its place in KINDS) with a consent are counted in `more`. */
export const placeOf = (kind: number, consent: Consent | null): number =>
  kind * CONSENTS.length + CONSENTS.indexOf(consent);
export const noMore = (): number[] => Array<number>(4 * CONSENTS.length).fill(0);

function readerOf(buffer: Buffer, subject: string): ByteReader {
  const reader = new ByteReader(buffer, subject);
  readFormat(reader, FORMAT);
  return reader;
}

/** The entry's format: a later one than `newest` was written by a later version of the program. */
function readFormat(reader: ByteReader, newest: number): number {
  const format = reader.byte();
  if (format === 0 || format > newest) reader.fail(`a format from 1 to ${newest}`, reader.at - 1);
  return format;
}

/** The value, once all bytes of the entry are read. */
function whole<T>(reader: ByteReader, value: T): T {
  reader.expectEnd();
  return value;
}

function readConsent(reader: ByteReader): Consent | null {
  const consent = CONSENTS[reader.byte()];
  return consent === undefined ? reader.fail('a consent', reader.at - 1) : consent;
}

export function encodeWorkspace(workspace: Workspace): Buffer {
  writer.reset().byte(FORMAT);
  writer.unsigned(workspace.nextPersonId);
  writer.text(workspace.identifierHead);
  return writer.take();
}

export function decodeWorkspace(buffer: Buffer): Workspace {
  const reader = readerOf(buffer, 'the entry of a workspace');
  return whole(reader, { nextPersonId: reader.unsigned(), identifierHead: reader.text() });
}

export function encodeIdentifier(entry: IdentifierEntry): Buffer {
  writer.reset().byte(FORMAT);
  writer.unsigned(entry.person);
  writer.byte(CONSENTS.indexOf(entry.consent));
  writeTime(entry.consentAt);
  for (const count of entry.seenWith) writer.unsigned(count);
  writer.text(entry.sourceHead);
  writer.text(entry.next);
  return writer.take();
}

export function decodeIdentifier(word: string, buffer: Buffer): IdentifierEntry {
  const reader = readerOf(buffer, 'the entry of an identifier');
  return whole(reader, {
    word,
    person: reader.unsigned(),
    consent: readConsent(reader),
    consentAt: readTime(reader, -Infinity),
    seenWith: [reader.unsigned(), reader.unsigned(), reader.unsigned(), reader.unsigned()],
    sourceHead: reader.text(),
    next: reader.text(),
  });
}

const ALIAS = 1;
const JUNK = 2;
const INDEXED_JUNK = 4;
const HIDDEN = 8;
const PERSON_FLAGS: ReadonlySet<number> = new Set([
  0,
  JUNK,
  INDEXED_JUNK,
  HIDDEN,
  JUNK | HIDDEN,
  INDEXED_JUNK | HIDDEN,
]);

export function encodePerson(person: Person): Buffer {
  writer.reset().byte(PERSON_FORMAT);
  if (person.winner !== 0) {
    writer.byte(ALIAS);
    writer.unsigned(person.winner);
    writer.unsigned(person.nextAlias);
    return writer.take();
  }
  const hidden = person.more.some((count) => count > 0);
  writer.byte((person.junk ? (person.indexed ? INDEXED_JUNK : JUNK) : 0) | (hidden ? HIDDEN : 0));
  writer.unsigned(person.aliasHead);
  writer.unsigned(person.aliasTail);
  writer.unsigned(person.carts);
  writer.text(person.onlySource);
  writeTime(person.firstAt);
  writeTime(person.lastAt);
  writeSaid(person.name);
  writeSaid(person.timeZone);
  writer.unsigned(person.identifiers.length);
  for (const { word, consent } of person.identifiers) {
    writer.text(word);
    writer.byte(CONSENTS.indexOf(consent));
  }
  if (hidden) for (const count of person.more) writer.unsigned(count);
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
    more: noMore(),
    indexed: false,
  };
}

export function decodePerson(id: number, buffer: Buffer): Person {
  const reader = new ByteReader(buffer, 'the entry of a person');
  const format = readFormat(reader, PERSON_FORMAT);
  const person = newPerson(id);
  const flags = reader.byte();
  if (flags === ALIAS) {
    person.winner = reader.unsigned();
    person.nextAlias = reader.unsigned();
    return whole(reader, person);
  }
  if (!PERSON_FLAGS.has(flags)) reader.fail('the flags of a person', reader.at - 1);
  person.junk = (flags & (JUNK | INDEXED_JUNK)) !== 0;
  person.indexed = (flags & INDEXED_JUNK) !== 0;
  person.aliasHead = reader.unsigned();
  person.aliasTail = reader.unsigned();
  person.carts = reader.unsigned();
  person.onlySource = reader.text();
  person.firstAt = readTime(reader, Infinity);
  person.lastAt = readTime(reader, -Infinity);
  person.name = readSaid(reader);
  person.timeZone = readSaid(reader);
  for (let left = reader.unsigned(); left > 0; left--) {
    person.identifiers.push({ word: reader.text(), consent: readConsent(reader) });
  }
  const hidden = format === FORMAT ? !reader.done : (flags & HIDDEN) !== 0;
  if (hidden) person.more = person.more.map(() => reader.unsigned());
  return whole(reader, person);
}

export function encodeSource(source: Source): Buffer {
  const { identifierChunks, counted } = source;
  writer.reset().byte(SOURCE_FORMAT);
  writer.unsigned(identifierChunks);
  writer.text(counted?.word ?? '');
  writer.unsigned(source.person);
  writeCarried(source.identifiers.slice(identifierChunks * CARRIED_IN_CHUNK));
  writeTime(source.firstAt);
  writeTime(source.lastAt);
  writeSaid(source.name);
  writeSaid(source.timeZone);
  writeSnapshot(writer, source.snapshot);
  const rows = source.rows;
  writer.unsigned(rows.chunks);
  writeTime(rows.lastAt);
  writer.unsigned(rows.lists.length);
  for (const list of rows.lists) writer.block(list);
  writer.block(rows.bytes);
  return writer.take();
}

/** So many identifiers of a source are kept together; none is longer than about 2 KiB. */
const CARRIED_IN_CHUNK = 64;

function writeCarried(identifiers: readonly Carried[]): void {
  writer.unsigned(identifiers.length);
  for (const { word, next } of identifiers) {
    writer.text(word);
    writer.text(next);
  }
}

function readCarried(reader: ByteReader): Carried[] {
  const carried: Carried[] = [];
  for (let left = reader.unsigned(); left > 0; left--) carried.push({ word: reader.text(), next: reader.text() });
  return carried;
}

/** Cuts what is full off the identifiers of the source's own entry, as chunks: what they hold never changes. */
export function* newCarriedChunks(source: Source): Generator<{ chunk: number; value: Buffer }> {
  while (source.identifiers.length - source.identifierChunks * CARRIED_IN_CHUNK > CARRIED_IN_CHUNK) {
    const chunk = source.identifierChunks++;
    writer.reset().byte(FORMAT);
    writeCarried(source.identifiers.slice(chunk * CARRIED_IN_CHUNK, (chunk + 1) * CARRIED_IN_CHUNK));
    yield { chunk, value: writer.take() };
  }
}

export function decodeCarriedChunk(buffer: Buffer): Carried[] {
  const reader = readerOf(buffer, 'a chunk of identifiers');
  return whole(reader, readCarried(reader));
}

const NO_BYTES = Buffer.alloc(0);

export const noRows = (): Rows => ({ chunks: 0, lastAt: -Infinity, lists: [], bytes: NO_BYTES });

export function newSource(key: string): Source {
  return {
    key,
    person: 0,
    identifiers: [],
    identifierChunks: 0,
    counted: null,
    firstAt: Infinity,
    lastAt: -Infinity,
    name: NEVER_SAID,
    timeZone: NEVER_SAID,
    snapshot: null,
    rows: noRows(),
  };
}

/** `chunkOf` gives the source's full chunks of identifiers. */
export function decodeSource(key: string, buffer: Buffer, chunkOf: (chunk: number) => Buffer): Source {
  const reader = new ByteReader(buffer, 'the entry of a source');
  const source = newSource(key);
  const format = readFormat(reader, SOURCE_FORMAT);
  let countedWord = '';
  if (format >= SOURCE_FORMAT_WITH_CHUNKS) {
    source.identifierChunks = reader.unsigned();
    countedWord = reader.text();
  }
  source.person = reader.unsigned();
  for (let i = 0; i < source.identifierChunks; i++) source.identifiers.push(...decodeCarriedChunk(chunkOf(i)));
  source.identifiers.push(...readCarried(reader));
  source.firstAt = readTime(reader, Infinity);
  source.lastAt = readTime(reader, -Infinity);
  if (countedWord !== '') source.counted = { word: countedWord, firstAt: source.firstAt, lastAt: source.lastAt };
  source.name = readSaid(reader);
  source.timeZone = readSaid(reader);
  source.snapshot = readSnapshot(reader);
  const rows = source.rows;
  rows.chunks = reader.unsigned();
  rows.lastAt = readTime(reader, -Infinity);
  for (let left = reader.unsigned(); left > 0; left--) rows.lists.push(reader.block());
  rows.bytes = format === SOURCE_FORMAT ? reader.block() : reader.rest();
  return whole(reader, source);
}
