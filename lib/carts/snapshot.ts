/** The current state of a cart for `v_carts`, and its whole decoded state, for people and tests. */
import type { CartSnapshot } from '../../schemas/types.ts';
import { Catalogue } from './catalogue.ts';
import { ABANDONED, readMarks } from './marks.ts';
import { readRecords } from './records.ts';
import { KEY_SIZE } from './format.ts';
import type { Scratch } from './scratch.ts';
import { openState } from './state.ts';
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
  products: null,
  store_name: null,
  last_event_at: null,
  first_status_at: null,
  statuses: [],
};

/**
 * The cart after the state's last record. `due_at` is there until the abandonment counts; `abandoned_at` is the latest
 * one that does. A forgotten cart is blank.
 * @throws UnknownVersionError
 */
export function snapshotOf(state: Buffer, scratch?: Scratch): CartSnapshot {
  const cart = openState(state, scratch);
  if (cart.kind === 'forgotten') return { ...BLANK };
  const { values, status, position, visits, conclusions, stated } = cart.summary;
  const { episode } = visits;
  return {
    status: status.current === NO_STATUS ? null : statusName(status.current, stated.names),
    status_since: timeOrNull(status.since),
    store_id: textAt(cart, values[STORE]!),
    mode: textAt(cart, values[MODE]!),
    amount: numberAt(cart, values[AMOUNT]!),
    created_at: timeAt(cart, values[CREATED]!) ?? position.firstAt,
    last_activity_at: timeOrNull(visits.lastActivityAt),
    due_at: episode === undefined || episode.concluded ? null : episode.deadline,
    abandoned_at: timeOrNull(conclusions.abandonedAt),
    recovered_at: Number.isNaN(conclusions.abandonedAt) ? null : timeOrNull(visits.recoveredAt),
    reservation_start_at: timeAt(cart, values[RESERVATION]!),
    products: null,
    store_name: null,
    last_event_at: null,
    first_status_at: null,
    statuses: [],
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
  /** Bytes by section. */
  sizes: { summary: number; marks: number; products: number; index: number; records: number; keys: number };
}

const KINDS = ['cart_status', 'cart_activity', 'cart_abandoned'] as const;

const NO_SIZES = { marks: 0, products: 0, index: 0, records: 0, keys: 0 };

/**
 * Reads every byte of a state.
 * @throws UnknownVersionError
 * @throws DamagedStateError
 */
export function decodeState(state: Buffer): DecodedState {
  const cart = openState(state);
  if (cart.kind === 'forgotten') {
    const sizes = { summary: state.length, ...NO_SIZES };
    return { forgotten: true, beyondHorizon: false, lastArrival: null, events: [], marks: [], sizes };
  }
  const { marksAt, productsAt, indexAt, recordsAt, keysAt } = cart;
  const { life, stated } = cart.summary;
  const { names } = stated;
  const section = { bytes: state, start: productsAt, end: indexAt, indexEnd: recordsAt };
  new Catalogue(section).check();
  const events = readRecords(cart).map((record) => ({
    kind: KINDS[record.kind]!,
    source: record.line ? ('line' as const) : ('webhook' as const),
    key: state.toString('hex', record.keyAt, record.keyAt + KEY_SIZE),
    occurredAt: record.at,
    arrival: record.arrival,
    status: record.status === NO_STATUS ? null : statusName(record.status, names),
  }));
  const marks = [...readMarks(state, marksAt, productsAt).values()].map((mark) => ({
    status: mark.status === ABANDONED ? '' : statusName(mark.status, names),
    occurredAt: mark.at,
    detectedAt: timeOrNull(mark.detectedAt),
    replaces: timeOrNull(mark.replaces),
  }));
  return {
    forgotten: false,
    beyondHorizon: life.beyondHorizon,
    lastArrival: life.lastArrival,
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
