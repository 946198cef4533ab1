import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BlockAudit, type LedgerBlock } from './audit.ts';

/** Offsets 3 and 6 are markers. */
const records: [number, string][] = [
  [0, 'a'],
  [1, 'b'],
  [2, 'c'],
  [4, 'd'],
  [5, 'e'],
];
function block(first: number, last: number): LedgerBlock {
  const held = records.filter(([offset]) => offset >= first && offset <= last);
  return { first, last, rows: held.length, hash: crc32(held.map(([, value]) => value).join('')) };
}
function audit(blocks: LedgerBlock[], from = 0): BlockAudit {
  const result = new BlockAudit(blocks, from);
  for (const [offset, value] of records) if (offset >= from) result.record(offset, Buffer.from(value));
  result.reached(7);
  return result;
}

describe('BlockAudit', () => {
  it('agrees with the blocks that were written, with overlaps and markers', () => {
    const result = audit([block(0, 1), block(2, 3), block(4, 6), block(1, 4), block(3, 3)]);
    expect([result.checked, result.differing]).toEqual([5, []]);
  });
  it('leaves out blocks that it does not see completely', () => {
    expect(audit([block(0, 1), block(2, 3)], 1).checked).toBe(1);
    expect(audit([block(0, 1), { ...block(4, 6), last: 7 }]).checked).toBe(1);
  });
  it('finds another value, and another number of records', () => {
    const wrong = [
      { ...block(0, 1), hash: 1 },
      { ...block(2, 3), rows: 2 },
    ];
    expect(audit([...wrong, block(4, 6)]).differing).toEqual(wrong);
  });
});
