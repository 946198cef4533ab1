// Generated from schemas/*.avsc by scripts/generate-types.ts. Do not edit.

export type AudienceMove = 'entered' | 'left';

/** Somebody entered or left a live audience. The key is the workspace. The changes of one evaluation have the same time and are written in one transaction. Applying all changes in order gives the members. */
export interface AudienceChange {
  workspace: string;
  audience_id: string;
  /** The version of the audience's definition, counted from 1. */
  version: number;
  /** The person at that time. When people are merged, the loser leaves and the winner enters. */
  person_id: number;
  change: AudienceMove;
  /** The time of the evaluation that first showed this change. Never earlier than the time of the previous record of this audience. */
  at: number;
  /** event, retraction, time, merge, definition or erasure. Later versions may add other values. */
  cause: string;
  /** The number of members after this change. */
  size: number;
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

/** One accepted delivery about a cart, as ingest interpreted it, or a tick, which only advances log time. The key is workspace:cart_id. All times are UTC. */
export interface CartEvent {
  /** The kind of delivery. A tick is about no cart. */
  kind: CartEventKind;
  /** How the record was received: as a webhook, or as a line of /v1/events. Ticks are written by the runtime. A webhook is never a repeat of a line, nor a line of a webhook. */
  source: CartEventSource;
  /** Empty for a tick. */
  workspace: string;
  /** Empty for a tick. */
  cart_id: string;
  /** The subscription that received the webhook; null for a line and a tick. */
  subscription_id: null | string;
  /** The event_id of the line. If the line has none, and for a webhook, the event_key in hexadecimal. Empty for a tick. */
  event_id: string;
  /** The key by which repeats of an event are recognised: the first 16 bytes of a SHA-256 hash. */
  event_key: EventKey;
  /** When the event happened (T in the documentation). Never later than received_at. */
  occurred_at: number;
  /** Where occurred_at comes from: given by the line, Jane's updated_at_time or checked_out_time, the timestamp of the request, or received_at. */
  occurred_at_source: OccurredAtSource;
  /** The delivery gave a time that was more than five minutes later than received_at, so occurred_at was set to received_at. */
  clamped: boolean;
  /** When the delivery was received, by the clock of the process that wrote this record. */
  received_at: number;
  /** The timestamp that the webhook's request carried; null for a line and a tick. */
  request_at: null | number;
  /** The setting of the workspace when the delivery was received. */
  abandonment_window_ms: number;
  /** The setting of the workspace when the delivery was received. */
  grace_ms: number;
  /** The setting of the workspace when the delivery was received. */
  retry_horizon_ms: number;
  /** The status of a cart_status event, which need not be one of Jane's known statuses. Null for other kinds. */
  status: null | string;
  /** The event is a cart_activity or the status pending, and its list of products contains none with a count above 0. */
  emptying: boolean;
  store_id: null | string;
  store_name: null | string;
  /** Jane's reservation_mode. */
  mode: null | string;
  amount: null | number;
  /** Null if the delivery has no list of products. An empty list means that the cart is empty. */
  products: null | Product[];
  cart_created_at: null | number;
  /** Jane's reservation_start_window. */
  reservation_start_at: null | number;
  user_id: null | string;
  /** Empty if the delivery has an external id without a source. */
  external_source: null | string;
  external_id: null | string;
  /** In the format E.164. Null if the delivery has no phone number, or one that cannot be read. */
  phone: null | string;
  /** In lower case. Null if the delivery has no email address, or one that cannot be read. */
  email: null | string;
  /** The text of a phone number that cannot be read. It is not an identifier. */
  unread_phone: null | string;
  /** The text of an email address that cannot be read. It is not an identifier. */
  unread_email: null | string;
  name: null | string;
  /** The raw body of the webhook, or the raw line, as it was received. */
  body: Buffer;
}

export type DeadLetterSource = 'webhook' | 'events' | 'people' | 'carts' | 'flows';

/** Authenticated input that could not be used. It is kept with the reason, so that it can be corrected and replayed. The key is subscription_id, or source if that is null. */
export interface DeadLetter {
  dead_letter_id: string;
  workspace: string;
  /** How the input was received. Only older records have the source carts: a record that the processor cannot use, for example for the reason cart_overfull, now has the source of its input. Records of flow-inputs that an operator has skipped have the source flows. */
  source: DeadLetterSource;
  subscription_id: null | string;
  /** A stable code in snake_case. */
  reason: string;
  /** An explanation for people: what is wrong, where, and how to correct it. */
  message: string;
  /** The number of the line in a bulk body, counted from 1. Null for other input. */
  line: null | number;
  received_at: number;
  request_at: null | number;
  body: Buffer;
  body_truncated: boolean;
}

export type Entity = 'workspace' | 'key' | 'subscription' | 'audience' | 'flow' | 'link_rules' | 'flow_state' | 'channel' | 'code_pool';

/** One change of a definition. The topic has one partition, is kept forever, and is folded in the same way by all readers: they ignore a record whose expected_version is not the current version of the entity. The key is entity:id. A workspace has one entity of the kind link_rules, whose id is that of the workspace. Each record of the kind flow is a version of a flow; each record of the kind flow_state, with the id of the flow, is a command to it. */
export interface Definition {
  /** Unique. The writer waits until it has folded the record with this id. */
  record_id: string;
  entity: Entity;
  /** The workspace that the entity belongs to. A workspace belongs to itself. */
  workspace: string;
  id: string;
  /** The version of the entity that this record changes; 0 if the entity must not exist yet. */
  expected_version: number;
  deleted: boolean;
  /** The whole new value as JSON; empty if the entity was deleted. Keys and tokens are hashed; signing secrets and codes are encrypted. */
  body: string;
  at: number;
}

export type FlowStep = 'started' | 'refused' | 'reached' | 'asked' | 'answered' | 'held' | 'requested' | 'sent' | 'skipped' | 'failed' | 'unknown' | 'woken' | 'repointed' | 'moved' | 'exited' | 'completed' | 'goal';

export type FlowChannel = 'sms' | 'email' | 'webhook';

export type MessageClass = 'marketing' | 'transactional';

/** One step of a run, or the refusal of one. The key is the workspace. workspace, input_offset and ordinal identify the step: a replay writes the same steps. */
export interface FlowEvent {
  workspace: string;
  flow_id: string;
  /** The version of the flow that the run is on. */
  version: number;
  /** 32 hex digits. Empty for a trait event that was refused without a question. */
  run_id: string;
  /** 0 if the person has been erased. */
  person_id: number;
  /** Empty if the person has been erased. */
  cart_id: string;
  /** The trait event that started the run or was refused; for goal, the one that fulfilled it. For in_next: <cart id>@<instant in ms>. */
  event_id: string;
  /** Empty if the step belongs to no node. */
  node: string;
  what: FlowStep;
  /** Why a run was refused, a message was skipped or failed, or a run exited; the reason of the exit node of a completed run; yes or no of an answered question; retracted for a goal whose event is retracted. Otherwise empty. */
  reason: string;
  /** Log time. */
  at: number;
  /** The record of flow-inputs that caused the step. */
  input_offset: number;
  /** The number of the step among those of the record, counted from 0. */
  ordinal: number;
  /** The end of a hold; the time at which the event of a goal occurred; the time at which a requested message was due. Otherwise null. */
  due_at: null | number;
  channel: null | FlowChannel;
  class: null | MessageClass;
  /** Set for requested and for the outcome of a message. */
  request_id: null | string;
  /** The amount of the cart, for a goal. */
  amount: null | number;
  /** The address that was written to, for the outcome of a message. */
  address: null | string;
  /** The message as it was rendered, as JSON, for the outcome of a message. */
  text: null | string;
}

export type FlowInputKind = 'changes' | 'profile' | 'merge' | 'parting' | 'erasure' | 'command' | 'settings' | 'code_pool' | 'suppression' | 'answer' | 'outcome' | 'settled' | 'tick';

export type TraitOp = 'asserted' | 'updated' | 'retracted';

export type Trait = 'cart_abandoned' | 'cart_status_updated';

export type Anomaly = 'after_terminal' | 'wrong_mode' | 'backward';

export interface FlowChange {
  /** updated: the trait event remains, but other fields of it have changed, for example amount. */
  op: TraitOp;
  /** v_trait_events.event_id. */
  event_id: string;
  trait: Trait;
  /** Empty for cart_abandoned. */
  status: string;
  occurred_at: number;
  /** The event_id of the retracted trait event that this one replaces. */
  replaces: null | string;
  /** The last activity of the cart before an abandonment; null for a status. */
  last_activity_at: null | number;
  anomaly: null | Anomaly;
  reentered: boolean;
  store_id: null | string;
  mode: null | string;
  amount: null | number;
  products: null | Product[];
}

/** A cart in its current state. */
export interface StandingCart {
  status: null | string;
  /** Every status that the cart has had. */
  had: string[];
  store_id: null | string;
  store_name: null | string;
  mode: null | string;
  amount: null | number;
  /** The latest list of products; null if none is known. */
  products: null | Product[];
  last_activity_at: null | number;
  /** When the cart becomes abandoned if nothing else happens; null without an open episode. */
  due_at: null | number;
  reservation_start_at: null | number;
}

/** All changes of one cart that have one cause, and the state of the cart afterwards. */
export interface FlowChanges {
  cart_id: string;
  /** The person to whom the cart belongs now. */
  person_id: number;
  /** The number of this part, counted from 0. */
  part: number;
  /** The number of parts into which the record was divided. The parts have the same log time, follow each other, and are handled as one record when the last of them is read. */
  parts: number;
  /** Changes of trait events in order of occurred_at. Empty if only the cart has changed. */
  changes: FlowChange[];
  /** The cart after these changes. If there are several parts, that of the last one counts. */
  cart: StandingCart;
  /** The phone number that the cart carried last. */
  phone: null | string;
  /** The email address that the cart carried last. */
  email: null | string;
}

export type Consent = 'opted_in' | 'opted_out';

export interface FlowAddress {
  /** A phone number in the format E.164, or an email address in lower case. */
  value: string;
  /** SMS consent of a phone number, email consent of an address. */
  consent: null | Consent;
}

/** The whole current profile of a person, as far as messages need it. */
export interface FlowProfile {
  person_id: number;
  anonymous: boolean;
  name: null | string;
  time_zone: null | string;
  /** In the order of the profile. */
  phones: FlowAddress[];
  /** In the order of the profile. */
  emails: FlowAddress[];
}

/** The profile of the winner precedes it. */
export interface FlowMerge {
  loser: number;
  winner: number;
}

export interface PartedCart {
  cart_id: string;
  /** The person to whom the cart belongs now. */
  person_id: number;
}

/** Carts that leave the person to whom they belonged. A large parting is several records. */
export interface FlowParting {
  carts: PartedCart[];
}

export interface FlowErasure {
  /** Null in a record that names further carts of the same erasure. */
  person_id: null | number;
  /** Ids of people who had been merged into the person. */
  former_ids: number[];
  carts: string[];
}

export type FlowCommandKind = 'publish' | 'pause' | 'resume' | 'archive' | 'cancel';

export type FlowRunsOnPublish = 'finish' | 'move';

export interface FlowCommand {
  /** Offset of the change in definitions. A number that is not greater than the last one of this workspace repeats a change and has no effect. */
  number: number;
  what: FlowCommandKind;
  flow_id: string;
  /** The version that publish makes live. */
  version: number;
  /** The flow as JSON, for publish. */
  definition: null | string;
  /** Whether live runs stay on their version or continue on the one that is published. */
  runs: FlowRunsOnPublish;
  /** The run that cancel ends. */
  run_id: null | string;
}

export interface FrequencyCap {
  count: number;
  amount: number;
  /** minutes, hours, days, weeks or months. */
  unit: string;
}

export interface QuietHours {
  /** HH:MM, the first minute in which messages may be sent. */
  from: string;
  /** HH:MM, the first minute in which they may not. */
  to: string;
  channels: string[];
}

/** All settings of the workspace that flows need. */
export interface FlowSettings {
  /** As in FlowCommand; both count together. */
  number: number;
  /** The name of the workspace, for templates. */
  name: string;
  time_zone: string;
  frequency_cap: null | FrequencyCap;
  /** Null: the default, 08:00 to 21:00 for sms. */
  quiet_hours: null | QuietHours;
}

export interface FlowCodePool {
  /** As in FlowCommand; both count together. */
  number: number;
  name: string;
  /** How many codes have ever been added to the pool. The codes themselves are known to delivery, by their place in the order in which they were added, counted from 0. */
  total: number;
}

/** The provider has reported that an address accepts nothing more, or that it does again. */
export interface FlowSuppression {
  channel: FlowChannel;
  /** addressHash of lib/flows. */
  address_hash: string;
  /** bounce, stop, unknown or complaint. Later versions may add other values. */
  cause: string;
  /** The suppression for this cause ends. */
  lifted: boolean;
}

export interface FlowAnswer {
  question_id: string;
  flow_id: string;
  run_id: string;
  yes: boolean;
}

export type MessageOutcome = 'sent' | 'skipped' | 'failed' | 'unknown';

/** What became of a message. The first outcome of a request counts. Skipped with the reason revoked is no outcome for a request that was revoked by a pause: it was certainly not sent, and may be requested again. */
export interface FlowOutcome {
  request_id: string;
  flow_id: string;
  run_id: string;
  node: string;
  what: MessageOutcome;
  /** Why the message was skipped (stale, suppressed or revoked) or failed (template, or what the provider answered). */
  reason: null | string;
  /** The provider refused the address permanently: it is suppressed. */
  permanent: boolean;
  /** The address that was written to. */
  address: null | string;
  /** The message as it was rendered, as JSON. */
  text: null | string;
}

export interface FlowSettled {
  /** Everything that was accepted by ingest up to this time precedes this record in the partition. */
  t0: number;
}

/** Everything that determines what the flows of a workspace do, in one order. The key is the workspace. The field that kind names is set; the other members are null. A tick, whose key is empty, only advances log time. */
export interface FlowInput {
  kind: FlowInputKind;
  /** Empty for a tick. */
  workspace: string;
  /** Log time of the record that caused this one. Null for records that delivery writes and for ticks, which no record of a log caused. */
  log_time: null | number;
  /** The clock of the process that wrote this record; the log time where another record caused it. */
  received_at: number;
  changes: null | FlowChanges;
  profile: null | FlowProfile;
  merge: null | FlowMerge;
  parting: null | FlowParting;
  erasure: null | FlowErasure;
  command: null | FlowCommand;
  settings: null | FlowSettings;
  code_pool: null | FlowCodePool;
  suppression: null | FlowSuppression;
  answer: null | FlowAnswer;
  outcome: null | FlowOutcome;
  settled: null | FlowSettled;
}

export type PersonInputKind = 'cart' | 'record' | 'erasure' | 'link_rules' | 'command' | 'settings' | 'code_pool';

export type IdentifierKind = 'user_id' | 'external' | 'phone' | 'email';

export interface Identifier {
  kind: IdentifierKind;
  /** An external identifier is written as source, one space, id. In the source, a space is written as %20 and a percent sign as %25. */
  value: string;
}

export type AbandonmentSource = 'timer' | 'jane';

export interface TraitChange {
  /** updated: the trait event remains, but other fields of it have changed, for example recovered_at or amount. */
  op: TraitOp;
  trait: Trait;
  /** Empty for cart_abandoned. */
  status: string;
  occurred_at: number;
  /** Log time at which the trait event was asserted last. */
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
  /** The occurred_at of the retracted trait event of this cart, trait and status that this one replaces. */
  replaces: null | number;
  /** The last activity before the abandonment. Null for a status change, and for an abandonment that Jane reported while the cart had no open episode. */
  last_activity_at: null | number;
}

export interface CartStatus {
  status: string;
  /** When the cart changed to this status last. */
  began_at: number;
  /** When the cart changed from this status to another one last; null while it is the current status. */
  left_at: null | number;
}

/** The state of the cart after this update. */
export interface CartSnapshot {
  status: null | string;
  /** When the cart changed to this status. */
  status_since: null | number;
  store_id: null | string;
  mode: null | string;
  amount: null | number;
  /** The creation time that Jane gave, else the time of the earliest event. */
  created_at: null | number;
  last_activity_at: null | number;
  /** When the cart becomes abandoned if nothing else happens; null without an open episode. */
  due_at: null | number;
  /** The occurred_at of the latest abandonment. */
  abandoned_at: null | number;
  /** The recovered_at of the latest abandonment. */
  recovered_at: null | number;
  reservation_start_at: null | number;
  /** The latest list of products; null if none is known. */
  products: null | Product[];
  store_name: null | string;
  /** The time of the latest event. */
  last_event_at: null | number;
  /** When the cart got its first status. */
  first_status_at: null | number;
  /** Every status that the cart has had, each once, ordered by began_at. */
  statuses: CartStatus[];
}

/** One event of a cart, or a deadline that fell due, with the changes of trait events that follow from it. */
export interface CartUpdate {
  cart_id: string;
  /** When the event happened; null for a deadline. */
  occurred_at: null | number;
  /** Orders the events of a cart that happened at the same time: the one with the smaller bytes comes first. Null for a deadline and in records of earlier versions. */
  event_order: null | Buffer;
  identifiers: Identifier[];
  name: null | string;
  /** Many changes with one cause are several records that follow each other: which of them this one is, counted from 0. */
  part: number;
  /** The number of these records. */
  parts: number;
  changes: TraitChange[];
  snapshot: CartSnapshot;
}

export interface PersonRecord {
  occurred_at: number;
  identifiers: Identifier[];
  name: null | string;
  time_zone: null | string;
  sms_consent: null | Consent;
  email_consent: null | Consent;
}

/** Erases the people who have one of these identifiers or carts. It does not name a person id, because a rebuild assigns other ids. A large erasure is several records with the same received_through. */
export interface Erasure {
  identifiers: Identifier[];
  /** Ids of carts. */
  carts: string[];
  /** Everything that precedes this record in the log is erased, and what follows it if it was received up to this time. A delivery that was received later and does not repeat an earlier one belongs to a new person. */
  received_through: number;
}

export interface LinkRules {
  limit: number;
  allow: Identifier[];
  deny: Identifier[];
  /** Offset of the change in definitions. A number that is not greater than the last one of this workspace repeats a change and has no effect. */
  number: number;
}

/** Everything that determines which carts and identifiers are one person: updates of carts, records of people, erasures and link rules; also commands, settings and code pools of flows, which are passed on to flow-inputs. The key is the workspace. The field that kind names is set; the other members are null. */
export interface PersonInput {
  kind: PersonInputKind;
  workspace: string;
  /** Log time of the record that caused this one. Null for what no other record causes: records, erasures, and commands that cancel a run. */
  log_time: null | number;
  /** When the event of a cart or the record was received. For a deadline, the log time; for other kinds, the clock of the process that wrote this record. */
  received_at: number;
  cart: null | CartUpdate;
  record: null | PersonRecord;
  erasure: null | Erasure;
  link_rules: null | LinkRules;
  /** Passed on to flow-inputs. */
  command: null | FlowCommand;
  /** Passed on to flow-inputs. Also set in a record of the kind command that publishes a flow: the settings at that time, for a workspace whose settings were never a record of their own. */
  settings: null | FlowSettings;
  /** Passed on to flow-inputs. */
  code_pool: null | FlowCodePool;
}

export type SendRequestKind = 'message' | 'question' | 'revoke' | 'settle';

export interface RequestPerson {
  name: null | string;
  phone: null | string;
  email: null | string;
}

export interface RequestCart {
  store_id: null | string;
  store_name: null | string;
  mode: null | string;
  status: null | string;
  amount: null | number;
  products: null | Product[];
}

export interface RequestEvent {
  trait: Trait;
  status: string;
  occurred_at: number;
}

/** One message. Its outcome returns as a record of flow-inputs. */
export interface MessageRequest {
  /** 32 hex digits, the same whenever this run requests this node: the idempotency key. */
  request_id: string;
  flow_id: string;
  version: number;
  run_id: string;
  node: string;
  channel: FlowChannel;
  class: MessageClass;
  person_id: number;
  cart_id: string;
  /** The phone number or email address to write to; null for a webhook. */
  address: null | string;
  /** When the message was due, or its hold ended. */
  due_at: number;
  /** The message is stale if the call would begin after this. */
  expires_at: number;
  /** The node of the definition as JSON: texts, subject, url. */
  content: string;
  code_pool: null | string;
  /** The place of the code in its pool, in the order in which codes were added, counted from 0. */
  code_index: null | number;
  workspace_name: string;
  person: RequestPerson;
  cart: RequestCart;
  event: RequestEvent;
}

export type FlowQuestionKind = 'audience' | 'while' | 'split';

/** Whether a person is in an audience. It is evaluated once ClickHouse holds everything that precedes this record. */
export interface FlowQuestion {
  question_id: string;
  flow_id: string;
  run_id: string;
  /** Null for the question whether the person may enter. */
  node: null | string;
  what: FlowQuestionKind;
  /** The audience as JSON. Anonymous people are included. */
  audience: string;
  person_id: number;
  /** The time at which the audience is evaluated. */
  now: number;
  /** The zone of the workspace, which days of the audience are in. */
  time_zone: string;
}

export type RevocationReason = 'ended' | 'paused';

export interface FlowRevocation {
  request_id: string;
  flow_id: string;
  run_id: string;
  node: string;
  /** ended: a request whose call has not begun is skipped with the reason revoked. paused: the same is written of a request that was certainly not sent, which may then be repeated; of a call that had begun, its outcome. */
  reason: RevocationReason;
}

export interface FlowSettle {
  /** A message waits until everything that was accepted before this time has been handled: a record settled with t0 at or after it. */
  due_at: number;
}

/** What the flows of a workspace ask of delivery. The key is the workspace. The field that kind names is set; the other members are null. A record whose id delivery has handled already has no effect. */
export interface SendRequest {
  kind: SendRequestKind;
  workspace: string;
  /** Log time of the record of flow-inputs that caused this one. */
  log_time: number;
  /** Offset of that record. */
  input_offset: number;
  message: null | MessageRequest;
  question: null | FlowQuestion;
  revoke: null | FlowRevocation;
  settle: null | FlowSettle;
}

export type OutcomeKind = 'trait' | 'cart' | 'person' | 'merge' | 'erasure' | 'link_report';

export interface TraitEvent {
  /** 32 hex digits, derived from workspace, cart, trait, status and occurred_at. */
  event_id: string;
  op: TraitOp;
  /** The person under whom it is asserted. The person may have been merged into another since: apply the merges. */
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
  /** The event_id of the retracted trait event that this one replaces. */
  replaces: null | string;
  /** The last activity before the abandonment. Null for a status change, and for an abandonment that Jane reported while the cart had no open episode. */
  last_activity_at: null | number;
  /** The phone number of the cart's latest event that has one, as known when this record was written. */
  cart_phone: null | string;
  /** The email address of the cart's latest event that has one, as known when this record was written. */
  cart_email: null | string;
  /** The person under whom this was asserted before, if that was another one. Readers that keep rows by person delete the row of that person. */
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
  /** The latest list of products; null if none is known. */
  products: null | Product[];
  store_name: null | string;
  /** The time of the latest event. */
  last_event_at: null | number;
  /** When the cart got its first status. */
  first_status_at: null | number;
  /** Every status that the cart has had, each once, ordered by began_at. */
  statuses: CartStatus[];
  /** The phone number of the cart's latest event that has one. */
  phone: null | string;
  /** The email address of the cart's latest event that has one. */
  email: null | string;
  /** The person under whom this was asserted before, if that was another one. Readers that keep rows by person delete the row of that person. */
  moved_from: null | number;
}

export interface ProfileIdentifier {
  kind: IdentifierKind;
  /** An external identifier is written as source, one space, id. In the source, a space is written as %20 and a percent sign as %25. */
  value: string;
  /** The SMS consent of a phone number, or the email consent of an address. */
  consent: null | Consent;
}

export interface MoreIdentifiers {
  kind: IdentifierKind;
  consent: null | Consent;
  count: number;
}

/** The whole current profile of a person. */
export interface Person {
  person_id: number;
  anonymous: boolean;
  name: null | string;
  time_zone: null | string;
  first_at: number;
  /** The time of the latest event or record when this profile was emitted. A profile is not emitted if only this time has changed through an event of a cart: the latest time of a person is the greatest of this and of last_event_at of their carts. */
  last_at: number;
  /** At most 50 identifiers of each kind. The others are counted in more_identifiers. */
  identifiers: ProfileIdentifier[];
  /** The number of identifiers that are not in the list, by kind and consent. */
  more_identifiers: MoreIdentifiers[];
}

export interface Merge {
  loser: number;
  /** A current person. When it is merged into another one later, this merge is emitted again with the new winner. */
  winner: number;
  /** The loser consisted of one anonymous cart. The cart and its trait events are asserted again under the winner, so nothing is left under the loser. */
  dissolved: boolean;
}

export interface ErasedCart {
  cart_id: string;
  /** The id under which the cart was written last. */
  person_id: number;
}

export interface ErasedTraitEvent {
  event_id: string;
  /** The id under which the trait event was written last. */
  person_id: number;
  cart_id: string;
  trait: Trait;
  status: string;
  occurred_at: number;
}

/** Everything that is named here has been erased: readers delete their rows that are older than this record. A row that a later record writes is not affected. A large erasure is several records, the first of which names the person. */
export interface PersonErasure {
  /** The person who was erased with everything that was stored about them. Null in a record that only names carts and trait events. */
  person_id: null | number;
  /** Ids of people who had been merged into an erased person. They are erased too. */
  former_ids: number[];
  carts: ErasedCart[];
  /** All trait events of erased carts, including retracted ones. */
  trait_events: ErasedTraitEvent[];
}

export interface SeenWith {
  user_id: number;
  external: number;
  phone: number;
  email: number;
}

export type JunkReason = 'limit' | 'deny';

/** An identifier that is junk or close to it: it was seen with at least 60 % of the limit of values of one other kind, or it is on the deny list. A later record with the same identifier_id replaces this one. */
export interface LinkReport {
  /** 32 hex digits, derived from workspace, kind and value. */
  identifier_id: string;
  /** Null if the identifier is no longer reported. */
  kind: null | IdentifierKind;
  /** The identifier in the form of ProfileIdentifier. Null if the identifier is no longer reported, so that the removal of an erased one does not name it. */
  value: null | string;
  /** How many different values of each other kind the identifier was seen with. An identifier that was seen with 101 of a kind is not counted further. */
  seen_with: SeenWith;
  /** The limit of the workspace's link rules. */
  limit: number;
  junk: boolean;
  /** Why the identifier is junk; null if it is not. */
  reason: null | JunkReason;
  /** The identifier is on the allow list, so the limit does not apply to it. */
  allowed: boolean;
  /** The identifier is no longer reported: readers delete its row. */
  removed: boolean;
}

/** What the product concludes about carts and people. The key is the workspace. The field that kind names is set; the other members are null. Records of one workspace are in order: a later record about the same trait event, cart, person or identifier replaces the earlier one. */
export interface Outcome {
  kind: OutcomeKind;
  workspace: string;
  /** Log time of the record in person-inputs that caused this one. */
  log_time: number;
  /** Offset of that record in person-inputs. The version of this record is (log_time, input_offset), then its own offset. */
  input_offset: number;
  trait: null | TraitEvent;
  cart: null | Cart;
  person: null | Person;
  merge: null | Merge;
  erasure: null | PersonErasure;
  link_report: null | LinkReport;
}
