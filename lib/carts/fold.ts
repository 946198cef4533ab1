/**
 * One cart's life, a record at a time: a delivery or a deadline, the state before, the state after and what changes.
 * Pure: the log's clock is passed in, states go in and come out as bytes. Log time never goes back.
 */
import type { CartEvent, TraitChange } from '../../schemas/types.ts';
import { Writer } from './bytes.ts';
import { openAbandonment } from './episodes.ts';
import { writeMark } from './marks.ts';
import { KIND_STATUS, rankOf } from './order.ts';
import { appendRecord, kindOf, readRecords } from './records.ts';
import { refoldDue, refoldWith } from './refold.ts';
import { repeats } from './repeats.ts';
import { buildState, emptyCart, findKey, forgottenCart, openState, type Opened } from './state.ts';
import { FIRST_UNKNOWN, NO_STATUS, knownCode, recovers } from './statuses.ts';
import { step } from './step.ts';
import { NEVER, Summary, earlier } from './summary.ts';
import { abandonmentEvent, changeEvent, sourceOf, toChange, type TraitEvent } from './traits.ts';

const DAY_MS = 86_400_000;
/** How long a cart is remembered after its last arrival, unless the caller says otherwise: 90 days. */
export const DEFAULT_HORIZON_MS = 90 * DAY_MS;
/** Events that a cart can have; every further delivery is overfull. */
export const EVENT_LIMIT = 2000;
/** Bytes that a state can reach by taking another event, so that it fits a Kafka record (4 MiB) with room to spare. */
export const STATE_SIZE_LIMIT = 3 * 1024 * 1024;
/** Forgetting is put off to the next full hour: a timer a cart and hour, however many events. */
const FORGET_STEP_MS = 3_600_000;

export interface Folded {
  /** What to keep; the same buffer when nothing changed. */
  state: Buffer;
  /** A repeat changes nothing; what is overfull is to become a dead letter (`cart_overfull`). */
  result: 'event' | 'repeat' | 'overfull';
  /** Of what is overfull, which limit the cart would pass: EVENT_LIMIT or STATE_SIZE_LIMIT. */
  overfull: 'events' | 'size' | null;
  /** In this order: what fell due before, what is retracted, what is asserted or says something else now. */
  changes: TraitChange[];
}

export interface Concluded {
  state: Buffer;
  changes: TraitChange[];
}

const NO_CHANGES: TraitChange[] = [];
// Used again by every call, each of which reads it anew before all else.
const usual = new Summary();
const marks = new Writer();

/**
 * Folds one delivery. What fell due before `logTimeMs` is concluded first, so a caller without timers is exact too.
 * @param state what the last call answered for this cart, undefined for a cart never seen
 * @param event of kind cart_status, cart_activity or cart_abandoned
 * @param logTimeMs the log's clock, Unix milliseconds
 * @param horizonMs how long a cart is remembered after its last arrival
 * @throws UnknownVersionError for a state of another format; RangeError for a tick
 */
export function foldCart(
  state: Buffer | undefined,
  event: CartEvent,
  logTimeMs: number,
  horizonMs = DEFAULT_HORIZON_MS,
): Folded {
  let cart = state === undefined ? emptyCart(false) : openState(state, usual);
  let changes = NO_CHANGES;
  // Of a forgotten cart nothing is read, not even an arrival: the summary still holds another cart's.
  const clock = cart.summary.count > 0 ? Math.max(logTimeMs, cart.summary.lastArrival) : logTimeMs;
  if (cart.summary.count > 0) {
    const forgetAt = cart.summary.lastArrival + horizonMs;
    if (cart.summary.due < Math.min(clock, forgetAt)) {
      const concluded = conclude(cart, clock, forgetAt);
      changes = concluded.changes;
      cart = openState(concluded.state, usual);
    }
    if (clock > forgetAt) cart = emptyCart(true);
  } else if (cart.summary.forgotten) {
    cart = emptyCart(true);
  }
  if (isRepeat(cart, event)) return { state: cart.bytes, result: 'repeat', overfull: null, changes };
  if (cart.summary.count >= EVENT_LIMIT) return { state: cart.bytes, result: 'overfull', overfull: 'events', changes };
  const first = cart.summary.count === 0;
  const folded = comesLast(cart.summary, event) ? append(cart, event, clock) : refoldWith(cart, event, clock);
  if (folded.state.length > STATE_SIZE_LIMIT && !first) {
    return { state: cart.bytes, result: 'overfull', overfull: 'size', changes };
  }
  return {
    state: folded.state,
    result: 'event',
    overfull: null,
    changes: changes === NO_CHANGES ? folded.changes : [...changes, ...folded.changes],
  };
}

/**
 * Concludes the abandonments that are due; if there are none, forgets a cart that is past the horizon. Never both in one
 * call, so that the state after a conclusion still says how the cart stands.
 * @throws UnknownVersionError for a state of another format
 */
export function concludeDue(state: Buffer, logTimeMs: number, horizonMs = DEFAULT_HORIZON_MS): Concluded {
  const cart = openState(state, usual);
  if (cart.summary.forgotten) return { state, changes: NO_CHANGES };
  const forgetAt = cart.summary.lastArrival + horizonMs;
  if (cart.summary.due < Math.min(logTimeMs, forgetAt)) return conclude(cart, logTimeMs, forgetAt);
  return { state: logTimeMs > forgetAt ? forgottenCart() : state, changes: NO_CHANGES };
}

/**
 * When `concludeDue` has something to do: once log time is past this. Undefined for a cart that is only remembered to
 * have been there.
 * @throws UnknownVersionError for a state of another format
 */
export function dueOf(state: Buffer, horizonMs = DEFAULT_HORIZON_MS): number | undefined {
  const { summary } = openState(state, usual);
  if (summary.forgotten) return undefined;
  const forgetAt = summary.lastArrival + horizonMs;
  return summary.due < forgetAt ? summary.due : Math.ceil(forgetAt / FORGET_STEP_MS) * FORGET_STEP_MS;
}

function isRepeat(cart: Opened, event: CartEvent): boolean {
  let turn = findKey(cart, event.event_key, 0);
  if (turn < 0) return false;
  const records = readRecords(cart.bytes, cart.summary, cart.recordsAt, cart.keysAt);
  const line = event.source === 'line';
  const delivery = {
    kind: kindOf(event.kind),
    line,
    receivedAt: event.received_at,
    requestAt: line || event.request_at === null ? NEVER : event.request_at,
  };
  for (; turn >= 0; turn = findKey(cart, event.event_key, turn + 1)) {
    if (repeats(delivery, records[turn]!, event.retry_horizon_ms)) return true;
  }
  return false;
}

/** Whether the summary is enough to fold the event: it comes after all others and changes nothing that counts. */
function comesLast(summary: Summary, event: CartEvent): boolean {
  if (summary.count === 0) return true;
  const at = event.occurred_at;
  if (at < summary.at || summary.claimed || (summary.openConcluded && at <= summary.deadline)) return false;
  const kind = kindOf(event.kind);
  const status = kind === KIND_STATUS ? (knownCode(event.status ?? '') ?? FIRST_UNKNOWN) : NO_STATUS;
  const recovering = kind === KIND_STATUS && recovers(status) && Number.isNaN(summary.recoveredAt);
  if (recovering && !Number.isNaN(summary.abandonedAt)) return false;
  return at > summary.at || rankOf(kind, status, event.emptying) > summary.rank;
}

/** The usual way: an event later than all others. */
function append(cart: Opened, event: CartEvent, logTime: number): Concluded {
  const { summary } = cart;
  const dueBefore = summary.openDue;
  const { record, appended } = appendRecord(cart, event, logTime);
  const { abandonment, change } = step(summary, record);
  let trait: TraitEvent | undefined;
  let newMarks: Writer | undefined;
  if (abandonment?.source === 'timer') {
    summary.closedDue = earlier(summary.closedDue, dueBefore);
  } else if (abandonment !== undefined) {
    trait = { ...abandonmentEvent(abandonment), detectedAt: logTime };
    newMarks = withMark(cart, trait);
    summary.abandonedAt = trait.at;
  }
  if (change !== undefined) trait = changeEvent(change, summary.values, logTime);
  const state = buildState(cart, summary, { marks: newMarks, appended });
  if (trait === undefined) return { state, changes: NO_CHANGES };
  return { state, changes: [toChange('asserted', trait, sourceOf(summary, state), null, event)] };
}

/** Concludes what is due before the log time, or before the cart is forgotten if that is earlier. */
function conclude(cart: Opened, logTime: number, forgetAt: number): Concluded {
  const { summary } = cart;
  const dueBefore = Math.min(logTime, forgetAt);
  if (!Number.isNaN(summary.closedDue) || summary.claimed) return refoldDue(cart, logTime, dueBefore);
  // Only the open episode can be due, and it is the latest of all: the summary has all that it takes.
  const trait = { ...abandonmentEvent(openAbandonment(summary)), detectedAt: logTime };
  const newMarks = withMark(cart, trait);
  summary.openConcluded = true;
  summary.abandonedAt = trait.at;
  const state = buildState(cart, summary, { marks: newMarks });
  return { state, changes: [toChange('asserted', trait, sourceOf(summary, state))] };
}

/** The marks of a cart with one more. */
function withMark(cart: Opened, trait: TraitEvent): Writer {
  marks.at = 0;
  marks.append(cart.bytes, cart.marksAt, cart.productsAt);
  writeMark(marks, trait);
  return marks;
}
