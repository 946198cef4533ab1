/** Reading and writing the state's bytes: variable-length integers, text and numbers. */

const SHORT_TEXT = 32;

/** A cursor over a buffer. Numbers beyond 2^53 are never written, so none are read. */
export class Reader {
  constructor(
    readonly bytes: Buffer,
    public at: number,
  ) {}

  byte(): number {
    return this.bytes[this.at++]!;
  }

  /** A whole number from 0 on: seven bits a byte, the lowest first. */
  unsigned(): number {
    const { bytes } = this;
    let byte = bytes[this.at++]!;
    if (byte < 128) return byte;
    let value = byte & 127;
    let scale = 128;
    do {
      byte = bytes[this.at++]!;
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte >= 128);
    return value;
  }

  /** A whole number: the first byte has the sign and six bits. */
  signed(): number {
    const first = this.bytes[this.at++]!;
    const low = first & 63;
    const magnitude = first < 128 ? low : low + this.unsigned() * 64;
    return (first & 64) === 0 ? magnitude : -magnitude;
  }

  text(): string {
    const length = this.unsigned();
    const start = this.at;
    this.at = start + length;
    return this.bytes.toString('utf8', start, this.at);
  }

  skipText(): void {
    const length = this.unsigned();
    this.at += length;
  }

  /** Any double: see Writer.number. */
  number(): number {
    const form = this.byte();
    if (form === 1) return this.signed();
    if (form === 2) return this.signed() / 100;
    const value = this.bytes.readDoubleLE(this.at);
    this.at += 8;
    return value;
  }
}

/** Whether `size` bytes are the same at two places; what lies past an end is not. */
export function sameBytes(a: Uint8Array, atA: number, b: Uint8Array, atB: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (a[atA + i] !== b[atB + i]) return false;
  return true;
}

/** A growing buffer, meant to be kept and used again. */
export class Writer {
  bytes = Buffer.allocUnsafeSlow(1024);
  at = 0;

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.at + count, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
  }

  /** Takes over bytes. Below two dozen of them a loop is faster than the way into native code. */
  append(from: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    const { bytes } = this;
    if (end - start > 24) {
      bytes.set(from.subarray(start, end), this.at);
      this.at += end - start;
    } else {
      for (let i = start; i < end; i++) bytes[this.at++] = from[i]!;
    }
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  unsigned(value: number): void {
    this.reserve(8);
    const { bytes } = this;
    let rest = value;
    while (rest >= 128) {
      bytes[this.at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    bytes[this.at++] = rest;
  }

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

  text(value: string): void {
    const { length } = value;
    if (length <= SHORT_TEXT && this.shortText(value, length)) return;
    const size = Buffer.byteLength(value, 'utf8');
    this.unsigned(size);
    this.reserve(size);
    this.at += this.bytes.write(value, this.at, size, 'utf8');
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
      this.reserve(8);
      this.at = this.bytes.writeDoubleLE(value, this.at);
    }
  }

  /** Short ASCII, without the way into native code; false when it is no such text. */
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
