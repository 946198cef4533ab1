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
import type { Batch, Kafka } from '../../lib/kafka/types.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Outcome } from '../../schemas/types.ts';
import { BlockAudit, type LedgerBlock } from './audit.ts';
import type { Rows } from './block.ts';
import { clickHouseDatabase } from './database.ts';
import { Ledger } from './ledger.ts';
import { addOutcome } from './rows.ts';

export interface VerifyOptions {
  kafka: Kafka;
  client: ClickHouse;
  clock: Clock;
  codec: Codec<Outcome>;
  /** Only this workspace's rows are compared; blocks of the ledger always as a whole. */
  workspace: string | null;
  /** Records read so far. */
  onProgress?: (records: number) => void;
}

/** One table held against the topic. */
export interface TableReport {
  table: string;
  /** Keys that the topic speaks of. */
  said: number;
  /** Rows in ClickHouse, repeats merged. */
  kept: number;
  /** Keys whose row is absent, or older than what the sink's ledger says is written. */
  missing: number;
  /** Rows that no record of the topic accounts for. */
  unexplained: number;
  /** A few keys of either kind. */
  examples: string[];
}

export interface VerifyReport {
  ok: boolean;
  records: number;
  /** Retention took the beginning of a partition: rows from then cannot be accounted for, and are not counted. */
  truncated: boolean;
  tables: TableReport[];
  blocks: { checked: number; differing: number };
}

/** How a row of each table is told from others in its workspace; the same as SQL. */
const KEYS: Record<string, { of(row: Record<string, unknown>): string; sql: string }> = {
  [TABLES.traitEvents]: { of: (row) => String(row['event_id']), sql: 'event_id' },
  [TABLES.carts]: { of: (row) => String(row['cart_id']), sql: 'cart_id' },
  [TABLES.people]: { of: (row) => String(row['person_id']), sql: 'toString(person_id)' },
  [TABLES.personAliases]: { of: (row) => String(row['loser']), sql: 'toString(loser)' },
};

const FLUSH_BYTES = 16 << 20;
const POLL_MS = 500;
/** Silence of a topic that should have more to say. */
const GIVE_UP_MS = 60_000;
const EXAMPLES = 5;

/**
 * Reads the topic again and compares what it says with what ClickHouse holds: every key with the
 * version of its last word, and the ledger's blocks with the bytes of their records. May run while the
 * sink works: only what the ledger has is demanded, and only what the topic says is allowed. Uses two
 * tables of its own in the database, and drops them.
 */
export const verify = async (options: VerifyOptions): Promise<VerifyReport> => {
  const { kafka, client, clock } = options;
  const topic = TOPICS.traitEvents;
  const id = randomBytes(6).toString('hex');
  const tables = { said: `verify_${id}_said`, kept: `verify_${id}_kept` };
  const [beginnings, partitions] = [await kafka.beginningOffsets(topic), await kafka.partitionsOf(topic)];
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  // In this order: what is demanded, what is there, what is allowed.
  const ledger = await new Ledger({ database: clickHouseDatabase(client), topic, clock }).read(all);
  try {
    await snapshot(options, tables.kept);
    const ends = await kafka.endOffsets(topic);
    await client.command({
      query: `CREATE TABLE ${tables.said} (kind LowCardinality(String), workspace LowCardinality(String), key String,
        version UInt128, demanded Bool) ENGINE = MergeTree ORDER BY (kind, workspace, key)`,
    });
    const audits = await auditsOf(client, topic, beginnings);
    const demandedTo = all.map((partition) => ledger.get(partition)?.next ?? 0);
    const records = await readTopic(options, { beginnings, ends, demandedTo, audits, table: tables.said });
    const truncated = beginnings.some((offset) => offset > 0);
    const reports = await compare(client, tables, truncated);
    const blocks = {
      checked: sum(audits, (audit) => audit.checked),
      differing: sum(audits, (audit) => audit.differing.length),
    };
    const ok = blocks.differing === 0 && reports.every(({ missing, unexplained }) => missing + unexplained === 0);
    return { ok, records, truncated, tables: reports, blocks };
  } finally {
    for (const table of Object.values(tables)) await client.command({ query: `DROP TABLE IF EXISTS ${table}` });
  }
};

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((all, item) => all + of(item), 0);

/** What ClickHouse holds now, key by key. */
const snapshot = async ({ client, workspace }: VerifyOptions, table: string): Promise<void> => {
  await client.command({
    query: `CREATE TABLE ${table} (kind LowCardinality(String), workspace LowCardinality(String), key String,
      version UInt128) ENGINE = MergeTree ORDER BY (kind, workspace, key)`,
  });
  for (const [kind, { sql }] of Object.entries(KEYS)) {
    await client.command({
      query: `INSERT INTO ${table} SELECT '${kind}', workspace, ${sql}, version FROM ${kind} FINAL
        WHERE {workspace: String} IN ('', workspace)`,
      query_params: { workspace: workspace ?? '' },
      clickhouse_settings: READ_SETTINGS,
    });
  }
};

/** By partition. */
const auditsOf = async (client: ClickHouse, topic: string, beginnings: readonly number[]): Promise<BlockAudit[]> => {
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
};

interface Reading {
  beginnings: readonly number[];
  ends: readonly number[];
  demandedTo: readonly number[];
  audits: readonly BlockAudit[];
  table: string;
}

/** Says into the table what the topic says; returns how many records there were. */
const readTopic = async (options: VerifyOptions, reading: Reading): Promise<number> => {
  const { kafka, client, clock, onProgress } = options;
  const { beginnings, ends } = reading;
  const reader = kafka.createReader({ isolation: 'read_committed' });
  const said = new Said(reading.table, options.workspace);
  const next = [...beginnings];
  let records = 0;
  try {
    reader.assign(next.map((offset, partition) => ({ topic: TOPICS.traitEvents, partition, offset })));
    let heardAtMs = clock.elapsedMs();
    while (next.some((offset, partition) => offset < (ends[partition] ?? 0))) {
      const batches = await reader.poll(POLL_MS);
      if (batches.length > 0) heardAtMs = clock.elapsedMs();
      else if (clock.elapsedMs() - heardAtMs > GIVE_UP_MS) throw new Error('the topic says no more before its end');
      for (const batch of batches) {
        records += await take(options, reading, said, batch);
        next[batch.partition] = batch.nextOffset;
        if (said.bytes >= FLUSH_BYTES) await said.flush(client);
      }
      onProgress?.(records);
    }
    await said.flush(client);
  } finally {
    await reader.close();
  }
  return records;
};

const take = async (
  { codec }: VerifyOptions,
  { ends, demandedTo, audits }: Reading,
  said: Said,
  batch: Batch,
): Promise<number> => {
  const end = ends[batch.partition] ?? 0;
  const audit = audits[batch.partition];
  const values = batch.records.flatMap(({ value }) => (value === null ? [] : [value]));
  await codec.load(values);
  let taken = 0;
  for (const { offset, value } of batch.records) {
    if (offset >= end || value === null) continue;
    audit?.record(offset, value);
    said.demanded = offset < (demandedTo[batch.partition] ?? 0);
    addOutcome(said, codec.decode(value), offset);
    taken += 1;
  }
  audit?.reached(Math.min(batch.nextOffset, end));
  return taken;
};

/** Takes rows as the sink would insert them, and keeps whose they are and their version. */
class Said implements Rows {
  demanded = false;
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
      demanded: bool,
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
    this.encoder.write(this.writer, { kind: encoder.table, workspace, key, version, demanded: this.demanded });
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

const compare = async (
  client: ClickHouse,
  { said, kept }: { said: string; kept: string },
  truncated: boolean,
): Promise<TableReport[]> => {
  const isMissing = 'due > held';
  const isUnexplained = `in_table AND NOT explained${truncated ? ' AND in_topic' : ''}`;
  const found = await queryRows<TableReport>(
    client,
    `SELECT
       kind AS table, countIf(in_topic) AS said, countIf(in_table) AS kept,
       countIf(${isMissing}) AS missing, countIf(${isUnexplained}) AS unexplained,
       groupArrayIf(${EXAMPLES})(concat(workspace, ' ', key), ${isMissing} OR ${isUnexplained}) AS examples
     FROM (
       SELECT kind, workspace, key, max(kept) AS in_table, max(NOT kept) AS in_topic,
         maxIf(version, kept) AS held, maxIf(version, demanded) AS due,
         has(groupArrayIf(version, NOT kept), held) AS explained
       FROM (
         SELECT kind, workspace, key, version, demanded, false AS kept FROM ${said}
         UNION ALL
         SELECT kind, workspace, key, version, false AS demanded, true AS kept FROM ${kept}
       )
       GROUP BY kind, workspace, key
     )
     GROUP BY kind`,
  );
  const none = { said: 0, kept: 0, missing: 0, unexplained: 0, examples: [] };
  return Object.keys(KEYS).map((table) => found.find((report) => report.table === table) ?? { table, ...none });
};
