import type { Random } from '../../lib/carts/testing/random.ts';
import type { EncodedRows } from '../../lib/clickhouse/client.ts';
import type { LedgerRow } from '../../lib/clickhouse/schema.ts';
import type { SimulatedProcess } from '../../lib/kafka/testing/event-loop.ts';
import type { Network, RequestKind } from '../../lib/kafka/testing/network.ts';
import type { LedgerSpan, SinkDatabase } from '../../services/sink/database.ts';
import { decodeRows, type StoredRow } from './sink-content.ts';

type StoredLedgerRow = LedgerRow & { appendedAtMs: number };

export interface ClickHouseOptions {
  nowMs: () => number;
  network: Network;
  /** Another row than the one of this key is there already. */
  onConflict(table: string, id: string): void;
  onInsert(table: string, row: StoredRow): void;
  onLedger(): void;
}

/** Blocks that are not older may be lost. */
const LOSABLE_MS = 10_000;

/** ClickHouse as the sink sees it: tables in which equal rows are one, and a ledger. */
export class SimulatedClickHouse {
  readonly tables = new Map<string, Map<string, StoredRow>>();
  /** This many of the next inserts leave rows behind and fail. */
  partialInserts = 0;
  private ledger: StoredLedgerRow[] = [];
  /** Connections end with the server's life. */
  private life = 0;

  constructor(private readonly options: ClickHouseOptions) {}

  /** The interface of one process. */
  databaseOf(process: SimulatedProcess): SinkDatabase {
    const { network } = this.options;
    const request = <T>(kind: RequestKind, effect: () => T, signal?: AbortSignal): Promise<T> => {
      const { life } = this;
      const reply = network.request(process, kind, () => {
        if (life !== this.life) throw new Error('connection reset');
        return effect();
      });
      return endedBy(reply, signal);
    };
    return {
      insert: (rows, signal) => request('insert', () => this.insert(rows), signal),
      // The simulated topic holds no erasures.
      erase: () => Promise.reject(new Error('erasures are not simulated')),
      appendToLedger: (rows, signal) => request('append to ledger', () => this.append(rows), signal),
      readLedger: (topic, partitions, signal) => request('read ledger', () => this.read(topic, partitions), signal),
    };
  }

  table(name: string): Map<string, StoredRow> {
    let table = this.tables.get(name);
    if (table === undefined) this.tables.set(name, (table = new Map()));
    return table;
  }

  /** As the sink reads it: checkpoints, and the blocks that end at or after the newest one. */
  read(topic: string, partitions: readonly number[]): LedgerSpan[] {
    return partitions.flatMap((partition) => {
      const own = this.ledger.filter((row) => row.topic === topic && row.partition === partition);
      const newest = Math.max(0, ...own.filter(({ checkpoint }) => checkpoint).map((row) => row.last_offset));
      return own
        .filter((row) => row.checkpoint || row.last_offset >= newest)
        .map((row) => ({
          partition,
          checkpoint: row.checkpoint,
          first: row.first_offset,
          last: row.last_offset,
          mark: row.last_record,
        }));
    });
  }

  /**
   * A new life, in which some of the blocks of the last seconds are gone, each as a whole: its rows, unless another
   * block holds them, too, and its ledger row. So it is when a replica falls away, or unsynced parts are lost with the
   * power. The first block of a partition stays: the ledger's chain begins with it.
   */
  loseBlocks(random: Random): void {
    this.life++;
    const sinceMs = this.options.nowMs() - LOSABLE_MS;
    const isFirst = ({ topic, partition, first_offset: first }: LedgerRow): boolean =>
      !this.ledger.some((row) => row.topic === topic && row.partition === partition && row.first_offset < first);
    const lost = this.ledger.filter(
      (row) => row.appendedAtMs >= sinceMs && !isFirst(row) && (row.checkpoint || random.chance(0.5)),
    );
    this.ledger = this.ledger.filter((row) => !lost.includes(row));
    const holds = ({ partition, first_offset: first, last_offset: last }: LedgerRow, row: StoredRow): boolean =>
      row.partition === partition && row.outputOffset >= first && row.outputOffset <= last;
    for (const table of this.tables.values()) {
      for (const [id, row] of table) {
        const isLost = lost.some((block) => !block.checkpoint && holds(block, row));
        if (isLost && !this.ledger.some((block) => holds(block, row))) table.delete(id);
      }
    }
  }

  private insert({ table, body, rows: count }: EncodedRows): void {
    const rows = decodeRows(body);
    if (rows.length !== count) throw new Error(`${count} rows announced, ${rows.length} sent`);
    const isPartial = this.partialInserts > 0;
    if (isPartial) this.partialInserts--;
    for (const row of isPartial ? rows.slice(0, Math.floor(rows.length / 2)) : rows) this.put(table, row);
    if (isPartial) throw new Error('memory limit exceeded');
  }

  private put(table: string, row: StoredRow): void {
    const before = this.table(table).get(row.id);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(row)) this.options.onConflict(table, row.id);
    this.table(table).set(row.id, row);
    this.options.onInsert(table, row);
  }

  private append(rows: readonly LedgerRow[]): void {
    this.ledger.push(...rows.map((row) => ({ ...row, appendedAtMs: this.options.nowMs() })));
    this.options.onLedger();
  }
}

/** What the request gives, or an error as soon as the signal is aborted. */
function endedBy<T>(request: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return request;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new Error('the request was ended'));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort);
    request.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
