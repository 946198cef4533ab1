import { describe, expect, it } from 'vitest';
import type { TraitChange } from '../../schemas/types.ts';
import { randomFrom, type Random } from '../carts/testing/random.ts';
import { noRows, type Rows } from './entries.ts';
import { allRows, moveRows, recordRows, type ChunkStore } from './rows.ts';
import { newScratch } from './scratch.ts';
import { change } from './testing.ts';

const KIB = 1024;

/** Without the person, whose id is the same for all rows here. */
const storedRows = (rows: Rows, chunks: ChunkStore): TraitChange[] =>
  allRows(rows, chunks).map(({ person, ...row }) => (expect(person).toBe(1), row));

class Chunks implements ChunkStore {
  readonly byNumber = new Map<number, Buffer>();
  reads = 0;

  get(chunk: number): Buffer {
    this.reads++;
    return this.byNumber.get(chunk)!;
  }

  put(chunk: number, value: Buffer): void {
    this.byNumber.set(chunk, value);
  }
}

const row = (occurredAt: number, more: Partial<TraitChange> = {}): TraitChange =>
  change(occurredAt, '', { detected_at: occurredAt + 1, ...more });

const products = (bytes: number, which: number): TraitChange['products'] => [
  { product_id: `${which} `.padEnd(bytes, 'x'), count: 1, price: null },
];

const idOf = ({ trait, status, occurred_at }: TraitChange): string => `${occurred_at} ${trait} ${status}`;
const sorted = (rows: readonly TraitChange[]): TraitChange[] => rows.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));

function someChange(random: Random): TraitChange {
  const retracted = random.chance(0.2);
  return row(random.below(40), {
    ...(random.chance(0.3) ? { trait: 'cart_status_updated', status: 'preparing', source: null } : {}),
    ...(retracted ? { op: 'retracted', retracted_at: 99 } : {}),
    amount: random.pick([null, 1.5]),
    products: random.chance(0.4) ? null : products(random.pick([10, 900, 90 * KIB, 300 * KIB]), random.below(4)),
  });
}

const scratch = newScratch();

describe('the trait events of a cart', () => {
  it('are what was emitted last for each, in any order and however large they grow', () => {
    for (let seed = 0; seed < 12; seed++) {
      const random = randomFrom(seed);
      const rows = noRows();
      const chunks = new Chunks();
      const wanted = new Map<string, TraitChange>();
      for (let i = 0; i < 60; i++) {
        const changes = Array.from({ length: 1 + random.below(4) }, () => someChange(random));
        recordRows(scratch, rows, changes, chunks, 1);
        for (const change of changes) wanted.set(idOf(change), change);
        expect(sorted(storedRows(rows, chunks))).toEqual(sorted([...wanted.values()]));
      }
    }
  });

  it('lie in entries of which none becomes large, but for a single one that is', () => {
    const rows = noRows();
    const chunks = new Chunks();
    const all = Array.from({ length: 20 }, (_, i) => row(i));
    recordRows(scratch, rows, all, chunks, 1);
    // The largest list that ingest takes, another one each time.
    const list = (round: number, i: number): TraitChange['products'] => products(800 * KIB, 100 * round + i);
    for (const round of [1, 2, 3]) {
      for (let i = 0; i < 20; i++) recordRows(scratch, rows, [row(i, { products: list(round, i) })], chunks, 1);
    }
    expect(sorted(storedRows(rows, chunks))).toEqual(sorted(all.map((one, i) => ({ ...one, products: list(3, i) }))));
    for (const { length } of chunks.byNumber.values()) expect(length).toBeLessThan(810 * KIB);
    expect(blockSize(rows)).toBeLessThan(3 * KIB);
  });

  it('know the person that each was asserted under last', () => {
    const rows = noRows();
    const chunks = new Chunks();
    const all = Array.from({ length: 200 }, (_, i) => row(i, { products: products(100, i) }));
    expect(recordRows(scratch, rows, all, chunks, 3)).toEqual(all.map(() => 0));
    expect(rows.chunks).toBeGreaterThan(2);
    expect(recordRows(scratch, rows, [row(5, { amount: 7 }), row(500)], chunks, 4)).toEqual([3, 0]);
    const before = moveRows(scratch, rows, chunks, 9);
    expect(before.map(({ person }) => person)).toEqual([...all.map((_, i) => (i === 5 ? 4 : 3)), 4]);
    const after = allRows(rows, chunks);
    expect(after).toEqual(before.map((one) => ({ ...one, person: 9 })));
  });

  it('are found without looking through all of them when they come one after another', () => {
    const rows = noRows();
    const chunks = new Chunks();
    const all = Array.from({ length: 500 }, (_, i) => row(i, { products: products(3 * KIB, i) }));
    recordRows(scratch, rows, all, chunks, 1);
    expect(rows.chunks).toBe(500);
    chunks.reads = 0;
    recordRows(
      scratch,
      rows,
      all.map((one) => ({ ...one, op: 'retracted', retracted_at: 1000 })),
      chunks,
      1,
    );
    expect(chunks.reads).toBeLessThan(500 + 2 * 500);
    expect(allRows(rows, chunks).every(({ retracted_at }) => retracted_at === 1000)).toBe(true);
  });
});

const blockSize = ({ lists, bytes }: Rows): number => lists.reduce((sum, { length }) => sum + length, bytes.length);
