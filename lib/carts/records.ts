/**
 * The events of a cart as bytes, in the order of their arrival, each behind the one before it: nothing that stands is
 * ever rewritten. Their keys are kept apart (state.ts). Layout: docs/adr, "state of a cart".
 */
import type { CartEvent, CartEventKind } from '../../schemas/types.ts';
import { Reader, Writer, sameBytes } from './bytes.ts';
import { placeOfList, type Shelved } from './catalogue.ts';
import { isWrongMode } from './changes.ts';
import {
  KIND_ABANDONED,
  KIND_ACTIVITY,
  KIND_STATUS,
  RANK_ACTIVITY,
  RANK_EMPTYING,
  rankOf,
  type CartRecord,
} from './order.ts';
import type { Appended, Opened } from './state.ts';
import { FIRST_UNKNOWN, NO_STATUS, knownCode, statusName, type Names } from './statuses.ts';
import type { Summary } from './summary.ts';
import { MODE, PRODUCTS, RESERVATION, VALUES, skipValue, textAt, writeValue } from './values.ts';

// Bits of a record's first byte; the lowest two are its kind.
const LINE = 4;
const EMPTYING = 8;
/** The settings differ from those of the activity that arrived before it. */
const SETTINGS = 16;
/** T is the request timestamp. */
const AT_REQUEST = 32;
const REQUEST = 64;
/** A byte of forms for the reservation and the creation follows. */
const MORE_VALUES = 128;

// How a record has a value: two bits each.
const SAME = 1;
const NEW = 2;

const NO_KEYS = Buffer.alloc(0);

// Used again by every call.
const writer = new Writer();

/** Code of an event's kind; a tick is none. */
export function kindOf(kind: CartEventKind): number {
  switch (kind) {
    case 'cart_status':
      return KIND_STATUS;
    case 'cart_activity':
      return KIND_ACTIVITY;
    case 'cart_abandoned':
      return KIND_ABANDONED;
    default:
      throw new RangeError('a tick is no event of a cart');
  }
}

/** The code of an event's status, which the summary learns if it is a new unknown one. */
function statusOf(summary: Summary, event: CartEvent): number {
  const name = event.status ?? '';
  const known = knownCode(name);
  if (known !== undefined) return known;
  return FIRST_UNKNOWN + summary.names.numberOf(name);
}

/**
 * Makes the record that an event adds to a cart, and tells the summary about it.
 * @param arrival log time, not before the last one
 * @returns what was made, both as a record and as what is to be put into the state; valid until the next call
 */
export function appendRecord(
  cart: Opened,
  event: CartEvent,
  arrival: number,
): { record: CartRecord; appended: Appended } {
  const { summary } = cart;
  writer.at = 0;
  const record = recordOf(summary, event, arrival);
  const activity = record.rank === RANK_ACTIVITY;
  const changed = activity && (record.windowMs !== summary.windowMs || record.graceMs !== summary.graceMs);
  const more = event.reservation_start_at !== null || event.cart_created_at !== null;
  const asked = !Number.isNaN(record.requestAt);
  const atRequest = record.requestAt === record.at;
  writer.byte(
    record.kind |
      (record.line ? LINE : 0) |
      (record.rank === RANK_EMPTYING ? EMPTYING : 0) |
      (changed ? SETTINGS : 0) |
      (atRequest ? AT_REQUEST : 0) |
      (asked ? REQUEST : 0) |
      (more ? MORE_VALUES : 0),
  );
  const formsAt = writer.at;
  writer.byte(0);
  if (more) writer.byte(0);
  if (record.kind === KIND_STATUS) writer.unsigned(record.status);
  writer.unsigned(arrival - summary.lastArrival);
  if (!record.line) writer.signed(arrival - record.receivedAt);
  if (asked) writer.signed(record.receivedAt - record.requestAt);
  if (!atRequest) writer.signed(arrival - record.at);
  if (changed) {
    writer.unsigned(record.windowMs);
    writer.unsigned(record.graceMs);
    summary.windowMs = record.windowMs;
    summary.graceMs = record.graceMs;
  }
  const products = appendValues(cart, event, { record, formsAt, more });
  summary.count++;
  summary.recordsSize += writer.at;
  summary.lastArrival = arrival;
  return { record, appended: { record: writer, key: event.event_key, products } };
}

function recordOf(summary: Summary, event: CartEvent, arrival: number): CartRecord {
  const kind = kindOf(event.kind);
  const status = kind === KIND_STATUS ? statusOf(summary, event) : NO_STATUS;
  const line = event.source === 'line';
  const rank = rankOf(kind, status, event.emptying);
  return {
    turn: summary.count,
    kind,
    line,
    at: event.occurred_at,
    rank,
    status,
    arrival,
    receivedAt: event.received_at,
    requestAt: line || event.request_at === null ? Number.NaN : event.request_at,
    windowMs: rank === RANK_ACTIVITY ? event.abandonment_window_ms : 0,
    graceMs: rank === RANK_ACTIVITY ? event.grace_ms : 0,
    wrongMode: kind === KIND_STATUS && isWrongMode(event.status ?? '', event.mode),
    values: [0, 0, 0, 0, 0, 0],
    keys: event.event_key,
    keyAt: 0,
  };
}

interface Appending {
  record: CartRecord;
  formsAt: number;
  more: boolean;
}

/** Writes the values that are not those stated last, and the forms of all; answers what its products add. */
function appendValues(
  { summary, bytes, productsAt, indexAt, recordsAt }: Opened,
  event: CartEvent,
  { record, formsAt, more }: Appending,
): Shelved | undefined {
  const count = more ? VALUES : RESERVATION;
  let products: Shelved | undefined;
  for (let which = 0; which < count; which++) {
    const from = writer.at;
    const stated = summary.stated[which]!;
    let place: number;
    if (which === PRODUCTS) {
      if (event.products === null) continue;
      products = placeOfList(event.products, { bytes, start: productsAt, end: indexAt, indexEnd: recordsAt });
      place = products.place;
      if (place !== stated) writer.unsigned(place);
    } else {
      if (!writeValue(writer, which, event)) continue;
      // No form of a value is the beginning of another, so equal bytes will do.
      const same = stated !== 0 && sameBytes(writer.bytes, from, bytes, recordsAt + stated - 1, writer.at - from);
      if (same) writer.at = from;
      place = same ? stated : summary.recordsSize + from + 1;
    }
    summary.stated[which] = place;
    record.values[which] = place;
    const form = place === stated ? SAME : NEW;
    const at = which < RESERVATION ? formsAt : formsAt + 1;
    writer.bytes[at] = writer.bytes[at]! | (form << ((which % RESERVATION) * 2));
  }
  return products;
}

/**
 * All records of a state, in order of arrival.
 * @param base where they begin
 * @param keysAt where the keys begin; every record gets its own
 */
export function readRecords(state: Buffer, summary: Summary, base: number, keysAt: number): CartRecord[] {
  const reader = new Reader(state, base);
  const decoding: Decoding = { reader, base, names: summary.names, arrival: 0, windowMs: 0, graceMs: 0 };
  const stated = new Array<number>(VALUES).fill(0);
  const records: CartRecord[] = [];
  for (let turn = 0; turn < summary.count; turn++) {
    const record = readRecord(decoding, stated, turn);
    record.keys = state;
    record.keyAt = keysAt + 16 * turn;
    records.push(record);
  }
  return records;
}

/** What one record means rests on the ones before it. */
interface Decoding {
  reader: Reader;
  base: number;
  names: Names;
  arrival: number;
  windowMs: number;
  graceMs: number;
}

function readRecord(decoding: Decoding, stated: number[], turn: number): CartRecord {
  const { reader, base } = decoding;
  const first = reader.byte();
  const forms = reader.byte();
  const moreForms = (first & MORE_VALUES) !== 0 ? reader.byte() : 0;
  const kind = first & 3;
  const line = (first & LINE) !== 0;
  const status = kind === KIND_STATUS ? reader.unsigned() : NO_STATUS;
  const arrival = (decoding.arrival += reader.unsigned());
  const receivedAt = line ? Number.NaN : arrival - reader.signed();
  const requestAt = (first & REQUEST) !== 0 ? receivedAt - reader.signed() : Number.NaN;
  const at = (first & AT_REQUEST) !== 0 ? requestAt : arrival - reader.signed();
  if ((first & SETTINGS) !== 0) {
    decoding.windowMs = reader.unsigned();
    decoding.graceMs = reader.unsigned();
  }
  const rank = rankOf(kind, status, (first & EMPTYING) !== 0);
  const values = readValues(decoding, stated, forms | (moreForms << (2 * RESERVATION)));
  return {
    turn,
    kind,
    line,
    at,
    rank,
    status,
    arrival,
    receivedAt,
    requestAt,
    windowMs: rank === RANK_ACTIVITY ? decoding.windowMs : 0,
    graceMs: rank === RANK_ACTIVITY ? decoding.graceMs : 0,
    wrongMode:
      kind === KIND_STATUS &&
      isWrongMode(statusName(status, decoding.names), textAt(reader.bytes, base, values[MODE]!)),
    values,
    keys: NO_KEYS,
    keyAt: 0,
  };
}

function readValues({ reader, base }: Decoding, stated: number[], forms: number): number[] {
  const values = [0, 0, 0, 0, 0, 0];
  for (let which = 0, rest = forms; rest !== 0; which++, rest >>= 2) {
    const form = rest & 3;
    if (form === 0) continue;
    if (form === NEW && which === PRODUCTS) {
      stated[which] = reader.unsigned();
    } else if (form === NEW) {
      stated[which] = reader.at - base + 1;
      skipValue(reader, which);
    }
    values[which] = stated[which]!;
  }
  return values;
}
