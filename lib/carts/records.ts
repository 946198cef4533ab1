/**
 * The events of a cart as bytes, in the order of their arrival, each behind the one before it: nothing that stands is
 * ever rewritten. Their keys are kept apart (state.ts). Layout: docs/adr, "state of a cart".
 */
import type { CartEvent } from '../../schemas/types.ts';
import { ByteReader, invariant, sameBytes } from '../bytes/index.ts';
import type { ListAdded } from './catalogue.ts';
import { isWrongMode } from './changes.ts';
import {
  KIND_ABANDONED,
  KIND_STATUS,
  PRECEDENCE_ACTIVITY,
  PRECEDENCE_EMPTYING,
  kindOf,
  precedenceOf,
  type CartRecord,
} from './order.ts';
import { CART_STATE, KEY_SIZE } from './format.ts';
import type { Scratch } from './scratch.ts';
import type { Appended, LiveCart } from './state.ts';
import { FIRST_UNKNOWN, NO_STATUS, knownCode, statusName, type Names } from './statuses.ts';
import { noValues, type Stated, type Summary } from './summary.ts';
import { MODE, PRODUCTS, RESERVATION, VALUES, skipValue, textAt, writeValue, type RecordsSection } from './values.ts';

// Bits of a record's first byte; the lowest two are its kind.
const LINE = 4;
const EMPTYING = 8;
/** The settings differ from those of the activity that arrived before it. */
const SETTINGS = 16;
/** T is the request timestamp. */
const AT_REQUEST = 32;
const REQUEST = 64;
/** A byte of forms for the reservation, the creation and the store's name follows. */
const MORE_VALUES = 128;

// How a record has a value: two bits each.
const SAME = 1;
const NEW = 2;

/** The code of an event's status; a new unknown one is added to the cart's names. */
function statusOf({ names }: Stated, event: CartEvent): number {
  const name = event.status ?? '';
  const known = knownCode(name);
  if (known !== undefined) return known;
  return FIRST_UNKNOWN + names.numberOf(name);
}

/**
 * Makes the record that an event adds to a cart, and takes it into the summary's life, sizes and stated values.
 * @param arrival log time, not before the last one
 * @returns what was made, both as a record and as what is to be put into the state, which uses `scratch`
 */
export function appendRecord(
  cart: LiveCart,
  event: CartEvent,
  arrival: number,
  scratch: Pick<Scratch, 'record' | 'catalogue'>,
): { record: CartRecord; appended: Appended } {
  const { life, sizes, stated } = cart.summary;
  invariant(arrival >= life.lastArrival, 'log time does not go back');
  invariant(event.event_key.length === KEY_SIZE, "an event's key has 16 bytes");
  const writer = scratch.record.reset();
  const record = recordOf(cart.summary, event, arrival);
  const activity = record.precedence === PRECEDENCE_ACTIVITY;
  const changed = activity && (record.windowMs !== stated.windowMs || record.graceMs !== stated.graceMs);
  const { reservation_start_at: reservation, cart_created_at: created, store_name: storeName } = event;
  const more = reservation !== null || created !== null || storeName !== null;
  const asked = !Number.isNaN(record.requestAt);
  const atRequest = record.requestAt === record.at;
  writer.byte(
    record.kind |
      (record.line ? LINE : 0) |
      (record.precedence === PRECEDENCE_EMPTYING ? EMPTYING : 0) |
      (changed ? SETTINGS : 0) |
      (atRequest ? AT_REQUEST : 0) |
      (asked ? REQUEST : 0) |
      (more ? MORE_VALUES : 0),
  );
  const formsAt = writer.at;
  writer.byte(0);
  if (more) writer.byte(0);
  if (record.kind === KIND_STATUS) writer.unsigned(record.status);
  writer.unsigned(arrival - life.lastArrival);
  if (!record.line) writer.signed(arrival - record.receivedAt);
  if (asked) writer.signed(record.receivedAt - record.requestAt);
  if (!atRequest) writer.signed(arrival - record.at);
  if (changed) {
    writer.unsigned(record.windowMs);
    writer.unsigned(record.graceMs);
    stated.windowMs = record.windowMs;
    stated.graceMs = record.graceMs;
  }
  const products = appendValues(cart, event, { record, formsAt, more }, scratch);
  life.count++;
  life.lastArrival = arrival;
  sizes.records += writer.at;
  return { record, appended: { record: writer, key: event.event_key, products } };
}

function recordOf(summary: Summary, event: CartEvent, arrival: number): CartRecord {
  const kind = kindOf(event.kind);
  const status = kind === KIND_STATUS ? statusOf(summary.stated, event) : NO_STATUS;
  const line = event.source === 'line';
  const precedence = precedenceOf(kind, status, event.emptying);
  return {
    index: summary.life.count,
    kind,
    line,
    at: event.occurred_at,
    precedence,
    status,
    arrival,
    receivedAt: event.received_at,
    requestAt: line || event.request_at === null ? Number.NaN : event.request_at,
    windowMs: precedence === PRECEDENCE_ACTIVITY ? event.abandonment_window_ms : 0,
    graceMs: precedence === PRECEDENCE_ACTIVITY ? event.grace_ms : 0,
    wrongMode: kind === KIND_STATUS && isWrongMode(event.status ?? '', event.mode),
    carries: 0,
    values: noValues(),
    keys: event.event_key,
    keyAt: 0,
  };
}

interface Appending {
  record: CartRecord;
  formsAt: number;
  more: boolean;
}

/** Writes the values that are not those stated last, and the forms of all; returns what the event's products add. */
function appendValues(
  { summary, bytes, productsAt, indexAt, recordsAt }: LiveCart,
  event: CartEvent,
  { record, formsAt, more }: Appending,
  { record: writer, catalogue }: Pick<Scratch, 'record' | 'catalogue'>,
): ListAdded | undefined {
  const { stated, sizes } = summary;
  const count = more ? VALUES : RESERVATION;
  let products: ListAdded | undefined;
  for (let which = 0; which < count; which++) {
    const from = writer.at;
    const before = stated.values[which]!;
    let reference: number;
    if (which === PRODUCTS) {
      if (event.products === null) continue;
      products = catalogue.add(event.products, { bytes, start: productsAt, end: indexAt, indexEnd: recordsAt });
      reference = products.number;
      if (reference !== before) writer.unsigned(reference);
    } else {
      if (!writeValue(writer, which, event)) continue;
      // No form of a value is the beginning of another, so equal bytes will do.
      const same = before !== 0 && sameBytes(writer.bytes, from, bytes, recordsAt + before - 1, writer.at - from);
      if (same) writer.at = from;
      reference = same ? before : sizes.records + from + 1;
    }
    stated.values[which] = reference;
    record.values[which] = reference;
    record.carries |= 1 << which;
    const form = reference === before ? SAME : NEW;
    const at = which < RESERVATION ? formsAt : formsAt + 1;
    writer.bytes[at] = writer.bytes[at]! | (form << ((which % RESERVATION) * 2));
  }
  return products;
}

/**
 * All records of a cart, in order of arrival.
 * @throws DamagedStateError
 */
export function readRecords(cart: LiveCart): CartRecord[] {
  const { bytes, summary, recordsAt, keysAt } = cart;
  const { life, stated } = summary;
  const reader = new ByteReader(bytes, CART_STATE, recordsAt, keysAt);
  const values = noValues();
  const decoding: Decoding = {
    reader,
    section: cart,
    names: stated.names,
    values,
    arrival: 0,
    windowMs: 0,
    graceMs: 0,
  };
  const records: CartRecord[] = [];
  for (let index = 0; index < life.count; index++) {
    records.push(readRecord(decoding, index));
  }
  reader.expectEnd();
  if (decoding.arrival !== life.lastArrival) reader.fail(`records that end with the arrival at ${life.lastArrival}`);
  return records;
}

/** The values that the records before this one have stated: a record refers to them. */
interface Decoding {
  reader: ByteReader;
  section: RecordsSection;
  names: Names;
  /** References to the values stated last. */
  values: number[];
  arrival: number;
  windowMs: number;
  graceMs: number;
}

function readRecord(decoding: Decoding, index: number): CartRecord {
  const { reader, section, names } = decoding;
  const first = reader.byte();
  const forms = reader.byte();
  const moreForms = (first & MORE_VALUES) !== 0 ? reader.byte() : 0;
  const kind = first & 3;
  if (kind > KIND_ABANDONED) reader.fail('the kind of an event', reader.at - 2);
  const line = (first & LINE) !== 0;
  const status = kind === KIND_STATUS ? reader.unsigned() : NO_STATUS;
  if (status >= FIRST_UNKNOWN + names.count) reader.fail('the code of a status', reader.at - 1);
  const arrival = (decoding.arrival += reader.unsigned());
  const receivedAt = line ? Number.NaN : arrival - reader.signed();
  const requestAt = (first & REQUEST) !== 0 ? receivedAt - reader.signed() : Number.NaN;
  const at = (first & AT_REQUEST) !== 0 ? requestAt : arrival - reader.signed();
  if ((first & SETTINGS) !== 0) {
    decoding.windowMs = reader.unsigned();
    decoding.graceMs = reader.unsigned();
  }
  const precedence = precedenceOf(kind, status, (first & EMPTYING) !== 0);
  const values = noValues();
  const carries = readValues(decoding, forms | (moreForms << (2 * RESERVATION)), values);
  return {
    index,
    kind,
    line,
    at,
    precedence,
    status,
    arrival,
    receivedAt,
    requestAt,
    windowMs: precedence === PRECEDENCE_ACTIVITY ? decoding.windowMs : 0,
    graceMs: precedence === PRECEDENCE_ACTIVITY ? decoding.graceMs : 0,
    wrongMode: kind === KIND_STATUS && isWrongMode(statusName(status, names), textAt(section, values[MODE]!)),
    carries,
    values,
    keys: section.bytes,
    keyAt: section.keysAt + KEY_SIZE * index,
  };
}

/**
 * Reads the values of a record.
 * @param values without any reference; those of the record are put in
 * @returns a bit for each that it carries
 */
function readValues({ reader, section, values: stated }: Decoding, forms: number, values: number[]): number {
  let carries = 0;
  for (let which = 0, rest = forms; rest !== 0; which++, rest >>= 2) {
    const form = rest & 3;
    if (form === 0) continue;
    if (form > NEW || which >= VALUES) reader.fail('the form of a value');
    if (form === NEW && which === PRODUCTS) {
      stated[which] = reader.unsigned();
      if (stated[which] === 0) reader.fail('the number of a list of products', reader.at - 1);
    } else if (form === NEW) {
      stated[which] = reader.at - section.recordsAt + 1;
      skipValue(reader, which);
    } else if (stated[which] === 0) {
      reader.fail('a value that an earlier event has stated');
    }
    values[which] = stated[which]!;
    carries |= 1 << which;
  }
  return carries;
}
