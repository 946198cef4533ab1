import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { rowEncoder, uint8 } from '../../lib/clickhouse/rowbinary.ts';
import { Block } from './block.ts';

const first = rowEncoder('first', { a: uint8 });
const second = rowEncoder('second', { a: uint8 });
const month = (index: number): number => Date.UTC(2010, index, 15);

describe('Block', () => {
  it('writes tables in the order asked for, those without rows not at all', () => {
    const block = new Block(['first', 'none', 'second']);
    block.add(second, { a: 1 });
    block.add(first, { a: 2 });
    block.add(first, { a: 3 });
    expect(block.inserts().map(({ table, rows, body }) => [table, rows, body.toString('hex')])).toEqual([
      ['first', 2, '0203'],
      ['second', 1, '01'],
    ]);
  });

  it('cuts by months: no insert has over 90, no row is in two, few months are one insert', () => {
    const block = new Block(['first']);
    for (let at = 0; at < 600; at++) block.addByMonth(first, { a: at % 200 }, month((at * 7) % 200));
    const inserts = block.inserts();
    expect(inserts.map(({ rows }) => rows)).toEqual([270, 270, 60]);
    for (const { body } of inserts) {
      const months = new Set([...body].map((value) => (value * 7) % 200));
      expect(months.size).toBeLessThanOrEqual(90);
    }
    const near = new Block(['first']);
    for (let at = 0; at < 90; at++) near.addByMonth(first, { a: 1 }, month(at));
    expect(near.inserts()).toHaveLength(1);
  });

  it('knows the months of UTC to the millisecond', () => {
    const block = new Block(['first']);
    const edge = Date.UTC(2026, 2, 1);
    // Filled up with 89 others, one of the two neighbours has no room any more.
    for (let at = 0; at < 89; at++) block.addByMonth(first, { a: 0 }, month(at));
    block.addByMonth(first, { a: 1 }, edge - 1);
    block.addByMonth(first, { a: 2 }, edge);
    expect(block.inserts().map(({ rows }) => rows)).toEqual([90, 1]);
  });

  it('knows which records of which partition it holds', () => {
    const block = new Block([]);
    const last = { offset: 12, timestampMs: 2, value: Buffer.from('c') };
    block.count(3, { offset: 10, timestampMs: 1, value: Buffer.from('ab') }, 111);
    block.count(3, last, 112);
    block.count(0, { offset: 5, timestampMs: 3, value: Buffer.from('x') }, 1);
    block.cover(3, 8, 14);
    expect(block.ranges.get(3)).toEqual({
      ...{ first: 8, last: 13, records: 2, crc: crc32('abc'), logTimeMs: 112 },
      // The last one, not what was covered behind it.
      record: last,
    });
    expect(block.ranges.get(0)).toMatchObject({ first: 5, last: 5, records: 1 });
    expect(block.records).toBe(3);
  });

  it('counts the bytes of all tables and months as they come', () => {
    const block = new Block(['first', 'second']);
    block.add(second, { a: 1 });
    for (let at = 0; at < 200; at++) block.addByMonth(first, { a: 1 }, month(at));
    expect(block.bytes).toBe(201);
    expect(block.inserts().reduce((sum, { body }) => sum + body.length, 0)).toBe(201);
  });

  it('keeps nothing of a row that cannot be written', () => {
    const odd = rowEncoder('first', {
      a: uint8,
      b: {
        sql: 'UInt8',
        write: () => {
          throw new RangeError('no');
        },
      },
    });
    const block = new Block(['first']);
    block.add(first, { a: 1 });
    expect(() => block.add(odd, { a: 2, b: 0 as never })).toThrow('no');
    expect(block.bytes).toBe(1);
    expect(block.inserts()[0]).toMatchObject({ rows: 1, body: Buffer.from([1]) });
  });
});
