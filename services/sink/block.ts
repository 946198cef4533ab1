import { crc32 } from 'node:zlib';
import type { EncodedRows } from '../../lib/clickhouse/client.ts';
import type { KafkaRecord } from '../../lib/kafka/types.ts';
import { RowBinaryWriter, type RowEncoder } from '../../lib/clickhouse/rowbinary.ts';
import type { LogVersion } from '../../lib/clickhouse/version.ts';
import { Erasures, type ErasedKeys } from './erasure.ts';

/** Takes rows. Which rows a record has is decided in rows.ts. */
export interface Rows {
  add<Row>(encoder: RowEncoder<Row>, row: Row): void;
  /** For a table that is partitioned by the UTC month of `occurredAtMs`. */
  addByMonth<Row>(encoder: RowEncoder<Row>, row: Row, occurredAtMs: number): void;
  /** The rows say that ids belong to other people: rows of people are written before those that depend on them. */
  writePeopleFirst(): void;
  /** Rows with these keys that causes before that of `version` have written are deleted. */
  erase(workspace: string, version: LogVersion, keys: ErasedKeys): void;
}

/** What a block covers of one partition: offsets from `first` to `last`, including markers and aborted records. */
export interface BlockRange {
  first: number;
  last: number;
  /** Number of records, not of rows. */
  records: number;
  /** CRC-32 of the concatenated values of the records. */
  crc: number;
  /** Log time of the last record, Unix milliseconds; null without records. */
  logTimeMs: number | null;
  /** The last record; null without records. */
  record: CountedRecord | null;
}

/** What a block needs of a record. */
export type CountedRecord = Pick<KafkaRecord, 'offset' | 'timestampMs'> & { value: Buffer };

/** ClickHouse refuses more than 100 partitions in one insert. */
const MONTHS_MAX = 90;

/** An insert that is being built. */
interface Part {
  readonly encoder: RowEncoder<never>;
  readonly writer: RowBinaryWriter;
  readonly months: Set<number>;
  rows: number;
}

/**
 * The rows of some records of one topic, encoded, and which records those are. The rows of a table are one insert, or
 * several where they have more months than ClickHouse accepts in one. No rows are added after `inserts`.
 */
export class Block implements Rows {
  readonly ranges = new Map<number, BlockRange>();
  records = 0;
  /** Total size of all rows. */
  bytes = 0;
  /** Rows of people are written before all others. */
  isPeopleFirst = false;
  readonly erasures = new Erasures();
  private readonly byTable = new Map<string, Part>();
  private readonly byMonth = new Map<number, Part>();
  private readonly months = new MonthOf();

  /** `tables` and `details`: every table that may get rows. */
  constructor(
    private readonly tables: readonly string[],
    private readonly details: readonly string[] = [],
  ) {}

  add<Row>(encoder: RowEncoder<Row>, row: Row): void {
    let part = this.byTable.get(encoder.table);
    if (part === undefined) this.byTable.set(encoder.table, (part = newPart(encoder)));
    this.bytes += write(part, encoder, row);
  }

  addByMonth<Row>(encoder: RowEncoder<Row>, row: Row, occurredAtMs: number): void {
    const month = this.months.of(occurredAtMs);
    let part = this.byMonth.get(month);
    if (part === undefined) {
      part = [...this.byMonth.values()].find(({ months }) => months.size < MONTHS_MAX) ?? newPart(encoder);
      part.months.add(month);
      this.byMonth.set(month, part);
    }
    this.bytes += write(part, encoder, row);
  }

  writePeopleFirst(): void {
    this.isPeopleFirst = true;
  }

  erase(workspace: string, version: LogVersion, keys: ErasedKeys): void {
    this.erasures.add(workspace, version, keys);
  }

  /** Records that the rows of a record have been added. */
  count(partition: number, record: CountedRecord, logTimeMs: number): void {
    const range = this.rangeOf(partition, record.offset);
    range.last = Math.max(range.last, record.offset);
    range.records += 1;
    range.crc = crc32(record.value, range.crc);
    range.logTimeMs = logTimeMs;
    range.record = record;
    this.records += 1;
  }

  /** Widens the range of a partition: it begins at `first` or before, and ends before `next` (exclusive) or after. */
  cover(partition: number, first: number, next: number): void {
    const range = this.rangeOf(partition, first);
    range.first = Math.min(range.first, first);
    range.last = Math.max(range.last, next - 1);
  }

  /** In the order of `tables`. To be called once. */
  inserts(): EncodedRows[] {
    return this.insertsInto(this.tables);
  }

  /** In the order of `details`. To be called once. */
  insertsOfDetails(): EncodedRows[] {
    return this.insertsInto(this.details);
  }

  private insertsInto(tables: readonly string[]): EncodedRows[] {
    const parts = [...this.parts()];
    return tables.flatMap((table) =>
      parts
        .filter((part) => part.encoder.table === table)
        .map(({ encoder, writer, rows }) => ({ table, columns: encoder.columns, body: writer.take(), rows })),
    );
  }

  private *parts(): Iterable<Part> {
    yield* this.byTable.values();
    yield* new Set(this.byMonth.values());
  }

  private rangeOf(partition: number, offset: number): BlockRange {
    let range = this.ranges.get(partition);
    if (range === undefined) {
      range = { first: offset, last: offset, records: 0, crc: 0, logTimeMs: null, record: null };
      this.ranges.set(partition, range);
    }
    return range;
  }
}

const newPart = (encoder: RowEncoder<never>): Part => ({
  encoder,
  writer: new RowBinaryWriter(16 * 1024),
  months: new Set(),
  rows: 0,
});

/** Returns the size of the encoded row. A row that cannot be encoded leaves nothing behind. */
function write<Row>(part: Part, encoder: RowEncoder<Row>, row: Row): number {
  const size = part.writer.size;
  try {
    encoder.write(part.writer, row);
  } catch (error) {
    part.writer.truncate(size);
    throw error;
  }
  part.rows += 1;
  return part.writer.size - size;
}

/** The UTC month of an instant, counted from year 0. Remembers the last month: most neighbours share it. */
class MonthOf {
  private fromMs = 0;
  private toMs = 0;
  private month = 0;

  of(timeMs: number): number {
    if (timeMs >= this.fromMs && timeMs < this.toMs) return this.month;
    const date = new Date(timeMs);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
    if (Number.isNaN(year)) throw new RangeError(`not a valid time: ${timeMs}`);
    this.fromMs = Date.UTC(year, month);
    this.toMs = Date.UTC(year, month + 1);
    this.month = year * 12 + month;
    return this.month;
  }
}
