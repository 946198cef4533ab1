/** What the fold of flows keeps. Their bytes: `forms.ts`. */
import type { Anomaly, FlowChannel, StandingCart, Trait } from '../../schemas/types.ts';
import { isTimeZone } from '../time/index.ts';
import type { Transitions } from '../transitions.ts';

/** Why a run ended before it was completed. If one record has several causes, the first in this list counts. */
export const CAUSES = [
  'checkout',
  'activity',
  'event',
  'no_longer',
  'retracted',
  'merged',
  'parted',
  'cancelled',
  'archived',
  'flow_changed',
  'erased',
] as const;
export type Cause = (typeof CAUSES)[number];

/**
 * - asking: whether the person may enter is not answered yet. The run counts as live, but has not started.
 * - waiting, listening: at a `wait`, or a `wait_for`; due at its timer.
 * - settling: a message waits until the log is complete up to the time at which it was due.
 * - questioned: `while` or the audience of a split is not answered yet.
 * - held: a message waits until quiet hours end.
 * - requested: a message is out.
 * - ready: continues within this record or, while the flow is paused, when it is resumed.
 * - ended: nothing is left but the outcomes of messages that are out.
 */
export const RUN_STATES = [
  'asking',
  'waiting',
  'listening',
  'settling',
  'questioned',
  'held',
  'requested',
  'ready',
  'ended',
] as const;
export type RunState = (typeof RUN_STATES)[number];

/** A run that is ready may come to rest in any state. */
export const RUN_TRANSITIONS: Transitions<RunState> = {
  asking: ['ready', 'ended'],
  waiting: ['ready', 'ended'],
  listening: ['ready', 'ended'],
  settling: ['ready', 'ended'],
  questioned: ['ready', 'ended'],
  held: ['ready', 'ended'],
  requested: ['ready', 'ended'],
  ready: ['ready', 'asking', 'waiting', 'listening', 'settling', 'questioned', 'held', 'requested', 'ended'],
  ended: [],
};

/** How a run that is ready continues. */
export const READY_KINDS = [
  /** At the first node. */
  'begin',
  /** The wait is over. */
  'woken',
  /** What a wait_for waits for has not come in time. */
  'timeout',
  'satisfied',
  /** Quiet hours are over. */
  'released',
  'settled',
  'yes',
  'no',
  /** No answer came in time. */
  'unanswered',
  'sent',
  /** The message was skipped, or has failed. */
  'unsent',
  /** The message is checked from the beginning. */
  'check',
  /** The node is reached: the run was moved to it. */
  'reach',
] as const;
export type ReadyKind = (typeof READY_KINDS)[number];

/** The trait event that started a run, or the cart for which `in_next` did. Times are Unix ms. */
export interface Trigger {
  event: string;
  trait: Trait;
  status: string;
  at: number;
  lastActivityAt: number | null;
  anomaly: Anomaly | null;
  storeId: string | null;
  mode: string | null;
  amount: number | null;
  /** Ids of products with a count above 0. */
  products: string[];
  /** The instant that an `in_next` trigger awaits; null for a trait event. */
  instant: number | null;
}

/**
 * Whether a message that is out has been revoked.
 *
 * - pausing: by a pause. Its call may have begun: it is not decided again before delivery has replied.
 * - paused: by a pause, and delivery has replied that it was certainly not sent. It is decided again when the flow is
 *   resumed.
 * - ended: for good; only its outcome is awaited.
 */
export const REVOCATIONS = ['no', 'paused', 'ended', 'pausing'] as const;
export type Revoked = (typeof REVOCATIONS)[number];

export const isByPause = (revoked: Revoked): boolean => revoked === 'paused' || revoked === 'pausing';

/** A message that is out, or that a pause has revoked and that has no outcome yet. */
export interface OpenRequest {
  node: string;
  channel: FlowChannel;
  /** The hash of the address; empty for a webhook. */
  hash: string;
  marketing: boolean;
  revoked: Revoked;
}

export interface Run {
  /** When the timer fires, Unix ms; null for none. */
  timerAt: number | null;
  state: RunState;
  version: number;
  person: number;
  cart: string;
  trigger: Trigger;
  startedAt: number;
  /** Offset of the record that started the run, or asked whether the person may enter. */
  startedOffset: number;
  /** Empty before the first node. */
  node: string;
  reachedAt: number;
  reachedOffset: number;
  ready: { kind: ReadyKind; at: number; isShown: boolean } | null;
  /** When the message that comes next was or will be due. */
  messageDueAt: number;
  /** The message that comes next follows a wait, a timeout or a hold. */
  isDelayed: boolean;
  /** How many questions the run has asked. */
  questions: number;
  /** Nodes whose message was sent. */
  sent: string[];
  /** Nodes whose message was requested, and had another outcome. */
  unsent: string[];
  codes: { pool: string; index: number }[];
  requests: OpenRequest[];
  /** What will end the run when it is known whether the person may enter. */
  endsAs: Cause | null;
}

/** live, counted: for `once` and the cooldown. retracted: ended so, and nothing was sent. */
export const START_STATES = ['live', 'counted', 'retracted'] as const;
export type StartState = (typeof START_STATES)[number];

/** A run as its person knows it. A flow has at most one that has ended and counts: the latest. */
export interface PersonStart {
  flow: string;
  run: string;
  cart: string;
  at: number;
  state: StartState;
}

/** A message that is out or was sent. */
export interface PersonMessage {
  flow: string;
  version: number;
  run: string;
  node: string;
  cart: string;
  channel: FlowChannel;
  marketing: boolean;
  /** When it was requested; once it was sent, when that was reported. */
  at: number;
  /** Offset of the record that reported it. */
  offset: number;
  isSent: boolean;
}

export interface Address {
  value: string;
  consent: 'opted_in' | 'opted_out' | null;
}

export interface Person {
  anonymous: boolean;
  name: string | null;
  timeZone: string | null;
  phones: Address[];
  emails: Address[];
  starts: PersonStart[];
  /** Carts with a checkout that counts for the person: the latest T of each. */
  checkouts: { cart: string; at: number }[];
  messages: PersonMessage[];
}

/** The zone of a person. An invalid one, stored before zones were checked, is treated as absent. */
export const ownZone = ({ timeZone }: Person): string | null =>
  timeZone !== null && isTimeZone(timeZone) ? timeZone : null;

/** A trait event that was asserted at some time. */
export interface KnownEvent {
  id: string;
  trait: Trait;
  status: string;
  at: number;
  isAsserted: boolean;
  /** Where it counts as asserted: of a chain of replacements, the first of them. */
  offset: number;
  /** Empty for none. */
  replaces: string;
}

/** A run as its cart knows it. */
export interface CartRun {
  flow: string;
  run: string;
  /** The trait events that it was by, the first one first. */
  events: string[];
  at: number;
  state: StartState;
  hasSent: boolean;
}

export interface CartGoal {
  flow: string;
  version: number;
  run: string;
  event: string;
}

export interface Cart {
  /** When something is to be done without a record, Unix ms; null for never. */
  dueAt: number | null;
  person: number;
  phone: string | null;
  email: string | null;
  standing: StandingCart | null;
  events: KnownEvent[];
  runs: CartRun[];
  /** Instants that `in_next` has used up, by flow. */
  used: { flow: string; instant: number }[];
  goals: CartGoal[];
  /** Log time of the last record about the cart. */
  touchedAt: number;
}

export interface AddressState {
  /** When it may be forgotten, Unix ms; null: never. */
  dueAt: number | null;
  /** Why nothing may be sent to it. */
  suppressions: string[];
  /** Marketing messages that are out (`at` is the end of all time) or were sent then, by request id. */
  sends: { request: string; at: number }[];
}

/** Codes are dealt in the order in which they were added. */
export interface Pool {
  total: number;
  given: number;
}

export const newPerson = (): Person => ({
  anonymous: true,
  name: null,
  timeZone: null,
  phones: [],
  emails: [],
  starts: [],
  checkouts: [],
  messages: [],
});

export const newCart = (personId: number, touchedAt: number): Cart => ({
  dueAt: null,
  person: personId,
  phone: null,
  email: null,
  standing: null,
  events: [],
  runs: [],
  used: [],
  goals: [],
  touchedAt,
});
