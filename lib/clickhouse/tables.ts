/** Names of the tables and views in ClickHouse, and the settings to read them with. */

/**
 * Tables. Rows are inserted at least once and replace each other by `version`: read them with FINAL and
 * {@link READ_SETTINGS}, or through the views.
 */
export const TABLES = {
  traitEvents: 'trait_events',
  traitEventsByPerson: 'trait_events_by_person',
  carts: 'carts',
  personCarts: 'person_carts',
  people: 'people',
  personAliases: 'person_aliases',
  linkReport: 'link_report',
  deadLetters: 'dead_letters',
  audienceChanges: 'audience_changes',
  audienceMembers: 'audience_members',
  flowEvents: 'flow_events',
  sinkLedger: 'sink_ledger',
  schemaMigrations: 'schema_migrations',
} as const;

/** The reason of a dead letter without content that takes the place of an erased one: readers leave it out. */
export const ERASED_LETTER = 'erased';

/** Views for analysts: stable, documented in docs/clickhouse.md, and exact without FINAL. */
export const VIEWS = {
  traitEvents: 'v_trait_events',
  carts: 'v_carts',
  people: 'v_people',
  flowEvents: 'v_flow_events',
  messages: 'v_messages',
} as const;

/** As `v_people`, but `last_at` may be earlier than the last event of a cart: faster, for the API. */
export const PROFILES = 'people_profiles';

/** As `v_flow_events` and `v_messages`, with all that the API shows of steps and messages. */
export const FLOW_STEPS = 'flow_steps';
export const FLOW_MESSAGES = 'flow_messages';

/**
 * Settings of every query with FINAL. The partition of a row is a function of its key, so all versions of a row are in
 * the same partition, and partitions can be merged independently, which is several times faster.
 */
export const READ_SETTINGS = {
  do_not_merge_across_partitions_select_final: 1,
} as const;
