/** The current state of a cart for `v_carts`, and its whole decoded state, for people and tests. */
import type { CartEvent, CartSnapshot, CartStatus } from '../../schemas/types.ts';
import { invariant } from '../bytes/index.ts';
import { applyEvent } from './apply.ts';
import { Catalogue } from './catalogue.ts';
import { ABANDONED, readDecisions } from './decisions.ts';
import { readRecords } from './records.ts';
import { KEY_SIZE, VERSION } from './format.ts';
import { readInOrder } from './refold.ts';
import type { Scratch } from './scratch.ts';
import { openState, type LiveCart } from './state.ts';
import type { Stays } from './stays.ts';
import { FIRST_UNKNOWN, NO_STATUS, statusName } from './statuses.ts';
import { newWalk } from './summary.ts';
import { timeOrNull } from './traits.ts';
import { AMOUNT, CREATED, MODE, PRODUCTS, RESERVATION, STORE, STORE_NAME, numberAt, textAt, timeAt } from './values.ts';

/** The snapshot of a cart that is unknown or forgotten. */
export const BLANK_SNAPSHOT: CartSnapshot = {
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
 * @param event the one that arrived last, if the caller has it: it spares reading the products that it states
 * @throws UnknownVersionError
 * @throws DamagedStateError
 */
export function snapshotOf(state: Buffer, scratch?: Scratch, event?: CartEvent): CartSnapshot {
  const cart = openState(state, scratch);
  if (cart.kind === 'forgotten') return { ...BLANK_SNAPSHOT };
  const { values, status, position, visits, conclusions, stated } = cart.summary;
  const { episode } = visits;
  const stays = staysOf(cart);
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
    products: productsOf(cart, event),
    store_name: textAt(cart, values[STORE_NAME]!),
    last_event_at: position.at,
    first_status_at: timeOrNull(stays.firstAt),
    statuses: statusesOf(cart, stays),
  };
}

/** The list that holds, which is usually the one that the last event has stated. */
function productsOf(
  { bytes, summary, productsAt, indexAt, recordsAt }: LiveCart,
  event?: CartEvent,
): CartSnapshot['products'] {
  const list = summary.values[PRODUCTS]!;
  if (list === 0) return null;
  const stated = event?.products ?? null;
  if (stated !== null && summary.stated.values[PRODUCTS] === list) return stated;
  return new Catalogue({ bytes, start: productsAt, end: indexAt, indexEnd: recordsAt }).list(list);
}

function staysOf(cart: LiveCart): Stays {
  if (cart.version === VERSION) return cart.summary.status.stays;
  const walk = newWalk();
  for (const record of readInOrder(cart)) applyEvent(walk, record);
  return walk.status.stays;
}

function statusesOf({ summary }: LiveCart, stays: Stays): CartStatus[] {
  const { names } = summary.stated;
  return stays.all().map(({ status, beganAt, leftAt }) => {
    invariant(status < FIRST_UNKNOWN + names.count, 'a status that a cart has had is known or named');
    return { status: statusName(status, names), began_at: beganAt, left_at: timeOrNull(leftAt) };
  });
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
  /** The decisions about trait events, which do not follow from the events alone. */
  decisions: { status: string; occurredAt: number; detectedAt: number | null; replaces: number | null }[];
  /** Bytes by section. */
  sizes: { summary: number; decisions: number; products: number; index: number; records: number; keys: number };
}

const KINDS = ['cart_status', 'cart_activity', 'cart_abandoned'] as const;

const NO_SIZES = { decisions: 0, products: 0, index: 0, records: 0, keys: 0 };

/**
 * Reads every byte of a state.
 * @throws UnknownVersionError
 * @throws DamagedStateError
 */
export function decodeState(state: Buffer): DecodedState {
  const cart = openState(state);
  if (cart.kind === 'forgotten') {
    const sizes = { summary: state.length, ...NO_SIZES };
    return { forgotten: true, beyondHorizon: false, lastArrival: null, events: [], decisions: [], sizes };
  }
  const { decisionsAt, productsAt, indexAt, recordsAt, keysAt } = cart;
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
  const decisions = [...readDecisions(state, decisionsAt, productsAt).values()].map((decision) => ({
    status: decision.status === ABANDONED ? '' : statusName(decision.status, names),
    occurredAt: decision.at,
    detectedAt: timeOrNull(decision.detectedAt),
    replaces: timeOrNull(decision.replaces),
  }));
  return {
    forgotten: false,
    beyondHorizon: life.beyondHorizon,
    lastArrival: life.lastArrival,
    events,
    decisions,
    sizes: {
      summary: decisionsAt,
      decisions: productsAt - decisionsAt,
      products: indexAt - productsAt,
      index: recordsAt - indexAt,
      records: keysAt - recordsAt,
      keys: state.length - keysAt,
    },
  };
}
