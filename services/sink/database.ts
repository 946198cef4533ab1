import { insertRowBinary, queryRows, type ClickHouse, type EncodedRows } from '../../lib/clickhouse/client.ts';
import { RowBinaryWriter } from '../../lib/clickhouse/rowbinary.ts';
import { ledgerRows, type LedgerRow } from '../../lib/clickhouse/schema.ts';
import { READ_SETTINGS, TABLES } from '../../lib/clickhouse/tables.ts';
import { erasureStatements, type Erasure, type Statement } from './erasure.ts';

/** One row of the ledger: everything from `first` to `last`, both included, is in the tables. */
export interface LedgerSpan {
  partition: number;
  checkpoint: boolean;
  first: number;
  last: number;
  /** The mark of the last record (lib/kafka/continuity.ts) as text; '' if it is unknown. */
  mark: string;
}

/**
 * All requests of the sink to ClickHouse. An aborted `signal` ends an open request. After any error an insert may be
 * done, not done, or done in part: insert the same rows again.
 */
export interface SinkDatabase {
  /** Resolves when the rows are durable. */
  insert(rows: EncodedRows, signal?: AbortSignal): Promise<void>;
  /** Resolves when ClickHouse has accepted the deletion, which it completes in the background. */
  erase(erasure: Erasure, signal?: AbortSignal): Promise<void>;
  /** Resolves when the rows are durable. */
  appendToLedger(rows: readonly LedgerRow[], signal?: AbortSignal): Promise<void>;
  /** The checkpoints of these partitions, and the blocks that end at or after the newest checkpoint, in any order. */
  readLedger(topic: string, partitions: readonly number[], signal?: AbortSignal): Promise<LedgerSpan[]>;
}

/** Orders changes of rows, one after another. Resolves when ClickHouse has accepted them; it makes them in the background. */
export async function orderAll(
  client: ClickHouse,
  statements: readonly Statement[],
  signal?: AbortSignal,
): Promise<void> {
  for (const { query, params } of statements) {
    signal?.throwIfAborted();
    await client.command({
      query,
      query_params: params,
      clickhouse_settings: { mutations_sync: '0' },
      ...(signal === undefined ? {} : { abort_signal: signal }),
    });
  }
}

/** The real one. Throws what the client throws. */
export const clickHouseDatabase = (client: ClickHouse): SinkDatabase => ({
  insert: (rows, signal) => insertRowBinary(client, rows, signal),

  erase: (erasure, signal) => orderAll(client, erasureStatements(erasure), signal),

  appendToLedger: async (rows, signal) => {
    const writer = new RowBinaryWriter(1024);
    for (const row of rows) ledgerRows.write(writer, row);
    const { table, columns } = ledgerRows;
    await insertRowBinary(client, { table, columns, body: writer.take(), rows: rows.length }, signal);
  },

  readLedger: (topic, partitions, signal) =>
    queryRows<LedgerSpan>(
      client,
      // A block that ends before its partition's newest checkpoint is part of that checkpoint.
      `WITH checkpoints AS (
         SELECT partition, max(last_offset) AS last FROM ${TABLES.sinkLedger} FINAL
         WHERE topic = {topic: String} AND checkpoint GROUP BY partition
       )
       SELECT partition, checkpoint, toFloat64(first_offset) AS first, toFloat64(last_offset) AS last,
         last_record AS mark
       FROM ${TABLES.sinkLedger} FINAL LEFT ANY JOIN checkpoints USING (partition)
       WHERE topic = {topic: String} AND partition IN {partitions: Array(UInt32)}
         AND (checkpoint OR last_offset >= checkpoints.last)`,
      { topic, partitions },
      { ...READ_SETTINGS, join_use_nulls: 0 },
      signal,
    ),
});
