import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  array,
  bool,
  dateTime64,
  float64,
  lowCardinality,
  nullable,
  RowBinaryWriter,
  rowEncoder,
  string,
  tuple,
  uint16,
  uint32,
  uint64,
  uint8,
  type ColumnType,
} from './rowbinary.ts';
import { logVersion, packVersion, type LogVersion } from './version.ts';

function written<T>(type: ColumnType<T>, value: T): string {
  const writer = new RowBinaryWriter(1);
  type.write(writer, value);
  return writer.take().toString('hex');
}

describe('RowBinary', () => {
  // As `SELECT … FORMAT RowBinary` of ClickHouse 26.7 gives them.
  it.each<[string, string, string]>([
    ['UInt8', written(uint8, 255), 'ff'],
    ['UInt16', written(uint16, 0x1234), '3412'],
    ['UInt32', written(uint32, 0xdeadbeef), 'efbeadde'],
    ['UInt64', written(uint64, 2 ** 53 - 1), 'ffffffffffff1f00'],
    ['Float64', written(float64, -1.5), '000000000000f8bf'],
    ['Bool', written(bool, true), '01'],
    ['DateTime64(3)', written(dateTime64, 1_700_000_000_123), '7b68e5cf8b010000'],
    ['DateTime64(3) before 1970', written(dateTime64, -1), 'ffffffffffffffff'],
    ['String', written(string, 'aé'), '0361c3a9'],
    ['empty String', written(string, ''), '00'],
    ['Nullable, null', written(nullable(uint8), null), '01'],
    ['Nullable', written(nullable(uint8), 7), '0007'],
    ['LowCardinality(Nullable(String))', written(lowCardinality(nullable(string)), 'x'), '000178'],
    ['Array(UInt8)', written(array(uint8), [1, 2]), '020102'],
    ['Tuple', written(tuple({ a: uint8, b: string }), { a: 1, b: 'b' }), '010162'],
  ])('%s', (_, actual, expected) => {
    expect(actual).toBe(expected);
  });

  it('writes any text as its length in bytes and its UTF-8', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 400 })), (texts) => {
        const writer = new RowBinaryWriter(8);
        for (const text of texts) writer.string(text);
        const expected = texts.map((text) => {
          const bytes = Buffer.from(text);
          return Buffer.concat([Buffer.from(varint(bytes.length)), bytes]);
        });
        expect(writer.take().equals(Buffer.concat(expected))).toBe(true);
      }),
    );
  });

  it('writes safe integers of both signs', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const expected = Buffer.alloc(8);
        expected.writeBigInt64LE(BigInt(value));
        expect(written(dateTime64, value)).toBe(expected.toString('hex'));
      }),
    );
  });

  it('is empty after a take, and forgets what is truncated', () => {
    const writer = new RowBinaryWriter(4);
    writer.u32(1);
    const size = writer.size;
    writer.string('to be dropped');
    writer.truncate(size);
    expect(writer.take().toString('hex')).toBe('01000000');
    expect(writer.size).toBe(0);
    expect(writer.take().length).toBe(0);
  });

  it('writes a row in the order of its columns, whatever the order of the object', () => {
    const rows = rowEncoder('t', { a: uint8, b: string, c: nullable(uint16) });
    const writer = new RowBinaryWriter();
    rows.write(writer, { c: null, b: 'x', a: 3 });
    expect(writer.take().toString('hex')).toBe('03017801');
    expect(rows.columns).toEqual(['a', 'b', 'c']);
    expect(rows.types).toEqual({ a: 'UInt8', b: 'String', c: 'Nullable(UInt16)' });
  });
});

const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) | 128, ...varint(value >> 7)]);

describe('version', () => {
  const offset = fc.integer({ min: 0, max: 2 ** 40 - 1 });
  const versions = fc.record<LogVersion>({
    logTimeMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    inputOffset: offset,
    outputOffset: offset,
  });

  it('is written as the packed integer', () => {
    fc.assert(
      fc.property(versions, (version) => {
        const bytes = Buffer.from(written(logVersion, version), 'hex');
        expect(bytes.readBigUInt64LE(0) | (bytes.readBigUInt64LE(8) << 64n)).toBe(packVersion(version));
      }),
    );
  });

  it('orders by log time, then input offset, then own offset', () => {
    fc.assert(
      fc.property(versions, versions, (a, b) => {
        const order = a.logTimeMs - b.logTimeMs || a.inputOffset - b.inputOffset || a.outputOffset - b.outputOffset;
        const [left, right] = [packVersion(a), packVersion(b)];
        expect(Math.sign(order)).toBe(left < right ? -1 : left > right ? 1 : 0);
      }),
    );
  });

  it('refuses what does not fit', () => {
    const good = { logTimeMs: 1, inputOffset: 1, outputOffset: 1 };
    for (const bad of [{ logTimeMs: -1 }, { inputOffset: 2 ** 40 }, { outputOffset: -1 }, { logTimeMs: Number.NaN }]) {
      expect(() => written(logVersion, { ...good, ...bad })).toThrow(RangeError);
    }
  });
});
