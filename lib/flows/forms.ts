/** The bytes of what the fold of flows keeps. Every entry begins with the number of its format. */
import { ByteReader, ByteWriter } from '../bytes/index.ts';
import type { Anomaly, FlowChannel, Product, StandingCart, Trait } from '../../schemas/types.ts';
import { double, flag, id, list, nullable, oneOf, record, text, unsigned, whole, type Form } from './codec.ts';
import {
  CAUSES,
  READY_KINDS,
  REVOCATIONS,
  RUN_STATES,
  START_STATES,
  type Address,
  type AddressState,
  type Cart,
  type CartGoal,
  type CartRun,
  type KnownEvent,
  type OpenRequest,
  type Person,
  type PersonMessage,
  type PersonStart,
  type Pool,
  type Run,
  type Trigger,
} from './state.ts';

const CHANNELS = ['sms', 'email', 'webhook'] as const satisfies readonly FlowChannel[];
const TRAITS = ['cart_abandoned', 'cart_status_updated'] as const satisfies readonly Trait[];
const ANOMALIES = ['after_terminal', 'wrong_mode', 'backward'] as const satisfies readonly Anomaly[];
const CONSENTS = ['opted_in', 'opted_out'] as const;

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

const runForms = {
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
    record<OpenRequest>({
      node: text,
      channel: oneOf(CHANNELS),
      hash: id,
      marketing: flag,
      revoked: oneOf(REVOCATIONS),
    }),
  ),
  endsAs: nullable(oneOf(CAUSES)),
};
const run = record<Omit<Run, 'unsent'>>(runForms);
const runWithUnsent = record<Run>({ ...runForms, unsent: list(text) });

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

const addressState = record<AddressState>({
  dueAt: nullable(whole),
  suppressions: list(text),
  sends: list(record({ request: id, at: whole })),
});

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

const RUN_SUBJECT = 'the state of a run';
const PLAIN_RUN = format(1, RUN_SUBJECT, run);
const RUN_WITH_UNSENT = format(2, RUN_SUBJECT, runWithUnsent);
/** Few runs have a message that was not sent: the others are stored without the list. */
export const RUN: Format<Run> = {
  encode: (value) => (value.unsent.length === 0 ? PLAIN_RUN : RUN_WITH_UNSENT).encode(value),
  decode: (bytes) => (bytes[0] === 2 ? RUN_WITH_UNSENT.decode(bytes) : { ...PLAIN_RUN.decode(bytes), unsent: [] }),
};
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
