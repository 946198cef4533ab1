import { setTimeout as sleep } from 'node:timers/promises';
import { MIGRATIONS } from '../../lib/clickhouse/migrations.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import type { Database } from './database.ts';

const PAUSE_MS = 250;

/** Waits until ClickHouse is there and the sink has brought the database to this release's state. */
export async function waitForTables(
  database: Database,
  logger: { info(fields: object, message: string): void },
): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const done = await database
      .rows<{ done: number }>(`SELECT max(id) AS done FROM ${TABLES.schemaMigrations}`)
      .then(([row]) => row?.done ?? 0)
      .catch(() => 0);
    if (done >= MIGRATIONS.length) return;
    if (attempt % 40 === 0)
      logger.info({ done, wanted: MIGRATIONS.length }, 'waiting for the tables that the sink makes');
    await sleep(PAUSE_MS);
  }
}
