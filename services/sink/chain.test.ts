import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contiguousEnd, type Span } from './chain.ts';

const spans = (...pairs: [number, number][]): Span[] => pairs.map(([first, last]) => ({ first, last }));

describe('contiguousEnd', () => {
  it.each<[string, Span[], number | null]>([
    ['nothing', [], null],
    ['one block', spans([5, 9]), 10],
    ['a chain', spans([0, 9], [10, 10], [11, 20]), 21],
    ['any order', spans([11, 20], [0, 9], [10, 10]), 21],
    ['a gap: nothing behind it counts', spans([0, 9], [11, 20]), 10],
    ['repeats', spans([0, 9], [0, 9], [10, 12]), 13],
    ['overlaps of two owners', spans([0, 9], [5, 14], [10, 12], [15, 15]), 16],
    ['a block within another does not shorten it', spans([0, 30], [3, 4]), 31],
    ['one missing record at the front of the second', spans([0, 0], [2, 2]), 1],
  ])('%s', (_, given, expected) => {
    expect(contiguousEnd(given)).toBe(expected);
  });

  it('is the first offset that no span holds, counted from the smallest first', () => {
    const span = fc
      .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 8 }))
      .map(([first, more]) => ({ first, last: first + more }));
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 20 }), (given) => {
        const held = new Set<number>();
        for (const { first, last } of given) for (let at = first; at <= last; at++) held.add(at);
        let expected = Math.min(...held);
        while (held.has(expected)) expected += 1;
        expect(contiguousEnd(given)).toBe(expected);
      }),
    );
  });
});
