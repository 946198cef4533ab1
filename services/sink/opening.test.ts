import { describe, expect, it } from 'vitest';
import { openingOf } from './opening.ts';

const ledger = { first: 10, next: 50, blocks: 3 };

describe('where a partition resumes', () => {
  it('at the first record in the log when there is no ledger', () => {
    expect(openingOf(undefined, { beginning: 7, end: 90, isBroken: false }, false)).toEqual({
      state: { first: 7, next: 7, blocks: 0 },
      lost: false,
    });
  });
  it("at the ledger's end", () => {
    expect(openingOf(ledger, { beginning: 0, end: 90, isBroken: false }, false)).toEqual({
      state: ledger,
      lost: false,
    });
    expect(openingOf(ledger, { beginning: 50, end: 50, isBroken: false }, false)).toEqual({
      state: ledger,
      lost: false,
    });
  });
  it('nowhere when records were deleted unread, unless that is accepted', () => {
    expect(openingOf(ledger, { beginning: 51, end: 90, isBroken: false }, false)).toEqual({
      problem: expect.stringContaining('50 to 50') as string,
    });
    expect(openingOf(ledger, { beginning: 51, end: 90, isBroken: false }, true)).toEqual({
      state: { ...ledger, next: 51 },
      lost: true,
    });
  });
  it('nowhere when the topic ends before the ledger: it is another topic', () => {
    expect(openingOf(ledger, { beginning: 0, end: 49, isBroken: false }, true)).toEqual({
      problem: expect.stringContaining('ends at offset 50') as string,
    });
  });
  it('nowhere when the log has another record at the offset of the last one, whatever is accepted', () => {
    const marked = { ...ledger, mark: { offset: 49, timestampMs: 1, crc: 2 } };
    for (const acceptLost of [false, true]) {
      expect(openingOf(marked, { beginning: 0, end: 90, isBroken: true }, acceptLost)).toEqual({
        problem: expect.stringContaining('the record at offset 49 is not the one in the ledger') as string,
      });
    }
  });
});
