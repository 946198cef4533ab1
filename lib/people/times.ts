import { ByteReader, type ByteWriter } from '../bytes/index.ts';

/**
 * Times as a tree in the state, so that the first and the last of them cost the same however many there are. A time in
 * milliseconds is five digits to the base 512; a node counts, by the next digit, the times below it.
 */

/** In format 1 the counts go to the end of the node; now their number is before them, so that a cut is noticed. */
const FORMAT = 2;
const FORMAT_WITHOUT_LENGTH = 1;
const DIGIT = 512;
const LEVELS = 5;

/** Stores nodes by their path: the digits that lead to them. */
export interface NodeStore {
  get(path: string): Buffer | undefined;
  put(path: string, value: Buffer): void;
  delete(path: string): void;
}

/** The number of times by digit. */
type Node = Map<number, number>;

export class TimeIndex {
  private readonly store: NodeStore;
  private readonly writer: ByteWriter;
  private readonly subject: string;
  private readonly nodes = new Map<string, Node>();

  /** @param subject the index, as errors name it */
  constructor(store: NodeStore, writer: ByteWriter, subject = 'an index of times') {
    this.store = store;
    this.writer = writer;
    this.subject = subject;
  }

  /** One more time (Unix milliseconds, a whole number from 0 on), or with -1 one less, which must be there. */
  count(time: number, by: 1 | -1): void {
    let path = '';
    for (const digit of digitsOf(time)) {
      const node = this.node(path);
      const left = (node.get(digit) ?? 0) + by;
      if (left === 0) node.delete(digit);
      else node.set(digit, left);
      path += `.${digit}`;
    }
  }

  first(): number | undefined {
    return this.outermost((digit, best) => digit < best);
  }

  last(): number | undefined {
    return this.outermost((digit, best) => digit > best);
  }

  /** Writes back what was read or counted. */
  flush(): void {
    for (const [path, node] of this.nodes) {
      const before = this.store.get(path);
      if (node.size === 0) {
        if (before !== undefined) this.store.delete(path);
        continue;
      }
      const value = encodeNode(this.writer, node);
      if (before?.equals(value) !== true) this.store.put(path, value);
    }
  }

  private outermost(isBetter: (digit: number, best: number) => boolean): number | undefined {
    let path = '';
    let time = 0;
    for (let level = 0; level < LEVELS; level++) {
      let best: number | undefined;
      for (const digit of this.node(path).keys()) if (best === undefined || isBetter(digit, best)) best = digit;
      if (best === undefined) return undefined;
      time = time * DIGIT + best;
      path += `.${best}`;
    }
    return time;
  }

  private node(path: string): Node {
    let node = this.nodes.get(path);
    if (node === undefined) {
      const value = this.store.get(path);
      node = value === undefined ? new Map<number, number>() : decodeNode(value, this.subject);
      this.nodes.set(path, node);
    }
    return node;
  }
}

/** The digits of a time, the most significant first. */
function digitsOf(time: number): number[] {
  const digits: number[] = [];
  for (let rest = time; digits.length < LEVELS; rest = Math.floor(rest / DIGIT)) digits.unshift(rest % DIGIT);
  return digits;
}

function encodeNode(writer: ByteWriter, node: Node): Buffer {
  writer.reset().byte(FORMAT);
  writer.unsigned(node.size);
  for (const [digit, count] of [...node].sort(([a], [b]) => a - b)) {
    writer.unsigned(digit);
    writer.unsigned(count);
  }
  return writer.take();
}

function decodeNode(value: Buffer, subject: string): Node {
  const reader = new ByteReader(value, subject);
  const format = reader.byte();
  if (format !== FORMAT && format !== FORMAT_WITHOUT_LENGTH) reader.fail('a format from 1 to 2', 0);
  const node: Node = new Map<number, number>();
  if (format === FORMAT) for (let left = reader.unsigned(); left > 0; left--) readCount(reader, node);
  else while (!reader.done) readCount(reader, node);
  reader.expectEnd();
  return node;
}

function readCount(reader: ByteReader, node: Node): void {
  const digit = reader.unsigned();
  if (digit >= DIGIT) reader.fail(`a digit below ${DIGIT}`, reader.at - 1);
  node.set(digit, reader.unsigned());
}
