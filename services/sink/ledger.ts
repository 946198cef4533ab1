import type { Clock } from '../../lib/clock/index.ts';
import { markOf, markText, parseMark, type Mark } from '../../lib/kafka/continuity.ts';
import type { BlockRange } from './block.ts';
import type { LedgerSpan, SinkDatabase } from './database.ts';
import { SINK_RULES, type SinkRules } from './rules.ts';

/** What the ledger says of a partition: everything from `first` up to `next` (exclusive) is in the tables. */
export interface LedgerState {
  first: number;
  next: number;
  /** Blocks since the last checkpoint. */
  blocks: number;
  /** The mark of the last record before `next`, or of an earlier one; undefined if none is known. */
  mark?: Mark | undefined;
}

/** What one row says of all blocks of a partition. */
export type Checkpoint = Omit<LedgerState, 'blocks'>;

export interface LedgerOptions {
  database: SinkDatabase;
  topic: string;
  clock: Clock;
  /** Ends open requests. */
  signal?: AbortSignal;
  rules?: SinkRules;
}

/**
 * The sink's own record of what is in ClickHouse, kept in ClickHouse: a row per block and partition, written after all
 * tables of the block. A checkpoint sums up a partition's blocks in one row. All methods throw what the database throws.
 */
export class Ledger {
  constructor(private readonly options: LedgerOptions) {}

  /** By partition. A partition without ledger rows is missing from the map. */
  async read(partitions: readonly number[]): Promise<Map<number, LedgerState>> {
    const { database, topic, signal, rules = SINK_RULES } = this.options;
    const spans = await database.readLedger(topic, partitions, signal);
    const states = new Map<number, LedgerState>();
    for (const partition of partitions) {
      const state = stateOf(
        spans.filter((span) => span.partition === partition),
        rules,
      );
      if (state !== null) states.set(partition, state);
    }
    return states;
  }

  /** Records that blocks are in all tables; `blocks`: the ranges of each, by partition. */
  async append(blocks: readonly ReadonlyMap<number, BlockRange>[]): Promise<void> {
    const { database, topic, clock, signal } = this.options;
    const now = clock.wallMs();
    const ranges = blocks.flatMap((block) => [...block]);
    const rows = ranges.map(([partition, range]) => ({
      topic,
      partition,
      checkpoint: false,
      first_offset: range.first,
      last_offset: range.last,
      rows: range.records,
      hash: hashText(range.crc),
      written_at: now,
      last_record: range.record === null ? '' : markText(markOf(range.record)),
    }));
    await database.appendToLedger(rows, signal);
  }

  /** Sums up partitions, each in one row: everything from `first` up to `next` (exclusive) is in all tables. */
  async checkpoint(checkpoints: ReadonlyMap<number, Checkpoint>): Promise<void> {
    const { database, topic, clock, signal } = this.options;
    const now = clock.wallMs();
    const rows = [...checkpoints].map(([partition, { first, next, mark }]) => ({
      topic,
      partition,
      checkpoint: true,
      first_offset: first,
      last_offset: next - 1,
      rows: 0,
      hash: '',
      written_at: now,
      last_record: mark === undefined ? '' : markText(mark),
    }));
    await database.appendToLedger(rows, signal);
  }
}

function stateOf(spans: readonly LedgerSpan[], rules: SinkRules): LedgerState | null {
  const next = rules.resumeOffset(spans);
  if (next === null) return null;
  const first = Math.min(...spans.map((span) => span.first));
  const marks = spans.flatMap(({ last, mark }) => (last < next ? [parseMark(mark)] : []));
  const mark = marks.reduce((a, b) => ((b?.offset ?? -1) > (a?.offset ?? -1) ? b : a), undefined);
  return { first, next, blocks: spans.filter((span) => !span.checkpoint).length, mark };
}

/** CRC-32 as the ledger holds it. */
const hashText = (crc: number): string => crc.toString(16).padStart(8, '0');
