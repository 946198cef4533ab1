import { MIGRATIONS } from '../../lib/clickhouse/migrations.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import type { Clock } from '../../lib/clock/index.ts';
import type { Database } from './database.ts';

const PAUSE_MS = 250;

/** Waits until ClickHouse answers and the sink has applied all migrations of this release. */
export async function waitForTables(
  database: Database,
  clock: Clock,
  logger: { info(fields: object, message: string): void },
): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const done = await database
      .rows<{ done: number }>(`SELECT max(id) AS done FROM ${TABLES.schemaMigrations}`)
      .then(([row]) => row?.done ?? 0)
      .catch(() => 0);
    if (done >= MIGRATIONS.length) return;
    if (attempt % 40 === 0)
      logger.info({ applied: done, required: MIGRATIONS.length }, 'waiting for the sink to apply the migrations');
    await clock.sleep(PAUSE_MS);
  }
}
