import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, sameBytes } from './index.ts';

const whole = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -300, max: 300 }), fc.integer());

/** What a writer's bytes hold from `start` on, read by `read`; all of them must be used up. */
function back<T>(writer: ByteWriter, start: number, read: (reader: ByteReader) => T): T {
  const reader = new ByteReader(writer.bytes, 'a test', start);
  const value = read(reader);
  expect(reader.at).toBe(writer.at);
  return value;
}

/** Several values behind each other, so that a writer has to grow in the middle of any of them. */
function goesRound<T>(
  arbitrary: fc.Arbitrary<T>,
  write: (w: ByteWriter, v: T) => void,
  read: (r: ByteReader) => T,
  skip?: (r: ByteReader) => void,
): void {
  fc.assert(
    fc.property(fc.array(arbitrary, { maxLength: 150 }), (values) => {
      const writer = new ByteWriter();
      for (const value of values) write(writer, value);
      expect(back(writer, 0, (r) => values.map(() => read(r)))).toEqual(values);
      if (skip !== undefined) back(writer, 0, (r) => values.forEach(() => skip(r)));
    }),
    { numRuns: 50 },
  );
}

describe('bytes', () => {
  it('whole numbers from 0 on', () => {
    goesRound(
      whole.map(Math.abs),
      (w, v) => w.unsigned(v),
      (r) => r.unsigned(),
    );
  });

  it('whole numbers', () => {
    goesRound(
      whole.map((v) => v + 0),
      (w, v) => w.signed(v),
      (r) => r.signed() + 0,
    );
  });

  it('any number', () => {
    const money = fc.integer({ min: -1_000_000, max: 1_000_000 }).map((cents) => cents / 100);
    goesRound(
      fc.oneof(fc.double(), money, whole),
      (w, v) => w.number(v),
      (r) => r.number(),
    );
  });

  it('any text that UTF-8 can hold', () => {
    goesRound(
      fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ minLength: 30, maxLength: 34 })),
      (w, v) => w.text(v),
      (r) => r.text(),
      (r) => r.skipText(),
    );
  });

  /** Written where a writer's first bytes end, a little before, a little behind. */
  it.each<[string, (w: ByteWriter) => void, (r: ByteReader) => unknown, unknown]>([
    ['a byte', (w) => w.byte(7), (r) => r.byte(), 7],
    ['a whole number', (w) => w.unsigned(2 ** 53 - 1), (r) => r.unsigned(), 2 ** 53 - 1],
    ['a signed one', (w) => w.signed(-(2 ** 53) + 1), (r) => r.signed(), -(2 ** 53) + 1],
    ['a double', (w) => w.number(1 / 3), (r) => r.number(), 1 / 3],
    ['a short text', (w) => w.text('a short text'), (r) => r.text(), 'a short text'],
    ['a long text', (w) => w.text('long '.repeat(20)), (r) => r.text(), 'long '.repeat(20)],
    ['a text that is not ASCII', (w) => w.text('läden'), (r) => r.text(), 'läden'],
    ['few bytes', (w) => w.append(Buffer.from('-abcd-'), 1, 5), (r) => [r.byte(), r.byte(), r.byte()], [97, 98, 99]],
    ['many bytes', (w) => w.append(Buffer.alloc(50, 5), 1, 49), (r) => [r.byte(), r.byte()], [5, 5]],
  ])('a writer grows for %s', (_what, write, read, wanted) => {
    const { length } = new ByteWriter().bytes;
    for (let room = 0; room <= 120; room++) {
      const writer = new ByteWriter();
      for (let i = room; i < length; i++) writer.byte(i % 251);
      const start = writer.at;
      write(writer);
      const end = writer.at;
      writer.text('behind');
      const reader = new ByteReader(writer.bytes, 'a test', start);
      expect(read(reader)).toEqual(wanted);
      expect(new ByteReader(writer.bytes, 'a test', end).text()).toBe('behind');
      expect(writer.bytes[start - 1]).toBe((length - 1) % 251);
    }
  });

  it('taken over from elsewhere, from a place to another', () => {
    const from = Buffer.from(Array.from({ length: 100 }, (_, i) => i));
    for (const size of [0, 1, 24, 25, 60]) {
      const writer = new ByteWriter();
      writer.byte(200);
      writer.append(from, 3, 3 + size);
      expect([...writer.bytes.subarray(0, writer.at)]).toEqual([200, ...from.subarray(3, 3 + size)]);
    }
  });

  it('a reader begins again with other bytes, up to their end', () => {
    const reader = new ByteReader(Buffer.from([1, 2, 3]), 'a test', 0, 1);
    expect(reader.byte()).toBe(1);
    reader.reset(Buffer.from([4, 5]), 1);
    expect([reader.byte(), reader.done]).toEqual([5, true]);
    expect(() => reader.byte()).toThrow('a test is damaged at byte 2: expected one more byte');
    expect(() => reader.reset(Buffer.alloc(1), 2)).toThrow('a test is damaged at byte 1: expected bytes up to 2');
  });

  it.each<[string, number[], string]>([
    ['nine bytes', [...Array<number>(8).fill(128), 0], 'a whole number up to 2^53 - 1'],
    ['eight bytes above 2^53 - 1', [...Array<number>(7).fill(255), 16], 'a whole number up to 2^53 - 1'],
  ])('a whole number of %s is refused where it begins', (_what, bytes, expected) => {
    const reader = new ByteReader(Buffer.from([5, ...bytes, 5]), 'a test');
    expect(reader.byte()).toBe(5);
    expect(() => reader.unsigned()).toThrow(`a test is damaged at byte 1: expected ${expected}`);
  });

  it('a whole number that is cut is refused at the end', () => {
    const reader = new ByteReader(Buffer.from([128, 128, 1]), 'a test', 0, 2);
    expect(() => reader.unsigned()).toThrow('a test is damaged at byte 2: expected the rest of a whole number');
  });

  it.each([0, 1, 127, 128, 16_384])('a block of %d bytes that is written in place is one that is appended', (size) => {
    const content = Buffer.alloc(size, 7);
    const appended = new ByteWriter(1);
    appended.unsigned(5);
    appended.block(content);
    const inPlace = new ByteWriter(1);
    inPlace.unsigned(5);
    const start = inPlace.beginBlock();
    inPlace.append(content);
    inPlace.endBlock(start);
    expect(inPlace.take()).toEqual(appended.take());
  });

  it('of a writer are these bytes, or not', () => {
    const writer = new ByteWriter(1);
    writer.append(Buffer.from('abc'));
    const holds = (text: string): boolean => writer.holds(Buffer.from(text));
    expect(['abc', 'abd', 'ab', 'abc\0', ''].map(holds)).toEqual([true, false, false, false, false]);
    expect(writer.reset().holds(Buffer.alloc(0))).toBe(true);
  });

  it('are the same at two places, or not', () => {
    const bytes = Buffer.from('-abc-abd');
    const same = (atA: number, atB: number, size: number): boolean => sameBytes(bytes, atA, bytes, atB, size);
    expect([same(1, 5, 2), same(1, 5, 3), same(1, 2, 1), same(1, 6, 0)]).toEqual([true, false, false, true]);
    expect(same(4, 8, 1)).toBe(false);
  });

  it.each<[number, number[]]>([
    [0, [0]],
    [127, [127]],
    [128, [128, 1]],
    [16_383, [255, 127]],
    [16_384, [128, 128, 1]],
  ])('%d takes seven bits a byte', (value, bytes) => {
    const writer = new ByteWriter();
    writer.unsigned(value);
    expect([...writer.bytes.subarray(0, writer.at)]).toEqual(bytes);
  });

  it.each<[number, number[]]>([
    [63, [63]],
    [-63, [127]],
    [64, [128, 1]],
    [-64, [192, 1]],
  ])('%d has its sign in the first byte', (value, bytes) => {
    const writer = new ByteWriter();
    writer.signed(value);
    expect([...writer.bytes.subarray(0, writer.at)]).toEqual(bytes);
  });

  it.each<[number, number]>([
    [7, 2],
    [41.8, 3],
    [0, 2],
    [-0, 9],
    [1 / 3, 9],
    [1e300, 9],
    [0.001, 9],
    [Number.NaN, 9],
  ])('the number %d takes %d bytes', (value, size) => {
    const writer = new ByteWriter();
    writer.number(value);
    expect(writer.at).toBe(size);
    expect(back(writer, 0, (r) => r.number())).toBe(value);
  });

  it.each([0, 1, 31, 32, 33, 127, 128, 5000])('a text of %d characters', (length) => {
    const writer = new ByteWriter();
    for (const text of ['x'.repeat(length), 'ü'.repeat(length), `${'x'.repeat(length)}€`]) {
      const start = writer.at;
      writer.text(text);
      expect(back(writer, start, (r) => r.text())).toBe(text);
    }
  });
});
