import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../bytes/index.ts';
import {
  AMOUNT,
  MODE,
  PRODUCTS,
  RESERVATION,
  STORE,
  numberAt,
  sameValue,
  textAt,
  timeAt,
  type RecordsSection,
} from './values.ts';

/** Values one after the other, behind something else; answers their references too. */
function written(...values: (string | { amount: number } | { time: number })[]): {
  state: RecordsSection;
  references: number[];
} {
  const writer = new ByteWriter();
  writer.text('');
  writer.text('before');
  const references = values.map((value) => {
    const reference = writer.at - BASE + 1;
    if (typeof value === 'string') writer.text(value);
    else if ('amount' in value) writer.number(value.amount);
    else writer.signed(value.time);
    return reference;
  });
  return { state: { bytes: writer.take(), recordsAt: BASE, keysAt: writer.at }, references };
}

/** Size of what stands before. */
const BASE = 8;

describe('values in their references', () => {
  it('are read', () => {
    const { state, references } = written('68', { amount: 41.8 }, { time: -5000 });
    expect(textAt(state, references[0]!)).toBe('68');
    expect(numberAt(state, references[1]!)).toBe(41.8);
    expect(timeAt(state, references[2]!)).toBe(-5000);
  });

  it('are nothing without a reference', () => {
    const { state } = written('68');
    expect([textAt(state, 0), numberAt(state, 0), timeAt(state, 0)]).toEqual([null, null, null]);
  });
});

describe('values of two references are the same', () => {
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
    const { state, references } = written(...values);
    expect(sameValue(state, which, references[0]!, references[2]!)).toBe(wanted);
    expect(sameValue(state, which, references[2]!, references[0]!)).toBe(wanted);
    expect(sameValue(state, which, references[2]!, references[2]!)).toBe(true);
  });

  it('nothing is the same as nothing, and as no value', () => {
    // The byte before the records would read as an empty text.
    const state = { bytes: Buffer.from([0, 0]), recordsAt: 1, keysAt: 2 };
    expect(sameValue(state, STORE, 0, 0)).toBe(true);
    expect(sameValue(state, STORE, 1, 0)).toBe(false);
    expect(sameValue(state, STORE, 0, 1)).toBe(false);
  });

  it('lists are told apart by their numbers alone', () => {
    const { state, references } = written('a', 'a');
    expect(sameValue(state, PRODUCTS, references[0]!, references[1]!)).toBe(false);
    expect(sameValue(state, PRODUCTS, 2, 2)).toBe(true);
  });
});
