/**
 * What a cart's lists of products are made of: ids, lines (id, count, price) and lists of lines, each of them once.
 * Carts grow line by line and lists come again, so this is what keeps a cart of 2,000 events small. Entries are
 * numbered by their kind, in the order in which they were added; none is ever rewritten. More than a few hundred of
 * them have an index (catalogue-index.ts). Layout: docs/adr, "state of a cart".
 */
import type { Product } from '../../schemas/types.ts';
import { Reader, Writer, sameBytes } from './bytes.ts';
import { INDEXED_FROM, Index, KINDS, hashOf, writeIndex, type Shelf } from './catalogue-index.ts';

/** Kinds of entries. */
const ID = 0;
const LINE = 1;
const LIST = 2;

/** The entries of a state, for reading. */
export class Catalogue {
  private starts: number[][] | undefined;
  private readonly index: Index | undefined;

  /** Nothing is read before it is asked for; with an index, nothing but that. */
  constructor(private readonly shelf: Shelf) {
    if (shelf.indexEnd > shelf.end) this.index = new Index(shelf);
  }

  /** @param place of a list, as `placeOfList` answers it */
  list(place: number): Product[] {
    const { reader, end } = this.entry(LIST, place - 1);
    const products: Product[] = [];
    while (reader.at < end) {
      const run = reader.unsigned();
      const first = run >> 1;
      const size = (run & 1) === 0 ? 1 : reader.unsigned() + 2;
      for (let line = first; line < first + size; line++) products.push(this.line(line));
    }
    return products;
  }

  private line(number: number): Product {
    const { reader, end } = this.entry(LINE, number);
    const id = reader.unsigned();
    const count = reader.number();
    const price = reader.at < end ? reader.number() : null;
    return { product_id: this.entry(ID, id).reader.text(), count, price };
  }

  private entry(kind: number, number: number): { reader: Reader; end: number } {
    const reader = new Reader(this.shelf.bytes, this.startOf(kind, number));
    const head = reader.unsigned();
    return { reader, end: reader.at + Math.floor(head / KINDS) };
  }

  private startOf(kind: number, number: number): number {
    if (this.index !== undefined) return this.shelf.start + this.index.offsetOf(kind, number);
    this.starts ??= this.findEntries();
    return this.starts[kind]![number]!;
  }

  private findEntries(): number[][] {
    const starts: number[][] = [[], [], []];
    const { bytes, start, end } = this.shelf;
    const reader = new Reader(bytes, start);
    while (reader.at < end) {
      const at = reader.at;
      const head = reader.unsigned();
      starts[head % KINDS]!.push(at);
      skipContent(reader, head);
    }
    return starts;
  }
}

// Used again by every call, which fills them anew: the entries at hand, what may become one, a list.
const entries = new Writer();
const candidate = new Writer();
const runs = new Writer();

/** What the state has that a call is about, and its index if it has one. */
let shelf: Shelf = { bytes: Buffer.alloc(0), start: 0, end: 0, indexEnd: 0 };
let index: Index | undefined;

/** Of each entry at hand: its head, where it and its content begin, its number, its hash if it was needed. */
let heads = new Int32Array(0);
let starts = new Int32Array(0);
let contents = new Int32Array(0);
let numbers = new Int32Array(0);
let hashes = new Int32Array(0);
let count = 0;
/** How many entries there are, by kind, those that are not at hand too. */
const counts = [0, 0, 0];

/** So many entries are looked through one by one; more are found by their hash. */
const FEW = 32;
/** The entry found last: in a list that was there before, the next one is mostly the one behind it. */
let found = -1;
/** Entries by hash, from 1 on, 0 where there is none; at most half of a power of two of slots is taken. */
let slots = new Int32Array(0);
let mask = 0;

/** What a list adds to a state. */
export interface Shelved {
  /** Of the list among the state's lists, from 1 on; the same for equal lists. */
  place: number;
  /** Entries that are to be put behind those that are there, none when there are no more; valid until the next call. */
  added: Uint8Array | undefined;
  /** The index that belongs to them; undefined when there is none. */
  index: Writer | undefined;
}

/** Finds the place of a list, or makes one. */
export function placeOfList(products: readonly Product[], of: Shelf): Shelved {
  load(of, 2 * products.length + 1);
  const sizeBefore = entries.at;
  runs.at = 0;
  let first = 0;
  let size = 0;
  for (const product of products) {
    const line = lineOf(product);
    if (size > 0 && line === first + size) {
      size++;
    } else {
      writeRun(first, size);
      first = line;
      size = 1;
    }
  }
  writeRun(first, size);
  const place = numberOf(LIST, runs) + 1;
  if (entries.at === sizeBefore) return { place, added: undefined, index: undefined };
  return { place, added: entries.bytes.subarray(sizeBefore, entries.at), index: indexAnew() };
}

/** Lines that follow each other are a run; a single one takes no size. */
function writeRun(first: number, size: number): void {
  if (size === 0) return;
  runs.unsigned(first * 2 + (size > 1 ? 1 : 0));
  if (size > 1) runs.unsigned(size - 2);
}

function lineOf({ product_id: id, count, price }: Product): number {
  candidate.at = 0;
  candidate.text(id);
  const idNumber = numberOf(ID, candidate);
  candidate.at = 0;
  candidate.unsigned(idNumber);
  candidate.number(count);
  if (price !== null) candidate.number(price);
  return numberOf(LINE, candidate);
}

/** Has a state's entries at hand, unless they have an index, with room for `more`. */
function load(of: Shelf, more: number): void {
  shelf = of;
  entries.at = 0;
  if (of.indexEnd > of.end) {
    index = new Index(of);
    makeRoom(more);
    for (let kind = 0; kind < KINDS; kind++) counts[kind] = index.countOf(kind);
    return;
  }
  index = undefined;
  entries.append(of.bytes, of.start, of.end);
  const reader = new Reader(entries.bytes, 0);
  let size = more;
  for (; reader.at < entries.at; size++) skipContent(reader, reader.unsigned());
  makeRoom(size);
  reader.at = 0;
  while (reader.at < entries.at) {
    const start = reader.at;
    const head = reader.unsigned();
    const content = reader.at;
    skipContent(reader, head);
    let hash = 0;
    if (mask > 0) {
      hash = hashOf(head, entries.bytes, content, reader.at);
      slots[slotOf(hash, head, entries.bytes, content)] = count + 1;
    }
    take(head, start, content, hash);
  }
}

/** @param head says how long an entry's content is, and its kind */
function skipContent(reader: Reader, head: number): void {
  reader.at += Math.floor(head / KINDS);
}

function makeRoom(size: number): void {
  count = 0;
  counts.fill(0);
  found = -1;
  if (size > heads.length) {
    heads = new Int32Array(2 * size);
    starts = new Int32Array(2 * size);
    contents = new Int32Array(2 * size);
    numbers = new Int32Array(2 * size);
    hashes = new Int32Array(2 * size);
  }
  if (size <= FEW) {
    mask = 0;
    return;
  }
  let length = 2 * FEW;
  while (length < 2 * size) length *= 2;
  if (length > slots.length) slots = new Int32Array(length);
  else slots.fill(0, 0, length);
  mask = length - 1;
}

/** The number of the entry with this content, which is added if there is none. */
function numberOf(kind: number, { bytes, at: size }: Writer): number {
  const head = size * KINDS + kind;
  const hash = index === undefined && mask === 0 ? 0 : hashOf(head, bytes, 0, size);
  const known = index?.find(hash, head, bytes, size) ?? -1;
  if (known >= 0) return known;
  if (mask === 0) {
    if (isFound(head, bytes)) return numbers[found]!;
  } else {
    const slot = slotOf(hash, head, bytes, 0);
    if (slots[slot] !== 0) return numbers[slots[slot]! - 1]!;
    slots[slot] = count + 1;
  }
  const start = entries.at;
  entries.unsigned(head);
  const content = entries.at;
  entries.append(bytes, 0, size);
  return take(head, start, content, hash);
}

function take(head: number, start: number, content: number, hash: number): number {
  const number = counts[head % KINDS]!++;
  heads[count] = head;
  starts[count] = start;
  contents[count] = content;
  numbers[count] = number;
  hashes[count] = hash;
  count++;
  return number;
}

/** Looks through all entries at hand, beginning behind the one found last. */
function isFound(head: number, bytes: Uint8Array): boolean {
  for (let left = count; left > 0; left--) {
    found = found + 1 < count ? found + 1 : 0;
    if (heads[found] === head && isEqual(found, bytes, 0)) return true;
  }
  return false;
}

/** The slot of the entry at hand that has this content, or the one that is free for it. */
function slotOf(hash: number, head: number, bytes: Uint8Array, start: number): number {
  let slot = hash & mask;
  for (;;) {
    const entry = slots[slot]! - 1;
    if (entry < 0 || (heads[entry] === head && isEqual(entry, bytes, start))) return slot;
    slot = (slot + 1) & mask;
  }
}

/** Whether an entry has this content; by its head it has its size. */
function isEqual(entry: number, bytes: Uint8Array, start: number): boolean {
  return sameBytes(entries.bytes, contents[entry]!, bytes, start, Math.floor(heads[entry]! / KINDS));
}

/** The index of a state's entries with those at hand; undefined while there are too few for one. */
function indexAnew(): Writer | undefined {
  if (index === undefined && count < INDEXED_FROM) return undefined;
  const shift = index === undefined ? 0 : shelf.end - shelf.start;
  return writeIndex({ before: index, counts, count, heads, starts, shift, hashes });
}
