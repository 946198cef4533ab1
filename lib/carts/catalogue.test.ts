import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Product } from '../../schemas/types.ts';
import type { CatalogueSection } from './catalogue-index.ts';
import { Catalogue, CatalogueBuilder } from './catalogue.ts';
import { randomFrom } from './testing/random.ts';

const line = (id: string, count = 1, price: number | null = 12.5): Product => ({ product_id: id, count, price });

/** Keeps lists one after the other, as the states of a cart would. */
class Kept {
  /** Something else stands before and behind. */
  private state = Buffer.from('before|behind');
  private indexSize = 0;
  private readonly builder = new CatalogueBuilder();

  get size(): number {
    return this.state.length - this.indexSize - 13;
  }

  get section(): CatalogueSection {
    const end = 7 + this.size;
    return { bytes: this.state, start: 7, end, indexEnd: end + this.indexSize };
  }

  add(products: readonly Product[]): number {
    const { end, indexEnd } = this.section;
    const { number, added = Buffer.alloc(0), index } = this.builder.add(products, this.section);
    const indexed = index === undefined ? this.state.subarray(end, indexEnd) : index.bytes.subarray(0, index.at);
    this.state = Buffer.concat([this.state.subarray(0, end), added, indexed, this.state.subarray(indexEnd)]);
    this.indexSize = indexed.length;
    return number;
  }

  /** Makes the first `size` bytes of the entries say nothing any more. */
  garble(size: number): void {
    this.state.fill(1, 7, 7 + size);
  }

  list(place: number): Product[] {
    return new Catalogue(this.section).list(place);
  }
}

function keep(lists: readonly (readonly Product[])[]): { kept: Kept; places: number[] } {
  const kept = new Kept();
  return { kept, places: lists.map((list) => kept.add(list)) };
}

const someLine = fc.record({
  product_id: fc.oneof(fc.constantFrom('', '1', '12', 'läden', 'x'.repeat(50)), fc.string({ maxLength: 3 })),
  count: fc.constantFrom(1, 2, 0.5, -1),
  price: fc.constantFrom(null, 0, 12.5, 1 / 3),
});

describe('products', () => {
  it('any lists go in and come out, equal ones from the same place, however many there are', () => {
    fc.assert(
      fc.property(fc.array(fc.array(someLine, { maxLength: 12 }), { maxLength: 30 }), (lists) => {
        const { kept, places } = keep(lists);
        expect(places.map((place) => kept.list(place))).toEqual(lists);
        const texts = lists.map((list) => JSON.stringify(list));
        expect(places).toEqual(texts.map((text) => [...new Set(texts)].indexOf(text) + 1));
      }),
      { numRuns: 100 },
    );
  });

  it('a list that is there adds nothing', () => {
    const { kept } = keep([[line('a'), line('b')], []]);
    const { size } = kept;
    expect(kept.add([line('a'), line('b')])).toBe(1);
    expect(kept.add([])).toBe(2);
    expect(kept.size).toBe(size);
  });

  it.each<[string, Product[], Product[]]>([
    ['order', [line('a'), line('b')], [line('b'), line('a')]],
    ['count', [line('a', 1)], [line('a', 2)]],
    ['price', [line('a', 1, 1)], [line('a', 1, 2)]],
    ['a price of nothing', [line('a', 1, 0)], [line('a', 1, null)]],
    ['id', [line('a')], [line('b')]],
    ['length', [line('a'), line('a')], [line('a'), line('a'), line('a')]],
    ['where an id ends', [line('ab'), line('c')], [line('a'), line('bc')]],
  ])('lists that differ by %s are two', (_what, one, other) => {
    const { kept, places } = keep([one, other]);
    expect(places).toEqual([1, 2]);
    expect(places.map((place) => kept.list(place))).toEqual([one, other]);
  });

  const uuid = (i: number): string => `9f1c2d3e-0000-4000-8000-${String(i).padStart(12, '0')}`;
  const of = (first: number, size: number): Product[] => Array.from({ length: size }, (_, i) => line(uuid(first + i)));

  it.each<[string, number, Product[][], Product[]]>([
    // One byte for each head, and for each length of an id.
    ['a first list', 60 * (1 + 1 + 36 + 1 + 1 + 2 + 3) + 3, [], of(0, 60)],
    ['one more line', 1 + 1 + 36 + 1 + 1 + 2 + 3 + 3, [of(0, 60)], of(0, 61)],
    ['fewer lines', 3, [of(0, 60)], of(0, 40)],
    ['one line taken out', 5, [of(0, 60)], [...of(0, 40), ...of(41, 19)]],
    ['another count', 1 + 1 + 2 + 3 + 1 + 5, [of(0, 60)], [...of(0, 30), line(uuid(30), 2), ...of(31, 29)]],
    ['all in another order', 2 + 60, [of(0, 60)], of(0, 60).reverse()],
  ])('%s takes %d bytes', (_what, bytes, before, list) => {
    const { kept } = keep(before);
    const { size } = kept;
    kept.add(list);
    expect(kept.size - size).toBe(bytes);
  });

  it('any lists of a cart that has very many of them', () => {
    const random = randomFrom(Number(process.env['JT_SEED'] ?? 1));
    const kept = new Kept();
    const places = new Map<string, number>();
    for (let turn = 0; turn < 600; turn++) {
      const list = Array.from({ length: random.below(40) }, () =>
        line(random.pick(['', uuid(random.below(300)), `${random.below(900)}`]), 1 + random.below(3)),
      );
      const again = random.chance(0.1) ? [...places.keys()][random.below(places.size)] : undefined;
      const products = again === undefined ? list : (JSON.parse(again) as Product[]);
      const known = places.get(JSON.stringify(products));
      const place = kept.add(products);
      expect(place).toBe(known ?? places.size + 1);
      places.set(JSON.stringify(products), place);
    }
    for (const [text, place] of places) expect(JSON.stringify(kept.list(place))).toBe(text);
    const { size } = kept;
    for (const [text, place] of places) expect(kept.add(JSON.parse(text) as Product[])).toBe(place);
    expect(kept.size).toBe(size);
  });

  it('of very many only those that a list names are read', () => {
    const kept = new Kept();
    for (let i = 0; i < 20; i++) kept.add(of(20 * i, 20));
    const others = kept.size;
    const list = of(5000, 60);
    const place = kept.add(list);
    kept.garble(others);
    expect(kept.list(place)).toEqual(list);
    expect(kept.add(list)).toBe(place);
    const { size } = kept;
    const next = [...list.slice(1), line('new')];
    expect(kept.list(kept.add(next))).toEqual(next);
    expect(kept.size - size).toBeLessThan(30);
  });

  it('many products are told apart as few are', () => {
    const all = of(0, 3000);
    const { kept, places } = keep([all, all.slice(0, 2999), all, [...all].reverse(), all.slice(7, 9)]);
    expect(places).toEqual([1, 2, 1, 3, 4]);
    expect(kept.list(3)).toEqual([...all].reverse());
    expect(kept.list(4)).toEqual(all.slice(7, 9));
    expect(keep([all.slice(0, 3)]).kept.list(1)).toEqual(all.slice(0, 3));
  });
});
