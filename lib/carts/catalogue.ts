/**
 * What a cart's lists of products are made of: ids, lines (id, count, price) and lists of lines, each of them once.
 * Carts grow line by line and lists come again, so this is what keeps a cart of 2,000 events small. Entries are
 * numbered by their kind, in the order in which they were added; none is ever rewritten. Layout: docs/adr, "state of
 * a cart".
 */
import type { Product } from '../../schemas/types.ts';
import { Reader, Writer, sameBytes } from './bytes.ts';

/** Kinds of entries. */
const ID = 0;
const LINE = 1;
const LIST = 2;
const KINDS = 3;

/** The entries of a state, for reading. */
export class Catalogue {
  private starts: number[][] | undefined;

  /** Nothing is read before it is asked for. */
  constructor(
    private readonly bytes: Buffer,
    private readonly start: number,
    private readonly end: number,
  ) {}

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
    this.starts ??= this.findEntries();
    const reader = new Reader(this.bytes, this.starts[kind]![number]!);
    const head = reader.unsigned();
    return { reader, end: reader.at + Math.floor(head / KINDS) };
  }

  private findEntries(): number[][] {
    const starts: number[][] = [[], [], []];
    const reader = new Reader(this.bytes, this.start);
    while (reader.at < this.end) {
      const start = reader.at;
      const head = reader.unsigned();
      starts[head % KINDS]!.push(start);
      skipContent(reader, head);
    }
    return starts;
  }
}

// Used again by every call, which fills them anew: the entries, what may become one, a list.
const entries = new Writer();
const candidate = new Writer();
const runs = new Writer();

/** Of each entry: its head, where its content begins, its number. */
let heads = new Int32Array(0);
let contents = new Int32Array(0);
let numbers = new Int32Array(0);
let count = 0;
/** How many entries there are, by kind. */
const counts = [0, 0, 0];

/** So many entries are looked through one by one; more are found by their hash. */
const FEW = 32;
/** The entry found last: in a list that was there before, the next one is mostly the one behind it. */
let found = -1;
/** Entries by hash, from 1 on, 0 where there is none; at most half of a power of two of slots is taken. */
let slots = new Int32Array(0);
let mask = 0;

/**
 * The place of a list among a state's lists, from 1 on; the same for equal lists.
 * @param state whose entries stand from `start` to `end`
 * @returns with it, all entries anew if there are more now; valid until the next call
 */
export function placeOfList(
  products: readonly Product[],
  state: Buffer,
  start: number,
  end: number,
): { place: number; entries: Writer | undefined } {
  load(state, start, end, 2 * products.length + 1);
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
  return { place, entries: entries.at > end - start ? entries : undefined };
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

/** Takes over a state's entries, with room for `more`. */
function load(state: Buffer, start: number, end: number, more: number): void {
  entries.at = 0;
  entries.append(state, start, end);
  const reader = new Reader(entries.bytes, 0);
  let size = more;
  for (; reader.at < entries.at; size++) skipContent(reader, reader.unsigned());
  makeRoom(size);
  reader.at = 0;
  while (reader.at < entries.at) {
    const head = reader.unsigned();
    const content = reader.at;
    skipContent(reader, head);
    if (mask > 0) slots[slotOf(head, entries.bytes, content, reader.at)] = count + 1;
    take(head, content);
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
    contents = new Int32Array(2 * size);
    numbers = new Int32Array(2 * size);
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
  let slot = 0;
  if (mask === 0) {
    if (isFound(head, bytes)) return numbers[found]!;
  } else {
    slot = slotOf(head, bytes, 0, size);
    if (slots[slot] !== 0) return numbers[slots[slot]! - 1]!;
    slots[slot] = count + 1;
  }
  entries.unsigned(head);
  const content = entries.at;
  entries.append(bytes, 0, size);
  return take(head, content);
}

function take(head: number, content: number): number {
  const number = counts[head % KINDS]!++;
  heads[count] = head;
  contents[count] = content;
  numbers[count] = number;
  count++;
  return number;
}

/** Looks through all entries, beginning behind the one found last. */
function isFound(head: number, bytes: Uint8Array): boolean {
  for (let left = count; left > 0; left--) {
    found = found + 1 < count ? found + 1 : 0;
    if (heads[found] === head && isEqual(found, bytes, 0)) return true;
  }
  return false;
}

/** The slot of the entry that has this content, or the one that is free for it. */
function slotOf(head: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = head;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  // Neighbouring prices must not become neighbouring slots.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  let slot = (hash ^ (hash >>> 15)) & mask;
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
