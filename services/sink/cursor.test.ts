import { describe, expect, it } from 'vitest';
import { Cursor, openingOf } from './cursor.ts';

const ledger = { first: 10, next: 50, blocks: 3 };

describe('where a partition begins', () => {
  it('at the first record in the log when the ledger has never seen it', () => {
    expect(openingOf(undefined, 7, 90, false)).toEqual({ state: { first: 7, next: 7, blocks: 0 }, lost: false });
  });
  it("at the ledger's end", () => {
    expect(openingOf(ledger, 0, 90, false)).toEqual({ state: ledger, lost: false });
    expect(openingOf(ledger, 50, 50, false)).toEqual({ state: ledger, lost: false });
  });
  it('nowhere when records were deleted unread, unless that is accepted', () => {
    expect(openingOf(ledger, 51, 90, false)).toEqual({ problem: expect.stringContaining('50 to 50') as string });
    expect(openingOf(ledger, 51, 90, true)).toEqual({ state: { ...ledger, next: 51 }, lost: true });
  });
  it('nowhere when the topic ends before the ledger: it is another topic', () => {
    expect(openingOf(ledger, 0, 49, true)).toEqual({ problem: expect.stringContaining('ends at 50') as string });
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
    ['held until its cause is whole', (at) => at.held.push({ offset: 12, value: Buffer.alloc(0), body: null })],
    ['handed over', (at) => (at.submittedTo = 12)],
  ])('stays at the end of the ledger while something is %s', (_, change) => {
    const at = cursor();
    at.readTo = 14;
    change(at);
    expect(at.position).toBe(10);
  });
});
