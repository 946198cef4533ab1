/**
 * The state of a cart as bytes: version, summary, decisions, products, their index, records, keys. Layout and reasons:
 * docs/adr, "state of a cart". Reading the summary costs the same however many events a cart has.
 */
import { ByteReader, type ByteWriter, invariant } from '../bytes/index.ts';
import type { ListAdded } from './catalogue.ts';
import type { Scratch } from './scratch.ts';
import { CART_STATE, KEY_SIZE, VERSION, versionOf, type Version } from './format.ts';
import { readSummary, writeSummary } from './summary-bytes.ts';
import { clearSummary, newSummary, type Summary } from './summary.ts';

/** A cart that was forgotten: only its existence is remembered. */
export interface ForgottenCart {
  kind: 'forgotten';
}

/**
 * A cart that is remembered, with its summary read. A life that has not begun yet has no events and no bytes. One object
 * serves one cart after the other; only `openState` and `emptyCart` fill it, always the whole of it, and `openSummary`
 * its summary.
 */
export interface LiveCart {
  readonly kind: 'live';
  /** The format of the bytes. It determines by which order of events the traits were concluded. */
  readonly version: Version;
  readonly bytes: Buffer;
  readonly summary: Summary;
  /** The offsets in `bytes` at which the sections begin. */
  readonly decisionsAt: number;
  readonly productsAt: number;
  readonly indexAt: number;
  readonly recordsAt: number;
  readonly keysAt: number;
}

type Filling = { -readonly [Member in keyof LiveCart]: LiveCart[Member] };

/** What the new state contains and the previous one does not. */
export interface Additions {
  /** All decisions; undefined if they did not change. */
  decisions?: ByteWriter | undefined;
  /** A new event. */
  appended?: Appended;
}

/** The parts of a state that an event adds. */
export interface Appended {
  record: ByteWriter;
  key: Buffer;
  /** The part of the catalogue that its products add; undefined when it carries no products. */
  products: ListAdded | undefined;
}

const NO_BYTES = Buffer.alloc(0);
const FORGOTTEN_CART: ForgottenCart = { kind: 'forgotten' };
const FORGOTTEN = 2;
/** Up to this many bytes a copy in a loop is faster than a view of them and the call into native code. */
const LOOP_BYTES = 64;

/** The objects that a state is read into. They are reused for one state after the other. */
export interface Opening {
  readonly cart: LiveCart;
  readonly reader: ByteReader;
}

export function newOpening(): Opening {
  return { cart: newCart(), reader: new ByteReader(NO_BYTES, CART_STATE) };
}

/** A cart without a state, for `openState` and `emptyCart` to fill. */
export function newCart(): LiveCart {
  return {
    kind: 'live',
    version: VERSION,
    bytes: NO_BYTES,
    summary: newSummary(),
    decisionsAt: 0,
    productsAt: 0,
    indexAt: 0,
    recordsAt: 0,
    keysAt: 0,
  };
}

/**
 * Makes a cart the beginning of a life without events.
 * @param into is filled and returned
 */
export function emptyCart(beyondHorizon: boolean, into: LiveCart): LiveCart {
  clearSummary(into.summary);
  into.summary.life.beyondHorizon = beyondHorizon;
  return fill(into, VERSION, NO_BYTES, 0);
}

/**
 * Reads the summary of a state, and where its sections are.
 * @param opening its cart is filled, and returned if it is remembered; after an error nothing in it may be used
 * @throws UnknownVersionError
 * @throws DamagedStateError for bytes that do not add up to a state
 */
export function openState(bytes: Buffer, opening: Opening = newOpening()): LiveCart | ForgottenCart {
  if (openSummary(bytes, opening) === undefined) return FORGOTTEN_CART;
  return fill(opening.cart, versionOf(bytes[0]), bytes, opening.reader.at);
}

/**
 * Reads the summary of a state alone, for callers that need none of its sections. The reader of `opening` then is at
 * the first byte behind the summary.
 * @param opening the summary of its cart is filled and returned; the rest of that cart may not be used. After an error,
 *   or for a forgotten cart, the summary may not be used either
 * @returns undefined for a forgotten cart
 * @throws UnknownVersionError
 * @throws DamagedStateError for bytes that do not add up to a state
 */
export function openSummary(bytes: Buffer, opening: Opening = newOpening()): Summary | undefined {
  const version = versionOf(bytes[0]);
  const reader = opening.reader.reset(bytes, 1);
  if (bytes[1] === FORGOTTEN) {
    reader.byte();
    reader.expectEnd();
    return undefined;
  }
  const { summary } = opening.cart;
  readSummary(reader, summary, version);
  const { sizes, life } = summary;
  const size = reader.at + sizes.decisions + sizes.products + sizes.index + sizes.records + KEY_SIZE * life.count;
  if (size !== bytes.length) reader.fail(`${size} bytes in all, found ${bytes.length}`);
  return summary;
}

/** Fills all but the summary, which is read already. */
function fill(cart: Filling, version: Version, bytes: Buffer, decisionsAt: number): LiveCart {
  const { sizes } = cart.summary;
  cart.version = version;
  cart.bytes = bytes;
  cart.decisionsAt = decisionsAt;
  cart.productsAt = cart.decisionsAt + sizes.decisions;
  cart.indexAt = cart.productsAt + sizes.products;
  cart.recordsAt = cart.indexAt + sizes.index;
  cart.keysAt = cart.recordsAt + sizes.records;
  return cart;
}

/** The state of a forgotten cart: two bytes. */
export function forgottenState(): Buffer {
  return Buffer.from([VERSION, FORGOTTEN]);
}

/**
 * Writes a state, given the previous one.
 * @param version VERSION, or the version of the previous state if no event is added
 */
export function buildState(
  before: LiveCart,
  { summary, version }: { summary: Summary; version: Version },
  { decisions, appended }: Additions,
  { head }: Pick<Scratch, 'head'>,
): Buffer {
  const { life, sizes } = summary;
  if (decisions !== undefined) sizes.decisions = decisions.at;
  const added = appended?.products?.added;
  const index = appended?.products?.index;
  if (added !== undefined) sizes.products += added.length;
  if (index !== undefined) sizes.index = index.at;
  checkSummary(summary);
  writeSummary(head.reset(), summary, version);
  const { bytes, decisionsAt, productsAt, indexAt, recordsAt, keysAt } = before;
  const size = head.at + sizes.decisions + sizes.products + sizes.index + sizes.records + KEY_SIZE * life.count;
  const out = Buffer.allocUnsafe(size);
  let at = put(out, 0, head.bytes, 0, head.at);
  // Sections that stay as they are and follow each other are one copy.
  let unchangedAt = decisionsAt;
  if (decisions !== undefined) {
    at = put(out, at, decisions.bytes, 0, decisions.at);
    unchangedAt = productsAt;
  }
  if (added !== undefined) {
    at = put(out, at, bytes, unchangedAt, indexAt);
    at = put(out, at, added, 0, added.length);
    unchangedAt = indexAt;
  }
  if (index !== undefined) {
    at = put(out, at, bytes, unchangedAt, indexAt);
    at = put(out, at, index.bytes, 0, index.at);
    unchangedAt = recordsAt;
  }
  at = put(out, at, bytes, unchangedAt, keysAt);
  if (appended !== undefined) at = put(out, at, appended.record.bytes, 0, appended.record.at);
  at = put(out, at, bytes, keysAt, bytes.length);
  if (appended !== undefined) at = put(out, at, appended.key, 0, appended.key.length);
  invariant(at === size, "the sections of a cart's state add up to its size");
  return out;
}

/** Checks what is true of every cart. A state that contradicts it would be folded into wrong counts. */
function checkSummary({ life, position, visits, status }: Summary): void {
  invariant(life.count > 0, 'a remembered cart has events');
  invariant(position.firstAt <= position.at, 'the first event is not after the last');
  invariant(!(status.since > position.at), 'the status is not newer than the last event');
  const { episode } = visits;
  if (episode === undefined) return;
  invariant(episode.deadline >= visits.lastActivityAt, 'a deadline is not before the last activity');
  invariant(!visits.stopped && !visits.rests, 'an open episode is neither ordered nor abandoned');
}

/** Copies bytes into `out`; returns the offset behind them. */
function put(out: Buffer, at: number, from: Uint8Array, start: number, end: number): number {
  const size = end - start;
  if (size > LOOP_BYTES) {
    out.set(from.subarray(start, end), at);
  } else {
    for (let i = 0; i < size; i++) out[at + i] = from[start + i]!;
  }
  return at + size;
}

/** The index of the first event from `from` on that has this key, -1 if no event has it. */
export function findKey({ bytes, keysAt }: LiveCart, key: Buffer, from: number): number {
  const k0 = key[0];
  const k1 = key[1];
  const end = bytes.length;
  for (let at = keysAt + KEY_SIZE * from; at < end; at += KEY_SIZE) {
    if (bytes[at] === k0 && bytes[at + 1] === k1 && key.compare(bytes, at, at + KEY_SIZE) === 0) {
      return (at - keysAt) / KEY_SIZE;
    }
  }
  return -1;
}
