/**
 * The state of a cart as bytes: version, summary, marks, products, their index, records, keys. Layout and reasons:
 * docs/adr, "state of a cart". Reading the summary costs the same however many events a cart has.
 */
import { Reader, Writer } from './bytes.ts';
import type { Shelved } from './catalogue.ts';
import { NO_PLACE, NO_STATUS } from './statuses.ts';
import { NEVER, Summary } from './summary.ts';
import { VALUES } from './values.ts';

/** The format that is written. Others are refused. */
export const VERSION = 3;
export const KEY_SIZE = 16;

const BEYOND = 1;
const FORGOTTEN = 2;
const OPEN = 4;
const OPEN_CONCLUDED = 8;
const RESTS = 16;
const STOPPED = 32;
const CLOSED_DUE = 64;
const CLAIMED = 128;
// Bits of the second byte.
const ACTIVE = 1;
const STATUS = 2;
const RECOVERED = 4;
const ABANDONED = 8;
const UNKNOWN_NAMES = 16;
const STATED_APART = 32;
const INDEXED = 64;
const PRODUCTS = 128;

/** A state whose first byte names a format that this program does not know. */
export class UnknownVersionError extends Error {
  constructor(version: number | undefined) {
    super(`a cart's state has format ${version ?? 'none'}; this program reads ${VERSION}`);
    this.name = 'UnknownVersionError';
  }
}

/** A state with its summary read. */
export interface Opened {
  bytes: Buffer;
  summary: Summary;
  /** Where the parts begin in `bytes`. */
  marksAt: number;
  productsAt: number;
  indexAt: number;
  recordsAt: number;
  keysAt: number;
}

/** What a state is to have that the one before has not. */
export interface Additions {
  /** All marks; undefined when those of before stand. */
  marks?: Writer | undefined;
  /** A new event. */
  appended?: Appended;
}

/** What an event adds. */
export interface Appended {
  record: Writer;
  key: Buffer;
  /** What its products add; undefined when it carries none. */
  products: Shelved | undefined;
}

const NO_BYTES = Buffer.alloc(0);

/** A cart of which nothing has been seen, but perhaps forgotten. */
export function emptyCart(beyondHorizon: boolean): Opened {
  const summary = new Summary();
  summary.beyondHorizon = beyondHorizon;
  return { bytes: NO_BYTES, summary, marksAt: 0, productsAt: 0, indexAt: 0, recordsAt: 0, keysAt: 0 };
}

/**
 * @param summary what to read into; its former content does not matter
 * @throws UnknownVersionError
 */
export function openState(bytes: Buffer, summary = new Summary()): Opened {
  if (bytes[0] !== VERSION) throw new UnknownVersionError(bytes[0]);
  const reader = new Reader(bytes, 1);
  readSummary(reader, summary);
  const marksAt = reader.at;
  const productsAt = marksAt + summary.marksSize;
  const indexAt = productsAt + summary.productsSize;
  const recordsAt = indexAt + summary.indexSize;
  return { bytes, summary, marksAt, productsAt, indexAt, recordsAt, keysAt: recordsAt + summary.recordsSize };
}

/** The memory that there was a cart, two bytes. */
export function forgottenCart(): Buffer {
  return Buffer.from([VERSION, FORGOTTEN]);
}

function readSummary(reader: Reader, summary: Summary): void {
  const first = reader.byte();
  summary.beyondHorizon = (first & BEYOND) !== 0;
  summary.forgotten = (first & FORGOTTEN) !== 0;
  if (summary.forgotten) {
    summary.count = 0;
    return;
  }
  const second = reader.byte();
  const lastArrival = reader.unsigned();
  summary.lastArrival = lastArrival;
  summary.closedDue = (first & CLOSED_DUE) !== 0 ? lastArrival + reader.signed() : NEVER;
  summary.open = (first & OPEN) !== 0;
  summary.openConcluded = (first & OPEN_CONCLUDED) !== 0;
  summary.rests = (first & RESTS) !== 0;
  summary.stopped = (first & STOPPED) !== 0;
  summary.claimed = (first & CLAIMED) !== 0;
  summary.openedAt = NEVER;
  summary.lastTurn = -1;
  summary.deadline = summary.open ? lastArrival + reader.signed() : NEVER;
  summary.settledAt = summary.open ? lastArrival + reader.signed() : NEVER;
  summary.count = reader.unsigned();
  summary.recordsSize = reader.unsigned();
  summary.marksSize = reader.unsigned();
  summary.productsSize = (second & PRODUCTS) !== 0 ? reader.unsigned() : 0;
  summary.indexSize = (second & INDEXED) !== 0 ? reader.unsigned() : 0;
  const at = lastArrival - reader.signed();
  summary.at = at;
  summary.firstAt = at - reader.unsigned();
  summary.rank = reader.byte();
  const active = (second & ACTIVE) !== 0;
  summary.lastActivityAt = active ? at - reader.unsigned() : NEVER;
  summary.windowMs = active ? reader.unsigned() : 0;
  summary.graceMs = active ? reader.unsigned() : 0;
  readStatuses(reader, summary, second);
  summary.recoveredAt = (second & RECOVERED) !== 0 ? at - reader.unsigned() : NEVER;
  summary.abandonedAt = (second & ABANDONED) !== 0 ? at - reader.signed() : NEVER;
  readPlaces(reader, summary.values);
  if ((second & STATED_APART) !== 0) readPlaces(reader, summary.stated);
  else for (let which = 0; which < VALUES; which++) summary.stated[which] = summary.values[which]!;
}

function readStatuses(reader: Reader, summary: Summary, flags: number): void {
  const some = (flags & STATUS) !== 0;
  summary.current = some ? reader.unsigned() : NO_STATUS;
  summary.since = some ? summary.at - reader.unsigned() : NEVER;
  summary.seen = some ? reader.unsigned() : 0;
  summary.place = some ? reader.byte() + NO_PLACE : NO_PLACE;
  if (summary.seenUnknown.length > 0) summary.seenUnknown = [];
  if ((flags & UNKNOWN_NAMES) === 0) summary.names.clear();
  else summary.names.read(reader);
  summary.seenFirst = summary.names.count;
}

/** A byte that says which there are, then their places. */
function readPlaces(reader: Reader, places: number[]): void {
  const mask = reader.byte();
  for (let which = 0; which < VALUES; which++) places[which] = (mask & (1 << which)) !== 0 ? reader.unsigned() : 0;
}

function writePlaces(writer: Writer, places: readonly number[]): void {
  const maskAt = writer.at;
  writer.byte(0);
  let mask = 0;
  for (let which = 0; which < VALUES; which++) {
    const place = places[which]!;
    if (place === 0) continue;
    mask |= 1 << which;
    writer.unsigned(place);
  }
  writer.bytes[maskAt] = mask;
}

function writeSummary(writer: Writer, summary: Summary): void {
  const { lastArrival, at } = summary;
  const closedDue = !Number.isNaN(summary.closedDue);
  const active = !Number.isNaN(summary.lastActivityAt);
  const apart = summary.stated.some((place, which) => place !== summary.values[which]);
  writer.byte(VERSION);
  writer.byte(firstFlags(summary, closedDue));
  writer.byte(secondFlags(summary, active, apart));
  writer.unsigned(lastArrival);
  if (closedDue) writer.signed(summary.closedDue - lastArrival);
  if (summary.open) {
    writer.signed(summary.deadline - lastArrival);
    writer.signed(summary.settledAt - lastArrival);
  }
  writer.unsigned(summary.count);
  writer.unsigned(summary.recordsSize);
  writer.unsigned(summary.marksSize);
  if (summary.productsSize > 0) writer.unsigned(summary.productsSize);
  if (summary.indexSize > 0) writer.unsigned(summary.indexSize);
  writer.signed(lastArrival - at);
  writer.unsigned(at - summary.firstAt);
  writer.byte(summary.rank);
  if (active) {
    writer.unsigned(at - summary.lastActivityAt);
    writer.unsigned(summary.windowMs);
    writer.unsigned(summary.graceMs);
  }
  writeStatuses(writer, summary);
  if (!Number.isNaN(summary.recoveredAt)) writer.unsigned(at - summary.recoveredAt);
  if (!Number.isNaN(summary.abandonedAt)) writer.signed(at - summary.abandonedAt);
  writePlaces(writer, summary.values);
  if (apart) writePlaces(writer, summary.stated);
}

function writeStatuses(writer: Writer, summary: Summary): void {
  if (summary.current >= 0) {
    writer.unsigned(summary.current);
    writer.unsigned(summary.at - summary.since);
    writer.unsigned(summary.seen);
    writer.byte(summary.place - NO_PLACE);
  }
  if (summary.names.count > 0) summary.names.write(writer);
}

function firstFlags(summary: Summary, closedDue: boolean): number {
  return (
    (summary.beyondHorizon ? BEYOND : 0) |
    (summary.open ? OPEN : 0) |
    (summary.openConcluded ? OPEN_CONCLUDED : 0) |
    (summary.rests ? RESTS : 0) |
    (summary.stopped ? STOPPED : 0) |
    (closedDue ? CLOSED_DUE : 0) |
    (summary.claimed ? CLAIMED : 0)
  );
}

function secondFlags(summary: Summary, active: boolean, apart: boolean): number {
  return (
    (active ? ACTIVE : 0) |
    (summary.current >= 0 ? STATUS : 0) |
    (Number.isNaN(summary.recoveredAt) ? 0 : RECOVERED) |
    (Number.isNaN(summary.abandonedAt) ? 0 : ABANDONED) |
    (summary.names.count > 0 ? UNKNOWN_NAMES : 0) |
    (apart ? STATED_APART : 0) |
    (summary.indexSize > 0 ? INDEXED : 0) |
    (summary.productsSize > 0 ? PRODUCTS : 0)
  );
}

const head = new Writer();

/** Puts a state together from the one before. */
export function buildState(before: Opened, summary: Summary, { marks, appended }: Additions): Buffer {
  if (marks !== undefined) summary.marksSize = marks.at;
  const added = appended?.products?.added;
  const index = appended?.products?.index;
  if (added !== undefined) summary.productsSize += added.length;
  if (index !== undefined) summary.indexSize = index.at;
  head.at = 0;
  writeSummary(head, summary);
  const { bytes, marksAt, productsAt, indexAt, recordsAt, keysAt } = before;
  const { marksSize, productsSize, indexSize, recordsSize, count } = summary;
  const out = Buffer.allocUnsafe(head.at + marksSize + productsSize + indexSize + recordsSize + KEY_SIZE * count);
  let at = put(out, 0, head.bytes, 0, head.at);
  at = putPart(out, at, marks, bytes, marksAt, productsAt);
  at = put(out, at, bytes, productsAt, indexAt);
  if (added !== undefined) at = put(out, at, added, 0, added.length);
  at = putPart(out, at, index, bytes, indexAt, recordsAt);
  at = put(out, at, bytes, recordsAt, keysAt);
  if (appended !== undefined) at = put(out, at, appended.record.bytes, 0, appended.record.at);
  at = put(out, at, bytes, keysAt, bytes.length);
  if (appended !== undefined) put(out, at, appended.key, 0, KEY_SIZE);
  return out;
}

/** Puts what takes the place of a part, else the part as it was. */
function putPart(
  out: Buffer,
  at: number,
  instead: Writer | undefined,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  return instead === undefined ? put(out, at, bytes, start, end) : put(out, at, instead.bytes, 0, instead.at);
}

/** Copies and answers where it ended. Below two dozen bytes a loop is faster than the way into native code. */
function put(out: Buffer, at: number, from: Uint8Array, start: number, end: number): number {
  const size = end - start;
  if (size > 24) {
    out.set(from.subarray(start, end), at);
  } else {
    for (let i = 0; i < size; i++) out[at + i] = from[start + i]!;
  }
  return at + size;
}

/**
 * The turn of the first event from `from` on that has this key, -1 when there is none.
 */
export function findKey({ bytes, keysAt, summary }: Opened, key: Buffer, from: number): number {
  const k0 = key[0];
  const k1 = key[1];
  const end = keysAt + KEY_SIZE * summary.count;
  for (let at = keysAt + KEY_SIZE * from; at < end; at += KEY_SIZE) {
    if (bytes[at] === k0 && bytes[at + 1] === k1 && key.compare(bytes, at, at + KEY_SIZE) === 0) {
      return (at - keysAt) / KEY_SIZE;
    }
  }
  return -1;
}
