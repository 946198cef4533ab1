import { DURABLE, READ, type Migration } from './migration.ts';

/**
 * The steps of flows. Rows are those of the topic flow-events; what identifies a step is its place in the log. A step keeps
 * the person under whom it was made: the views apply merges, and hide an erased person, who was merged into
 * themselves.
 */
export const flows: Migration = {
  id: 7,
  name: 'flows',
  statements: [
    `CREATE TABLE IF NOT EXISTS flow_events (
      workspace LowCardinality(String),
      flow_id LowCardinality(String),
      at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
      input_offset UInt64 CODEC(Delta, ZSTD),
      ordinal UInt32,
      flow_version UInt32,
      run_id String CODEC(ZSTD),
      person_id UInt32,
      cart_id String CODEC(ZSTD),
      event_id String CODEC(ZSTD),
      node LowCardinality(String),
      what LowCardinality(String),
      reason LowCardinality(String),
      due_at Nullable(DateTime64(3, 'UTC')),
      channel LowCardinality(Nullable(String)),
      class LowCardinality(Nullable(String)),
      request_id Nullable(String) CODEC(ZSTD),
      amount Nullable(Float64),
      address Nullable(String) CODEC(ZSTD),
      text Nullable(String) CODEC(ZSTD),
      version UInt128 CODEC(ZSTD),
      INDEX run run_id TYPE bloom_filter GRANULARITY 1,
      INDEX person person_id TYPE bloom_filter GRANULARITY 1
    ) ENGINE = ReplacingMergeTree(version)
    PARTITION BY toYYYYMM(at)
    ORDER BY (workspace, flow_id, at, input_offset, ordinal)
    SETTINGS ${DURABLE}`,

    `CREATE OR REPLACE VIEW flow_steps AS
    SELECT
      step.workspace AS workspace, step.flow_id AS flow_id, step.flow_version AS version, step.run_id AS run_id,
      multiIf(person.merged_into = 0, step.person_id, erased, 0, person.merged_into) AS person_id,
      if(erased, '', step.cart_id) AS cart_id, if(erased, '', step.event_id) AS event_id, step.node AS node,
      step.what AS what, step.reason AS reason, step.at AS at, step.input_offset AS input_offset,
      step.ordinal AS ordinal, step.due_at AS due_at, step.channel AS channel, step.class AS class,
      step.request_id AS request_id, step.amount AS amount, if(erased, NULL, step.address) AS address,
      if(erased, NULL, step.text) AS text, person.merged_into = step.person_id AS erased
    FROM (SELECT * FROM flow_events FINAL) AS step
    LEFT JOIN (SELECT workspace, person_id, merged_into FROM people FINAL WHERE merged_into != 0) AS person
      ON person.workspace = step.workspace AND person.person_id = step.person_id
    ${READ}`,

    `CREATE OR REPLACE VIEW v_flow_events AS
    SELECT workspace, flow_id, version, run_id, person_id, cart_id, node, what, reason, at
    FROM flow_steps
    ${READ}`,

    // A message is requested again after a pause, but has one outcome.
    `CREATE OR REPLACE VIEW flow_messages AS
    SELECT
      workspace, flow_id, run_id, node, request_id,
      argMax(version, place) AS version, argMax(person_id, place) AS person_id, argMax(cart_id, place) AS cart_id,
      argMax(channel, place) AS channel, argMax(class, place) AS class,
      nullIf(anyIf(what, what != 'requested'), '') AS outcome, anyIf(reason, what != 'requested') AS reason,
      minOrNullIf(at, what = 'requested') AS requested_at, minOrNullIf(at, what = 'sent') AS sent_at,
      max(at) AS last_at, anyIf(address, what != 'requested') AS address, anyIf(text, what != 'requested') AS text
    FROM (
      SELECT *, (at, input_offset, ordinal) AS place FROM flow_steps
      WHERE request_id IS NOT NULL AND what IN ('requested', 'sent', 'skipped', 'failed', 'unknown')
    )
    GROUP BY workspace, flow_id, run_id, node, request_id
    ${READ}`,

    `CREATE OR REPLACE VIEW v_messages AS
    SELECT workspace, flow_id, run_id, node, person_id, channel, class, outcome, reason, requested_at, sent_at
    FROM flow_messages
    ${READ}`,
  ],
};
