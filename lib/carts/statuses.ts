/**
 * The statuses of an order as small numbers. The code of a known one is its index in lib/jane/statuses.ts; a cart
 * numbers the unknown ones that it has seen from FIRST_UNKNOWN on, in the order of their arrival.
 * Codes are part of the state's format: never renumber them.
 */
import { ByteReader, type ByteWriter } from '../bytes/index.ts';
import { STATUSES } from '../jane/statuses.ts';

export const PENDING = 0;
export const READY_FOR_PICKUP = 4;
const FINISHED = 7;
const FINISHED_WITHOUT_REVIEW = 8;
const WITH_REVIEW = 9;
/** Codes from here on are unknown statuses of one cart. */
export const FIRST_UNKNOWN = 12;
/** No status at all. */
export const NO_STATUS = -1;

const CODES: ReadonlyMap<string, number> = new Map(STATUSES.map(({ status }, code) => [status, code]));

/** No rank in the lifecycle. */
export const NO_LIFECYCLE_RANK = -1;
/** Rank of a known status in the lifecycle (semantics §2, `backward`), by its code. */
const LIFECYCLE_RANKS = STATUSES.map(({ rank }) => rank ?? NO_LIFECYCLE_RANK);
const RECOVERS = STATUSES.map((status) => status.recovers);

const TERMINAL_MASK = STATUSES.reduce((mask, { terminal }, code) => (terminal ? mask | (1 << code) : mask), 0);
const FINISHED_MASK = 1 << FINISHED;

/** The code of a known status, undefined for any other. */
export function knownCode(name: string): number | undefined {
  return CODES.get(name);
}

/** The unknown statuses of a cart, in order of arrival. Those that a state has are read once one is asked for. */
export class Names {
  private texts: string[] | undefined;
  /** The names as stored in a state, until one is requested. */
  private unread: ByteReader | undefined;
  /** The number of unknown statuses. */
  count = 0;

  /** Takes those that a state has. */
  read(reader: ByteReader): void {
    this.texts = undefined;
    this.count = reader.unsigned();
    const start = reader.advance(reader.unsigned(), 'names of statuses');
    this.unread = new ByteReader(reader.bytes, reader.subject, start, reader.at);
  }

  clear(): void {
    this.texts = undefined;
    this.unread = undefined;
    this.count = 0;
  }

  at(index: number): string | undefined {
    return this.all()[index];
  }

  /** The number of a name, from 0 on; a new name is added at the end. */
  numberOf(name: string): number {
    const index = this.all().indexOf(name);
    if (index >= 0) return index;
    this.all().push(name);
    return this.count++;
  }

  write(writer: ByteWriter): void {
    writer.unsigned(this.count);
    if (this.unread !== undefined) {
      const { bytes, at, end } = this.unread;
      writer.unsigned(end - at);
      writer.append(bytes, at, end);
      return;
    }
    const start = writer.beginBlock();
    for (const text of this.all()) writer.text(text);
    writer.endBlock(start);
  }

  private all(): string[] {
    this.texts ??= [];
    if (this.unread !== undefined) {
      const reader = this.unread;
      this.unread = undefined;
      for (let left = this.count; left > 0; left--) this.texts.push(reader.text());
      reader.expectEnd();
    }
    return this.texts;
  }
}

/** @param names the unknown statuses of this cart */
export function statusName(code: number, names: Pick<Names, 'at'>): string {
  return code < FIRST_UNKNOWN ? STATUSES[code]!.status : names.at(code - FIRST_UNKNOWN)!;
}

export function lifecycleRankOf(code: number): number {
  return code < FIRST_UNKNOWN ? LIFECYCLE_RANKS[code]! : NO_LIFECYCLE_RANK;
}

/** Whether an order that had the known statuses of `seen` (a bit for each code) is over before `code`. */
export function isOver(seen: number, code: number): boolean {
  if ((seen & TERMINAL_MASK) !== 0) return true;
  return (seen & FINISHED_MASK) !== 0 && code !== WITH_REVIEW && code !== FINISHED_WITHOUT_REVIEW;
}

/** Whether an abandoned cart that reaches this status was recovered: unknown statuses recover it too. */
export function recovers(code: number): boolean {
  return code < 0 || code >= FIRST_UNKNOWN || RECOVERS[code]!;
}
