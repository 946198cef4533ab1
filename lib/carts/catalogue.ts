/**
 * The product lists of a cart, without duplicates: ids, items (id, count, price) and lists of items are each stored
 * once. Carts grow item by item and lists recur, so this keeps a cart of 2,000 events small. Entries are numbered by
 * their kind, in the order in which they were added; none is ever rewritten. More than a few hundred of them have an
 * index (catalogue-index.ts). Layout: docs/adr, "state of a cart".
 */
import type { Product } from '../../schemas/types.ts';
import { ByteReader, ByteWriter, DamagedStateError, sameBytes } from '../bytes/index.ts';
import { INDEXED_FROM, Index, KINDS, hashOf, writeIndex, type CatalogueSection } from './catalogue-index.ts';
import { CART_STATE } from './format.ts';

/** Kinds of entries. */
const ID = 0;
const ITEM = 1;
const LIST = 2;
const ENTRY_NAMES = ['a product id', 'an item', 'a list of products'];

/** The entries of a state, for reading. */
export class Catalogue {
  private starts: number[][] | undefined;
  private readonly index: Index | undefined;

  /** Nothing is read before it is asked for; with an index, nothing but that. */
  constructor(private readonly section: CatalogueSection) {
    if (section.indexEnd > section.end) this.index = new Index(section);
  }

  /** @param number of a list, as `CatalogueBuilder.add` returns it */
  list(number: number): Product[] {
    const reader = this.entry(LIST, number - 1);
    const products: Product[] = [];
    while (!reader.done) {
      const run = reader.unsigned();
      const first = Math.floor(run / 2);
      const size = run % 2 === 0 ? 1 : reader.unsigned() + 2;
      for (let item = first; item < first + size; item++) products.push(this.item(item));
    }
    return products;
  }

  /** Reads every entry once, so that damage is found wherever it is. */
  check(): void {
    const starts = this.findEntries();
    for (let number = 1; number <= starts[LIST]!.length; number++) this.list(number);
    for (let number = 0; number < starts[ITEM]!.length; number++) this.item(number);
    for (let number = 0; number < starts[ID]!.length; number++) this.id(number);
  }

  private item(number: number): Product {
    const reader = this.entry(ITEM, number);
    const id = reader.unsigned();
    const count = reader.number();
    const price = reader.done ? null : reader.number();
    reader.expectEnd();
    return { product_id: this.id(id), count, price };
  }

  private id(number: number): string {
    const reader = this.entry(ID, number);
    const id = reader.text();
    reader.expectEnd();
    return id;
  }

  /** A reader of the entry's content. */
  private entry(kind: number, number: number): ByteReader {
    const { bytes, end } = this.section;
    const reader = new ByteReader(bytes, CART_STATE, this.startOf(kind, number), end);
    const head = reader.unsigned();
    if (head % KINDS !== kind) reader.fail(ENTRY_NAMES[kind]!);
    reader.limit(Math.floor(head / KINDS), 'an entry of products');
    return reader;
  }

  private startOf(kind: number, number: number): number {
    if (this.index !== undefined) return this.section.start + this.index.offsetOf(kind, number);
    this.starts ??= this.findEntries();
    const start = this.starts[kind]![number];
    if (start === undefined)
      throw new DamagedStateError(CART_STATE, this.section.end, `${ENTRY_NAMES[kind]} ${number}`);
    return start;
  }

  private findEntries(): number[][] {
    const starts: number[][] = [[], [], []];
    const { bytes, start, end } = this.section;
    const reader = new ByteReader(bytes, CART_STATE, start, end);
    while (!reader.done) {
      const at = reader.at;
      const head = reader.unsigned();
      starts[head % KINDS]!.push(at);
      skipContent(reader, head);
    }
    return starts;
  }
}

/** The bytes that a list adds to a state. */
export interface ListAdded {
  /** Number of the list in the state, counted from 1; equal lists share a number. */
  number: number;
  /** Entries to append to the existing ones; undefined if there are none. A view: valid until the next call. */
  added: Uint8Array | undefined;
  /** The index that belongs to them; undefined when there is none. Valid until the next call. */
  index: ByteWriter | undefined;
}

/** Up to this many entries are searched one by one; more are found by their hash. */
const FEW = 32;
const NO_SECTION: CatalogueSection = { bytes: Buffer.alloc(0), start: 0, end: 0, indexEnd: 0 };

/**
 * Finds lists among the entries of a state, or adds them. It holds no state's entries beyond a call: `add` loads what it
 * needs first. It is kept for its buffers, which a state of thousands of entries would be slow to allocate each time.
 */
export class CatalogueBuilder {
  /** The state that the call is about, and its index if it has one. */
  private section = NO_SECTION;
  private index: Index | undefined;

  /** The loaded entries, and those that are added. */
  private readonly entries = new ByteWriter();
  private readonly candidate = new ByteWriter();
  private readonly runs = new ByteWriter();
  private readonly indexWriter = new ByteWriter(0);

  /**
   * For each loaded entry: its head, the offsets of the entry and of its content, its number, and its hash once it was
   * needed.
   */
  private heads = new Int32Array(0);
  private starts = new Int32Array(0);
  private contents = new Int32Array(0);
  private numbers = new Int32Array(0);
  private hashes = new Int32Array(0);
  private count = 0;
  /** The number of entries by kind, including those that are not loaded. */
  private readonly counts = [0, 0, 0];

  /** The entry found last: in a list that was there before, the next one is mostly the one behind it. */
  private found = -1;
  /** Entries by hash, from 1 on, 0 in empty slots; at most half of a power of two of slots is taken. */
  private slots = new Int32Array(0);
  private mask = 0;

  /** Finds the number of a list, or gives it one. */
  add(products: readonly Product[], section: CatalogueSection): ListAdded {
    this.load(section, 2 * products.length + 1);
    const { entries, runs } = this;
    const sizeBefore = entries.at;
    runs.reset();
    let first = 0;
    let size = 0;
    for (const product of products) {
      const item = this.itemOf(product);
      if (size > 0 && item === first + size) {
        size++;
      } else {
        writeRun(runs, first, size);
        first = item;
        size = 1;
      }
    }
    writeRun(runs, first, size);
    const number = this.numberOf(LIST, runs) + 1;
    if (entries.at === sizeBefore) return { number, added: undefined, index: undefined };
    return { number, added: entries.bytes.subarray(sizeBefore, entries.at), index: this.newIndex() };
  }

  private itemOf({ product_id: id, count, price }: Product): number {
    const { candidate } = this;
    candidate.reset().text(id);
    const idNumber = this.numberOf(ID, candidate);
    candidate.reset().unsigned(idNumber);
    candidate.number(count);
    if (price !== null) candidate.number(price);
    return this.numberOf(ITEM, candidate);
  }

  /** Loads a state's entries, unless they have an index, with room for `more`. */
  private load(section: CatalogueSection, more: number): void {
    const { entries, counts } = this;
    this.section = section;
    entries.reset();
    if (section.indexEnd > section.end) {
      this.index = new Index(section);
      this.makeRoom(more);
      for (let kind = 0; kind < KINDS; kind++) counts[kind] = this.index.countOf(kind);
      return;
    }
    this.index = undefined;
    entries.append(section.bytes, section.start, section.end);
    const reader = new ByteReader(entries.bytes, CART_STATE, 0, entries.at);
    let size = more;
    for (; !reader.done; size++) skipContent(reader, reader.unsigned());
    this.makeRoom(size);
    reader.at = 0;
    while (!reader.done) {
      const start = reader.at;
      const head = reader.unsigned();
      const content = reader.at;
      skipContent(reader, head);
      let hash = 0;
      if (this.mask > 0) {
        hash = hashOf(head, entries.bytes, content, reader.at);
        this.slots[this.slotOf(hash, head, entries.bytes, content)] = this.count + 1;
      }
      this.take(head, start, content, hash);
    }
  }

  private makeRoom(size: number): void {
    this.count = 0;
    this.counts.fill(0);
    this.found = -1;
    if (size > this.heads.length) {
      this.heads = new Int32Array(2 * size);
      this.starts = new Int32Array(2 * size);
      this.contents = new Int32Array(2 * size);
      this.numbers = new Int32Array(2 * size);
      this.hashes = new Int32Array(2 * size);
    }
    if (size <= FEW) {
      this.mask = 0;
      return;
    }
    let length = 2 * FEW;
    while (length < 2 * size) length *= 2;
    if (length > this.slots.length) this.slots = new Int32Array(length);
    else this.slots.fill(0, 0, length);
    this.mask = length - 1;
  }

  /** The number of the entry with this content, which is added if it does not exist. */
  private numberOf(kind: number, { bytes, at: size }: ByteWriter): number {
    const head = size * KINDS + kind;
    const hash = this.index === undefined && this.mask === 0 ? 0 : hashOf(head, bytes, 0, size);
    const known = this.index?.find(hash, head, bytes, size) ?? -1;
    if (known >= 0) return known;
    if (this.mask === 0) {
      if (this.isFound(head, bytes)) return this.numbers[this.found]!;
    } else {
      const slot = this.slotOf(hash, head, bytes, 0);
      if (this.slots[slot] !== 0) return this.numbers[this.slots[slot]! - 1]!;
      this.slots[slot] = this.count + 1;
    }
    const { entries } = this;
    const start = entries.at;
    entries.unsigned(head);
    const content = entries.at;
    entries.append(bytes, 0, size);
    return this.take(head, start, content, hash);
  }

  private take(head: number, start: number, content: number, hash: number): number {
    const { count } = this;
    const number = this.counts[head % KINDS]!++;
    this.heads[count] = head;
    this.starts[count] = start;
    this.contents[count] = content;
    this.numbers[count] = number;
    this.hashes[count] = hash;
    this.count++;
    return number;
  }

  /** Looks through all loaded entries, beginning behind the one found last. */
  private isFound(head: number, bytes: Uint8Array): boolean {
    for (let left = this.count; left > 0; left--) {
      this.found = this.found + 1 < this.count ? this.found + 1 : 0;
      if (this.heads[this.found] === head && this.isEqual(this.found, bytes, 0)) return true;
    }
    return false;
  }

  /** The slot of the loaded entry that has this content, or the one that is free for it. */
  private slotOf(hash: number, head: number, bytes: Uint8Array, start: number): number {
    const { slots, heads, mask } = this;
    let slot = hash & mask;
    for (;;) {
      const entry = slots[slot]! - 1;
      if (entry < 0 || (heads[entry] === head && this.isEqual(entry, bytes, start))) return slot;
      slot = (slot + 1) & mask;
    }
  }

  /** Whether an entry has this content; its size is in its head. */
  private isEqual(entry: number, bytes: Uint8Array, start: number): boolean {
    return sameBytes(this.entries.bytes, this.contents[entry]!, bytes, start, Math.floor(this.heads[entry]! / KINDS));
  }

  /** The index of a state's entries with the loaded ones; undefined while there are too few for one. */
  private newIndex(): ByteWriter | undefined {
    const { index, section, counts, count, heads, starts, hashes } = this;
    if (index === undefined && count < INDEXED_FROM) return undefined;
    const shift = index === undefined ? 0 : section.end - section.start;
    const contents = { before: index, counts, count, heads, starts, shift, hashes };
    return writeIndex(this.indexWriter, contents);
  }
}

/** Items that follow each other are a run; a single one takes no size. */
function writeRun(runs: ByteWriter, first: number, size: number): void {
  if (size === 0) return;
  runs.unsigned(first * 2 + (size > 1 ? 1 : 0));
  if (size > 1) runs.unsigned(size - 2);
}

/** @param head says how long an entry's content is, and its kind */
function skipContent(reader: ByteReader, head: number): void {
  reader.advance(Math.floor(head / KINDS), 'an entry of products');
}
