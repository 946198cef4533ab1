import type { Codec } from '../../lib/avro/index.ts';
import { rowEncoder, string } from '../../lib/clickhouse/rowbinary.ts';
import { partitionFor } from '../../lib/kafka/murmur2.ts';
import type { Rows } from '../../services/sink/block.ts';
import type { TopicContent } from '../../services/sink/topic-consumer-options.ts';
import { OUTPUT, fromBytes, type SimulatedOutcome } from './topology.ts';

/** A row as the tables of the simulation hold it. */
export interface StoredRow {
  id: string;
  partition: number;
  outputOffset: number;
  outcome: string;
}

/** The tables of a block; the second one is partitioned by month. */
export const TABLES = ['simulated_keys', 'simulated_events'] as const;

const COLUMNS = { row: string };
const ENCODERS = TABLES.map((table) => rowEncoder(table, COLUMNS));
const MONTH_MS = 31 * 86_400_000;

export const rowOf = (outcome: SimulatedOutcome, partition: number, outputOffset: number): StoredRow => ({
  id: `${outcome.key} ${outcome.offset} ${outcome.op} ${outcome.count} ${outcome.due}`,
  partition,
  outputOffset,
  outcome: JSON.stringify(outcome),
});

export function contentOf(outputPartitions: number): TopicContent<SimulatedOutcome> {
  return {
    topic: OUTPUT,
    tables: TABLES,
    addRows(rows: Rows, outcome, offset) {
      const row = { row: JSON.stringify(rowOf(outcome, partitionFor(outcome.key, outputPartitions), offset)) };
      rows.add(ENCODERS[0]!, row);
      rows.addByMonth(ENCODERS[1]!, row, outcome.log_time - outcome.key.length * MONTH_MS);
    },
    sameCause: (a, b) => a.body.offset === b.body.offset && a.body.key === b.body.key,
    logTimeMs: ({ log_time }) => log_time,
  };
}

export const simulatedCodec: Codec<SimulatedOutcome> = {
  schemaId: 0,
  encode: (outcome: SimulatedOutcome) => Buffer.from(JSON.stringify(outcome)),
  decode: (value: Buffer) => fromBytes<SimulatedOutcome>(value),
  load: () => Promise.resolve(),
};

/** Rows of one text column in RowBinary. */
export function decodeRows(body: Buffer): StoredRow[] {
  const rows: StoredRow[] = [];
  for (let at = 0; at < body.length;) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = body[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    rows.push(JSON.parse(body.toString('utf8', at, at + length)) as StoredRow);
    at += length;
  }
  return rows;
}
