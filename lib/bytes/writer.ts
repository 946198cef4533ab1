/** Up to this many UTF-16 units a text is written in a loop if it is ASCII: faster than the call into native code. */
const SHORT_TEXT_UNITS = 32;
/** Up to this many bytes a copy in a loop is faster than the call into native code. */
const SHORT_COPY_BYTES = 24;
const INITIAL_BYTES = 1024;

/** Whether `size` bytes are equal at two offsets; what lies past an end is not. */
export function sameBytes(a: Uint8Array, atA: number, b: Uint8Array, atB: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (a[atA + i] !== b[atB + i]) return false;
  return true;
}

/** Writes one value after the other into a buffer that grows. Belongs to one owner, which may use it many times. */
export class ByteWriter {
  bytes: Buffer;
  /** The number of bytes written. */
  at = 0;

  constructor(initialBytes = INITIAL_BYTES) {
    this.bytes = Buffer.allocUnsafeSlow(initialBytes);
  }

  /** Discards everything that was written, including the rest of a failed call. */
  reset(): this {
    this.at = 0;
    return this;
  }

  /** A copy of the bytes written. */
  take(): Buffer {
    const copy = Buffer.allocUnsafe(this.at);
    this.bytes.copy(copy, 0, 0, this.at);
    return copy;
  }

  /** Whether these bytes were written, and no others. */
  holds(bytes: Buffer): boolean {
    return bytes.length === this.at && bytes.compare(this.bytes, 0, this.at) === 0;
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.at + count, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
  }

  /** Bytes of `from` as they are. */
  append(from: Uint8Array, start = 0, end = from.length): void {
    this.reserve(end - start);
    const { bytes } = this;
    if (end - start > SHORT_COPY_BYTES) {
      bytes.set(from.subarray(start, end), this.at);
      this.at += end - start;
    } else {
      for (let i = start; i < end; i++) bytes[this.at++] = from[i]!;
    }
  }

  /** Bytes with their length before them. */
  block(value: Uint8Array): void {
    this.unsigned(value.length);
    this.append(value);
  }

  /** Begins a block whose content is written in place. Returns what `endBlock` needs. */
  beginBlock(): number {
    this.byte(0);
    return this.at;
  }

  /** Ends a block: puts the length of what was written since `beginBlock` before it. */
  endBlock(start: number): void {
    const size = this.at - start;
    if (size < 128) {
      this.bytes[start - 1] = size;
      return;
    }
    const content = Buffer.from(this.bytes.subarray(start, this.at));
    this.at = start - 1;
    this.block(content);
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  /**
   * A whole number from 0 to 2^53 - 1: seven bits a byte, the lowest first.
   * @throws RangeError for any other number, which could not be read back
   */
  unsigned(value: number): void {
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER))
      throw new RangeError(`${value} is not a whole number from 0 to 2^53 - 1`);
    this.reserve(8);
    const { bytes } = this;
    let rest = value;
    while (rest > 0x7fffffff) {
      bytes[this.at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      bytes[this.at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[this.at++] = rest;
  }

  /** A whole number: the first byte has the sign and the lowest six bits. */
  signed(value: number): void {
    const magnitude = Math.abs(value);
    const first = (magnitude % 64) | (value < 0 ? 64 : 0);
    if (magnitude < 64) {
      this.byte(first);
      return;
    }
    this.byte(first | 128);
    this.unsigned(Math.floor(magnitude / 64));
  }

  /** A whole number as an unsigned one: 0, -1, 1, -2, 2, … */
  zigzag(value: number): void {
    this.unsigned(value < 0 ? -value * 2 - 1 : value * 2);
  }

  /** An IEEE 754 double, little-endian. */
  double(value: number): void {
    this.reserve(8);
    this.at = this.bytes.writeDoubleLE(value, this.at);
  }

  /** Whole numbers and hundredths take a few bytes, every other double nine. One value has one form. */
  number(value: number): void {
    const hundredths = Math.round(value * 100);
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      this.byte(1);
      this.signed(value);
    } else if (Number.isSafeInteger(hundredths) && hundredths !== 0 && hundredths / 100 === value) {
      this.byte(2);
      this.signed(hundredths);
    } else {
      this.byte(0);
      this.double(value);
    }
  }

  /** UTF-8 with its length in bytes before it. */
  text(value: string): void {
    const { length } = value;
    if (length <= SHORT_TEXT_UNITS && this.shortText(value, length)) return;
    const size = Buffer.byteLength(value, 'utf8');
    this.unsigned(size);
    this.reserve(size);
    this.at += this.bytes.write(value, this.at, size, 'utf8');
  }

  /** Short ASCII; false when it is anything else. */
  private shortText(value: string, length: number): boolean {
    this.reserve(length + 1);
    const { bytes } = this;
    const start = this.at;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) return false;
      bytes[start + 1 + i] = code;
    }
    bytes[start] = length;
    this.at = start + 1 + length;
    return true;
  }
}
