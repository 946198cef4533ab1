/** What the fold of flows keeps, as types and as bytes. Every entry begins with the number of its format. */
import { ByteReader, ByteWriter } from '../bytes/index.ts';
import type { Anomaly, FlowChannel, Product, StandingCart, Trait } from '../../schemas/types.ts';
import type { Transitions } from '../transitions.ts';
import { double, flag, id, list, nullable, oneOf, record, text, unsigned, whole, type Form } from './codec.ts';

const CHANNELS = ['sms', 'email', 'webhook'] as const satisfies readonly FlowChannel[];
const TRAITS = ['cart_abandoned', 'cart_status_updated'] as const satisfies readonly Trait[];
const ANOMALIES = ['after_terminal', 'wrong_mode', 'backward'] as const satisfies readonly Anomaly[];
const CONSENTS = ['opted_in', 'opted_out'] as const;

/** Why a run ended before it was completed. Of several causes in one record the first counts. */
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

/** A message that is out. */
export interface OpenRequest {
  node: string;
  channel: FlowChannel;
  /** Of the address; empty for a webhook. */
  hash: string;
  marketing: boolean;
  /** Revoked by a pause: it is requested again when the flow is resumed. */
  isRevoked: boolean;
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
  codes: { pool: string; index: number }[];
  requests: OpenRequest[];
  /** What will end the run when it is known whether the person may enter. */
  endsAs: Cause | null;
}

const trigger = record<Trigger>({
  event: id,
  trait: oneOf(TRAITS),
  status: text,
  at: whole,
  lastActivityAt: nullable(whole),
  anomaly: nullable(oneOf(ANOMALIES)),
  storeId: nullable(text),
  mode: nullable(text),
  amount: nullable(double),
  products: list(text),
  instant: nullable(whole),
});

const run = record<Run>({
  timerAt: nullable(whole),
  state: oneOf(RUN_STATES),
  version: unsigned,
  person: unsigned,
  cart: text,
  trigger,
  startedAt: whole,
  startedOffset: unsigned,
  node: text,
  reachedAt: whole,
  reachedOffset: unsigned,
  ready: nullable(record({ kind: oneOf(READY_KINDS), at: whole, isShown: flag })),
  messageDueAt: whole,
  isDelayed: flag,
  questions: unsigned,
  sent: list(text),
  codes: list(record({ pool: text, index: unsigned })),
  requests: list(
    record<OpenRequest>({ node: text, channel: oneOf(CHANNELS), hash: id, marketing: flag, isRevoked: flag }),
  ),
  endsAs: nullable(oneOf(CAUSES)),
});

/** live, counted: for `once` and the cooldown. retracted: ended so, and nothing was sent. */
const START_STATES = ['live', 'counted', 'retracted'] as const;
export type StartState = (typeof START_STATES)[number];

/** A run as its person knows it. Of those that have ended and count, a flow has at most the latest. */
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
  /** Of the record that reported it. */
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

const address = record<Address>({ value: text, consent: nullable(oneOf(CONSENTS)) });

const person = record<Person>({
  anonymous: flag,
  name: nullable(text),
  timeZone: nullable(text),
  phones: list(address),
  emails: list(address),
  starts: list(record<PersonStart>({ flow: text, run: id, cart: text, at: whole, state: oneOf(START_STATES) })),
  checkouts: list(record({ cart: text, at: whole })),
  messages: list(
    record<PersonMessage>({
      flow: text,
      version: unsigned,
      run: id,
      node: text,
      cart: text,
      channel: oneOf(CHANNELS),
      marketing: flag,
      at: whole,
      offset: unsigned,
      isSent: flag,
    }),
  ),
});

/** A trait event that was asserted at some time. */
export interface KnownEvent {
  id: string;
  trait: Trait;
  status: string;
  at: number;
  isAsserted: boolean;
  /** Where it counts as asserted: of a chain of replacements, the first of them. */
  offset: number;
  loggedAt: number;
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

const standing = record<StandingCart>({
  status: nullable(text),
  had: list(text),
  store_id: nullable(text),
  store_name: nullable(text),
  mode: nullable(text),
  amount: nullable(double),
  products: nullable(list(record<Product>({ product_id: text, count: double, price: nullable(double) }))),
  last_activity_at: nullable(whole),
  due_at: nullable(whole),
  reservation_start_at: nullable(whole),
});

const cart = record<Cart>({
  dueAt: nullable(whole),
  person: unsigned,
  phone: nullable(text),
  email: nullable(text),
  standing: nullable(standing),
  events: list(
    record<KnownEvent>({
      id,
      trait: oneOf(TRAITS),
      status: text,
      at: whole,
      isAsserted: flag,
      offset: unsigned,
      loggedAt: whole,
      replaces: id,
    }),
  ),
  runs: list(
    record<CartRun>({ flow: text, run: id, events: list(id), at: whole, state: oneOf(START_STATES), hasSent: flag }),
  ),
  used: list(record({ flow: text, instant: whole })),
  goals: list(record<CartGoal>({ flow: text, version: unsigned, run: id, event: id })),
  touchedAt: whole,
});

export interface AddressState {
  /** When it may be forgotten, Unix ms; null: never. */
  dueAt: number | null;
  /** Why nothing may be sent to it. */
  suppressions: string[];
  /** Marketing messages that are out or were sent, by request id. */
  sends: { request: string; at: number }[];
}

const addressState = record<AddressState>({
  dueAt: nullable(whole),
  suppressions: list(text),
  sends: list(record({ request: id, at: whole })),
});

/** Codes are dealt in the order in which they were added. */
export interface Pool {
  total: number;
  given: number;
}

const pool = record<Pool>({ total: unsigned, given: unsigned });

export interface Format<T> {
  encode(value: T): Buffer;
  /** Throws DamagedStateError for bytes that are not in the format. */
  decode(bytes: Buffer): T;
}

const writer = new ByteWriter();

function format<T>(version: number, subject: string, form: Form<T>): Format<T> {
  return {
    encode(value) {
      writer.reset();
      writer.byte(version);
      form.write(writer, value);
      return writer.take();
    },
    decode(bytes) {
      const reader = new ByteReader(bytes, subject);
      if (reader.byte() !== version) reader.fail(`format ${version}`, 0);
      const value = form.read(reader);
      reader.expectEnd();
      return value;
    },
  };
}

export const RUN = format(1, 'the state of a run', run);
export const PERSON = format(1, 'the state of a person in flows', person);
/** A person who was merged: the id of the winner. */
export const ALIAS = format(2, 'the alias of a person in flows', unsigned);
export const CART = format(1, 'the state of a cart in flows', cart);
export const ADDRESS = format(1, 'the state of an address in flows', addressState);
export const POOL = format(1, 'the state of a code pool', pool);

export const isAlias = (bytes: Buffer): boolean => bytes[0] === 2;

const timer = nullable(whole);

/** The time at the beginning of a run, a cart or an address, without the rest; undefined for none. */
export function timerOf(bytes: Buffer): number | undefined {
  return timer.read(new ByteReader(bytes, 'the timer of a state of flows', 1)) ?? undefined;
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
