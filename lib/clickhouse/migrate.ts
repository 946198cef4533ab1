import { createHash } from 'node:crypto';
import { Backoff, type Clock } from '../clock/index.ts';
import { createClickHouse, queryRows, type ClickHouse } from './client.ts';
import type { Migration } from './migration.ts';
import { MIGRATIONS } from './migrations.ts';
import { TABLES } from './tables.ts';

/** The database was created by a build whose migration with the same number differs from ours. */
export class MigrationMismatchError extends Error {
  override readonly name = 'MigrationMismatchError';
}

/** How long one statement may take. */
const MIGRATION_TIMEOUT_MS = 3_600_000;

const hashOf = (migration: Migration): string =>
  createHash('sha256').update(JSON.stringify(migration.statements)).digest('hex');

/**
 * Creates the database if needed, and runs the migrations that it does not have yet, in order. Several processes may run
 * it at once, and again after a crash: every statement can be repeated, and a migration is recorded once all of it ran. A
 * database of a later release is left unchanged. Returns the ids of the migrations that ran. Throws
 * {@link MigrationMismatchError} and the errors of the client.
 */
export async function migrate(
  client: ClickHouse,
  database: string = client.options.database,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<number[]> {
  await createDatabase(client, database);
  // Copying the rows of a large table takes minutes.
  const target = createClickHouse({ ...client.options, database, requestTimeoutMs: MIGRATION_TIMEOUT_MS });
  try {
    await target.command({
      query: `CREATE TABLE IF NOT EXISTS ${TABLES.schemaMigrations} (
        id UInt32, name String, hash String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
      ) ENGINE = ReplacingMergeTree(applied_at) ORDER BY id
      SETTINGS fsync_after_insert = 1, min_rows_to_fsync_after_merge = 1`,
    });
    const done = new Map(
      (
        await queryRows<{ id: number; hash: string }>(target, `SELECT id, hash FROM ${TABLES.schemaMigrations} FINAL`)
      ).map((row) => [row.id, row.hash]),
    );
    const ran: number[] = [];
    for (const migration of migrations) {
      if (done.has(migration.id)) checkSame(migration, done.get(migration.id));
      else {
        await run(target, migration);
        ran.push(migration.id);
      }
    }
    return ran;
  } finally {
    await target.close();
  }
}

/** Uses the database `default`, because a request cannot name a database that does not exist yet. */
async function createDatabase(client: ClickHouse, database: string): Promise<void> {
  const bootstrap = createClickHouse({ ...client.options, database: 'default', connectionsMax: 1 });
  try {
    await bootstrap.command({ query: `CREATE DATABASE IF NOT EXISTS \`${database.replaceAll('`', '``')}\`` });
  } finally {
    await bootstrap.close();
  }
}

function checkSame(migration: Migration, hash: string | undefined): void {
  if (hash === hashOf(migration)) return;
  throw new MigrationMismatchError(
    `migration ${migration.id} (${migration.name}) differs from the one that was applied, so this database belongs to another build: ` +
      'set another CLICKHOUSE_DATABASE, or drop it and let the sink fill it again',
  );
}

async function run(client: ClickHouse, migration: Migration): Promise<void> {
  for (const query of migration.statements) await client.command({ query });
  await client.insert({
    table: TABLES.schemaMigrations,
    values: [{ id: migration.id, name: migration.name, hash: hashOf(migration) }],
    format: 'JSONEachRow',
  });
}

interface MigrateWhenUpOptions {
  logger: { info(fields: object, message: string): void };
  clock: Clock;
  /** How long to wait for ClickHouse (default 60 s). */
  bootTimeoutMs?: number;
}

/** `migrate`, but first waits for a ClickHouse that is still starting. Throws what `migrate` throws. */
export async function migrateWhenUp(
  client: ClickHouse,
  { logger, clock, bootTimeoutMs = 60_000 }: MigrateWhenUpOptions,
): Promise<void> {
  const { database } = client.options;
  const deadlineMs = clock.elapsedMs() + bootTimeoutMs;
  const backoff = new Backoff({ firstMs: 100, maxMs: 1_000 });
  for (let isFirstAttempt = true; clock.elapsedMs() < deadlineMs && !(await isUp(client)); isFirstAttempt = false) {
    if (isFirstAttempt) logger.info({ database }, 'waiting for ClickHouse');
    await clock.sleep(backoff.nextMs());
  }
  const migrations = await migrate(client);
  if (migrations.length > 0) logger.info({ database, migrations }, 'migrated the database');
}

/** A ping does not need the database to exist. */
const isUp = async (client: ClickHouse): Promise<boolean> => (await client.ping()).success;
