/** Order of a cart's events (semantics §1): T, then what happened, then an unknown status's name, then the key. */
import { FIRST_UNKNOWN, PENDING, statusName, type Names } from './statuses.ts';

export const KIND_STATUS = 0;
export const KIND_ACTIVITY = 1;
export const KIND_ABANDONED = 2;

/** Ranks among events of one T. */
export const RANK_ACTIVITY = 0;
export const RANK_EMPTYING = 1;
const RANK_STATUSES = 2;
const RANK_UNKNOWN = 8;
export const RANK_OWN = 14;

/** One event of a cart, as the rules need it. Times are Unix milliseconds. */
export interface CartRecord {
  /** Which one of the cart's events it was to arrive, from 0. */
  turn: number;
  kind: number;
  /** A line of /v1/events; else a webhook. */
  line: boolean;
  /** T. */
  at: number;
  rank: number;
  /** Code of the status; NO_STATUS when it carries none. */
  status: number;
  /** Log time at which the delivery was folded. */
  arrival: number;
  /** Of a webhook. */
  receivedAt: number;
  /** Of a webhook; NaN where there is none. */
  requestAt: number;
  /** As stamped on an activity; 0 for all others. */
  windowMs: number;
  graceMs: number;
  /** The event's own mode contradicts the status. */
  wrongMode: boolean;
  /** Places of the six carried values in the records (values.ts); 0: carries none. */
  values: number[];
  /** The event id's key: 16 bytes of `keys` from `keyAt` on. */
  keys: Buffer;
  keyAt: number;
}

/** Rank of an event among those of the same T. */
export function rankOf(kind: number, status: number, emptying: boolean): number {
  if (kind === KIND_ABANDONED) return RANK_OWN;
  if (kind === KIND_ACTIVITY || status === PENDING) return emptying ? RANK_EMPTYING : RANK_ACTIVITY;
  if (status >= FIRST_UNKNOWN) return RANK_UNKNOWN;
  return status < RANK_UNKNOWN - 1 ? RANK_STATUSES + status - 1 : RANK_STATUSES + status;
}

/** Compares T, rank and the names of unknown statuses; 0 when the keys have to decide. */
export function comparePositions(
  a: { at: number; rank: number; status: number },
  b: { at: number; rank: number; status: number },
  names: Pick<Names, 'at'>,
): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  if (a.rank !== b.rank) return a.rank - b.rank;
  if (a.rank !== RANK_UNKNOWN || a.status === b.status) return 0;
  return statusName(a.status, names) < statusName(b.status, names) ? -1 : 1;
}

/**
 * The whole order. Where even the keys are level (one body accepted twice, one event_id for two kinds) what the events
 * themselves say decides, so that arrival never does.
 */
export function compareRecords(a: CartRecord, b: CartRecord, names: Pick<Names, 'at'>): number {
  return (
    comparePositions(a, b, names) ||
    a.keys.compare(b.keys, b.keyAt, b.keyAt + 16, a.keyAt, a.keyAt + 16) ||
    a.kind - b.kind ||
    Number(a.line) - Number(b.line) ||
    a.windowMs - b.windowMs
  );
}
