import {
  array,
  bool,
  bytes,
  dateTime64,
  float64,
  lowCardinality,
  nullable,
  rowEncoder,
  string,
  tuple,
  uint32,
  uint64,
  uint8,
  type RowEncoder,
} from './rowbinary.ts';
import { TABLES } from './tables.ts';
import { logVersion } from './version.ts';

/**
 * The columns of the rows that are written. Migrations create the tables; a test on the real engine checks that both
 * agree. Times are Unix milliseconds.
 */

/** Text with few distinct values that may be missing. */
const label = lowCardinality(nullable(string));

type RowFrom<E> = E extends RowEncoder<infer Row> ? Row : never;

const products = array(tuple({ product_id: string, count: float64, price: nullable(float64) }));

const traitEventColumns = {
  workspace: lowCardinality(string),
  trait: lowCardinality(string),
  status: lowCardinality(string),
  occurred_at: dateTime64,
  cart_id: string,
  event_id: string,
  person_id: uint32,
  store_id: label,
  mode: label,
  amount: nullable(float64),
  products,
  source: label,
  previous_status: label,
  reentered: bool,
  anomaly: label,
  detected_at: dateTime64,
  retracted_at: nullable(dateTime64),
  recovered_at: nullable(dateTime64),
  beyond_horizon: bool,
  replaces: nullable(string),
  last_activity_at: nullable(dateTime64),
  version: logVersion,
};

/** A trait event of a cart. Key: workspace, trait, status, occurred_at, cart_id. */
export const traitEventRows = rowEncoder(TABLES.traitEvents, traitEventColumns);
export type TraitEventRow = RowFrom<typeof traitEventRows>;

/** 1: the person has the row no longer. Readers with FINAL do not see it. */
const isDeleted = { is_deleted: uint8 };

/** The same trait event, in the order of people. Key: workspace, person_id, cart_id, trait, status, occurred_at. */
export const personTraitEventRows = rowEncoder(TABLES.traitEventsByPerson, { ...traitEventColumns, ...isDeleted });
export type PersonTraitEventRow = RowFrom<typeof personTraitEventRows>;

/** A person has a cart. Key: workspace, person_id, cart_id. */
export const personCartRows = rowEncoder(TABLES.personCarts, {
  workspace: lowCardinality(string),
  person_id: uint32,
  cart_id: string,
  version: logVersion,
  ...isDeleted,
});
export type PersonCartRow = RowFrom<typeof personCartRows>;

/** The current state of a cart. Key: workspace, cart_id. */
export const cartRows = rowEncoder(TABLES.carts, {
  workspace: lowCardinality(string),
  cart_id: string,
  person_id: uint32,
  status: label,
  status_since: nullable(dateTime64),
  store_id: label,
  mode: label,
  amount: nullable(float64),
  created_at: nullable(dateTime64),
  last_activity_at: nullable(dateTime64),
  due_at: nullable(dateTime64),
  abandoned_at: nullable(dateTime64),
  recovered_at: nullable(dateTime64),
  reservation_start_at: nullable(dateTime64),
  store_name: label,
  products,
  last_event_at: nullable(dateTime64),
  first_status_at: nullable(dateTime64),
  statuses: array(tuple({ status: string, began_at: dateTime64, left_at: nullable(dateTime64) })),
  version: logVersion,
});
export type CartRow = RowFrom<typeof cartRows>;

/**
 * The current state of a person. Key: workspace, person_id. `phones` and `phone_consents` are parallel, as are `emails`
 * and `email_consents`; a consent is 'opted_in', 'opted_out' or '' (unknown). `externals` are source, one space, id.
 * `merged_into` is 0, or the person that this one was merged into: then the rest of the row is meaningless.
 */
export const personRows = rowEncoder(TABLES.people, {
  workspace: lowCardinality(string),
  person_id: uint32,
  anonymous: bool,
  name: nullable(string),
  time_zone: label,
  first_at: dateTime64,
  last_at: dateTime64,
  phones: array(string),
  phone_consents: array(lowCardinality(string)),
  emails: array(string),
  email_consents: array(lowCardinality(string)),
  user_ids: array(string),
  externals: array(string),
  reachable_sms: bool,
  reachable_email: bool,
  sms_consent: label,
  email_consent: label,
  merged_into: uint32,
  version: logVersion,
});
export type PersonRow = RowFrom<typeof personRows>;

/** A merge: rows of `loser` belong to `winner`. Key: workspace, loser. */
export const personAliasRows = rowEncoder(TABLES.personAliases, {
  workspace: lowCardinality(string),
  loser: uint32,
  winner: uint32,
  merged_at: dateTime64,
  version: logVersion,
});
export type PersonAliasRow = RowFrom<typeof personAliasRows>;

/**
 * An identifier that is junk, or close to it. Key: workspace, identifier_id. `value` is written as in `people`. `seen_with_…`:
 * the number of values of that kind that it was seen with. `reason`: why it is junk; null if it is not.
 */
export const linkReportRows = rowEncoder(TABLES.linkReport, {
  workspace: lowCardinality(string),
  identifier_id: string,
  kind: label,
  value: nullable(string),
  seen_with_user_id: uint32,
  seen_with_external: uint32,
  seen_with_phone: uint32,
  seen_with_email: uint32,
  link_limit: uint32,
  junk: bool,
  reason: label,
  allowed: bool,
  version: logVersion,
  ...isDeleted,
});
export type LinkReportRow = RowFrom<typeof linkReportRows>;

/** Input that could not be used. Key: workspace, received_at, dead_letter_id. Deleted after 30 days. */
export const deadLetterRows = rowEncoder(TABLES.deadLetters, {
  workspace: lowCardinality(string),
  received_at: dateTime64,
  dead_letter_id: string,
  source: lowCardinality(string),
  subscription_id: label,
  reason: lowCardinality(string),
  message: string,
  line: nullable(uint64),
  request_at: nullable(dateTime64),
  body: bytes,
  body_truncated: bool,
  version: logVersion,
});
export type DeadLetterRow = RowFrom<typeof deadLetterRows>;

const audienceColumns = {
  workspace: lowCardinality(string),
  audience_id: string,
  person_id: uint32,
  /** The version of the audience's definition. */
  audience_version: uint64,
  /** Time of the evaluation. */
  at: dateTime64,
  version: logVersion,
};

/**
 * Somebody entered or left a live audience. Key: workspace, audience_id, offset. `offset` is that of the record in
 * audience-changes, in the partition of the workspace; `size` is the number of members after it.
 */
export const audienceChangeRows = rowEncoder(TABLES.audienceChanges, {
  ...audienceColumns,
  offset: uint64,
  change: lowCardinality(string),
  cause: lowCardinality(string),
  size: uint64,
});
export type AudienceChangeRow = RowFrom<typeof audienceChangeRows>;

/** A member of a live audience; 1 in `is_deleted`: a former one. Key: workspace, audience_id, person_id. */
export const audienceMemberRows = rowEncoder(TABLES.audienceMembers, { ...audienceColumns, ...isDeleted });
export type AudienceMemberRow = RowFrom<typeof audienceMemberRows>;

/**
 * A step of a flow. Key: workspace, flow_id, at, input_offset, ordinal; `input_offset` and `ordinal` identify it in its
 * workspace. `text` is the rendered message as JSON.
 */
export const flowEventRows = rowEncoder(TABLES.flowEvents, {
  workspace: lowCardinality(string),
  flow_id: lowCardinality(string),
  at: dateTime64,
  input_offset: uint64,
  ordinal: uint32,
  flow_version: uint32,
  run_id: string,
  person_id: uint32,
  cart_id: string,
  event_id: string,
  node: lowCardinality(string),
  what: lowCardinality(string),
  reason: lowCardinality(string),
  due_at: nullable(dateTime64),
  channel: label,
  class: label,
  request_id: nullable(string),
  amount: nullable(float64),
  address: nullable(string),
  text: nullable(string),
  version: logVersion,
});
export type FlowEventRow = RowFrom<typeof flowEventRows>;

/**
 * A block of a partition that all tables contain, or a checkpoint: one row for everything from `first_offset` to
 * `last_offset`. Key: topic, partition, checkpoint, first_offset; of two rows the longer one is valid. `last_record` is
 * the mark (lib/kafka/continuity.ts) of the last record in it or before it; '' if it is unknown.
 */
export const ledgerRows = rowEncoder(TABLES.sinkLedger, {
  topic: lowCardinality(string),
  partition: uint32,
  checkpoint: bool,
  first_offset: uint64,
  last_offset: uint64,
  rows: uint64,
  hash: string,
  written_at: dateTime64,
  last_record: string,
});
export type LedgerRow = RowFrom<typeof ledgerRows>;
