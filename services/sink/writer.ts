import type { Logger } from 'pino';
import type { EncodedRows } from '../../lib/clickhouse/client.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import { Backoff, type Clock } from '../../lib/clock/index.ts';
import type { Block } from './block.ts';
import type { SinkDatabase } from './database.ts';
import type { Erasure } from './erasure.ts';
import type { Ledger } from './ledger.ts';
import type { SinkMetrics } from './metrics.ts';

/** What says to whom an id belongs. */
const FIRST_TABLES: readonly string[] = [TABLES.people, TABLES.personAliases];
const BACKOFF = { firstMs: 100, maxMs: 5_000 };

export interface BlockWriterOptions {
  database: SinkDatabase;
  ledger: Ledger;
  logger: Logger;
  metrics: SinkMetrics;
  topic: string;
  clock: Clock;
  /** Ends open inserts. */
  signal: AbortSignal;
}

/**
 * Writes blocks. While ClickHouse is unavailable or refuses rows, every insert is retried until it succeeds or is no
 * longer wanted; nothing is left out.
 */
export class BlockWriter {
  /** Operations whose last attempt failed. */
  private failing = 0;

  constructor(private readonly options: BlockWriterOptions) {}

  /** No operation is waiting for its next attempt. */
  get healthy(): boolean {
    return this.failing === 0;
  }

  /**
   * Inserts the rows of all tables but those of details, side by side; where ids come to belong to other people, the tables of
   * people before the others, so that no query sees a row under its new person before it sees the merge. True when all of
   * them are durable. False when `wanted` was aborted before: any of the tables may then hold rows of the block, and the
   * next owner of its partitions writes it again.
   */
  async insertTables(block: Block, wanted: AbortSignal): Promise<boolean> {
    const inserts = block.inserts();
    const isFirst = ({ table }: EncodedRows): boolean => block.isPeopleFirst && FIRST_TABLES.includes(table);
    const [before, after] = [inserts.filter(isFirst), inserts.filter((insert) => !isFirst(insert))];
    return (await this.insertAll(before, wanted)) && (await this.insertAll(after, wanted));
  }

  /** After all inserts of the blocks: a deletion affects the rows that are there when it is accepted. */
  private async eraseAll(erasures: readonly Erasure[], wanted: AbortSignal): Promise<boolean> {
    const { database, signal } = this.options;
    for (const erasure of erasures) {
      if (!(await this.retry('erasure', wanted, () => database.erase(erasure, signal)))) return false;
    }
    return true;
  }

  private async insertAll(inserts: readonly EncodedRows[], wanted: AbortSignal): Promise<boolean> {
    const results = inserts.map(async (insert) => {
      const isInserted = await this.retry(insert.table, wanted, () => this.insert(insert));
      if (isInserted) this.options.metrics.rows.inc({ table: insert.table }, insert.rows);
      return isInserted;
    });
    return (await Promise.all(results)).every(Boolean);
  }

  /**
   * Completes blocks whose tables are written: inserts their details, one table after another, then has erased rows
   * deleted, then appends their rows of the ledger. False when `wanted` was aborted before; then none of them is in the ledger.
   */
  async finish(blocks: readonly Block[], wanted: AbortSignal): Promise<boolean> {
    const { ledger, metrics, topic } = this.options;
    // One after another: side by side they would take the CPU from the tables that are counted.
    for (const details of joined(blocks.flatMap((block) => block.insertsOfDetails()))) {
      if (!(await this.insertAll([details], wanted))) return false;
    }
    const erasures = blocks.flatMap((block) => block.erasures.all);
    if (!(await this.eraseAll(erasures, wanted))) return false;
    const append = (): Promise<void> => ledger.append(blocks.map(({ ranges }) => ranges));
    if (!(await this.retry('ledger', wanted, append))) return false;
    for (const { records } of blocks) {
      metrics.blocks.inc({ topic });
      metrics.records.inc({ topic }, records);
    }
    return true;
  }

  private async insert(insert: EncodedRows): Promise<void> {
    const stop = this.options.metrics.insertSeconds.startTimer({ table: insert.table });
    await this.options.database.insert(insert, this.options.signal);
    stop();
  }

  /** Attempts `action` until it succeeds (true) or `wanted` is aborted (false). `target` names it in the log. */
  async retry(target: string, wanted: AbortSignal, action: () => Promise<void>): Promise<boolean> {
    const { clock, signal } = this.options;
    const backoff = new Backoff(BACKOFF);
    let attempts = 0;
    try {
      while (!wanted.aborted) {
        try {
          await action();
          return true;
        } catch (error) {
          if (signal.aborted) return false;
          if (attempts++ === 0) this.failing += 1;
          await clock.sleep(this.failed(target, attempts, backoff.nextMs(), error), wanted);
        }
      }
      return false;
    } finally {
      if (attempts > 0) this.recovered(wanted.aborted || signal.aborted);
    }
  }

  /** Returns the wait before the next attempt. */
  private failed(target: string, attempt: number, waitMs: number, error: unknown): number {
    const { logger, metrics, topic } = this.options;
    metrics.failures.inc({ topic });
    const fields = { topic, target, attempt, waitMs, code: codeOf(error) };
    logger.error(fields, 'ClickHouse request failed; retrying');
    return waitMs;
  }

  private recovered(isAbandoned: boolean): void {
    this.failing -= 1;
    const { logger, topic } = this.options;
    if (this.failing === 0 && !isAbandoned) logger.info({ topic }, 'ClickHouse accepts inserts again');
  }
}

/** One insert for each table. */
function joined(inserts: readonly EncodedRows[]): EncodedRows[] {
  const byTable = new Map<string, EncodedRows[]>();
  for (const insert of inserts) byTable.set(insert.table, [...(byTable.get(insert.table) ?? []), insert]);
  return [...byTable.values()].map((parts) => ({
    table: parts[0]!.table,
    columns: parts[0]!.columns,
    body: Buffer.concat(parts.map(({ body }) => body)),
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
  }));
}

/** The error code of ClickHouse or the socket. Messages are not logged: they may quote rows. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code, type } = error as Error & { code?: string; type?: string };
  return [error.name, type, code].filter(Boolean).join(' ');
}
