// Generated from schemas/*.avsc by scripts/generate-types.ts. Do not edit.

export type AudienceMove = 'entered' | 'left';

/** Somebody entered or left an audience. Key: workspace. Nothing writes it yet: the topic is there so that readers can be. */
export interface AudienceChange {
  workspace: string;
  audience_id: string;
  /** Of the audience's definition, counted from 1. */
  version: number;
  /** The person of that moment; apply merges. */
  person_id: number;
  change: AudienceMove;
  /** Since when it is so. */
  at: number;
  /** What brought it about: a stable word in snake case. */
  cause: string;
}

export type CartEventKind = 'cart_status' | 'cart_activity' | 'cart_abandoned' | 'tick';

export type CartEventSource = 'webhook' | 'line' | 'tick';

/** 16 bytes. */
export type EventKey = Buffer;

export type OccurredAtSource = 'given' | 'updated' | 'checked_out' | 'request' | 'received';

export interface Product {
  product_id: string;
  count: number;
  price: null | number;
}

/** One accepted delivery about a cart, as ingest understood it, or a tick that only moves the log's clock. Key: workspace:cart. Times are Unix milliseconds, UTC. */
export interface CartEvent {
  /** What the delivery says. A tick says nothing about any cart. */
  kind: CartEventKind;
  /** How it came: a webhook, a line of /v1/events, or the runtime itself. Webhooks and lines never repeat each other. */
  source: CartEventSource;
  /** Empty for a tick. */
  workspace: string;
  /** Empty for a tick. */
  cart_id: string;
  /** Of a webhook. */
  subscription_id: null | string;
  /** The line's event_id, else the event key in hex. Empty for a tick. */
  event_id: string;
  /** What repeats are recognised by: the first 16 bytes of a SHA-256. */
  event_key: EventKey;
  /** T: when it happened, never after received_at. */
  occurred_at: number;
  occurred_at_source: OccurredAtSource;
  /** The stated time was over five minutes ahead of receipt. */
  clamped: boolean;
  /** Receipt, by the clock of the process that wrote this record. */
  received_at: number;
  /** The webhook's request timestamp. */
  request_at: null | number;
  /** Stamped at receipt. */
  abandonment_window_ms: number;
  /** Stamped at receipt. */
  grace_ms: number;
  /** Stamped at receipt. */
  retry_horizon_ms: number;
  /** Only of cart_status; any text, known or not. */
  status: null | string;
  /** An activity or pending whose products are there and none has a count above 0. */
  emptying: boolean;
  store_id: null | string;
  store_name: null | string;
  /** reservation_mode. */
  mode: null | string;
  amount: null | number;
  /** Null when absent; an empty list is a statement. */
  products: null | Product[];
  cart_created_at: null | number;
  /** reservation_start_window. */
  reservation_start_at: null | number;
  user_id: null | string;
  /** The empty string when an external id came without a source. */
  external_source: null | string;
  external_id: null | string;
  /** E.164, or null when none could be read. */
  phone: null | string;
  /** Lower case, or null when none could be read. */
  email: null | string;
  /** The text of a phone that could not be read: no identifier. */
  unread_phone: null | string;
  /** The text of an address that could not be read: no identifier. */
  unread_email: null | string;
  name: null | string;
  /** The raw body or line, as accepted. */
  body: Buffer;
}

export type DeadLetterSource = 'webhook' | 'events' | 'people' | 'carts';

/** Something that was authenticated and could not be used: kept with its reason, to be mended and replayed. Key: subscription, or source. */
export interface DeadLetter {
  dead_letter_id: string;
  workspace: string;
  /** Where it came in. carts is of older records alone: what the processor finds unusable (cart_overfull) has the source that it came by. */
  source: DeadLetterSource;
  subscription_id: null | string;
  /** A stable code in snake case. */
  reason: string;
  /** For people: the place and the remedy. */
  message: string;
  /** Of a bulk body, counted from 1. */
  line: null | number;
  received_at: number;
  request_at: null | number;
  body: Buffer;
  body_truncated: boolean;
}

export type Entity = 'workspace' | 'key' | 'subscription' | 'audience' | 'flow' | 'link_rules';

/** One change of something that people define. One partition, kept for ever, folded alike by every reader: a record whose expected_version is not the entity's version is refused by the fold. Key: entity:id (link_rules: one per workspace, with its id). */
export interface Definition {
  /** Unique; the writer waits until it has folded this record. */
  record_id: string;
  entity: Entity;
  /** The workspace that it belongs to (of a workspace: itself). */
  workspace: string;
  id: string;
  /** 0 for one that must not exist yet. */
  expected_version: number;
  deleted: boolean;
  /** The whole new value as JSON; empty when deleted. Keys and tokens hashed, signing secrets encrypted. */
  body: string;
  at: number;
}

export type PersonInputKind = 'cart' | 'record' | 'erasure' | 'link_rules';

export type IdentifierKind = 'user_id' | 'external' | 'phone' | 'email';

export interface Identifier {
  kind: IdentifierKind;
  /** Of external: source, one space, id; in the source a space is %20 and the percent sign %25. */
  value: string;
}

export type TraitOp = 'asserted' | 'updated' | 'retracted';

export type Trait = 'cart_abandoned' | 'cart_status_updated';

export type AbandonmentSource = 'timer' | 'jane';

export type Anomaly = 'after_terminal' | 'wrong_mode' | 'backward';

export interface TraitChange {
  /** updated: the same trait event with other fields (recovered, another amount). */
  op: TraitOp;
  trait: Trait;
  /** Empty for cart_abandoned. */
  status: string;
  occurred_at: number;
  /** Log time of the assertion that stands or stood. */
  detected_at: number;
  retracted_at: null | number;
  recovered_at: null | number;
  source: null | AbandonmentSource;
  previous_status: null | string;
  reentered: boolean;
  anomaly: null | Anomaly;
  store_id: null | string;
  mode: null | string;
  amount: null | number;
  products: null | Product[];
  beyond_horizon: boolean;
  /** occurred_at of the retracted trait event of this cart, trait and status whose place this one takes. */
  replaces: null | number;
  /** Of an abandonment: the last activity of its episode. Null for one by Jane without an open episode. */
  last_activity_at: null | number;
}

export interface CartStatus {
  status: string;
  /** T of the latest change to it. */
  began_at: number;
  /** T of the latest change away from it; null while it is the current status. */
  left_at: null | number;
}

/** The cart as it stands after this. */
export interface CartSnapshot {
  status: null | string;
  /** T of the change that brought the status. */
  status_since: null | number;
  store_id: null | string;
  mode: null | string;
  amount: null | number;
  /** created_at as Jane gave it, else the smallest T. */
  created_at: null | number;
  last_activity_at: null | number;
  /** D of the open episode. */
  due_at: null | number;
  /** occurred_at of the latest abandonment. */
  abandoned_at: null | number;
  /** Of the latest abandonment. */
  recovered_at: null | number;
  reservation_start_at: null | number;
  /** The latest list; null: none is known. */
  products: null | Product[];
  store_name: null | string;
  /** The largest T of the cart's events. */
  last_event_at: null | number;
  /** T of the first change of status. */
  first_status_at: null | number;
  /** Every status that the cart has had, once each, in the order of the changes to them. */
  statuses: CartStatus[];
}

/** One accepted event of a cart, or a deadline that fell due, and what follows from it. */
export interface CartUpdate {
  cart_id: string;
  /** T of the event; null for a deadline. */
  occurred_at: null | number;
  /** Of two events of a cart with the same T, the one with the smaller bytes comes first. Null for a deadline, and in records of earlier versions. */
  event_order: null | Buffer;
  identifiers: Identifier[];
  name: null | string;
  changes: TraitChange[];
  snapshot: CartSnapshot;
}

export type Consent = 'opted_in' | 'opted_out';

export interface PersonRecord {
  occurred_at: number;
  identifiers: Identifier[];
  name: null | string;
  time_zone: null | string;
  sms_consent: null | Consent;
  email_consent: null | Consent;
}

/** Erases the people who have one of these identifiers or carts, up to a time of receipt. It names no person id, because a rebuild assigns others. A large erasure is several records with the same bound. */
export interface Erasure {
  identifiers: Identifier[];
  /** Their ids. */
  carts: string[];
  /** Deliveries and records that were received up to this time are erased; one that is received later and repeats none of them makes a new person. */
  received_through: number;
}

export interface LinkRules {
  limit: number;
  allow: Identifier[];
  deny: Identifier[];
  /** Offset of the change in definitions. A number at or below the last one of this workspace repeats a change and has no effect. */
  number: number;
}

/** What decides who is who and what happened to whose cart. Key: workspace. Exactly the member that kind names is set. */
export interface PersonInput {
  kind: PersonInputKind;
  workspace: string;
  /** The log time of the cause; null for what comes from outside. */
  log_time: null | number;
  /** The clock of the process that wrote this record (of a cart: its event's receipt). */
  received_at: number;
  cart: null | CartUpdate;
  record: null | PersonRecord;
  erasure: null | Erasure;
  link_rules: null | LinkRules;
}

export type OutcomeKind = 'trait' | 'cart' | 'person' | 'merge';

export interface TraitEvent {
  /** 32 hex digits, made of workspace, cart, trait, status and occurred_at. */
  event_id: string;
  op: TraitOp;
  /** The person that it was concluded under; apply merges. */
  person_id: number;
  cart_id: string;
  trait: Trait;
  /** Empty for cart_abandoned. */
  status: string;
  occurred_at: number;
  detected_at: number;
  retracted_at: null | number;
  recovered_at: null | number;
  source: null | AbandonmentSource;
  previous_status: null | string;
  reentered: boolean;
  anomaly: null | Anomaly;
  store_id: null | string;
  mode: null | string;
  amount: null | number;
  products: null | Product[];
  beyond_horizon: boolean;
  /** event_id of the retracted trait event whose place this one takes. */
  replaces: null | string;
  /** Of an abandonment: the last activity of its episode. Null for one by Jane without an open episode. */
  last_activity_at: null | number;
  /** The phone number of the cart's latest event that has one, as known when this record was written. */
  cart_phone: null | string;
  /** The email address of the cart's latest event that has one, as known when this record was written. */
  cart_email: null | string;
  /** The person under whom this was asserted before, where it is asserted under another now. Readers that keep rows by person delete that person's row. */
  moved_from: null | number;
}

export interface Cart {
  cart_id: string;
  person_id: number;
  status: null | string;
  status_since: null | number;
  store_id: null | string;
  mode: null | string;
  amount: null | number;
  created_at: null | number;
  last_activity_at: null | number;
  due_at: null | number;
  abandoned_at: null | number;
  recovered_at: null | number;
  reservation_start_at: null | number;
  /** The latest list; null: none is known. */
  products: null | Product[];
  store_name: null | string;
  /** The largest T of the cart's events. */
  last_event_at: null | number;
  /** T of the first change of status. */
  first_status_at: null | number;
  /** Every status that the cart has had, once each, in the order of the changes to them. */
  statuses: CartStatus[];
  /** The phone number of the cart's latest event that has one. */
  phone: null | string;
  /** The email address of the cart's latest event that has one. */
  email: null | string;
  /** The person under whom this was asserted before, where it is asserted under another now. Readers that keep rows by person delete that person's row. */
  moved_from: null | number;
}

export interface ProfileIdentifier {
  kind: IdentifierKind;
  /** Of external: source, one space, id; in the source a space is %20 and the percent sign %25. */
  value: string;
  /** SMS consent of a phone, email consent of an address. */
  consent: null | Consent;
}

export interface MoreIdentifiers {
  kind: IdentifierKind;
  consent: null | Consent;
  count: number;
}

/** The whole profile, as it stands. */
export interface Person {
  person_id: number;
  anonymous: boolean;
  name: null | string;
  time_zone: null | string;
  first_at: number;
  last_at: number;
  /** At most 50 of each kind; how many others there are is in more_identifiers. */
  identifiers: ProfileIdentifier[];
  /** How many identifiers there are besides those shown, by kind and consent. */
  more_identifiers: MoreIdentifiers[];
}

export interface Merge {
  loser: number;
  /** Never itself a loser at this version: aliases are flat, earlier ones are repeated. */
  winner: number;
  /** The loser was one anonymous cart. Its cart and trait events are asserted again under the winner, so nothing remains under the loser. */
  dissolved: boolean;
}

/** The product's outcome. Key: workspace. Exactly the member that kind names is set. Records of one workspace are in order; a later one about the same trait event, cart or person takes the place of an earlier one. */
export interface Outcome {
  kind: OutcomeKind;
  workspace: string;
  /** Log time of the cause. */
  log_time: number;
  /** Offset in person-inputs of the cause. (log_time, input_offset) is the version of what this record says. */
  input_offset: number;
  trait: null | TraitEvent;
  cart: null | Cart;
  person: null | Person;
  merge: null | Merge;
}
