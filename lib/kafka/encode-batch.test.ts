import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch } from './encode-batch.ts';
import { readRecords } from './read-committed.ts';
import { BadBatchError, batchesOf } from './record-batch.ts';
import type { OutgoingRecord } from './types.ts';

const identity = { producerId: 7, producerEpoch: 2, baseSequence: 40, transactional: true };
const bytes = fc.uint8Array({ maxLength: 400 }).map((a) => Buffer.from(a));
const record: fc.Arbitrary<OutgoingRecord> = fc
  .record({
    key: fc.option(fc.string({ unit: 'grapheme', maxLength: 200 })),
    value: fc.option(bytes),
    headers: fc.option(fc.dictionary(fc.string({ maxLength: 10 }), bytes, { maxKeys: 3, noNullPrototype: true })),
  })
  .map(({ key, value, headers }) => ({ topic: 't', key, value, ...(headers === null ? {} : { headers }) }));

describe('a record batch', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 200 }), (records) => {
        const buf = encodeBatch(records, identity, 1_760_000_000_123);
        const read = readRecords(buf, 0, null);
        expect(read.nextOffset).toBe(records.length);
        read.records.forEach((r, i) => {
          const written = records[i]!;
          expect(r.offset).toBe(i);
          expect(r.timestampMs).toBe(1_760_000_000_123);
          expect(r.key?.toString('utf8') ?? null).toBe(
            written.key === null ? null : Buffer.from(written.key).toString(),
          );
          expect(r.value).toEqual(written.value);
          expect(Object.entries(r.headers)).toEqual(Object.entries(written.headers ?? {}));
        });
      }),
    );
  });

  it('keeps a header of whatever name', () => {
    const headers = Object.fromEntries([['__proto__', Buffer.from('x')]]);
    const [read] = readRecords(
      encodeBatch([{ topic: 't', key: null, value: null, headers }], identity, 0),
      0,
      null,
    ).records;
    expect(Object.entries(read!.headers)).toEqual(Object.entries(headers));
  });

  it('says who wrote it', () => {
    const [batch] = batchesOf(encodeBatch([{ topic: 't', key: 'k', value: null }], identity, 0));
    expect(batch).toMatchObject({ producerId: 7, transactional: true, control: false, lastOffset: 0 });
  });

  it('is refused when a bit of it is wrong', () => {
    const buf = encodeBatch([{ topic: 't', key: 'k', value: Buffer.from('value') }], identity, 0);
    buf[buf.length - 3]! ^= 1;
    expect(() => readRecords(buf, 0, null)).toThrow(BadBatchError);
  });

  it('does not keep back what lies before it when it is damaged', () => {
    const written = encodeBatch([{ topic: 't', key: 'k', value: Buffer.from('value') }], identity, 0);
    const good = Buffer.from(written);
    written[written.length - 3]! ^= 1;
    const { records, nextOffset } = readRecords(Buffer.concat([good, written]), 0, null);
    expect([records.length, nextOffset]).toEqual([1, 1]);
  });

  it('is left for the next reply when it is cut off', () => {
    const buf = encodeBatch([{ topic: 't', key: 'k', value: Buffer.from('value') }], identity, 0);
    expect(readRecords(buf.subarray(0, buf.length - 1), 5, null)).toEqual({ records: [], nextOffset: 5 });
  });
});
