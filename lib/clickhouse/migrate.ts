import { createHash } from 'node:crypto';
import { createClickHouse, queryRows, type ClickHouse } from './client.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';
import { TABLES } from './tables.ts';

/** The database was made by a release whose migrations are other than ours under the same number. */
export class MigrationMismatchError extends Error {
  override readonly name = 'MigrationMismatchError';
}

const hashOf = (migration: Migration): string =>
  createHash('sha256').update(JSON.stringify(migration.statements)).digest('hex');

/**
 * Makes the database and brings it to this release's state: runs, in order, the migrations that it
 * has not had. May run in several processes at once and again after a crash: every statement can be
 * repeated, and a migration counts as done once all of it ran. A database of a later release is left
 * as it is. Returns the ids that were run here. Throws {@link MigrationMismatchError} and what the
 * client throws.
 */
export const migrate = async (
  client: ClickHouse,
  database: string = client.options.database,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<number[]> => {
  await createDatabase(client, database);
  const target = database === client.options.database ? client : createClickHouse({ ...client.options, database });
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
    if (target !== client) await target.close();
  }
};

/** Through `default`, since no request can name a database that does not exist yet. */
const createDatabase = async (client: ClickHouse, database: string): Promise<void> => {
  const bootstrap = createClickHouse({ ...client.options, database: 'default', connectionsMax: 1 });
  try {
    await bootstrap.command({ query: `CREATE DATABASE IF NOT EXISTS \`${database.replaceAll('`', '``')}\`` });
  } finally {
    await bootstrap.close();
  }
};

const checkSame = (migration: Migration, hash: string | undefined): void => {
  if (hash === hashOf(migration)) return;
  throw new MigrationMismatchError(
    `migration ${migration.id} (${migration.name}) was applied in another form: this database belongs to another build; ` +
      'use another CLICKHOUSE_DATABASE, or drop it and let the sink fill it again',
  );
};

const run = async (client: ClickHouse, migration: Migration): Promise<void> => {
  for (const query of migration.statements) await client.command({ query });
  await client.insert({
    table: TABLES.schemaMigrations,
    values: [{ id: migration.id, name: migration.name, hash: hashOf(migration) }],
    format: 'JSONEachRow',
  });
};

const BOOT_PAUSE_MS = 500;

/** The part of a logger that waiting needs. */
interface WaitLog {
  info(fields: object, message: string): void;
}

/**
 * `migrate` that waits for a ClickHouse that is starting, for `bootTimeoutMs` at most; then, and for
 * every other trouble than that it is out of reach, throws what `migrate` throws.
 */
export const migrateWhenUp = async (client: ClickHouse, logger: WaitLog, bootTimeoutMs = 60_000): Promise<number[]> => {
  const deadline = performance.now() + bootTimeoutMs;
  for (let attempt = 1; performance.now() < deadline && !(await isUp(client)); attempt++) {
    if (attempt === 1) logger.info({ database: client.options.database }, 'waiting for clickhouse');
    await new Promise((resolve) => setTimeout(resolve, BOOT_PAUSE_MS));
  }
  return migrate(client);
};

/** Its ping wants no database. */
const isUp = async (client: ClickHouse): Promise<boolean> => (await client.ping()).success;
