import { DamagedStateError } from './damaged.ts';

/** Bytes of the longest variable-length integer: 2^53 - 1 takes eight groups of seven bits. */
export const MAX_VARINT_BYTES = 8;

/**
 * Reads values from a region of a buffer. Every read is checked against the end of the region.
 * All methods throw DamagedStateError when the bytes do not hold what is asked for.
 */
export class ByteReader {
  /**
   * @param subject whose bytes they are, for errors
   * @param at where to begin, a byte offset in `bytes`
   * @param end where the region ends
   */
  constructor(
    public bytes: Buffer,
    readonly subject: string,
    public at = 0,
    public end = bytes.length,
  ) {
    if (end > bytes.length || at > end) throw new DamagedStateError(subject, bytes.length, `bytes up to ${end}`);
  }

  /** Begins again, with other bytes of the same subject: the region from `at` to their end. */
  reset(bytes: Buffer, at: number): this {
    this.bytes = bytes;
    this.at = at;
    this.end = bytes.length;
    if (at > this.end) this.fail(`bytes up to ${at}`, this.end);
    return this;
  }

  /** Whether the whole region has been read. */
  get done(): boolean {
    return this.at >= this.end;
  }

  /** Throws if bytes of the region are left. */
  expectEnd(): void {
    if (this.at !== this.end) this.fail('the end', this.at);
  }

  /** Throws DamagedStateError for the byte at `offset`, by default the next one. */
  fail(expected: string, offset = this.at): never {
    throw new DamagedStateError(this.subject, offset, expected);
  }

  byte(): number {
    if (this.at >= this.end) this.fail('one more byte');
    return this.bytes[this.at++]!;
  }

  /** A whole number from 0 to 2^53 - 1: seven bits a byte, the lowest first. */
  unsigned(): number {
    if (this.at >= this.end) this.fail('a whole number');
    const byte = this.bytes[this.at++]!;
    return byte < 128 ? byte : this.longUnsigned(byte);
  }

  /** A whole number: the first byte has the sign and the lowest six bits. */
  signed(): number {
    const start = this.at;
    if (start >= this.end) this.fail('a whole number');
    const first = this.bytes[this.at++]!;
    const low = first & 63;
    if (first < 128) return (first & 64) === 0 ? low : -low;
    const magnitude = low + this.unsigned() * 64;
    if (magnitude > Number.MAX_SAFE_INTEGER) this.fail('a whole number up to 2^53 - 1', start);
    return (first & 64) === 0 ? magnitude : -magnitude;
  }

  /** A whole number as an unsigned one: 0, -1, 1, -2, 2, … */
  zigzag(): number {
    const value = this.unsigned();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  /** An IEEE 754 double, little-endian. */
  double(): number {
    return this.bytes.readDoubleLE(this.advance(8, 'a number'));
  }

  /** Any double in its shortest form: see ByteWriter.number. */
  number(): number {
    const form = this.byte();
    if (form === 1) return this.signed();
    if (form === 2) return this.signed() / 100;
    if (form !== 0) this.fail('the form of a number', this.at - 1);
    return this.double();
  }

  /** UTF-8 with its length in bytes before it. */
  text(): string {
    const start = this.skipText();
    return this.bytes.toString('utf8', start, this.at);
  }

  /** Moves past a text; returns where its UTF-8 begins. */
  skipText(): number {
    return this.advance(this.unsigned(), 'text');
  }

  /** Bytes with their length before them: a view, not a copy. */
  block(): Buffer {
    const start = this.advance(this.unsigned(), 'a block');
    return this.bytes.subarray(start, this.at);
  }

  /** All that is left: a view, not a copy. */
  rest(): Buffer {
    const start = this.at;
    this.at = this.end;
    return this.bytes.subarray(start, this.end);
  }

  /** Ends the region after `size` more bytes. */
  limit(size: number, what: string): void {
    if (size > this.end - this.at) this.fail(`${size} bytes of ${what}`);
    this.end = this.at + size;
  }

  /** Moves past `size` bytes; returns where they begin. */
  advance(size: number, what: string): number {
    const start = this.at;
    if (size > this.end - start) this.fail(`${size} bytes of ${what}`);
    this.at = start + size;
    return start;
  }

  private longUnsigned(first: number): number {
    const { bytes, end } = this;
    const start = this.at - 1;
    let { at } = this;
    let value = first & 127;
    let scale = 128;
    let byte: number;
    do {
      if (at >= end) this.fail('the rest of a whole number', at);
      byte = bytes[at++]!;
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte >= 128 && at - start < MAX_VARINT_BYTES);
    if (byte >= 128 || value > Number.MAX_SAFE_INTEGER) this.fail('a whole number up to 2^53 - 1', start);
    this.at = at;
    return value;
  }
}
