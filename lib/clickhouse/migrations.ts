import { flows } from './flow-migration.ts';
import { DURABLE, READ, type Migration } from './migration.ts';

const tables: Migration = {
  id: 1,
  name: 'tables',
  statements: [
    `CREATE TABLE IF NOT EXISTS trait_events (
      workspace LowCardinality(String),
      trait LowCardinality(String),
      status LowCardinality(String),
      occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
      cart_id String,
      event_id String CODEC(ZSTD),
      person_id UInt32,
      store_id LowCardinality(Nullable(String)),
      mode LowCardinality(Nullable(String)),
      amount Nullable(Float64),
      products Array(Tuple(product_id String, count Float64, price Nullable(Float64))),
      source LowCardinality(Nullable(String)),
      previous_status LowCardinality(Nullable(String)),
      reentered Bool,
      anomaly LowCardinality(Nullable(String)),
      detected_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
      retracted_at Nullable(DateTime64(3, 'UTC')),
      recovered_at Nullable(DateTime64(3, 'UTC')),
      beyond_horizon Bool,
      replaces Nullable(String),
      version UInt128 CODEC(ZSTD),
      INDEX cart cart_id TYPE bloom_filter GRANULARITY 1,
      INDEX person person_id TYPE bloom_filter GRANULARITY 1
    ) ENGINE = ReplacingMergeTree(version)
    PARTITION BY toYYYYMM(occurred_at)
    ORDER BY (workspace, trait, status, occurred_at, cart_id)
    SETTINGS ${DURABLE}`,

    `CREATE TABLE IF NOT EXISTS carts (
      workspace LowCardinality(String),
      cart_id String,
      person_id UInt32,
      status LowCardinality(Nullable(String)),
      status_since Nullable(DateTime64(3, 'UTC')),
      store_id LowCardinality(Nullable(String)),
      mode LowCardinality(Nullable(String)),
      amount Nullable(Float64),
      created_at Nullable(DateTime64(3, 'UTC')),
      last_activity_at Nullable(DateTime64(3, 'UTC')),
      due_at Nullable(DateTime64(3, 'UTC')),
      abandoned_at Nullable(DateTime64(3, 'UTC')),
      recovered_at Nullable(DateTime64(3, 'UTC')),
      reservation_start_at Nullable(DateTime64(3, 'UTC')),
      version UInt128 CODEC(ZSTD),
      INDEX person person_id TYPE bloom_filter GRANULARITY 1
    ) ENGINE = ReplacingMergeTree(version)
    ORDER BY (workspace, cart_id)
    SETTINGS ${DURABLE}`,

    `CREATE TABLE IF NOT EXISTS people (
      workspace LowCardinality(String),
      person_id UInt32,
      anonymous Bool,
      name Nullable(String),
      time_zone LowCardinality(Nullable(String)),
      first_at DateTime64(3, 'UTC'),
      last_at DateTime64(3, 'UTC'),
      phones Array(String),
      phone_consents Array(LowCardinality(String)),
      emails Array(String),
      email_consents Array(LowCardinality(String)),
      user_ids Array(String),
      externals Array(String),
      reachable_sms Bool,
      reachable_email Bool,
      sms_consent LowCardinality(Nullable(String)),
      email_consent LowCardinality(Nullable(String)),
      merged_into UInt32,
      version UInt128 CODEC(ZSTD),
      INDEX phone phones TYPE bloom_filter GRANULARITY 1,
      INDEX email emails TYPE bloom_filter GRANULARITY 1,
      INDEX user user_ids TYPE bloom_filter GRANULARITY 1,
      INDEX external externals TYPE bloom_filter GRANULARITY 1
    ) ENGINE = ReplacingMergeTree(version)
    ORDER BY (workspace, person_id)
    SETTINGS ${DURABLE}`,

    `CREATE TABLE IF NOT EXISTS person_aliases (
      workspace LowCardinality(String),
      loser UInt32,
      winner UInt32,
      merged_at DateTime64(3, 'UTC'),
      version UInt128 CODEC(ZSTD)
    ) ENGINE = ReplacingMergeTree(version)
    ORDER BY (workspace, loser)
    SETTINGS ${DURABLE}`,

    `CREATE TABLE IF NOT EXISTS dead_letters (
      workspace LowCardinality(String),
      received_at DateTime64(3, 'UTC'),
      dead_letter_id String,
      source LowCardinality(String),
      subscription_id LowCardinality(Nullable(String)),
      reason LowCardinality(String),
      message String,
      line Nullable(UInt64),
      request_at Nullable(DateTime64(3, 'UTC')),
      body String,
      body_truncated Bool,
      version UInt128 CODEC(ZSTD),
      INDEX id dead_letter_id TYPE bloom_filter GRANULARITY 1
    ) ENGINE = ReplacingMergeTree(version)
    ORDER BY (workspace, received_at, dead_letter_id)
    TTL toDateTime(received_at) + INTERVAL 30 DAY
    SETTINGS ${DURABLE}`,

    // Checkpoints are kept forever (one row per partition); blocks are kept for inspection.
    `CREATE TABLE IF NOT EXISTS sink_ledger (
      topic LowCardinality(String),
      partition UInt32,
      checkpoint Bool,
      first_offset UInt64,
      last_offset UInt64,
      rows UInt64,
      hash String,
      written_at DateTime64(3, 'UTC')
    ) ENGINE = ReplacingMergeTree(last_offset)
    ORDER BY (topic, partition, checkpoint, first_offset)
    TTL toDateTime(written_at) + INTERVAL 100 DAY DELETE WHERE NOT checkpoint
    SETTINGS ${DURABLE}`,
  ],
};

/** A row's person with merges applied; `alias` is the joined table. No person has the id 0. */
const resolved = (row: string): string => `if(alias.winner = 0, ${row}.person_id, alias.winner) AS person_id`;

const aliasJoin = (
  row: string,
): string => `LEFT JOIN (SELECT workspace, loser, winner FROM person_aliases FINAL) AS alias
    ON alias.workspace = ${row}.workspace AND alias.loser = ${row}.person_id`;

const views: Migration = {
  id: 2,
  name: 'views',
  statements: [
    `CREATE OR REPLACE VIEW v_trait_events AS
    SELECT
      event.workspace AS workspace, event.trait AS trait, event.status AS status,
      event.occurred_at AS occurred_at, event.detected_at AS detected_at, event.recovered_at AS recovered_at,
      ${resolved('event')}, event.cart_id AS cart_id, event.store_id AS store_id, event.mode AS mode,
      event.amount AS amount, event.anomaly AS anomaly, event.reentered AS reentered, event.source AS source,
      event.event_id AS event_id
    FROM (SELECT * FROM trait_events FINAL WHERE retracted_at IS NULL) AS event
    ${aliasJoin('event')}
    ${READ}`,

    `CREATE OR REPLACE VIEW v_carts AS
    SELECT
      cart.workspace AS workspace, cart.cart_id AS cart_id, ${resolved('cart')}, cart.status AS status,
      cart.status_since AS status_since, cart.store_id AS store_id, cart.mode AS mode, cart.amount AS amount,
      cart.created_at AS created_at, cart.last_activity_at AS last_activity_at, cart.due_at AS due_at,
      cart.abandoned_at AS abandoned_at, cart.recovered_at AS recovered_at,
      cart.reservation_start_at AS reservation_start_window
    FROM (SELECT * FROM carts FINAL) AS cart
    ${aliasJoin('cart')}
    ${READ}`,

    // One phone, address and user id of possibly several: of phones and addresses the first that
    // may be written to, so that a row agrees with its own consent.
    `CREATE OR REPLACE VIEW v_people AS
    SELECT
      workspace, person_id, anonymous, name,
      if(empty(phones), NULL, phones[greatest(indexOf(phone_consents, 'opted_in'), 1)]) AS phone,
      if(empty(emails), NULL,
        emails[greatest(arrayFirstIndex(consent -> consent != 'opted_out', email_consents), 1)]) AS email,
      if(empty(user_ids), NULL, user_ids[1]) AS user_id,
      sms_consent, email_consent, first_at, last_at
    FROM people FINAL
    WHERE merged_into = 0
    ${READ}`,
  ],
};

/** The mark of the last record in a block or before a checkpoint; '' in rows that earlier releases wrote. */
const lastRecord: Migration = {
  id: 3,
  name: 'the last record of a block',
  statements: ['ALTER TABLE sink_ledger ADD COLUMN IF NOT EXISTS last_record String'],
};

const TRAIT_EVENT_COLUMNS = `workspace, trait, status, occurred_at, cart_id, event_id, person_id, store_id, mode, amount, products, source,
      previous_status, reentered, anomaly, detected_at, retracted_at, recovered_at, beyond_horizon, replaces,
      last_activity_at, version`;

/**
 * What audiences and flows need of carts and trait events, and copies in the order of people. A row that moved to another
 * person is marked as deleted under the former one. Rows that are there already are copied.
 */
const facts: Migration = {
  id: 4,
  name: 'facts of carts, and rows by person',
  statements: [
    `ALTER TABLE trait_events ADD COLUMN IF NOT EXISTS last_activity_at Nullable(DateTime64(3, 'UTC'))`,

    `ALTER TABLE carts
      ADD COLUMN IF NOT EXISTS store_name LowCardinality(Nullable(String)),
      ADD COLUMN IF NOT EXISTS products Array(Tuple(product_id String, count Float64, price Nullable(Float64))),
      ADD COLUMN IF NOT EXISTS last_event_at Nullable(DateTime64(3, 'UTC')),
      ADD COLUMN IF NOT EXISTS first_status_at Nullable(DateTime64(3, 'UTC')),
      ADD COLUMN IF NOT EXISTS statuses
        Array(Tuple(status String, began_at DateTime64(3, 'UTC'), left_at Nullable(DateTime64(3, 'UTC'))))`,

    `CREATE TABLE IF NOT EXISTS trait_events_by_person (
      workspace LowCardinality(String),
      trait LowCardinality(String),
      status LowCardinality(String),
      occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
      cart_id String CODEC(ZSTD),
      event_id String CODEC(ZSTD),
      person_id UInt32,
      store_id LowCardinality(Nullable(String)),
      mode LowCardinality(Nullable(String)),
      amount Nullable(Float64),
      products Array(Tuple(product_id String, count Float64, price Nullable(Float64))),
      source LowCardinality(Nullable(String)),
      previous_status LowCardinality(Nullable(String)),
      reentered Bool,
      anomaly LowCardinality(Nullable(String)),
      detected_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
      retracted_at Nullable(DateTime64(3, 'UTC')),
      recovered_at Nullable(DateTime64(3, 'UTC')),
      beyond_horizon Bool,
      replaces Nullable(String),
      last_activity_at Nullable(DateTime64(3, 'UTC')),
      version UInt128 CODEC(ZSTD),
      is_deleted UInt8
    ) ENGINE = ReplacingMergeTree(version, is_deleted)
    ORDER BY (workspace, person_id, cart_id, trait, status, occurred_at)
    SETTINGS ${DURABLE}`,

    `CREATE TABLE IF NOT EXISTS person_carts (
      workspace LowCardinality(String),
      person_id UInt32,
      cart_id String,
      version UInt128 CODEC(ZSTD),
      is_deleted UInt8
    ) ENGINE = ReplacingMergeTree(version, is_deleted)
    ORDER BY (workspace, person_id, cart_id)
    SETTINGS ${DURABLE}`,

    `INSERT INTO trait_events_by_person (${TRAIT_EVENT_COLUMNS}, is_deleted)
    SELECT ${TRAIT_EVENT_COLUMNS}, 0 FROM trait_events FINAL
    SETTINGS do_not_merge_across_partitions_select_final = 1`,

    'INSERT INTO person_carts SELECT workspace, person_id, cart_id, version, 0 FROM carts FINAL',

    `CREATE OR REPLACE VIEW v_carts AS
    SELECT
      cart.workspace AS workspace, cart.cart_id AS cart_id, ${resolved('cart')}, cart.status AS status,
      cart.status_since AS status_since, cart.store_id AS store_id, cart.mode AS mode, cart.amount AS amount,
      cart.created_at AS created_at, cart.last_activity_at AS last_activity_at, cart.due_at AS due_at,
      cart.abandoned_at AS abandoned_at, cart.recovered_at AS recovered_at,
      cart.reservation_start_at AS reservation_start_window, cart.store_name AS store_name, cart.products AS products
    FROM (SELECT * FROM carts FINAL) AS cart
    ${aliasJoin('cart')}
    ${READ}`,
  ],
};

/**
 * The report on link rules, and what follows from erasures: an erased cart has a row without content and the person id 0.
 * The latest time of a person may be that of an event of their carts, for which no profile is written. To look it up costs
 * a join, so there is a view without it.
 */
const erasure: Migration = {
  id: 5,
  name: 'erasure and link report',
  statements: [
    `CREATE TABLE IF NOT EXISTS link_report (
      workspace LowCardinality(String),
      identifier_id String,
      kind LowCardinality(Nullable(String)),
      value Nullable(String),
      seen_with_user_id UInt32,
      seen_with_external UInt32,
      seen_with_phone UInt32,
      seen_with_email UInt32,
      link_limit UInt32,
      junk Bool,
      reason LowCardinality(Nullable(String)),
      allowed Bool,
      version UInt128 CODEC(ZSTD),
      is_deleted UInt8
    ) ENGINE = ReplacingMergeTree(version, is_deleted)
    ORDER BY (workspace, identifier_id)
    SETTINGS ${DURABLE}`,

    `CREATE OR REPLACE VIEW v_carts AS
    SELECT
      cart.workspace AS workspace, cart.cart_id AS cart_id, ${resolved('cart')}, cart.status AS status,
      cart.status_since AS status_since, cart.store_id AS store_id, cart.mode AS mode, cart.amount AS amount,
      cart.created_at AS created_at, cart.last_activity_at AS last_activity_at, cart.due_at AS due_at,
      cart.abandoned_at AS abandoned_at, cart.recovered_at AS recovered_at,
      cart.reservation_start_at AS reservation_start_window, cart.store_name AS store_name, cart.products AS products
    FROM (SELECT * FROM carts FINAL WHERE person_id != 0) AS cart
    ${aliasJoin('cart')}
    ${READ}`,

    `CREATE OR REPLACE VIEW people_profiles AS
    SELECT
      workspace, person_id, anonymous, name,
      if(empty(phones), NULL, phones[greatest(indexOf(phone_consents, 'opted_in'), 1)]) AS phone,
      if(empty(emails), NULL,
        emails[greatest(arrayFirstIndex(consent -> consent != 'opted_out', email_consents), 1)]) AS email,
      if(empty(user_ids), NULL, user_ids[1]) AS user_id,
      sms_consent, email_consent, first_at, last_at
    FROM people FINAL
    WHERE merged_into = 0
    ${READ}`,

    `CREATE OR REPLACE VIEW v_people AS
    SELECT
      person.workspace AS workspace, person.person_id AS person_id, person.anonymous AS anonymous,
      person.name AS name, person.phone AS phone, person.email AS email, person.user_id AS user_id,
      person.sms_consent AS sms_consent, person.email_consent AS email_consent, person.first_at AS first_at,
      greatest(person.last_at, ifNull(event.last_at, person.last_at)) AS last_at
    FROM people_profiles AS person
    LEFT JOIN (
      SELECT cart.workspace AS workspace, ${resolved('cart')}, max(cart.last_event_at) AS last_at
      FROM (SELECT workspace, person_id, last_event_at FROM carts FINAL) AS cart
      ${aliasJoin('cart')}
      GROUP BY ALL
    ) AS event ON event.workspace = person.workspace AND event.person_id = person.person_id
    ${READ}`,
  ],
};

/** Live audiences. The rows of both tables are those of the topic audience-changes. */
const liveAudiences: Migration = {
  id: 6,
  name: 'live audiences',
  statements: [
    // Not partitioned: an insert is visible as a whole, so that a reader of the feed skips nothing.
    `CREATE TABLE IF NOT EXISTS audience_changes (
      workspace LowCardinality(String),
      audience_id String,
      person_id UInt32,
      audience_version UInt64,
      at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
      version UInt128 CODEC(ZSTD),
      offset UInt64 CODEC(Delta, ZSTD),
      change LowCardinality(String),
      cause LowCardinality(String),
      size UInt64
    ) ENGINE = ReplacingMergeTree(version)
    ORDER BY (workspace, audience_id, offset)
    SETTINGS ${DURABLE}`,

    `CREATE TABLE IF NOT EXISTS audience_members (
      workspace LowCardinality(String),
      audience_id String,
      person_id UInt32,
      audience_version UInt64,
      at DateTime64(3, 'UTC'),
      version UInt128 CODEC(ZSTD),
      is_deleted UInt8,
      INDEX person person_id TYPE bloom_filter GRANULARITY 1
    ) ENGINE = ReplacingMergeTree(version, is_deleted)
    ORDER BY (workspace, audience_id, person_id)
    SETTINGS ${DURABLE}`,
  ],
};

/**
 * The schema of the database as migrations, in the order in which they are applied. A released migration is never
 * edited: add another one instead. Every statement may run twice, also at the same time in two processes (IF NOT
 * EXISTS, CREATE OR REPLACE).
 */
export const MIGRATIONS: readonly Migration[] = [tables, views, lastRecord, facts, erasure, liveAudiences, flows];
