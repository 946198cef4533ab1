import type { Consent } from '../../schemas/types.ts';
import { ByteReader, type ByteWriter } from '../bytes/index.ts';
import { readAddress, writeAddress } from './addresses.ts';
import {
  CONSENTS,
  NO_TEXT,
  newPerson,
  newCarrier,
  type Carried,
  type IdentifierEntry,
  type Person,
  type DatedText,
  type Carrier,
  type Workspace,
} from './entries.ts';
import type { Scratch } from './scratch.ts';
import { readSnapshot, writeSnapshot } from './snapshot.ts';

/**
 * The entries as bytes. Every value begins with the number of its format, so that a later format can be distinguished.
 * `encode…` returns a writer of the scratch: its bytes are valid until something else is encoded with that scratch.
 */

const FORMAT = 1;
/** Formats of an identifier. Format 2 has the previous one in the list of all, and flags. */
const IDENTIFIER_FORMAT = 2;
/**
 * Formats of a person. In format 1 the entry ends with the counts of hidden identifiers or without them; since format 2
 * the flags show whether they follow. Format 3 has the number of aliases.
 */
const PERSON_FORMAT = 3;
/**
 * Formats of a carrier. Format 1 has no chunks of identifiers and no counted times. Formats 1 and 2 end with the rows; from
 * format 3 on their length is before them, so that a shortened entry is noticed. Format 4 ends with a cart's addresses.
 */
const CARRIER_FORMAT = 4;
const CARRIER_FORMAT_WITH_LENGTH = 3;
const CARRIER_FORMAT_WITH_CHUNKS = 2;

/** Writes a time that may be an infinity: 0 for an infinity, else one more than its value. */
function writeTime(writer: ByteWriter, value: number): void {
  writer.unsigned(Number.isFinite(value) ? value + 1 : 0);
}

function readTime(reader: ByteReader, missing: number): number {
  const value = reader.unsigned();
  return value === 0 ? missing : value - 1;
}

function writeText(writer: ByteWriter, { value, at }: DatedText): void {
  writeTime(writer, at);
  if (at !== -Infinity) writer.text(value);
}

function readText(reader: ByteReader): DatedText {
  const at = readTime(reader, -Infinity);
  return at === -Infinity ? NO_TEXT : { at, value: reader.text() };
}

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

export function encodeWorkspace({ entry: writer }: Scratch, workspace: Workspace): ByteWriter {
  writer.reset().byte(FORMAT);
  writer.unsigned(workspace.nextPersonId);
  writer.text(workspace.identifierHead);
  return writer;
}

export function decodeWorkspace(buffer: Buffer): Workspace {
  const reader = readerOf(buffer, 'the entry of a workspace');
  return whole(reader, { nextPersonId: reader.unsigned(), identifierHead: reader.text() });
}

const REPORTED = 1;
const UNAPPLIED = 2;

export function encodeIdentifier({ entry: writer }: Scratch, entry: IdentifierEntry): ByteWriter {
  writer.reset().byte(IDENTIFIER_FORMAT);
  writer.unsigned(entry.person);
  writer.byte(CONSENTS.indexOf(entry.consent));
  writeTime(writer, entry.consentAt);
  for (const count of entry.seenWith) writer.unsigned(count);
  writer.text(entry.carrierHead);
  writer.text(entry.next);
  writer.text(entry.previous);
  writer.byte((entry.reported ? REPORTED : 0) | (entry.unapplied ? UNAPPLIED : 0));
  return writer;
}

export function decodeIdentifier(word: string, buffer: Buffer): IdentifierEntry {
  const reader = new ByteReader(buffer, 'the entry of an identifier');
  const format = readFormat(reader, IDENTIFIER_FORMAT);
  const entry: IdentifierEntry = {
    word,
    person: reader.unsigned(),
    consent: readConsent(reader),
    consentAt: readTime(reader, -Infinity),
    seenWith: [reader.unsigned(), reader.unsigned(), reader.unsigned(), reader.unsigned()],
    carrierHead: reader.text(),
    next: reader.text(),
    previous: format === IDENTIFIER_FORMAT ? reader.text() : '',
    reported: false,
    unapplied: false,
  };
  const flags = format === IDENTIFIER_FORMAT ? reader.byte() : 0;
  if (flags > (REPORTED | UNAPPLIED)) reader.fail('the flags of an identifier', reader.at - 1);
  entry.reported = (flags & REPORTED) !== 0;
  entry.unapplied = (flags & UNAPPLIED) !== 0;
  return whole(reader, entry);
}

const ALIAS = 1;
const JUNK = 2;
const INDEXED_JUNK = 4;
const HIDDEN = 8;
const DISSOLVED = 16;
const PERSON_FLAGS: ReadonlySet<number> = new Set([
  0,
  JUNK,
  INDEXED_JUNK,
  HIDDEN,
  JUNK | HIDDEN,
  INDEXED_JUNK | HIDDEN,
]);

export function encodePerson({ entry: writer }: Scratch, person: Person): ByteWriter {
  writer.reset().byte(PERSON_FORMAT);
  if (person.winner !== 0) {
    writer.byte(ALIAS | (person.dissolved ? DISSOLVED : 0));
    writer.unsigned(person.winner);
    writer.unsigned(person.nextAlias);
    return writer;
  }
  const hidden = person.more.some((count) => count > 0);
  writer.byte((person.junk ? (person.indexed ? INDEXED_JUNK : JUNK) : 0) | (hidden ? HIDDEN : 0));
  writer.unsigned(person.aliasHead);
  writer.unsigned(person.aliasTail);
  // One more than the number, so that an entry of an earlier format can be written before its aliases were counted.
  writer.unsigned(person.aliases + 1);
  writer.unsigned(person.carts);
  writer.text(person.onlyCarrier);
  writeTime(writer, person.firstAt);
  writeTime(writer, person.lastAt);
  writeText(writer, person.name);
  writeText(writer, person.timeZone);
  writer.unsigned(person.identifiers.length);
  for (const { word, consent } of person.identifiers) {
    writer.text(word);
    writer.byte(CONSENTS.indexOf(consent));
  }
  if (hidden) for (const count of person.more) writer.unsigned(count);
  return writer;
}

export function decodePerson(id: number, buffer: Buffer): Person {
  const reader = new ByteReader(buffer, 'the entry of a person');
  const format = readFormat(reader, PERSON_FORMAT);
  const person = newPerson(id);
  const flags = reader.byte();
  if (flags === ALIAS || flags === (ALIAS | DISSOLVED)) {
    person.dissolved = flags !== ALIAS;
    person.winner = reader.unsigned();
    person.nextAlias = reader.unsigned();
    return whole(reader, person);
  }
  if (!PERSON_FLAGS.has(flags)) reader.fail('the flags of a person', reader.at - 1);
  person.junk = (flags & (JUNK | INDEXED_JUNK)) !== 0;
  person.indexed = (flags & INDEXED_JUNK) !== 0;
  person.aliasHead = reader.unsigned();
  person.aliasTail = reader.unsigned();
  person.aliases = format === PERSON_FORMAT ? reader.unsigned() - 1 : -1;
  person.carts = reader.unsigned();
  person.onlyCarrier = reader.text();
  person.firstAt = readTime(reader, Infinity);
  person.lastAt = readTime(reader, -Infinity);
  person.name = readText(reader);
  person.timeZone = readText(reader);
  for (let left = reader.unsigned(); left > 0; left--) {
    person.identifiers.push({ word: reader.text(), consent: readConsent(reader) });
  }
  const hidden = format === FORMAT ? !reader.done : (flags & HIDDEN) !== 0;
  if (hidden) person.more = person.more.map(() => reader.unsigned());
  return whole(reader, person);
}

export function encodeCarrier(scratch: Scratch, carrier: Carrier): ByteWriter {
  const { entry: writer } = scratch;
  const { identifierChunks, counted } = carrier;
  writer.reset().byte(CARRIER_FORMAT);
  writer.unsigned(identifierChunks);
  writer.text(counted?.word ?? '');
  writer.unsigned(carrier.person);
  writeCarried(writer, carrier.identifiers.slice(identifierChunks * CARRIED_IN_CHUNK));
  writeTime(writer, carrier.firstAt);
  writeTime(writer, carrier.lastAt);
  writeText(writer, carrier.name);
  writeText(writer, carrier.timeZone);
  writeSnapshot(scratch, carrier.snapshot);
  const rows = carrier.rows;
  writer.unsigned(rows.chunks);
  writeTime(writer, rows.lastAt);
  writer.unsigned(rows.lists.length);
  for (const list of rows.lists) writer.block(list);
  writer.block(rows.bytes);
  writeAddress(writer, carrier.addresses.phone);
  writeAddress(writer, carrier.addresses.email);
  return writer;
}

/** Maximum number of identifiers of a carrier in one chunk; none is longer than about 2 KiB. */
const CARRIED_IN_CHUNK = 64;

function writeCarried(writer: ByteWriter, identifiers: readonly Carried[]): void {
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

/** Cuts what is full off the identifiers of the carrier's own entry, as chunks: what they hold never changes. */
export function* newCarriedChunks(
  { entry: writer }: Scratch,
  carrier: Carrier,
): Generator<{ chunk: number; value: Buffer }> {
  while (carrier.identifiers.length - carrier.identifierChunks * CARRIED_IN_CHUNK > CARRIED_IN_CHUNK) {
    const chunk = carrier.identifierChunks++;
    writer.reset().byte(FORMAT);
    writeCarried(writer, carrier.identifiers.slice(chunk * CARRIED_IN_CHUNK, (chunk + 1) * CARRIED_IN_CHUNK));
    yield { chunk, value: writer.take() };
  }
}

export function decodeCarriedChunk(buffer: Buffer): Carried[] {
  const reader = readerOf(buffer, 'a chunk of identifiers');
  return whole(reader, readCarried(reader));
}

/** `chunkOf` gives the carrier's full chunks of identifiers. */
export function decodeCarrier(key: string, buffer: Buffer, chunkOf: (chunk: number) => Buffer): Carrier {
  const reader = new ByteReader(buffer, 'the entry of a carrier');
  const format = readFormat(reader, CARRIER_FORMAT);
  const hasChunks = format >= CARRIER_FORMAT_WITH_CHUNKS;
  const identifierChunks = hasChunks ? reader.unsigned() : 0;
  const countedWord = hasChunks ? reader.text() : '';
  const carrier = newCarrier(key, reader.unsigned());
  carrier.identifierChunks = identifierChunks;
  for (let i = 0; i < carrier.identifierChunks; i++) carrier.identifiers.push(...decodeCarriedChunk(chunkOf(i)));
  carrier.identifiers.push(...readCarried(reader));
  carrier.firstAt = readTime(reader, Infinity);
  carrier.lastAt = readTime(reader, -Infinity);
  if (countedWord !== '') carrier.counted = { word: countedWord, firstAt: carrier.firstAt, lastAt: carrier.lastAt };
  carrier.name = readText(reader);
  carrier.timeZone = readText(reader);
  carrier.snapshot = readSnapshot(reader);
  const rows = carrier.rows;
  rows.chunks = reader.unsigned();
  rows.lastAt = readTime(reader, -Infinity);
  for (let left = reader.unsigned(); left > 0; left--) rows.lists.push(reader.block());
  rows.bytes = format >= CARRIER_FORMAT_WITH_LENGTH ? reader.block() : reader.rest();
  if (format === CARRIER_FORMAT) carrier.addresses = { phone: readAddress(reader), email: readAddress(reader) };
  return whole(reader, carrier);
}
