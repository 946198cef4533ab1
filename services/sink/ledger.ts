import { insertRowBinary, queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { RowBinaryWriter } from '../../lib/clickhouse/rowbinary.ts';
import { ledgerRows, type LedgerRow } from '../../lib/clickhouse/schema.ts';
import { READ_SETTINGS, TABLES } from '../../lib/clickhouse/tables.ts';
import { markOf, markText, parseMark, type Mark } from '../../lib/kafka/continuity.ts';
import type { BlockRange } from './block.ts';
import { contiguousEnd } from './chain.ts';

/** What the ledger says of a partition: everything from `first` up to `next` (exclusive) is in the tables. */
export interface LedgerState {
  first: number;
  next: number;
  /** Blocks since the last checkpoint. */
  blocks: number;
  /** Of the last record before `next`, or of one further back; undefined where none is known. */
  mark?: Mark | undefined;
}

/** What the ledger knows of one partition. */
interface LedgerSpan {
  partition: number;
  checkpoint: boolean;
  first: number;
  last: number;
  mark: string;
}

/**
 * The sink's own record of what is in ClickHouse, in ClickHouse: a row per block and partition,
 * written after all tables of the block. Checkpoints keep the way back short.
 */
export class Ledger {
  constructor(
    private readonly client: ClickHouse,
    private readonly topic: string,
    private readonly clock: () => number,
    /** Ends what is under way. */
    private readonly signal?: AbortSignal,
  ) {}

  /** By partition; those that the ledger has never seen are missing. Throws what the client throws. */
  async read(partitions: readonly number[]): Promise<Map<number, LedgerState>> {
    const spans = await queryRows<LedgerSpan>(
      this.client,
      // Blocks that end before their partition's checkpoint are in it.
      `WITH checkpoints AS (
         SELECT partition, max(last_offset) AS last FROM ${TABLES.sinkLedger} FINAL
         WHERE topic = {topic: String} AND checkpoint GROUP BY partition
       )
       SELECT partition, checkpoint, toFloat64(first_offset) AS first, toFloat64(last_offset) AS last,
         last_record AS mark
       FROM ${TABLES.sinkLedger} FINAL LEFT ANY JOIN checkpoints USING (partition)
       WHERE topic = {topic: String} AND partition IN {partitions: Array(UInt32)}
         AND (checkpoint OR last_offset >= checkpoints.last)`,
      { topic: this.topic, partitions },
      { ...READ_SETTINGS, join_use_nulls: 0 },
      this.signal,
    );
    const states = new Map<number, LedgerState>();
    for (const partition of partitions) {
      const own = spans.filter((span) => span.partition === partition);
      const next = contiguousEnd(own);
      if (next === null) continue;
      const first = Math.min(...own.map((span) => span.first));
      const marks = own.flatMap(({ last, mark }) => (last < next ? [parseMark(mark)] : []));
      const mark = marks.reduce((a, b) => ((b?.offset ?? -1) > (a?.offset ?? -1) ? b : a), undefined);
      states.set(partition, { first, next, blocks: own.filter((span) => !span.checkpoint).length, mark });
    }
    return states;
  }

  /** Notes that a block is in all tables. */
  async append(ranges: ReadonlyMap<number, BlockRange>): Promise<void> {
    const now = this.clock();
    await this.insert(
      [...ranges].map(([partition, range]) => ({
        topic: this.topic,
        partition,
        checkpoint: false,
        first_offset: range.first,
        last_offset: range.last,
        rows: range.records,
        hash: hashText(range.crc),
        written_at: now,
        last_record: range.record === null ? '' : markText(markOf(range.record)),
      })),
    );
  }

  /** Says all of a partition's blocks in one row. */
  async checkpoint(partition: number, { first, next, mark }: Omit<LedgerState, 'blocks'>): Promise<void> {
    await this.insert([
      {
        topic: this.topic,
        partition,
        checkpoint: true,
        first_offset: first,
        last_offset: next - 1,
        rows: 0,
        hash: '',
        written_at: this.clock(),
        last_record: mark === undefined ? '' : markText(mark),
      },
    ]);
  }

  private async insert(rows: readonly LedgerRow[]): Promise<void> {
    const writer = new RowBinaryWriter(1024);
    for (const row of rows) ledgerRows.write(writer, row);
    const { table, columns } = ledgerRows;
    await insertRowBinary(this.client, { table, columns, body: writer.take(), rows: rows.length }, this.signal);
  }
}

/** CRC-32 as the ledger holds it. */
export const hashText = (crc: number): string => crc.toString(16).padStart(8, '0');
