/** A line of a bulk body, without its line break. */
export interface Line {
  /** Counted from 1, blank ones too. */
  number: number;
  /** A view into the chunk it came with, or a copy; of a line that is too long, its beginning. */
  bytes: Buffer;
  tooLong: boolean;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.of(0xef, 0xbb, 0xbf);
/** What is kept of a line that is too long. */
export const KEPT_OF_TOO_LONG_BYTES = 64 * 1024;

/**
 * Cuts a stream of bytes into lines with at most one line of memory, whatever comes. Blank lines are counted and
 * left out; CRLF, a byte order mark at the start and a last line without a line break are fine.
 */
export class LineSplitter {
  private parts: Buffer[] = [];
  private bytesInParts = 0;
  private tooLong = false;
  private number = 0;
  private readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Lines that were begun so far, the unfinished one left out. */
  get lines(): number {
    return this.number;
  }

  /** The lines that this chunk ends. */
  *push(chunk: Buffer): Generator<Line> {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      const line = this.finish(chunk.subarray(start, end));
      start = end + 1;
      if (line !== null) yield line;
    }
    if (start < chunk.length) this.keep(chunk.subarray(start));
  }

  /** The last line, if it had no line break. */
  *end(): Generator<Line> {
    if (this.bytesInParts === 0 && !this.tooLong) return;
    const line = this.finish(Buffer.alloc(0));
    if (line !== null) yield line;
  }

  private keep(part: Buffer): void {
    if (this.tooLong) return;
    this.bytesInParts += part.length;
    this.parts.push(part);
    // A carriage return of the line break may come on top of the limit, and a byte order mark.
    if (this.bytesInParts <= this.maxBytes + 1 + BYTE_ORDER_MARK.length) return;
    this.tooLong = true;
    this.parts = [Buffer.concat(this.parts).subarray(0, KEPT_OF_TOO_LONG_BYTES)];
  }

  private finish(last: Buffer): Line | null {
    this.number++;
    if (this.bytesInParts > 0 || this.tooLong) this.keep(last);
    let bytes = this.bytesInParts === 0 && !this.tooLong ? last : this.joined();
    let { tooLong } = this;
    this.parts = [];
    this.bytesInParts = 0;
    this.tooLong = false;
    if (this.number === 1 && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK)) bytes = bytes.subarray(3);
    if (!tooLong && bytes.at(-1) === CARRIAGE_RETURN) bytes = bytes.subarray(0, -1);
    if (!tooLong && bytes.length > this.maxBytes) {
      tooLong = true;
      bytes = bytes.subarray(0, KEPT_OF_TOO_LONG_BYTES);
    }
    return isBlank(bytes) && !tooLong ? null : { number: this.number, bytes, tooLong };
  }

  private joined(): Buffer {
    return this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
  }
}

/** Nothing but spaces, tabs and carriage returns. */
function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x09 && byte !== CARRIAGE_RETURN) return false;
  return true;
}
