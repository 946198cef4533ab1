/**
 * The statuses of an order as small numbers. The code of a known one is its index in lib/jane/statuses.ts; a cart
 * numbers the unknown ones that it has seen from FIRST_UNKNOWN on, in the order of their arrival.
 * Codes are part of the state's format: never renumber them.
 */
import { STATUSES } from '../jane/statuses.ts';
import { Reader, Writer } from './bytes.ts';

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

/** No place in the lifecycle. */
export const NO_PLACE = -1;
/** Where a known status stands in the lifecycle (semantics §2, `backward`), by its code. */
const PLACES = STATUSES.map(({ rank }) => rank ?? NO_PLACE);
const RECOVERS = STATUSES.map((status) => status.recovers);

const TERMINAL_MASK = STATUSES.reduce((mask, { terminal }, code) => (terminal ? mask | (1 << code) : mask), 0);
const FINISHED_MASK = 1 << FINISHED;

/** The code of a known status, undefined for any other. */
export function knownCode(name: string): number | undefined {
  return CODES.get(name);
}

/** The unknown statuses of a cart, in order of arrival. Those that a state has are read once one is asked for. */
export class Names {
  private texts: string[] = [];
  /** As they stand in a state, until they are read. */
  private unread: { reader: Reader; end: number } | undefined;
  /** How many there are. */
  count = 0;

  /** Takes those that a state has, instead of all others. */
  read(reader: Reader): void {
    this.clear();
    this.count = reader.unsigned();
    const size = reader.unsigned();
    this.unread = { reader: new Reader(reader.bytes, reader.at), end: reader.at + size };
    reader.at += size;
  }

  clear(): void {
    this.count = 0;
    this.unread = undefined;
    if (this.texts.length > 0) this.texts = [];
  }

  at(index: number): string | undefined {
    return this.all()[index];
  }

  /** Which of them it is, from 0 on; a new one becomes the last. */
  numberOf(name: string): number {
    const index = this.all().indexOf(name);
    if (index >= 0) return index;
    this.texts.push(name);
    return this.count++;
  }

  write(writer: Writer): void {
    writer.unsigned(this.count);
    if (this.unread !== undefined) {
      const { reader, end } = this.unread;
      writer.unsigned(end - reader.at);
      writer.append(reader.bytes, reader.at, end);
      return;
    }
    texts.at = 0;
    for (const text of this.texts) texts.text(text);
    writer.unsigned(texts.at);
    writer.append(texts.bytes, 0, texts.at);
  }

  private all(): string[] {
    if (this.unread !== undefined) {
      const { reader, end } = this.unread;
      this.unread = undefined;
      while (reader.at < end) this.texts.push(reader.text());
    }
    return this.texts;
  }
}

// Used again by every call.
const texts = new Writer();

/** @param names the unknown statuses of this cart */
export function statusName(code: number, names: Pick<Names, 'at'>): string {
  return code < FIRST_UNKNOWN ? STATUSES[code]!.status : names.at(code - FIRST_UNKNOWN)!;
}

export function placeOf(code: number): number {
  return code < FIRST_UNKNOWN ? PLACES[code]! : NO_PLACE;
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
