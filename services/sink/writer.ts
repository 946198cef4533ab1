import type { Logger } from 'pino';
import type { EncodedRows } from '../../lib/clickhouse/client.ts';
import type { Clock } from '../../lib/clock/index.ts';
import type { Block } from './block.ts';
import type { SinkDatabase } from './database.ts';
import type { Ledger } from './ledger.ts';
import type { SinkMetrics } from './metrics.ts';

const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 5_000;

export interface BlockWriterOptions {
  database: SinkDatabase;
  ledger: Ledger;
  logger: Logger;
  metrics: SinkMetrics;
  topic: string;
  clock: Clock;
  /** Ends an insert that is under way. */
  signal: AbortSignal;
}

/**
 * Writes blocks, one at a time: all tables, then the ledger. While ClickHouse is away, or refuses,
 * it tries again until told not to; nothing is ever left out.
 */
export class BlockWriter {
  private failures = 0;

  constructor(private readonly options: BlockWriterOptions) {}

  /** The last attempt went well. */
  get healthy(): boolean {
    return this.failures === 0;
  }

  /**
   * True when the block is in the ledger. False when `wanted` was aborted before: the block may then be
   * in some tables, and whoever owns its partitions writes it again.
   */
  async write(block: Block, wanted: AbortSignal): Promise<boolean> {
    const { ledger, metrics, topic } = this.options;
    for (const insert of block.inserts()) {
      const { table, rows } = insert;
      const done = await this.insist(table, wanted, () => this.insert(insert));
      if (!done) return false;
      metrics.rows.inc({ table }, rows);
    }
    if (!(await this.insist('ledger', wanted, () => ledger.append(block.ranges)))) return false;
    metrics.blocks.inc({ topic });
    metrics.records.inc({ topic }, block.records);
    return true;
  }

  private async insert(insert: EncodedRows): Promise<void> {
    const stop = this.options.metrics.insertSeconds.startTimer({ table: insert.table });
    await this.options.database.insert(insert, this.options.signal);
    stop();
  }

  /** Tries until it succeeds (true) or `wanted` is aborted (false). */
  async insist(what: string, wanted: AbortSignal, action: () => Promise<void>): Promise<boolean> {
    const { logger, metrics, topic, clock } = this.options;
    for (let attempt = 1; ; attempt++) {
      if (wanted.aborted) return false;
      try {
        await action();
        if (this.failures > 0) logger.info({ topic, failures: this.failures }, 'ClickHouse accepts inserts again');
        this.failures = 0;
        return true;
      } catch (error) {
        if (this.options.signal.aborted) return false;
        this.failures += 1;
        metrics.failures.inc({ topic });
        const waitMs = Math.min(BACKOFF_FIRST_MS * 2 ** (attempt - 1), BACKOFF_MAX_MS);
        logger.error(
          { topic, what, attempt, waitMs, code: codeOf(error) },
          'ClickHouse did not accept a block; retrying',
        );
        await clock.sleep(waitMs, wanted);
      }
    }
  }
}

/** ClickHouse's or the socket's code. Messages are not logged: they may quote rows. */
const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'unknown';
  const { code, type } = error as Error & { code?: string; type?: string };
  return [error.name, type, code].filter(Boolean).join(' ');
};
