import { describe, expect, it } from 'vitest';
import { Cursor, openingOf } from './cursor.ts';

const ledger = { first: 10, next: 50, blocks: 3 };

describe('where a partition begins', () => {
  it('at the first record in the log when the ledger has never seen it', () => {
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
      problem: expect.stringContaining('ends at 50') as string,
    });
  });
  it('nowhere when another record stands where the last one stood, whatever is accepted', () => {
    const marked = { ...ledger, mark: { offset: 49, timestampMs: 1, crc: 2 } };
    for (const acceptLost of [false, true]) {
      expect(openingOf(marked, { beginning: 0, end: 90, isBroken: true }, acceptLost)).toEqual({
        problem: expect.stringContaining('at offset 49 stands another record') as string,
      });
    }
  });
});

describe('position', () => {
  const cursor = (): Cursor<null> => new Cursor(0, { first: 0, next: 10, blocks: 0 }, 100, 0);

  it('passes markers when nothing is pending', () => {
    const at = cursor();
    at.readTo = 14;
    expect(at.position).toBe(14);
  });
  it.each<[string, (at: Cursor<null>) => void]>([
    ['gathered', (at) => (at.gathered = 1)],
    [
      'held until its cause is whole',
      (at) => at.held.push({ offset: 12, timestampMs: 0, value: Buffer.alloc(0), body: null }),
    ],
    ['handed over', (at) => (at.submittedTo = 12)],
  ])('stays at the end of the ledger while something is %s', (_, change) => {
    const at = cursor();
    at.readTo = 14;
    change(at);
    expect(at.position).toBe(10);
  });
});
