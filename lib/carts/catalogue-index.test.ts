import { describe, expect, it } from 'vitest';
import type { Product } from '../../schemas/types.ts';
import { INDEXED_FROM, KINDS, type CatalogueSection } from './catalogue-index.ts';
import { CatalogueBuilder } from './catalogue.ts';

const lines = (first: number, size: number): Product[] =>
  Array.from({ length: size }, (_, i) => ({ product_id: `p${first + i}`, count: 1, price: null }));

/** Keeps lists in a catalogue of which nothing was used before. */
function emptyCatalogue(): {
  add(products: readonly Product[]): { number: number; changed: boolean };
  section(): CatalogueSection;
} {
  const builder = new CatalogueBuilder();
  let entries = Buffer.alloc(0);
  let index = Buffer.alloc(0);
  const section = (behind: number): CatalogueSection => {
    const bytes = Buffer.concat([entries, index, Buffer.alloc(50, behind)]);
    return { bytes, start: 0, end: entries.length, indexEnd: entries.length + index.length };
  };
  let turn = 0;
  return {
    // What stands behind the index is something else each time, and nothing every other time.
    add(products) {
      const { number, added, index: written } = builder.add(products, section(turn++ % 2 === 0 ? 0 : turn % 256));
      entries = Buffer.concat([entries, added ?? Buffer.alloc(0)]);
      if (written !== undefined) index = Buffer.from(written.bytes.subarray(0, written.at));
      return { number, changed: added !== undefined || written !== undefined };
    },
    section: () => section(0),
  };
}

/** The number of entries that an index (docs/adr, "state of a cart") counts, of its slots, and of those taken. */
function readIndex({ bytes, end, indexEnd }: CatalogueSection): {
  total: number;
  slots: number;
  taken: number;
  size: number;
} {
  const read = (at: number): number => bytes.readUIntLE(end + at, 3);
  const total = read(1) + read(4) + read(7);
  const slots = 2 ** bytes[end]!;
  const table = Array.from({ length: slots }, (_, slot) => read(1 + 3 * KINDS + 3 * total + 3 * slot));
  return { total, slots, taken: table.filter((slot) => slot !== 0).length, size: indexEnd - end };
}

describe('the index of a catalogue', () => {
  it('has a slot for each entry, in the smallest table of which they take three quarters at most', () => {
    const { add, section } = emptyCatalogue();
    const all = lines(0, 120);
    // The empty list first, so that the first id does not stand at the beginning.
    expect(add([]).number).toBe(1);
    expect(add(all).number).toBe(2);
    let total = 2 + 2 * all.length;
    const totals: number[] = [];
    for (let number = 3; total < 800; number++) {
      // Longer than all before, so a list of its own; now and then with a line of its own.
      const more = number % 10 === 0 ? lines(1000 + number, 1) : [];
      const products = [...more, ...all, ...Array.from({ length: number }, () => all[0]!)];
      expect(add(products)).toEqual({ number, changed: true });
      total += 1 + 2 * more.length;
      totals.push(total);
      if (total < INDEXED_FROM) {
        expect(section().indexEnd).toBe(section().end);
        continue;
      }
      const slots = 2 ** Math.ceil(Math.log2((total * 4) / 3));
      const size = 1 + 3 * KINDS + 3 * total + 3 * slots;
      expect(readIndex(section())).toEqual({ total, slots, taken: total, size });
    }
    // The first index, and tables that are just not too small.
    expect(totals).toEqual(expect.arrayContaining([INDEXED_FROM, 384, 768]));
  });

  it('finds what came behind an empty list, whatever stands behind the state', () => {
    const { add } = emptyCatalogue();
    const lists = [[], lines(0, 200), lines(50, 90), ...Array.from({ length: 60 }, (_, i) => lines(7 * i, 20 + i))];
    const places = lists.map((list) => add(list).number);
    expect(places).toEqual(lists.map((_, i) => i + 1));
    for (const [i, list] of lists.entries()) expect(add(list)).toEqual({ number: i + 1, changed: false });
  });

  it('has all of a list that just fits into what is kept loaded', () => {
    const builder = new CatalogueBuilder();
    const none: CatalogueSection = { bytes: Buffer.alloc(0), start: 0, end: 0, indexEnd: 0 };
    // Makes room for twice what the list can add, 2 * (2 * 130 + 1) entries; then lists near that size.
    builder.add(lines(0, 130), none);
    for (let size = 255; size < 270; size++) {
      const list = lines(0, size);
      const { added, index } = builder.add(list, none);
      const bytes = Buffer.concat([added!, index!.bytes.subarray(0, index!.at)]);
      const section = { bytes, start: 0, end: added!.length, indexEnd: bytes.length };
      expect(builder.add(list, section)).toEqual({ number: 1, added: undefined, index: undefined });
    }
  });
});
