import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from './state-store.ts';

describe('MemoryStore', () => {
  it('agrees with a Map under any changes, values of any size', () => {
    const key = fc.oneof(fc.constantFrom('a', 'b', 'ключ', ''), fc.string({ maxLength: 5 }));
    const size = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(100_000, 262_144, 400_000));
    const change = fc.tuple(key, fc.option(fc.tuple(size, fc.nat(255))));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
        const store = new MemoryStore();
        const truth = new Map<string, Buffer>();
        for (const [k, what] of changes) {
          if (what === null) {
            store.delete(k);
            truth.delete(k);
          } else {
            const value = Buffer.alloc(what[0], what[1]);
            store.put(k, value);
            truth.set(k, value);
          }
        }
        expect(store.size).toBe(truth.size);
        const entries = new Map(store.entries());
        expect(entries.size).toBe(truth.size);
        for (const [k, value] of truth) {
          expect(store.get(k)!.equals(value)).toBe(true);
          expect(entries.get(k)!.equals(value)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('does not grow with what is written again and again, and loses nothing of it', () => {
    const store = new MemoryStore();
    const steady = 20_000;
    for (let i = 0; i < steady; i++) store.put(`steady-${i}`, Buffer.from(`value ${i}`));
    for (let i = 0; i < 300_000; i++) store.put(`busy-${i % 500}`, Buffer.alloc(200, i % 251));
    for (let i = 0; i < steady; i++) expect(store.get(`steady-${i}`)!.toString()).toBe(`value ${i}`);
    for (let i = 299_500; i < 300_000; i++) expect(store.get(`busy-${i % 500}`)![0]).toBe(i % 251);
    expect(store.bytes).toBeLessThan(8 << 20);
    for (let i = 0; i < steady; i++) store.delete(`steady-${i}`);
    expect(store.size).toBe(500);
    expect(store.bytes).toBeLessThan(6 << 20);
  });

  it('keeps a view as it was when it was taken, and no hold of what was put', () => {
    const store = new MemoryStore();
    const value = Buffer.from('first');
    store.put('k', value);
    value.fill(0);
    const view = store.get('k')!;
    for (let i = 0; i < 100_000; i++) store.put('k', Buffer.alloc(100, i % 251));
    expect(view.toString()).toBe('first');
  });
});
