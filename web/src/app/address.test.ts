import { describe, expect, it } from 'vitest';
import { oneOf, present, textIn, textsIn, wholeNumberIn } from './address.ts';

describe('parameters of an address', () => {
  it('are texts, which the router may have read as numbers', () => {
    expect([68, '68', ' a ', '', ' ', null, undefined, ['a'], true].map(textIn)).toEqual([
      ...['68', '68', ' a '],
      ...Array.from({ length: 6 }, () => undefined),
    ]);
    expect(textsIn([68, '7', '7', '', null])).toEqual(['68', '7']);
    expect(textsIn('68')).toEqual(['68']);
    expect(textsIn(undefined)).toEqual([]);
  });

  it('are whole numbers, also as text', () => {
    const read = ['90', 90, 1, 100, '', '1.5', 1.5, '-1', 0, 101, null].map((value) => wholeNumberIn(value, 100));
    expect(read).toEqual([90, 90, 1, 100, ...Array.from({ length: 7 }, () => undefined)]);
  });

  it('are one of several, and nothing that an object inherits', () => {
    expect(oneOf('runs', ['overview', 'runs'])).toBe('runs');
    expect(['toString', 'x', 1, undefined].map((value) => oneOf(value, ['overview', 'runs']))).toEqual([
      ...[undefined, undefined, undefined, undefined],
    ]);
  });

  it('are left out when they have no value', () => {
    expect(present({ id: 'a', tab: undefined, page: 0 })).toEqual({ id: 'a', page: 0 });
    expect('tab' in present({ tab: undefined })).toBe(false);
  });
});
