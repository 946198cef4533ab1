/**
 * One cart's life, a record at a time: a delivery or a deadline, the state before, the state after and what changes.
 * Pure: log time is an argument, states are passed and returned as bytes. Log time never goes back.
 */
import type { CartEvent, TraitChange } from '../../schemas/types.ts';
import { type ByteWriter, invariant } from '../bytes/index.ts';
import { applyEvent } from './apply.ts';
import { openAbandonment } from './episodes.ts';
import { VERSION } from './format.ts';
import { writeDecision } from './decisions.ts';
import { KIND_STATUS, kindOf, precedenceOf } from './order.ts';
import { appendRecord, readRecords } from './records.ts';
import { refoldDue, refoldWith } from './refold.ts';
import { repeats } from './repeats.ts';
import { Scratch } from './scratch.ts';
import { buildState, emptyCart, findKey, forgottenState, openState, openSummary, type LiveCart } from './state.ts';
import { FIRST_UNKNOWN, NO_STATUS, knownCode, recovers } from './statuses.ts';
import { NEVER, earlier, episodeDue, nextDue, type Summary } from './summary.ts';
import { abandonmentEvent, changeEvent, toChange, valuesIn, type TraitEvent } from './traits.ts';

const DAY_MS = 86_400_000;
/** How long a cart is remembered after its last arrival, unless the caller says otherwise: 90 days. */
export const DEFAULT_HORIZON_MS = 90 * DAY_MS;
/** Events that a cart can have; every further delivery is overfull. */
export const EVENT_LIMIT = 2000;
/** Bytes that a state can reach by taking another event, so that it fits a Kafka record (4 MiB) with room to spare. */
export const STATE_SIZE_LIMIT = 3 * 1024 * 1024;
/** A cart is forgotten at the next full hour, so that it has at most one timer per hour, however many events it has. */
const FORGET_STEP_MS = 3_600_000;

export interface Folded {
  /** The state to keep; the same buffer when nothing changed. */
  state: Buffer;
  /** A repeat changes nothing; an overfull delivery has to become a dead letter (`cart_overfull`). */
  result: 'event' | 'repeat' | 'overfull';
  /** The limit that the cart would exceed: EVENT_LIMIT or STATE_SIZE_LIMIT. Null unless `result` is overfull. */
  overfull: 'events' | 'size' | null;
  /** In this order: conclusions that were due before, retractions, assertions and updates. */
  changes: TraitChange[];
}

export interface Concluded {
  state: Buffer;
  changes: TraitChange[];
}

const NO_CHANGES: TraitChange[] = [];

/**
 * Folds one delivery. What fell due before `logTimeMs` is concluded first, so a caller without timers is exact too.
 * @param state what the last call returned for this cart, undefined for a cart never seen
 * @param event of kind cart_status, cart_activity or cart_abandoned
 * @param logTimeMs log time, Unix milliseconds
 * @param horizonMs how long a cart is remembered after its last arrival
 * @param scratch of the caller; without one, the call allocates its own
 * @throws UnknownVersionError for a state of another format
 * @throws DamagedStateError for a state that does not follow its format
 * @throws RangeError for a tick
 */
export function foldCart(
  state: Buffer | undefined,
  event: CartEvent,
  logTimeMs: number,
  horizonMs = DEFAULT_HORIZON_MS,
  scratch = new Scratch(),
): Folded {
  const known = state === undefined ? undefined : openState(state, scratch);
  if (known?.kind !== 'live') {
    return foldInto(emptyCart(known !== undefined, scratch.cart), event, logTimeMs, scratch);
  }
  const { lastArrival } = known.summary.life;
  const clock = Math.max(logTimeMs, lastArrival);
  const forgetAt = lastArrival + horizonMs;
  let cart = known;
  let changes = NO_CHANGES;
  if (nextDue(cart.summary) < Math.min(clock, forgetAt)) {
    const concluded = conclude(cart, clock, forgetAt, scratch);
    changes = concluded.changes;
    cart = reopen(concluded.state, scratch);
  }
  if (clock > forgetAt) cart = emptyCart(true, scratch.cart);
  const folded = foldInto(cart, event, clock, scratch);
  return changes === NO_CHANGES ? folded : { ...folded, changes: [...changes, ...folded.changes] };
}

/**
 * Concludes the abandonments that are due; if there are none, forgets a cart that is past the horizon. Never both in one
 * call, so that the state after a conclusion still says how the cart stands.
 * @throws UnknownVersionError for a state of another format
 * @throws DamagedStateError for a state that does not follow its format
 */
export function concludeDue(
  state: Buffer,
  logTimeMs: number,
  horizonMs = DEFAULT_HORIZON_MS,
  scratch = new Scratch(),
): Concluded {
  const cart = openState(state, scratch);
  if (cart.kind === 'forgotten') return { state, changes: NO_CHANGES };
  const forgetAt = cart.summary.life.lastArrival + horizonMs;
  if (nextDue(cart.summary) < Math.min(logTimeMs, forgetAt)) return conclude(cart, logTimeMs, forgetAt, scratch);
  return { state: logTimeMs > forgetAt ? forgottenState() : state, changes: NO_CHANGES };
}

/**
 * When `concludeDue` has something to do: once log time is past this. Undefined for a cart that is only remembered to
 * have been there.
 * @param scratch of the caller; without one, the call allocates what it needs
 * @throws UnknownVersionError for a state of another format
 * @throws DamagedStateError for a state that does not follow its format
 */
export function dueOf(state: Buffer, horizonMs = DEFAULT_HORIZON_MS, scratch?: Scratch): number | undefined {
  const summary = openSummary(state, scratch);
  if (summary === undefined) return undefined;
  const forgetAt = summary.life.lastArrival + horizonMs;
  const due = nextDue(summary);
  return due < forgetAt ? due : Math.ceil(forgetAt / FORGET_STEP_MS) * FORGET_STEP_MS;
}

/** Folds a delivery into a life for which nothing is due. */
function foldInto(cart: LiveCart, event: CartEvent, clock: number, scratch: Scratch): Folded {
  const { count } = cart.summary.life;
  if (isRepeat(cart, event)) return unchanged(cart, 'repeat', null);
  if (count >= EVENT_LIMIT) return unchanged(cart, 'overfull', 'events');
  const isLast = count === 0 || (cart.version === VERSION && comesLast(cart.summary, event));
  const folded = isLast ? append(cart, event, clock, scratch) : refoldWith(cart, event, clock, scratch);
  if (folded.state.length > STATE_SIZE_LIMIT && count > 0) return unchanged(cart, 'overfull', 'size');
  return { state: folded.state, result: 'event', overfull: null, changes: folded.changes };
}

function unchanged({ bytes }: LiveCart, result: Folded['result'], overfull: Folded['overfull']): Folded {
  return { state: bytes, result, overfull, changes: NO_CHANGES };
}

/** A state that was built a moment ago. */
function reopen(state: Buffer, scratch: Scratch): LiveCart {
  const cart = openState(state, scratch);
  invariant(cart.kind === 'live', 'a conclusion does not forget a cart');
  return cart;
}

function isRepeat(cart: LiveCart, event: CartEvent): boolean {
  let index = findKey(cart, event.event_key, 0);
  if (index < 0) return false;
  const records = readRecords(cart);
  const line = event.source === 'line';
  const delivery = {
    kind: kindOf(event.kind),
    line,
    receivedAt: event.received_at,
    requestAt: line || event.request_at === null ? NEVER : event.request_at,
  };
  for (; index >= 0; index = findKey(cart, event.event_key, index + 1)) {
    if (repeats(delivery, records[index]!, event.retry_horizon_ms)) return true;
  }
  return false;
}

/** Whether the summary is enough to fold the event: it comes after all others and changes nothing that counts. */
function comesLast({ position, visits, conclusions }: Summary, event: CartEvent): boolean {
  const at = event.occurred_at;
  const { episode, recoveredAt } = visits;
  if (at < position.at || conclusions.claimed) return false;
  if (episode?.concluded === true && at <= episode.deadline) return false;
  const kind = kindOf(event.kind);
  const status = kind === KIND_STATUS ? (knownCode(event.status ?? '') ?? FIRST_UNKNOWN) : NO_STATUS;
  const recovering = kind === KIND_STATUS && recovers(status) && Number.isNaN(recoveredAt);
  if (recovering && !Number.isNaN(conclusions.abandonedAt)) return false;
  return at > position.at || precedenceOf(kind, status, event.emptying) > position.precedence;
}

/** The usual way: an event later than all others. */
function append(cart: LiveCart, event: CartEvent, logTime: number, scratch: Scratch): Concluded {
  const { summary } = cart;
  const { conclusions } = summary;
  const dueBefore = episodeDue(summary.visits);
  const { record, appended } = appendRecord(cart, event, logTime, scratch);
  const { abandonment, change } = applyEvent(summary, record);
  let trait: TraitEvent | undefined;
  let decisions: ByteWriter | undefined;
  if (abandonment?.source === 'timer') {
    conclusions.closedDue = earlier(conclusions.closedDue, dueBefore);
  } else if (abandonment !== undefined) {
    trait = { ...abandonmentEvent(abandonment), detectedAt: logTime };
    decisions = withDecision(cart, trait, scratch);
    conclusions.abandonedAt = trait.at;
  }
  if (change !== undefined) trait = changeEvent(change, summary.values, logTime);
  const state = buildState(cart, { summary, version: VERSION }, { decisions, appended }, scratch);
  if (trait === undefined) return { state, changes: NO_CHANGES };
  return { state, changes: [toChange('asserted', trait, valuesIn(summary, state), null, event)] };
}

/** Concludes what is due before the log time, or before the cart is forgotten if that is earlier. */
function conclude(cart: LiveCart, logTime: number, forgetAt: number, scratch: Scratch): Concluded {
  const { summary, version } = cart;
  const { visits, conclusions } = summary;
  const dueBefore = Math.min(logTime, forgetAt);
  if (!Number.isNaN(conclusions.closedDue) || conclusions.claimed || version !== VERSION) {
    return refoldDue(cart, logTime, dueBefore, scratch);
  }
  // Only the open episode can be due, and it is the latest of all: the summary has all that it takes.
  const trait = { ...abandonmentEvent(openAbandonment(summary)), detectedAt: logTime };
  const decisions = withDecision(cart, trait, scratch);
  if (visits.episode !== undefined) visits.episode.concluded = true;
  conclusions.abandonedAt = trait.at;
  const state = buildState(cart, { summary, version }, { decisions }, scratch);
  return { state, changes: [toChange('asserted', trait, valuesIn(summary, state))] };
}

/** The decisions of a cart with one more. */
function withDecision(cart: LiveCart, trait: TraitEvent, { decisions }: Scratch): ByteWriter {
  decisions.reset().append(cart.bytes, cart.decisionsAt, cart.productsAt);
  writeDecision(decisions, trait);
  return decisions;
}
