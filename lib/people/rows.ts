import type { AbandonmentSource, Anomaly, Product, TraitChange } from '../../schemas/types.ts';
import { ByteReader, type ByteWriter } from '../bytes/index.ts';
import type { Rows } from './entries.ts';
import type { Scratch } from './scratch.ts';

/**
 * The trait events of a cart as bytes. An assertion that is later than all others, the usual case, is appended without
 * reading what is there. Product lists are kept once each. A block that has become large is put away as a chunk of its
 * own, so that a cart of 2,000 events does not rewrite them all with each. A row that grows so much that its chunk
 * would become too large moves to the end, because no entry may be larger than a record of the changelog.
 */

/**
 * Formats of a chunk. In format 1 the rows extend to the end; in format 2 their length precedes them, so that a
 * truncated chunk is detected.
 */
const FORMAT = 2;
const FORMAT_WITHOUT_LENGTH = 1;
const CHUNK_BYTES = 2048;
/** A chunk of several rows may grow to this, a row by itself to what one event can carry. */
const GROWN_CHUNK_BYTES = 256 * 1024;
const SOURCES: readonly (AbandonmentSource | null)[] = [null, 'timer', 'jane'];
const ANOMALIES: readonly (Anomaly | null)[] = [null, 'after_terminal', 'wrong_mode', 'backward'];

const STATUS_UPDATED = 1;
const RETRACTED = 1 << 1;
const RECOVERED = 1 << 2;
const SOURCE_SHIFT = 3;
const PREVIOUS = 1 << 5;
const REENTERED = 1 << 6;
const ANOMALY_SHIFT = 7;
const STORE = 1 << 9;
const MODE = 1 << 10;
const AMOUNT = 1 << 11;
const PRODUCTS = 1 << 12;
const BEYOND_HORIZON = 1 << 13;
const REPLACES = 1 << 14;
const LAST_ACTIVITY = 1 << 15;
const PERSON = 1 << 16;

/** Where full chunks are kept. */
export interface ChunkStore {
  get(chunk: number): Buffer;
  put(chunk: number, value: Buffer): void;
}

/** A trait event as it was asserted last. */
export interface StoredRow extends TraitChange {
  /** The id that it was asserted under; 0: unknown, in a row that an earlier version wrote. */
  person: number;
}

/** For errors: what is damaged. */
const ROWS = 'a list of trait events';

/**
 * Applies changes that are asserted under a person. Returns for each of them the id that the same trait event was asserted
 * under before; 0: none or unknown.
 */
export function recordRows(
  scratch: Scratch,
  rows: Rows,
  changes: readonly TraitChange[],
  chunks: ChunkStore,
  person: number,
): number[] {
  const search = { near: rows.chunks - 1, former: 0, person };
  return changes.map((change) => recordRow(scratch, rows, change, chunks, search));
}

/** Changes of one record mostly follow each other as their rows do: the chunk where the last one was found. */
interface Search {
  near: number;
  /** The id that the changes are asserted under. */
  readonly person: number;
  /** The id that the row which was found was asserted under. */
  former: number;
}

function recordRow(scratch: Scratch, rows: Rows, row: TraitChange, chunks: ChunkStore, search: Search): number {
  search.former = 0;
  if (row.occurred_at > rows.lastAt || !replaceRow(scratch, rows, row, chunks, search)) {
    rows.bytes = Buffer.concat([rows.bytes, encodeRow(scratch, row, search.person, rows.lists)]);
    rows.lastAt = Math.max(rows.lastAt, row.occurred_at);
  }
  if (sizeOf(rows) > CHUNK_BYTES) {
    chunks.put(rows.chunks, encodeChunk(scratch, rows));
    rows.chunks += 1;
    rows.lists = [];
    rows.bytes = rows.bytes.subarray(0, 0);
  }
  return search.former;
}

/** Stores all rows as asserted under a person. Returns them as they were before, oldest assertion first. */
export function moveRows(scratch: Scratch, rows: Rows, chunks: ChunkStore, person: number): StoredRow[] {
  const all: StoredRow[] = [];
  for (let chunk = 0; chunk < rows.chunks; chunk++) {
    const some = decodeRows(decodeChunk(chunks.get(chunk)), []);
    chunks.put(chunk, encodeChunk(scratch, blockOf(scratch, some, person)));
    all.push(...some);
  }
  const last = decodeRows(rows, []);
  Object.assign(rows, blockOf(scratch, last, person));
  return [...all, ...last];
}

function sizeOf(block: Block): number {
  let bytes = block.bytes.length;
  for (const list of block.lists) bytes += list.length;
  return bytes;
}

/** All rows, oldest assertion first; `op` is the current state of each: asserted or retracted. */
export function allRows(rows: Rows, chunks: ChunkStore): StoredRow[] {
  const all: StoredRow[] = [];
  for (let chunk = 0; chunk < rows.chunks; chunk++) decodeRows(decodeChunk(chunks.get(chunk)), all);
  return decodeRows(rows, all);
}

interface Block {
  lists: Buffer[];
  bytes: Buffer;
}

/** Replaces the row that asserts the same. False if there was none, or if it was removed because it had grown too large. */
function replaceRow(scratch: Scratch, rows: Rows, change: TraitChange, chunks: ChunkStore, search: Search): boolean {
  if (replaceInBlock(scratch, rows, change, search)) return true;
  for (const chunk of fromNear(search.near, rows.chunks)) {
    const block = decodeChunk(chunks.get(chunk));
    if (!replaceInBlock(scratch, block, change, search)) continue;
    search.near = chunk;
    if (sizeOf(block) <= GROWN_CHUNK_BYTES) {
      chunks.put(chunk, encodeChunk(scratch, block));
      return true;
    }
    const all = decodeRows(block, []);
    const slim = blockOf(scratch, all);
    const moves = sizeOf(slim) > GROWN_CHUNK_BYTES && all.length > 1;
    const rest = moves ? all.filter((row) => !isSame(row, change)) : undefined;
    chunks.put(chunk, encodeChunk(scratch, rest === undefined ? slim : blockOf(scratch, rest)));
    return !moves;
  }
  return false;
}

/** The indices of all chunks: first the near one and the next, then the others, latest first. */
function* fromNear(near: number, count: number): Generator<number> {
  for (let chunk = Math.max(0, near); chunk <= near + 1 && chunk < count; chunk++) yield chunk;
  for (let chunk = count - 1; chunk >= 0; chunk--) if (chunk !== near && chunk !== near + 1) yield chunk;
}

/**
 * The block of these rows, without lists that no row refers to any more. They are asserted under `person`, or each under
 * its own.
 */
function blockOf(scratch: Scratch, rows: readonly StoredRow[], person?: number): Block {
  const lists: Buffer[] = [];
  return { bytes: Buffer.concat(rows.map((row) => encodeRow(scratch, row, person ?? row.person, lists))), lists };
}

/** Whether they assert the same. */
const isSame = (a: TraitChange, b: TraitChange): boolean =>
  a.occurred_at === b.occurred_at && a.status === b.status && a.trait === b.trait;

function replaceInBlock(scratch: Scratch, block: Block, change: TraitChange, search: Search): boolean {
  const reader = new ByteReader(block.bytes, ROWS);
  while (!reader.done) {
    const start = reader.at;
    const row = readRow(reader, null);
    if (!isSame(row, change)) continue;
    search.former = row.person;
    const after = block.bytes.subarray(reader.at);
    block.bytes = Buffer.concat([
      block.bytes.subarray(0, start),
      encodeRow(scratch, change, search.person, block.lists),
      after,
    ]);
    return true;
  }
  return false;
}

function decodeRows(block: Block, into: StoredRow[]): StoredRow[] {
  const reader = new ByteReader(block.bytes, ROWS);
  while (!reader.done) into.push(readRow(reader, block.lists));
  return into;
}

function encodeChunk({ entry: writer }: Scratch, block: Block): Buffer {
  writer.reset().byte(FORMAT);
  writer.unsigned(block.lists.length);
  for (const list of block.lists) writer.block(list);
  writer.block(block.bytes);
  return writer.take();
}

function decodeChunk(buffer: Buffer): Block {
  const reader = new ByteReader(buffer, 'a chunk of trait events');
  const format = reader.byte();
  if (format !== FORMAT && format !== FORMAT_WITHOUT_LENGTH) reader.fail('a format from 1 to 2', 0);
  const lists: Buffer[] = [];
  for (let left = reader.unsigned(); left > 0; left--) lists.push(reader.block());
  const bytes = format === FORMAT ? reader.block() : reader.rest();
  reader.expectEnd();
  return { lists, bytes };
}

function flagsOf(row: TraitChange, person: number): number {
  let flags = row.trait === 'cart_status_updated' ? STATUS_UPDATED : 0;
  flags |= SOURCES.indexOf(row.source) << SOURCE_SHIFT;
  flags |= ANOMALIES.indexOf(row.anomaly) << ANOMALY_SHIFT;
  if (row.retracted_at !== null) flags |= RETRACTED;
  if (row.recovered_at !== null) flags |= RECOVERED;
  if (row.previous_status !== null) flags |= PREVIOUS;
  if (row.reentered) flags |= REENTERED;
  if (row.store_id !== null) flags |= STORE;
  if (row.mode !== null) flags |= MODE;
  if (row.amount !== null) flags |= AMOUNT;
  if (row.products !== null) flags |= PRODUCTS;
  if (row.beyond_horizon) flags |= BEYOND_HORIZON;
  if (row.replaces !== null) flags |= REPLACES;
  if (row.last_activity_at !== null) flags |= LAST_ACTIVITY;
  if (person !== 0) flags |= PERSON;
  return flags;
}

function encodeRow({ entry: writer, inner }: Scratch, row: TraitChange, person: number, lists: Buffer[]): Buffer {
  const list = row.products === null ? -1 : indexOfList(encodeProducts(inner, row.products), lists);
  writer.reset().unsigned(flagsOf(row, person));
  writer.zigzag(row.occurred_at);
  writer.text(row.status);
  writer.zigzag(row.detected_at);
  if (row.retracted_at !== null) writer.zigzag(row.retracted_at);
  if (row.recovered_at !== null) writer.zigzag(row.recovered_at);
  if (row.previous_status !== null) writer.text(row.previous_status);
  if (row.store_id !== null) writer.text(row.store_id);
  if (row.mode !== null) writer.text(row.mode);
  if (row.amount !== null) writer.double(row.amount);
  if (list >= 0) writer.unsigned(list);
  if (row.replaces !== null) writer.zigzag(row.replaces);
  if (row.last_activity_at !== null) writer.zigzag(row.last_activity_at);
  if (person !== 0) writer.unsigned(person);
  return writer.take();
}

/** @param lists null if the products are not needed: the row is then returned without them */
function readRow(reader: ByteReader, lists: readonly Buffer[] | null): StoredRow {
  const flags = reader.unsigned();
  const time = (bit: number): number | null => ((flags & bit) !== 0 ? reader.zigzag() : null);
  const text = (bit: number): string | null => ((flags & bit) !== 0 ? reader.text() : null);
  return {
    op: (flags & RETRACTED) !== 0 ? 'retracted' : 'asserted',
    trait: (flags & STATUS_UPDATED) !== 0 ? 'cart_status_updated' : 'cart_abandoned',
    occurred_at: reader.zigzag(),
    status: reader.text(),
    detected_at: reader.zigzag(),
    retracted_at: time(RETRACTED),
    recovered_at: time(RECOVERED),
    previous_status: text(PREVIOUS),
    store_id: text(STORE),
    mode: text(MODE),
    amount: (flags & AMOUNT) !== 0 ? reader.double() : null,
    products: (flags & PRODUCTS) !== 0 ? readProducts(reader, lists) : null,
    replaces: time(REPLACES),
    last_activity_at: time(LAST_ACTIVITY),
    person: (flags & PERSON) !== 0 ? reader.unsigned() : 0,
    source: SOURCES[(flags >> SOURCE_SHIFT) & 3] ?? null,
    anomaly: ANOMALIES[(flags >> ANOMALY_SHIFT) & 3] ?? null,
    reentered: (flags & REENTERED) !== 0,
    beyond_horizon: (flags & BEYOND_HORIZON) !== 0,
  };
}

/** The index of an equal list, which is added if there is none. */
function indexOfList(list: Buffer, lists: Buffer[]): number {
  const index = lists.findLastIndex((other) => other.equals(list));
  return index >= 0 ? index : lists.push(list) - 1;
}

const HAS_PRICE = 1;
const WHOLE_COUNT = 2;

export function encodeProducts(writer: ByteWriter, products: readonly Product[]): Buffer {
  writer.reset();
  for (const { product_id, count, price } of products) {
    const whole = Number.isSafeInteger(count);
    writer.byte((price !== null ? HAS_PRICE : 0) | (whole ? WHOLE_COUNT : 0));
    writer.text(product_id);
    if (whole) writer.zigzag(count);
    else writer.double(count);
    if (price !== null) writer.double(price);
  }
  return writer.take();
}

function readProducts(reader: ByteReader, lists: readonly Buffer[] | null): Product[] | null {
  const index = reader.unsigned();
  if (lists === null) return null;
  return decodeProducts(lists[index] ?? reader.fail('the number of a product list', reader.at - 1));
}

export function decodeProducts(list: Buffer): Product[] {
  const reader = new ByteReader(list, 'a product list');
  const products: Product[] = [];
  while (!reader.done) {
    const bits = reader.byte();
    const product_id = reader.text();
    const count = (bits & WHOLE_COUNT) !== 0 ? reader.zigzag() : reader.double();
    products.push({ product_id, count, price: (bits & HAS_PRICE) !== 0 ? reader.double() : null });
  }
  return products;
}
