/**
 * Order of a cart's events (semantics §1): T, then what happened, then an unknown status's name, then the request
 * timestamp, then the key.
 */
import type { CartEvent, CartEventKind } from '../../schemas/types.ts';
import { KEY_SIZE } from './format.ts';
import { FIRST_UNKNOWN, NO_STATUS, PENDING, knownCode, statusName, type Names } from './statuses.ts';

export const KIND_STATUS = 0;
export const KIND_ACTIVITY = 1;
export const KIND_ABANDONED = 2;

/** Precedence among events of one T. */
export const PRECEDENCE_ACTIVITY = 0;
export const PRECEDENCE_EMPTYING = 1;
const PRECEDENCE_STATUSES = 2;
const PRECEDENCE_UNKNOWN = 8;
export const PRECEDENCE_OWN = 14;

/** One event of a cart, as the rules need it. Times are Unix milliseconds. */
export interface CartRecord {
  /** Its index by arrival, from 0. */
  index: number;
  kind: number;
  /** A line of /v1/events; else a webhook. */
  line: boolean;
  /** T. */
  at: number;
  precedence: number;
  /** Code of the status; NO_STATUS when it carries none. */
  status: number;
  /** Log time at which the delivery was folded. */
  arrival: number;
  /** Receipt of a webhook. */
  receivedAt: number;
  /** Request timestamp of a webhook; NaN if it has none. */
  requestAt: number;
  /** As stamped on an activity; 0 for all others. */
  windowMs: number;
  graceMs: number;
  /** The event's own mode contradicts the status. */
  wrongMode: boolean;
  /** A bit for each value that it carries, the lowest for the first (values.ts). */
  carries: number;
  /** References to the values that it carries; 0 for those that it does not. */
  values: number[];
  /** The event id's key: 16 bytes of `keys` from `keyAt` on. */
  keys: Buffer;
  keyAt: number;
}

/** Code of an event's kind; a tick is not an event. */
export function kindOf(kind: CartEventKind): number {
  switch (kind) {
    case 'cart_status':
      return KIND_STATUS;
    case 'cart_activity':
      return KIND_ACTIVITY;
    case 'cart_abandoned':
      return KIND_ABANDONED;
    default:
      throw new RangeError('a tick is not an event of a cart');
  }
}

/** Precedence of an event among those of the same T. */
export function precedenceOf(kind: number, status: number, emptying: boolean): number {
  if (kind === KIND_ABANDONED) return PRECEDENCE_OWN;
  if (kind === KIND_ACTIVITY || status === PENDING) return emptying ? PRECEDENCE_EMPTYING : PRECEDENCE_ACTIVITY;
  if (status >= FIRST_UNKNOWN) return PRECEDENCE_UNKNOWN;
  return status < PRECEDENCE_UNKNOWN - 1 ? PRECEDENCE_STATUSES + status - 1 : PRECEDENCE_STATUSES + status;
}

/** Compares T, precedence and the names of unknown statuses; 0 for simultaneous events. */
export function comparePositions(
  a: { at: number; precedence: number; status: number },
  b: { at: number; precedence: number; status: number },
  names: Pick<Names, 'at'>,
): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  if (a.precedence !== b.precedence) return a.precedence - b.precedence;
  if (a.precedence !== PRECEDENCE_UNKNOWN || a.status === b.status) return 0;
  return statusName(a.status, names) < statusName(b.status, names) ? -1 : 1;
}

export type CompareRecords = (a: CartRecord, b: CartRecord, names: Pick<Names, 'at'>) => number;

/**
 * The whole order. Where even the keys are level (one body accepted twice, one event_id for two kinds) what the events
 * themselves say decides, so that arrival never does.
 */
export const compareRecords: CompareRecords = (a, b, names) =>
  comparePositions(a, b, names) || compareRequests(a, b) || compareKeys(a, b);

/** The order of the previous format, in which simultaneous events were ordered by their keys alone (format.ts). */
export const compareRecordsByKey: CompareRecords = (a, b, names) => comparePositions(a, b, names) || compareKeys(a, b);

/** Request timestamps are written as whole numbers above this one, so that none is negative. */
const REQUEST_OFFSET_MS = 1n << 62n;
const REQUEST_BYTES = 8;
const WINDOW_BYTES = 6;

/**
 * The order after T as bytes: of two events of one cart with the same T, the one with the smaller bytes comes first.
 * Events that are level in all that is compared have equal bytes.
 */
export function orderBytesOf(event: CartEvent): Buffer {
  const kind = kindOf(event.kind);
  const status = kind === KIND_STATUS ? (knownCode(event.status ?? '') ?? FIRST_UNKNOWN) : NO_STATUS;
  const precedence = precedenceOf(kind, status, event.emptying);
  const line = event.source === 'line';
  const requestAt = line ? null : event.request_at;
  const name = precedence === PRECEDENCE_UNKNOWN ? nameBytes(event.status ?? '') : NO_BYTES;
  const isActivity = precedence === PRECEDENCE_ACTIVITY;
  const bytes = Buffer.alloc(1 + name.length + 1 + REQUEST_BYTES + KEY_SIZE + 1 + (isActivity ? WINDOW_BYTES : 0));
  let at = bytes.writeUInt8(precedence);
  at += name.copy(bytes, at);
  at = bytes.writeUInt8(requestAt === null ? 0 : 1, at);
  at = bytes.writeBigUInt64BE(requestAt === null ? 0n : BigInt(requestAt) + REQUEST_OFFSET_MS, at);
  at += event.event_key.copy(bytes, at);
  at = bytes.writeUInt8(2 * kind + Number(line), at);
  if (isActivity) bytes.writeUIntBE(event.abandonment_window_ms, at, WINDOW_BYTES);
  return bytes;
}

const NO_BYTES = Buffer.alloc(0);

/** A name that compares as bytes like it does as text, also with a longer one that begins with it. */
function nameBytes(name: string): Buffer {
  const bytes = Buffer.alloc(3 * name.length + 1);
  for (let i = 0; i < name.length; i++) {
    bytes[3 * i] = 1;
    bytes.writeUInt16BE(name.charCodeAt(i), 3 * i + 1);
  }
  return bytes;
}

/** Lines, and webhooks without a request timestamp, come first. */
function compareRequests(a: CartRecord, b: CartRecord): number {
  if (Number.isNaN(a.requestAt)) return Number.isNaN(b.requestAt) ? 0 : -1;
  return Number.isNaN(b.requestAt) ? 1 : a.requestAt - b.requestAt;
}

function compareKeys(a: CartRecord, b: CartRecord): number {
  return (
    a.keys.compare(b.keys, b.keyAt, b.keyAt + KEY_SIZE, a.keyAt, a.keyAt + KEY_SIZE) ||
    a.kind - b.kind ||
    Number(a.line) - Number(b.line) ||
    a.windowMs - b.windowMs
  );
}
