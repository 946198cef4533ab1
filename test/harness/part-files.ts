import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { systemClock } from '../../lib/clock/index.ts';

const PASSES = 50;

/**
 * Files below a directory that contain one of these texts, as `file: text`. Reads them as they are, compressed or not.
 * Engines rename and delete files at any time: a pass that misses a file is repeated, since its bytes may have a new name.
 */
export function filesWith(directory: string, texts: readonly string[]): string[] {
  for (let pass = 0; pass < PASSES; pass++) {
    const found = onePass(directory, texts);
    if (found !== undefined) return found;
  }
  throw new Error(`files of ${directory} were renamed or deleted during each of ${PASSES} passes`);
}

/** Undefined if a file or folder was there no more when it was to be read. */
function onePass(directory: string, texts: readonly string[]): string[] | undefined {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .flatMap((file) => {
        const bytes = readFileSync(file);
        return texts.filter((text) => bytes.includes(text)).map((text) => `${file}: ${text}`);
      });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export const tablesOf = async (client: ClickHouse): Promise<string[]> =>
  (
    await queryRows<{ name: string }>(
      client,
      "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'",
    )
  ).map(({ name }) => name);

/** Makes ClickHouse write values as they are, merge nothing by itself, and delete replaced parts from the disk soon. */
export async function makeReadable(client: ClickHouse): Promise<void> {
  for (const table of await tablesOf(client)) {
    await client.command({
      query: `ALTER TABLE ${table} MODIFY SETTING default_compression_codec = 'NONE',
        max_bytes_to_merge_at_max_space_in_pool = 1, old_parts_lifetime = 1, cleanup_delay_period = 1,
        max_cleanup_delay_period = 1, cleanup_delay_period_random_add = 0`,
    });
  }
}

async function untilNone(client: ClickHouse, query: string): Promise<void> {
  const deadlineMs = systemClock.elapsedMs() + 60_000;
  for (;;) {
    const [left] = await queryRows<{ n: number }>(client, query);
    if (left?.n === 0) return;
    if (systemClock.elapsedMs() > deadlineMs) throw new Error(`not within 60 s: none of ${query}`);
    await systemClock.sleep(100);
  }
}

/** Until ClickHouse has completed all deletions. */
export const untilDeleted = (client: ClickHouse): Promise<void> =>
  untilNone(client, 'SELECT count() AS n FROM system.mutations WHERE database = currentDatabase() AND NOT is_done');

/** Merges all parts of all tables. */
export async function mergeAll(client: ClickHouse): Promise<void> {
  await untilDeleted(client);
  for (const table of await tablesOf(client)) await client.command({ query: `OPTIMIZE TABLE ${table} FINAL` });
}

/** Until replaced parts are gone from the disk; about half a minute. */
export const untilCleaned = (client: ClickHouse): Promise<void> =>
  untilNone(client, 'SELECT count() AS n FROM system.parts WHERE database = currentDatabase() AND NOT active');

/** Files of the database that contain one of these texts: of active parts, or all that are on the disk. */
export async function partFilesWith(
  client: ClickHouse,
  texts: readonly string[],
  which: 'active' | 'all' = 'active',
): Promise<string[]> {
  const paths = await queryRows<{ path: string }>(
    client,
    which === 'active'
      ? 'SELECT path FROM system.parts WHERE database = currentDatabase() AND active'
      : `SELECT DISTINCT arrayJoin(data_paths) AS path FROM system.tables
         WHERE database = currentDatabase() AND engine LIKE '%MergeTree'`,
  );
  return paths.flatMap(({ path }) => filesWith(path, texts));
}

/** Tables of the database with a row, in any version, that contains one of these texts, as `table: text`. */
export async function rowsWith(client: ClickHouse, texts: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const table of await tablesOf(client)) {
    for (const text of texts) {
      const [row] = await queryRows<{ n: number }>(
        client,
        `SELECT count() AS n FROM ${table} WHERE position(toString(tuple(*)), {text: String}) > 0`,
        { text },
      );
      if ((row?.n ?? 0) > 0) found.push(`${table}: ${text}`);
    }
  }
  return found;
}
