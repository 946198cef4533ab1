/** A line of a bulk body, without its line break. */
export interface Line {
  /** Counted from 1, blank ones too. */
  number: number;
  /** A view into the chunk it came with, or a copy; only the beginning of a line that is too long. */
  bytes: Buffer;
  tooLong: boolean;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.of(0xef, 0xbb, 0xbf);
/** Pieces smaller than this are copied into one buffer: each by itself would take over a hundred bytes more. */
const SMALL_BYTES = 4096;
/** How much is kept of a line that is too long. */
export const KEPT_OF_TOO_LONG_BYTES = 64 * 1024;

/**
 * Cuts a stream of bytes into lines with at most one line of memory, for any input. Blank lines are counted and
 * left out; CRLF, a byte order mark at the start and a last line without a line break are fine.
 */
export class LineSplitter {
  private parts: Buffer[] = [];
  /** Where small pieces are copied to, after all parts, and how far it is filled. */
  private tail: Buffer | undefined;
  private tailBytes = 0;
  private bytesInParts = 0;
  private tooLong = false;
  private number = 0;
  private blank = 0;
  private readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Lines that were begun so far, the unfinished one left out. */
  get lines(): number {
    return this.number;
  }

  /** Blank lines so far. */
  get blankLines(): number {
    return this.blank;
  }

  /** In how many pieces the unfinished line is kept. */
  get pieces(): number {
    return this.parts.length + (this.tail === undefined ? 0 : 1);
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
    this.add(part);
    // A carriage return of the line break may come on top of the limit, and a byte order mark.
    if (this.bytesInParts <= this.maxBytes + 1 + BYTE_ORDER_MARK.length) return;
    this.tooLong = true;
    this.parts = [Buffer.from(this.joined().subarray(0, KEPT_OF_TOO_LONG_BYTES))];
  }

  private add(part: Buffer): void {
    const room = this.tail === undefined ? 0 : this.tail.length - this.tailBytes;
    if (part.length > room) this.endTail();
    if (part.length >= SMALL_BYTES) {
      this.parts.push(part);
      return;
    }
    this.tail ??= Buffer.allocUnsafeSlow(SMALL_BYTES);
    this.tailBytes += part.copy(this.tail, this.tailBytes);
  }

  private endTail(): void {
    if (this.tail !== undefined) this.parts.push(this.tail.subarray(0, this.tailBytes));
    this.tail = undefined;
    this.tailBytes = 0;
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
    if (!tooLong && isBlank(bytes)) {
      this.blank++;
      return null;
    }
    return { number: this.number, bytes, tooLong };
  }

  private joined(): Buffer {
    this.endTail();
    return this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
  }
}

/** Nothing but spaces, tabs and carriage returns. */
function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x09 && byte !== CARRIAGE_RETURN) return false;
  return true;
}
