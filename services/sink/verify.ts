import { randomBytes } from 'node:crypto';
import type { Codec } from '../../lib/avro/index.ts';
import { insertRowBinary, queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import {
  bool,
  lowCardinality,
  rowEncoder,
  RowBinaryWriter,
  string,
  type RowEncoder,
} from '../../lib/clickhouse/rowbinary.ts';
import { READ_SETTINGS, TABLES } from '../../lib/clickhouse/tables.ts';
import { logVersion, type LogVersion } from '../../lib/clickhouse/version.ts';
import type { Clock } from '../../lib/clock/index.ts';
import { readToEnd } from '../../lib/kafka/read-to-end.ts';
import type { Batch, Kafka } from '../../lib/kafka/types.ts';
import type { AudienceChange, FlowEvent, Outcome } from '../../schemas/types.ts';
import { BlockAudit, type LedgerBlock } from './audit.ts';
import type { Rows } from './block.ts';
import { AUDIENCE_CHANGES, FLOW_EVENTS, OUTCOMES } from './content.ts';
import { clickHouseDatabase } from './database.ts';
import { Ledger } from './ledger.ts';
import type { TopicContent } from './topic-consumer-options.ts';

export interface VerifyOptions {
  kafka: Kafka;
  client: ClickHouse;
  clock: Clock;
  codecs: { outcomes: Codec<Outcome>; audienceChanges: Codec<AudienceChange>; flowEvents: Codec<FlowEvent> };
  /** Compares the rows of this workspace only; null: of all. The ledger's blocks are always checked as a whole. */
  workspace: string | null;
  /** Called with the number of records read so far. */
  onProgress?: (records: number) => void;
}

/** One table compared with the topic. */
export interface TableReport {
  table: string;
  /** Keys for which the topic has a record. */
  inTopic: number;
  /** Rows in ClickHouse, after repeats were merged. */
  inTable: number;
  /** Keys whose row is absent, or older than the ledger says. */
  missing: number;
  /** Rows that no record of the topic explains. */
  unexplained: number;
  /** Some keys that are missing or unexplained. */
  examples: string[];
}

export interface VerifyReport {
  ok: boolean;
  records: number;
  /** Retention deleted the beginning of a partition: rows from that time cannot be explained, and are not counted. */
  truncated: boolean;
  tables: TableReport[];
  blocks: { checked: number; differing: number };
}

/** What identifies a row of each table within its workspace, here and in SQL. */
const KEYS: Record<string, { of(row: Record<string, unknown>): string; sql: string }> = {
  [TABLES.traitEvents]: { of: (row) => String(row['event_id']), sql: 'event_id' },
  // The person is no part of these keys: the migration copied each row under its last person only.
  [TABLES.traitEventsByPerson]: { of: (row) => String(row['event_id']), sql: 'event_id' },
  [TABLES.personCarts]: { of: (row) => String(row['cart_id']), sql: 'cart_id' },
  [TABLES.carts]: { of: (row) => String(row['cart_id']), sql: 'cart_id' },
  [TABLES.people]: { of: (row) => String(row['person_id']), sql: 'toString(person_id)' },
  [TABLES.personAliases]: { of: (row) => String(row['loser']), sql: 'toString(loser)' },
  [TABLES.linkReport]: { of: (row) => String(row['identifier_id']), sql: 'identifier_id' },
  [TABLES.audienceChanges]: {
    of: (row) => `${String(row['audience_id'])} ${String(row['offset'])}`,
    sql: "concat(audience_id, ' ', toString(offset))",
  },
  [TABLES.audienceMembers]: {
    of: (row) => `${String(row['audience_id'])} ${String(row['person_id'])}`,
    sql: "concat(audience_id, ' ', toString(person_id))",
  },
  [TABLES.flowEvents]: {
    of: (row) => `${String(row['input_offset'])} ${String(row['ordinal'])}`,
    sql: "concat(toString(input_offset), ' ', toString(ordinal))",
  },
};

/** Tables with rows that are marked as deleted; of those by person, one key may have rows under several people. */
const WITH_DELETED: ReadonlySet<string> = new Set([
  TABLES.traitEventsByPerson,
  TABLES.personCarts,
  TABLES.linkReport,
  TABLES.audienceMembers,
]);

const FLUSH_BYTES = 16 << 20;
/** How long the topic may yield nothing before its end. */
const IDLE_MAX_MS = 60_000;
const EXAMPLES = 5;

/**
 * Reads the topics again and compares them with ClickHouse: every key with the version of its last record, and the
 * ledger's blocks with the bytes of their records. May run while the sink works: rows are required up to the end of the
 * ledger, and allowed up to the end of the topic. Creates two tables in the database, and drops them.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const { outcomes, audienceChanges, flowEvents } = options.codecs;
  const reports = [
    await verifyTopic(options, OUTCOMES, outcomes),
    await verifyTopic(options, AUDIENCE_CHANGES, audienceChanges),
    await verifyTopic(options, FLOW_EVENTS, flowEvents),
  ];
  return {
    ok: reports.every(({ ok }) => ok),
    records: sum(reports, ({ records }) => records),
    truncated: reports.some(({ truncated }) => truncated),
    tables: reports.flatMap(({ tables }) => tables),
    blocks: {
      checked: sum(reports, ({ blocks }) => blocks.checked),
      differing: sum(reports, ({ blocks }) => blocks.differing),
    },
  };
}

async function verifyTopic<M>(
  options: VerifyOptions,
  content: TopicContent<M>,
  codec: Codec<M>,
): Promise<VerifyReport> {
  const { kafka, client, clock } = options;
  const { topic } = content;
  const written = [...content.tables, ...(content.details ?? [])];
  const kinds = Object.keys(KEYS).filter((table) => written.includes(table));
  const id = randomBytes(6).toString('hex');
  const tables = { inTopic: `verify_${id}_topic`, inTable: `verify_${id}_table` };
  const [beginnings, partitions] = [await kafka.beginningOffsets(topic), await kafka.partitionsOf(topic)];
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  // In this order: what is required, what is there, what is allowed.
  const ledger = await new Ledger({ database: clickHouseDatabase(client), topic, clock }).read(all);
  try {
    await snapshot(options, kinds, tables.inTable);
    const ends = await kafka.endOffsets(topic);
    await client.command({
      query: `CREATE TABLE ${tables.inTopic} (kind LowCardinality(String), workspace LowCardinality(String), key String,
        version UInt128, required Bool) ENGINE = MergeTree ORDER BY (kind, workspace, key)`,
    });
    const audits = await auditsOf(client, topic, beginnings);
    const requiredTo = all.map((partition) => ledger.get(partition)?.next ?? 0);
    const reading = { content, codec, beginnings, ends, requiredTo, audits, table: tables.inTopic };
    const records = await readTopic(options, reading);
    const truncated = beginnings.some((offset) => offset > 0);
    const reports = await compare(client, kinds, tables, truncated);
    const blocks = {
      checked: sum(audits, (audit) => audit.checked),
      differing: sum(audits, (audit) => audit.differing.length),
    };
    const ok = blocks.differing === 0 && reports.every(({ missing, unexplained }) => missing + unexplained === 0);
    return { ok, records, truncated, tables: reports, blocks };
  } finally {
    for (const table of Object.values(tables)) await client.command({ query: `DROP TABLE IF EXISTS ${table}` });
  }
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((all, item) => all + of(item), 0);

/** Copies every key with its version into `table`. */
async function snapshot({ client, workspace }: VerifyOptions, kinds: readonly string[], table: string): Promise<void> {
  await client.command({
    query: `CREATE TABLE ${table} (kind LowCardinality(String), workspace LowCardinality(String), key String,
      version UInt128) ENGINE = MergeTree ORDER BY (kind, workspace, key)`,
  });
  for (const kind of kinds) {
    const { sql } = KEYS[kind]!;
    // FINAL would leave out rows that are marked as deleted.
    const rows = WITH_DELETED.has(kind)
      ? `max(version) FROM ${kind} WHERE {workspace: String} IN ('', workspace) GROUP BY workspace, ${sql}`
      : `version FROM ${kind} FINAL WHERE {workspace: String} IN ('', workspace)`;
    await client.command({
      query: `INSERT INTO ${table} SELECT '${kind}', workspace, ${sql}, ${rows}`,
      query_params: { workspace: workspace ?? '' },
      clickhouse_settings: READ_SETTINGS,
    });
  }
}

/** By partition. */
async function auditsOf(client: ClickHouse, topic: string, beginnings: readonly number[]): Promise<BlockAudit[]> {
  const blocks = await queryRows<LedgerBlock & { partition: number }>(
    client,
    `SELECT partition, toFloat64(first_offset) AS first, toFloat64(last_offset) AS last, toFloat64(rows) AS rows,
      reinterpretAsUInt32(reverse(unhex(hash))) AS hash
     FROM ${TABLES.sinkLedger} FINAL WHERE topic = {topic: String} AND NOT checkpoint`,
    { topic },
  );
  return beginnings.map(
    (from, partition) =>
      new BlockAudit(
        blocks.filter((block) => block.partition === partition),
        from,
      ),
  );
}

interface Reading<M> {
  content: TopicContent<M>;
  codec: Codec<M>;
  beginnings: readonly number[];
  ends: readonly number[];
  requiredTo: readonly number[];
  audits: readonly BlockAudit[];
  table: string;
}

/** Writes every key of the topic with its versions into the table; returns the number of records. */
async function readTopic<M>(options: VerifyOptions, reading: Reading<M>): Promise<number> {
  const { kafka, client, clock, onProgress } = options;
  const { beginnings, ends } = reading;
  const versions = new Versions(reading.table, options.workspace);
  let records = 0;
  const ranges = new Map(ends.map((end, partition) => [partition, { beginning: beginnings[partition] ?? 0, end }]));
  const range = { topic: reading.content.topic, ranges, clock, idleMaxMs: IDLE_MAX_MS };
  for await (const batch of readToEnd(kafka, { ...range, isolation: 'read_committed' })) {
    records += await take(reading, versions, batch);
    if (versions.bytes >= FLUSH_BYTES) await versions.flush(client);
    onProgress?.(records);
  }
  await versions.flush(client);
  return records;
}

async function take<M>(
  { content, codec, ends, requiredTo, audits }: Reading<M>,
  versions: Versions,
  batch: Batch,
): Promise<number> {
  const end = ends[batch.partition] ?? 0;
  const audit = audits[batch.partition];
  const values = batch.records.flatMap(({ value }) => (value === null ? [] : [value]));
  await codec.load(values);
  let taken = 0;
  for (const { offset, value } of batch.records) {
    if (offset >= end || value === null) continue;
    audit?.record(offset, value);
    versions.required = offset < (requiredTo[batch.partition] ?? 0);
    content.addRows(versions, codec.decode(value), offset);
    taken += 1;
  }
  audit?.reached(Math.min(batch.nextOffset, end));
  return taken;
}

/** Takes rows as the sink would insert them; writes their keys and versions into a table. */
class Versions implements Rows {
  writePeopleFirst(): void {
    // The order of inserts does not matter here.
  }

  erase(): void {
    // Erased rows are replaced by rows without content, which are compared like all others.
  }

  required = false;
  private readonly writer = new RowBinaryWriter();
  private readonly encoder;
  private count = 0;

  constructor(
    table: string,
    private readonly workspace: string | null,
  ) {
    this.encoder = rowEncoder(table, {
      kind: lowCardinality(string),
      workspace: lowCardinality(string),
      key: string,
      version: logVersion,
      required: bool,
    });
  }

  get bytes(): number {
    return this.writer.size;
  }

  add<Row>(encoder: RowEncoder<Row>, row: Row): void {
    const values = row as Record<string, unknown>;
    const workspace = String(values['workspace']);
    const key = KEYS[encoder.table]?.of(values);
    if (key === undefined || (this.workspace !== null && this.workspace !== workspace)) return;
    const version = values['version'] as LogVersion;
    this.encoder.write(this.writer, { kind: encoder.table, workspace, key, version, required: this.required });
    this.count += 1;
  }

  addByMonth<Row>(encoder: RowEncoder<Row>, row: Row): void {
    this.add(encoder, row);
  }

  async flush(client: ClickHouse): Promise<void> {
    const { table, columns } = this.encoder;
    await insertRowBinary(client, { table, columns, body: this.writer.take(), rows: this.count });
    this.count = 0;
  }
}

async function compare(
  client: ClickHouse,
  kinds: readonly string[],
  { inTopic, inTable }: { inTopic: string; inTable: string },
  truncated: boolean,
): Promise<TableReport[]> {
  const isMissing = 'due > held';
  const isUnexplained = `in_table AND NOT explained${truncated ? ' AND in_topic' : ''}`;
  const found = await queryRows<TableReport>(
    client,
    `SELECT
       kind AS table, countIf(in_topic) AS inTopic, countIf(in_table) AS inTable,
       countIf(${isMissing}) AS missing, countIf(${isUnexplained}) AS unexplained,
       groupArrayIf(${EXAMPLES})(concat(workspace, ' ', key), ${isMissing} OR ${isUnexplained}) AS examples
     FROM (
       SELECT kind, workspace, key, max(from_table) AS in_table, max(NOT from_table) AS in_topic,
         maxIf(version, from_table) AS held, maxIf(version, required) AS due,
         has(groupArrayIf(version, NOT from_table), held) AS explained
       FROM (
         SELECT kind, workspace, key, version, required, false AS from_table FROM ${inTopic}
         UNION ALL
         SELECT kind, workspace, key, version, false AS required, true AS from_table FROM ${inTable}
       )
       GROUP BY kind, workspace, key
     )
     GROUP BY kind`,
  );
  const none = { inTopic: 0, inTable: 0, missing: 0, unexplained: 0, examples: [] };
  return kinds.map((table) => found.find((report) => report.table === table) ?? { table, ...none });
}
