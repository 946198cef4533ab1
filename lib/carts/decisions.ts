/**
 * What was decided about trait events and does not follow from a cart's events: which abandonments count already and
 * since when, and which trait event replaces which. A change of status counts from the arrival of its event; a decision
 * is stored for it only if it counts from another time, or replaces another trait event.
 */
import { ByteReader, type ByteWriter } from '../bytes/index.ts';
import { CART_STATE } from './format.ts';
import { NEVER } from './summary.ts';

const ABANDONMENT = 1;
const COUNTS = 2;
const REPLACES = 4;

/** The status in a decision about an abandonment. */
export const ABANDONED = -1;

export interface Decision {
  /** Code of the change's status, or ABANDONED. */
  status: number;
  /** T of the trait event. */
  at: number;
  /** Log time since when it counts; NEVER for an abandonment that does not count yet. */
  detectedAt: number;
  /** T of the trait event that it replaces; NEVER if it replaces none. */
  replaces: number;
}

export function writeDecision(writer: ByteWriter, decision: Decision): void {
  const counts = !Number.isNaN(decision.detectedAt);
  const replaces = !Number.isNaN(decision.replaces);
  writer.byte((decision.status === ABANDONED ? ABANDONMENT : 0) | (counts ? COUNTS : 0) | (replaces ? REPLACES : 0));
  if (decision.status !== ABANDONED) writer.unsigned(decision.status);
  writer.signed(decision.at);
  if (counts) writer.signed(decision.detectedAt - decision.at);
  if (replaces) writer.signed(decision.replaces - decision.at);
}

/** All decisions of the bytes from `start` to `end`, by `decisionKey`. */
export function readDecisions(bytes: Buffer, start: number, end: number): Map<DecisionKey, Decision> {
  const decisions = new Map<DecisionKey, Decision>();
  const reader = new ByteReader(bytes, CART_STATE, start, end);
  while (!reader.done) {
    const flags = reader.byte();
    if (flags > (ABANDONMENT | COUNTS | REPLACES)) reader.fail('the flags of a decision', reader.at - 1);
    const status = (flags & ABANDONMENT) !== 0 ? ABANDONED : reader.unsigned();
    const at = reader.signed();
    const detectedAt = (flags & COUNTS) !== 0 ? at + reader.signed() : NEVER;
    const replaces = (flags & REPLACES) !== 0 ? at + reader.signed() : NEVER;
    decisions.set(decisionKey(status, at), { status, at, detectedAt, replaces });
  }
  return decisions;
}

/** Identifies a trait event within its cart. */
export type DecisionKey = number | string;

const STATUSES = 2_048;
const AT_MAX = 2 ** 42;

/**
 * The key of a trait event: its trait, status and T as one number, for up to 2,047 statuses and the years 1970 to 2109;
 * for others a text. Folding a long cart again takes twice as long with texts.
 */
export function decisionKey(status: number, at: number): DecisionKey {
  const code = status - ABANDONED;
  return code < STATUSES && at >= 0 && at < AT_MAX ? at * STATUSES + code : `${status}:${at}`;
}
