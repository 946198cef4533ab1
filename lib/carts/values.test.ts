import { describe, expect, it } from 'vitest';
import { Writer } from './bytes.ts';
import { AMOUNT, MODE, PRODUCTS, RESERVATION, STORE, numberAt, sameValue, textAt, timeAt } from './values.ts';

/** Values one after the other, behind something else; answers their places too. */
function written(...values: (string | { amount: number } | { time: number })[]): { state: Buffer; places: number[] } {
  const writer = new Writer();
  writer.text('');
  writer.text('before');
  const places = values.map((value) => {
    const place = writer.at - BASE + 1;
    if (typeof value === 'string') writer.text(value);
    else if ('amount' in value) writer.number(value.amount);
    else writer.signed(value.time);
    return place;
  });
  return { state: Buffer.from(writer.bytes.subarray(0, writer.at)), places };
}

/** Size of what stands before. */
const BASE = 8;

describe('values in their places', () => {
  it('are read', () => {
    const { state, places } = written('68', { amount: 41.8 }, { time: -5000 });
    expect(textAt(state, BASE, places[0]!)).toBe('68');
    expect(numberAt(state, BASE, places[1]!)).toBe(41.8);
    expect(timeAt(state, BASE, places[2]!)).toBe(-5000);
  });

  it('are nothing where there is no place', () => {
    const { state } = written('68');
    expect([textAt(state, BASE, 0), numberAt(state, BASE, 0), timeAt(state, BASE, 0)]).toEqual([null, null, null]);
  });
});

describe('values in two places are the same', () => {
  it.each<[string, number, Parameters<typeof written>, boolean]>([
    ['equal texts', STORE, ['68', 'x', '68'], true],
    ['other texts', STORE, ['68', 'x', '69'], false],
    ['a text and one that goes on', MODE, ['pick', 'x', 'pickup'], false],
    ['a text that goes on', MODE, ['pickup', 'x', 'pick'], false],
    ['a text longer than what is left', STORE, ['a long name of a store', 'x', 'a'], false],
    ['empty texts', STORE, ['', 'x', ''], true],
    ['equal amounts', AMOUNT, [{ amount: 41.8 }, 'x', { amount: 41.8 }], true],
    ['other amounts', AMOUNT, [{ amount: 41.8 }, 'x', { amount: 41.81 }], false],
    ['equal times', RESERVATION, [{ time: 1_773_705_600_000 }, 'x', { time: 1_773_705_600_000 }], true],
    ['other times', RESERVATION, [{ time: 1_773_705_600_000 }, 'x', { time: 1_773_705_600_001 }], false],
  ])('%s', (_what, which, values, wanted) => {
    const { state, places } = written(...values);
    expect(sameValue(state, BASE, which, places[0]!, places[2]!)).toBe(wanted);
    expect(sameValue(state, BASE, which, places[2]!, places[0]!)).toBe(wanted);
    expect(sameValue(state, BASE, which, places[2]!, places[2]!)).toBe(true);
  });

  it('nothing is the same as nothing, and as no value', () => {
    // The byte before the records would read as an empty text.
    const state = Buffer.from([0, 0]);
    expect(sameValue(state, 1, STORE, 0, 0)).toBe(true);
    expect(sameValue(state, 1, STORE, 1, 0)).toBe(false);
    expect(sameValue(state, 1, STORE, 0, 1)).toBe(false);
  });

  it('lists are told apart by their numbers alone', () => {
    const { state, places } = written('a', 'a');
    expect(sameValue(state, BASE, PRODUCTS, places[0]!, places[1]!)).toBe(false);
    expect(sameValue(state, BASE, PRODUCTS, 2, 2)).toBe(true);
  });
});
