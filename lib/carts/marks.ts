/**
 * Facts that do not follow from a cart's events: which abandonments count already and since when, and which trait event replaced which. A change counts from the arrival of its event; it has a mark only if it does not.
 */
import { ByteReader, type ByteWriter } from '../bytes/index.ts';
import { CART_STATE } from './format.ts';
import { NEVER } from './summary.ts';

const ABANDONMENT = 1;
const COUNTS = 2;
const REPLACES = 4;

/** Status of the marks of abandonments. */
export const ABANDONED = -1;

export interface Mark {
  /** Code of the change's status, or ABANDONED. */
  status: number;
  /** T of the trait event. */
  at: number;
  /** Log time of the assertion that stands; NEVER for an abandonment that does not count yet. */
  detectedAt: number;
  /** T of the trait event that it replaces, NEVER if it replaces none. */
  replaces: number;
}

export function writeMark(writer: ByteWriter, mark: Mark): void {
  const counts = !Number.isNaN(mark.detectedAt);
  const replaces = !Number.isNaN(mark.replaces);
  writer.byte((mark.status === ABANDONED ? ABANDONMENT : 0) | (counts ? COUNTS : 0) | (replaces ? REPLACES : 0));
  if (mark.status !== ABANDONED) writer.unsigned(mark.status);
  writer.signed(mark.at);
  if (counts) writer.signed(mark.detectedAt - mark.at);
  if (replaces) writer.signed(mark.replaces - mark.at);
}

/** All marks of the bytes from `start` to `end`, by `markId`. */
export function readMarks(bytes: Buffer, start: number, end: number): Map<string, Mark> {
  const marks = new Map<string, Mark>();
  const reader = new ByteReader(bytes, CART_STATE, start, end);
  while (!reader.done) {
    const flags = reader.byte();
    if (flags > (ABANDONMENT | COUNTS | REPLACES)) reader.fail('the flags of a mark', reader.at - 1);
    const status = (flags & ABANDONMENT) !== 0 ? ABANDONED : reader.unsigned();
    const at = reader.signed();
    const detectedAt = (flags & COUNTS) !== 0 ? at + reader.signed() : NEVER;
    const replaces = (flags & REPLACES) !== 0 ? at + reader.signed() : NEVER;
    marks.set(markId(status, at), { status, at, detectedAt, replaces });
  }
  return marks;
}

/** A trait event is its cart, trait, status and T. */
export function markId(status: number, at: number): string {
  return `${status}:${at}`;
}
