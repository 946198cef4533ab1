/**
 * The index of a catalogue: where each entry stands, by kind and number, and a table of hashes to find one by what it
 * says. So a list costs the same to find or to add however many there are. Layout: docs/adr, "state of a cart".
 */
import { ByteReader, DamagedStateError, sameBytes, type ByteWriter } from '../bytes/index.ts';
import { CART_STATE } from './format.ts';

/** The number of kinds of entries. A head, or an entry's number in the table, modulo KINDS is the kind. */
export const KINDS = 3;

/** Catalogues with fewer entries have no index: they are read whole. Must be more than are looked through unhashed. */
export const INDEXED_FROM = 256;

// The table's size as a power of two, then how many entries there are of each kind, then their offsets, then the table.
const COUNTS_AT = 1;
/** Bytes of a count, an offset, a slot: states are far smaller than 16 MiB. */
const WIDTH = 3;
const OFFSETS_AT = COUNTS_AT + KINDS * WIDTH;

/** The section of a state that has the entries: they are from `start` to `end`, their index from there to `indexEnd`. */
export interface CatalogueSection {
  bytes: Buffer;
  start: number;
  end: number;
  indexEnd: number;
}

/** The hash of an entry. `head` contains its size and kind. */
export function hashOf(head: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = head;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  // Neighbouring prices must not become neighbouring slots.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 15);
}

function read(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
}

function put(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 255;
  bytes[at + 1] = (value >> 8) & 255;
  bytes[at + 2] = value >> 16;
}

/** The index that a state has. */
export class Index {
  readonly bytes: Buffer;
  /** The offset of the table in `bytes`, and the number of its slots minus 1. */
  readonly tableAt: number;
  readonly mask: number;
  private readonly reader: ByteReader;
  private readonly offsetsAt: number[] = [];

  constructor(private readonly section: CatalogueSection) {
    const { bytes, end, indexEnd } = section;
    this.bytes = bytes;
    if (indexEnd - end < OFFSETS_AT) throw new DamagedStateError(CART_STATE, end, 'an index of products');
    this.mask = (1 << bytes[end]!) - 1;
    this.reader = new ByteReader(bytes, CART_STATE, section.start, end);
    let at = end + OFFSETS_AT;
    for (let kind = 0; kind < KINDS; kind++) {
      this.offsetsAt.push(at);
      at += WIDTH * this.countOf(kind);
    }
    this.tableAt = at;
    const size = at + WIDTH * (this.mask + 1) - end;
    if (size !== indexEnd - end) throw new DamagedStateError(CART_STATE, end, `an index of ${size} bytes`);
  }

  countOf(kind: number): number {
    return read(this.bytes, this.section.end + COUNTS_AT + WIDTH * kind);
  }

  /** The offset of an entry, relative to the first one. */
  offsetOf(kind: number, number: number): number {
    if (number >= this.countOf(kind)) {
      throw new DamagedStateError(CART_STATE, this.section.end, `an entry of products with number ${number}`);
    }
    return read(this.bytes, this.offsetsAt[kind]! + WIDTH * number);
  }

  /** The offset in `bytes` at which the offsets of a kind begin. */
  offsetsOf(kind: number): number {
    return this.offsetsAt[kind]!;
  }

  /** The number of the entry that has this content, -1 if no entry has it. */
  find(hash: number, head: number, content: Uint8Array, size: number): number {
    const { mask } = this;
    for (let slot = hash & mask, left = mask; ; slot = (slot + 1) & mask, left--) {
      if (left < 0) throw new DamagedStateError(CART_STATE, this.tableAt, 'a free slot in the index of products');
      const entry = read(this.bytes, this.tableAt + WIDTH * slot) - 1;
      if (entry < 0) return -1;
      if (entry % KINDS !== head % KINDS) continue;
      const number = Math.floor(entry / KINDS);
      this.reader.at = this.section.start + this.offsetOf(entry % KINDS, number);
      if (this.reader.unsigned() !== head) continue;
      if (sameBytes(this.bytes, this.reader.at, content, 0, size)) return number;
    }
  }

  /** The hash of an entry, from what it says. */
  hashOf(kind: number, number: number): number {
    const { reader } = this;
    reader.at = this.section.start + this.offsetOf(kind, number);
    const head = reader.unsigned();
    const start = reader.advance(Math.floor(head / KINDS), 'an entry of products');
    return hashOf(head, this.bytes, start, reader.at);
  }
}

/** The entries that an index is built from. */
export interface IndexContents {
  /** The one that a state has, if it has one; the entries loaded come behind its own. */
  before: Index | undefined;
  /** The number of entries of each kind, including those of `before`. */
  counts: readonly number[];
  /** The number of loaded entries. */
  count: number;
  heads: Int32Array;
  /** Their offsets relative to the first entry, minus `shift`. */
  starts: Int32Array;
  shift: number;
  hashes: Int32Array;
}

/** Writes an index; the table grows when three quarters of it are taken, which is when all entries are read. */
export function writeIndex(writer: ByteWriter, contents: IndexContents): ByteWriter {
  const { before, counts } = contents;
  const total = counts.reduce((sum, count) => sum + count, 0);
  let power = 0;
  while (3 << power < 4 * total) power++;
  const mask = (1 << power) - 1;
  const tableAt = OFFSETS_AT + WIDTH * total;
  writer.reset().reserve(tableAt + WIDTH * (mask + 1));
  const { bytes } = writer;
  bytes[0] = power;
  for (let kind = 0; kind < KINDS; kind++) put(bytes, COUNTS_AT + WIDTH * kind, counts[kind]!);
  const offsetsAt = writeOffsets(bytes, contents);
  writer.at = tableAt + WIDTH * (mask + 1);
  if (before?.mask === mask) {
    bytes.set(before.bytes.subarray(before.tableAt, before.tableAt + WIDTH * (mask + 1)), tableAt);
  } else {
    bytes.fill(0, tableAt, writer.at);
    for (let kind = 0; before !== undefined && kind < KINDS; kind++) {
      const known = before.countOf(kind);
      for (let number = 0; number < known; number++) {
        insert(bytes, tableAt, mask, before.hashOf(kind, number), number * KINDS + kind);
      }
    }
  }
  const numbers = counts.map((_, kind) => before?.countOf(kind) ?? 0);
  for (let entry = 0; entry < contents.count; entry++) {
    const kind = contents.heads[entry]! % KINDS;
    const number = numbers[kind]!++;
    put(bytes, offsetsAt[kind]! + WIDTH * number, contents.shift + contents.starts[entry]!);
    insert(bytes, tableAt, mask, contents.hashes[entry]!, number * KINDS + kind);
  }
  return writer;
}

/** Takes over the offsets that are there; answers where those of each kind begin. */
function writeOffsets(bytes: Buffer, { before, counts }: IndexContents): number[] {
  const starts: number[] = [];
  let at = OFFSETS_AT;
  for (let kind = 0; kind < KINDS; kind++) {
    starts.push(at);
    if (before !== undefined) {
      const from = before.offsetsOf(kind);
      bytes.set(before.bytes.subarray(from, from + WIDTH * before.countOf(kind)), at);
    }
    at += WIDTH * counts[kind]!;
  }
  return starts;
}

function insert(bytes: Buffer, tableAt: number, mask: number, hash: number, entry: number): void {
  let slot = hash & mask;
  while (read(bytes, tableAt + WIDTH * slot) !== 0) slot = (slot + 1) & mask;
  put(bytes, tableAt + WIDTH * slot, entry + 1);
}
