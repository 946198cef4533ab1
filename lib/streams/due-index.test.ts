import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DueIndex } from './due-index.ts';

it('gives the earliest, and of equal times the smallest key', () => {
  const index = new DueIndex();
  index.set('b', 5);
  index.set('a', 5);
  index.set('c', 1);
  expect(index.first()).toEqual({ dueMs: 1, key: 'c' });
  index.set('c', undefined);
  expect(index.first()).toEqual({ dueMs: 5, key: 'a' });
  index.set('a', 9);
  expect(index.first()).toEqual({ dueMs: 5, key: 'b' });
});

it('takes what is due, in order, up to a number, and leaves the rest', () => {
  const index = new DueIndex();
  for (const [key, dueMs] of [
    ['c', 20],
    ['b', 10],
    ['a', 10],
    ['d', 31],
  ] as const)
    index.set(key, dueMs);
  expect(index.take(30, 2)).toEqual(['a', 'b']);
  expect(index.take(30, 2)).toEqual(['c']);
  expect([index.take(30, 2), index.first()?.key]).toEqual([[], 'd']);
});

it('agrees with a sorted list under any changes', () => {
  const change = fc.tuple(fc.integer({ min: 0, max: 30 }), fc.option(fc.integer({ min: 0, max: 20 })));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
      const index = new DueIndex();
      const truth = new Map<string, number>();
      for (const [k, due] of changes) {
        const key = `k${k}`;
        index.set(key, due ?? undefined);
        if (due === null) truth.delete(key);
        else truth.set(key, due);
        const [first] = [...truth].sort(([ka, a], [kb, b]) => a - b || (ka < kb ? -1 : 1));
        expect(index.first()).toEqual(first && { dueMs: first[1], key: first[0] });
        expect(index.size).toBe(truth.size);
      }
    }),
  );
});

it('holds an entry that is moved again and again once', () => {
  const index = new DueIndex();
  for (let i = 0; i < 1_000; i++) index.set(`k${i % 10}`, i);
  expect(index.size).toBe(10);
  expect(index.first()).toEqual({ dueMs: 990, key: 'k0' });
});
