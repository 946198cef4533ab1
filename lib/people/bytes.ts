/** Compact, self-describing enough bytes for state entries: varints, short strings, doubles. No I/O. */

const INITIAL_BYTES = 4096;
/** Below this many UTF-16 units a string's UTF-8 form surely has a one-byte length. */
const SHORT_UNITS = 42;

/** Writes one value after the other into a buffer that grows; `take` copies what was written and starts anew. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #end = 0;

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#end++] = value;
  }

  /** A whole number from 0 to 2^53 - 1, seven bits a byte, lowest first. */
  uint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest > 0x7fffffff) {
      this.#buffer[this.#end++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      this.#buffer[this.#end++] = (rest & 127) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#end++] = rest;
  }

  /** A whole number of either sign. */
  int(value: number): void {
    this.uint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#end = this.#buffer.writeDoubleLE(value, this.#end);
  }

  text(value: string): void {
    if (value.length <= SHORT_UNITS) {
      this.#reserve(1 + value.length * 3);
      const bytes = this.#buffer.write(value, this.#end + 1, 'utf8');
      this.#buffer[this.#end] = bytes;
      this.#end += 1 + bytes;
      return;
    }
    const bytes = Buffer.byteLength(value, 'utf8');
    this.uint(bytes);
    this.#reserve(bytes);
    this.#end += this.#buffer.write(value, this.#end, 'utf8');
  }

  /** Bytes with their length before them. */
  block(value: Buffer): void {
    this.uint(value.length);
    this.raw(value);
  }

  /** Bytes as they are. */
  raw(value: Buffer): void {
    this.#reserve(value.length);
    this.#end += value.copy(this.#buffer, this.#end);
  }

  take(): Buffer {
    const copy = Buffer.allocUnsafe(this.#end);
    this.#buffer.copy(copy, 0, 0, this.#end);
    this.#end = 0;
    return copy;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#end + bytes));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }
}

/** Reads what ByteWriter wrote. Throws RangeError on bytes that end too early. */
export class ByteReader {
  readonly #buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, at = 0) {
    this.#buffer = buffer;
    this.#at = at;
  }

  /** Where it stands, in bytes from the buffer's start. */
  get at(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at >= this.#buffer.length;
  }

  byte(): number {
    const value = this.#buffer[this.#at++];
    if (value === undefined) throw new RangeError('a state entry ends too early');
    return value;
  }

  uint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }

  int(): number {
    const value = this.uint();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  double(): number {
    const value = this.#buffer.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  text(): string {
    const bytes = this.uint();
    const start = this.#at;
    this.#skip(bytes);
    return this.#buffer.toString('utf8', start, this.#at);
  }

  /** A view, not a copy. */
  block(): Buffer {
    const bytes = this.uint();
    const start = this.#at;
    this.#skip(bytes);
    return this.#buffer.subarray(start, this.#at);
  }

  /** All that is left, as a view. */
  rest(): Buffer {
    const start = this.#at;
    this.#at = this.#buffer.length;
    return this.#buffer.subarray(start);
  }

  #skip(bytes: number): void {
    this.#at += bytes;
    if (this.#at > this.#buffer.length) throw new RangeError('a state entry ends too early');
  }
}
