/** A cart as it stands, for `v_carts`, and its state spelled out, for people and tests. */
import type { CartSnapshot } from '../../schemas/types.ts';
import { ABANDONED, readMarks } from './marks.ts';
import { readRecords } from './records.ts';
import { KEY_SIZE, openState } from './state.ts';
import { NO_STATUS, statusName } from './statuses.ts';
import { timeOrNull } from './traits.ts';
import { AMOUNT, CREATED, MODE, RESERVATION, STORE, numberAt, textAt, timeAt } from './values.ts';

/** What nothing is known of. */
const BLANK: CartSnapshot = {
  status: null,
  status_since: null,
  store_id: null,
  mode: null,
  amount: null,
  created_at: null,
  last_activity_at: null,
  due_at: null,
  abandoned_at: null,
  recovered_at: null,
  reservation_start_at: null,
};

/**
 * The cart after the state's last record. `due_at` is there until the abandonment counts; `abandoned_at` is the latest
 * one that does. A forgotten cart is blank.
 * @throws UnknownVersionError
 */
export function snapshotOf(state: Buffer): CartSnapshot {
  const { summary, recordsAt } = openState(state);
  if (summary.forgotten) return { ...BLANK };
  const { values } = summary;
  return {
    status: summary.current === NO_STATUS ? null : statusName(summary.current, summary.names),
    status_since: timeOrNull(summary.since),
    store_id: textAt(state, recordsAt, values[STORE]!),
    mode: textAt(state, recordsAt, values[MODE]!),
    amount: numberAt(state, recordsAt, values[AMOUNT]!),
    created_at: timeAt(state, recordsAt, values[CREATED]!) ?? summary.firstAt,
    last_activity_at: timeOrNull(summary.lastActivityAt),
    due_at: summary.open && !summary.openConcluded ? summary.deadline : null,
    abandoned_at: timeOrNull(summary.abandonedAt),
    recovered_at: Number.isNaN(summary.abandonedAt) ? null : timeOrNull(summary.recoveredAt),
    reservation_start_at: timeAt(state, recordsAt, values[RESERVATION]!),
  };
}

/** A state spelled out. Times are Unix milliseconds. */
export interface DecodedState {
  forgotten: boolean;
  beyondHorizon: boolean;
  lastArrival: number | null;
  /** In order of arrival. */
  events: {
    kind: 'cart_status' | 'cart_activity' | 'cart_abandoned';
    source: 'webhook' | 'line';
    key: string;
    occurredAt: number;
    arrival: number;
    status: string | null;
  }[];
  /** What does not follow from the events alone. */
  marks: { status: string; occurredAt: number; detectedAt: number | null; replaces: number | null }[];
  /** Bytes by part. */
  sizes: { summary: number; marks: number; products: number; index: number; records: number; keys: number };
}

const KINDS = ['cart_status', 'cart_activity', 'cart_abandoned'] as const;

/** @throws UnknownVersionError */
export function decodeState(state: Buffer): DecodedState {
  const { summary, marksAt, productsAt, indexAt, recordsAt, keysAt } = openState(state);
  const { forgotten, beyondHorizon } = summary;
  const events = readRecords(state, summary, recordsAt, keysAt).map((record) => ({
    kind: KINDS[record.kind]!,
    source: record.line ? ('line' as const) : ('webhook' as const),
    key: state.toString('hex', record.keyAt, record.keyAt + KEY_SIZE),
    occurredAt: record.at,
    arrival: record.arrival,
    status: record.status === NO_STATUS ? null : statusName(record.status, summary.names),
  }));
  const marks = [...readMarks(state, marksAt, productsAt).values()].map((mark) => ({
    status: mark.status === ABANDONED ? '' : statusName(mark.status, summary.names),
    occurredAt: mark.at,
    detectedAt: timeOrNull(mark.detectedAt),
    replaces: timeOrNull(mark.replaces),
  }));
  return {
    forgotten,
    beyondHorizon,
    lastArrival: forgotten ? null : summary.lastArrival,
    events,
    marks,
    sizes: {
      summary: marksAt,
      marks: productsAt - marksAt,
      products: indexAt - productsAt,
      index: recordsAt - indexAt,
      records: keysAt - recordsAt,
      keys: state.length - keysAt,
    },
  };
}
