import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createClickHouse, insertRowBinary, queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { migrate } from '../../lib/clickhouse/migrate.ts';
import { applyRetention } from '../../lib/clickhouse/retention.ts';
import { RowBinaryWriter } from '../../lib/clickhouse/rowbinary.ts';
import { audienceChangeRows, audienceMemberRows } from '../../lib/clickhouse/schema.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import { loadConfig } from '../../lib/config/index.ts';
import { SINK_CONFIG } from '../../services/sink/config.ts';

const { clickhouseUrl: url } = loadConfig(SINK_CONFIG, process.env, []);
let client: ClickHouse;
beforeEach(async () => {
  client = createClickHouse({ url, database: `sink_${randomBytes(5).toString('hex')}` });
  await migrate(client);
});
afterEach(async () => {
  await client.command({ query: `DROP DATABASE IF EXISTS ${client.options.database} SYNC` });
  await client.close();
});

const DAY_MS = 86_400_000;

/** Somebody entered so many days ago, and is a member since. */
async function enter(personId: number, daysAgo: number): Promise<void> {
  const at = Date.now() - daysAgo * DAY_MS;
  const common = { workspace: 'w', audience_id: 'a', person_id: personId, audience_version: 1, at };
  const version = { logTimeMs: at, inputOffset: personId, outputOffset: 0 };
  const changes = new RowBinaryWriter();
  const change = { ...common, version, offset: personId, change: 'entered', cause: 'event', size: personId };
  audienceChangeRows.write(changes, change);
  const members = new RowBinaryWriter();
  audienceMemberRows.write(members, { ...common, version, is_deleted: 0 });
  for (const [{ table, columns }, writer] of [
    [audienceChangeRows, changes],
    [audienceMemberRows, members],
  ] as const) {
    await insertRowBinary(client, { table, columns, body: writer.take(), rows: 1 });
  }
}

/** The people in a table once ClickHouse has dropped what has expired, which it otherwise does in the background. */
async function keptIn(table: string): Promise<number[]> {
  await client.command({ query: `OPTIMIZE TABLE ${table} FINAL` });
  const rows = await queryRows<{ id: number }>(client, `SELECT person_id AS id FROM ${table} FINAL ORDER BY id`);
  return rows.map(({ id }) => id);
}

async function alterations(): Promise<number> {
  const rows = await queryRows<{ n: number }>(
    client,
    'SELECT count() AS n FROM system.mutations WHERE database = currentDatabase()',
  );
  return Number(rows[0]?.n);
}

it('keeps the changes of live audiences as long as the topic may, and members forever', async () => {
  expect(await applyRetention(client, 90)).toBe(true);
  for (const [i, daysAgo] of [4_000, 100, 97, 89, 0].entries()) await enter(i + 1, daysAgo);
  expect(await keptIn(TABLES.audienceChanges)).toEqual([3, 4, 5]);
  expect(await keptIn(TABLES.audienceMembers)).toEqual([1, 2, 3, 4, 5]);
});

it('follows a change of the retention, for what is there already too', async () => {
  for (const [i, daysAgo] of [100, 20, 5].entries()) await enter(i + 1, daysAgo);
  // Longer than dates reach with hours.
  expect(await applyRetention(client, 36_500)).toBe(true);
  expect(await keptIn(TABLES.audienceChanges)).toEqual([1, 2, 3]);
  expect(await applyRetention(client, 7)).toBe(true);
  expect(await keptIn(TABLES.audienceChanges)).toEqual([3]);
});

it('does not touch a table that has this retention already', async () => {
  await enter(1, 0);
  await applyRetention(client, 30);
  const before = await alterations();
  expect(await applyRetention(client, 30)).toBe(false);
  expect(await alterations()).toBe(before);
});
