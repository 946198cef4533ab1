/** The one place for the names of tables and views in ClickHouse, and for how they are read. */

/**
 * Tables. Rows are inserted at least once and replace each other by `version`: read them with FINAL
 * and {@link READ_SETTINGS}, or through the views.
 */
export const TABLES = {
  traitEvents: 'trait_events',
  carts: 'carts',
  people: 'people',
  personAliases: 'person_aliases',
  deadLetters: 'dead_letters',
  sinkLedger: 'sink_ledger',
  schemaMigrations: 'schema_migrations',
} as const;

export type TableName = (typeof TABLES)[keyof typeof TABLES];

/** Views for analysts: stable, documented in docs/clickhouse.md. Exact as they are, no FINAL needed. */
export const VIEWS = {
  traitEvents: 'v_trait_events',
  carts: 'v_carts',
  people: 'v_people',
} as const;

/**
 * Settings of every query with FINAL. A row's partition is a function of its key, so that versions
 * of one row never meet across partitions: each is merged by itself, several times faster.
 */
export const READ_SETTINGS = {
  do_not_merge_across_partitions_select_final: 1,
} as const;
