import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createClickHouse, insertRowBinary, queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { migrate, MigrationMismatchError } from '../../lib/clickhouse/migrate.ts';
import { MIGRATIONS } from '../../lib/clickhouse/migrations.ts';
import { RowBinaryWriter, type RowEncoder } from '../../lib/clickhouse/rowbinary.ts';
import * as schema from '../../lib/clickhouse/schema.ts';
import { packVersion } from '../../lib/clickhouse/version.ts';
import { FLOW_MESSAGES, FLOW_STEPS, PROFILES, TABLES, VIEWS } from '../../lib/clickhouse/tables.ts';
import { loadConfig } from '../../lib/config/index.ts';
import { SINK_CONFIG } from '../../services/sink/config.ts';

const URL_OF = loadConfig(SINK_CONFIG, process.env, []).clickhouseUrl;
const connect = (database: string): ClickHouse => createClickHouse({ url: URL_OF, database });
let client: ClickHouse;
let other: ClickHouse;
beforeEach(() => {
  const database = `sink_${randomBytes(5).toString('hex')}`;
  client = connect(database);
  other = connect(database);
});
afterEach(async () => {
  await client.command({ query: `DROP DATABASE IF EXISTS ${client.options.database} SYNC` });
  await Promise.all([client.close(), other.close()]);
});

const ids = MIGRATIONS.map(({ id }) => id);

it('migrates an empty server, in two processes at once, and only once', async () => {
  const ran = await Promise.all([migrate(client), migrate(other)]);
  for (const one of ran) expect(ids).toEqual(expect.arrayContaining(one));
  expect(await migrate(client)).toEqual([]);
  expect(await queryRows(client, `SELECT id FROM ${TABLES.schemaMigrations} FINAL ORDER BY id`)).toEqual(
    ids.map((id) => ({ id })),
  );
  const names = await queryRows<{ name: string }>(client, 'SHOW TABLES');
  expect(names.map(({ name }) => name).sort()).toEqual(
    [...Object.values(TABLES), ...Object.values(VIEWS), PROFILES, FLOW_STEPS, FLOW_MESSAGES].sort(),
  );
});

it('goes on where a process died between two statements', async () => {
  const first = MIGRATIONS[0];
  if (first === undefined) throw new Error('no migrations');
  await expect(
    migrate(client, undefined, [{ ...first, statements: [...first.statements.slice(0, 2), 'NOT SQL'] }]),
  ).rejects.toThrow();
  expect(await migrate(client)).toEqual(ids);
});

it('refuses a database of another build, and leaves a later release alone', async () => {
  await migrate(client);
  const [first, ...rest] = MIGRATIONS;
  if (first === undefined) throw new Error('no migrations');
  await expect(migrate(client, undefined, [{ ...first, statements: ['SELECT 1'] }, ...rest])).rejects.toThrow(
    MigrationMismatchError,
  );
  const later = { id: ids.length + 1, name: 'later', statements: ['SELECT 1'] };
  expect(await migrate(client, undefined, [...MIGRATIONS, later])).toEqual([later.id]);
  expect(await migrate(client)).toEqual([]);
});

const encoders = Object.values(schema) as RowEncoder<never>[];

it('writes the columns that the tables have, and every table is synced to disk', async () => {
  await migrate(client);
  for (const { table, types } of encoders) {
    const columns = await queryRows<{ name: string; type: string }>(
      client,
      'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table: String}',
      { table },
    );
    expect([table, Object.fromEntries(columns.map(({ name, type }) => [name, type]))]).toEqual([table, types]);
  }
  const tables = await queryRows<{ name: string; engine_full: string }>(
    client,
    "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() AND engine != 'View'",
  );
  expect(tables).toHaveLength(Object.keys(TABLES).length);
  for (const { engine_full: engine } of tables) {
    expect(engine).toMatch(/^ReplacingMergeTree/);
    expect(engine).toContain('fsync_after_insert = 1');
    expect(engine).toContain('min_rows_to_fsync_after_merge = 1');
  }
});

it('reads a version back as it was packed', async () => {
  await migrate(client);
  const version = { logTimeMs: 1_800_000_000_123, inputOffset: 2 ** 39 + 5, outputOffset: 2 ** 40 - 1 };
  const writer = new RowBinaryWriter();
  const { personAliasRows: rows } = schema;
  rows.write(writer, { workspace: 'w', loser: 2 ** 32 - 1, winner: 1, merged_at: -1, version });
  await insertRowBinary(client, { table: rows.table, columns: rows.columns, body: writer.take(), rows: 1 });
  expect(
    await queryRows(
      client,
      `SELECT loser, toString(merged_at) AS at, toString(version) AS packed,
         toString(fromUnixTimestamp64Milli(toInt64(bitShiftRight(version, 80)), 'UTC')) AS log_time FROM ${rows.table}`,
    ),
  ).toEqual([
    {
      loser: 2 ** 32 - 1,
      at: '1969-12-31 23:59:59.999',
      packed: String(packVersion(version)),
      log_time: '2027-01-15 08:00:00.123',
    },
  ]);
});

it('has the views of the contract: names, order and types of their columns', async () => {
  await migrate(client);
  const at = (name: string): [string, RegExp] => [name, /^(Nullable\()?DateTime64\(3, 'UTC'\)\)?$/];
  const is = (name: string, type: RegExp = /String/): [string, RegExp] => [name, type];
  const wanted: Record<string, [string, RegExp][]> = {
    v_trait_events: [
      ...['workspace', 'trait', 'status'].map((name) => is(name)),
      ...['occurred_at', 'detected_at', 'recovered_at'].map(at),
      is('person_id', /^UInt32$/),
      ...['cart_id', 'store_id', 'mode'].map((name) => is(name)),
      is('amount', /Float64/),
      is('anomaly'),
      is('reentered', /Bool/),
      ...['source', 'event_id'].map((name) => is(name)),
    ],
    v_carts: [
      ...['workspace', 'cart_id'].map((name) => is(name)),
      is('person_id', /^UInt32$/),
      is('status'),
      at('status_since'),
      ...['store_id', 'mode'].map((name) => is(name)),
      is('amount', /Float64/),
      ...['created_at', 'last_activity_at', 'due_at', 'abandoned_at', 'recovered_at'].map(at),
      at('reservation_start_window'),
      is('store_name'),
      is('products', /^Array\(Tuple\(/),
    ],
    v_flow_events: [
      ...['workspace', 'flow_id'].map((name) => is(name)),
      is('version', /^UInt32$/),
      is('run_id'),
      is('person_id', /^UInt32$/),
      ...['cart_id', 'node', 'what', 'reason'].map((name) => is(name)),
      at('at'),
    ],
    v_messages: [
      ...['workspace', 'flow_id', 'run_id', 'node'].map((name) => is(name)),
      is('person_id', /^UInt32$/),
      ...['channel', 'class', 'outcome', 'reason'].map((name) => is(name)),
      ...['requested_at', 'sent_at'].map(at),
    ],
    v_people: [
      is('workspace'),
      is('person_id', /^UInt32$/),
      is('anonymous', /Bool/),
      ...['name', 'phone', 'email', 'user_id', 'sms_consent', 'email_consent'].map((name) => is(name)),
      ...['first_at', 'last_at'].map(at),
    ],
  };
  for (const [view, columns] of Object.entries(wanted)) {
    const found = await queryRows<{ name: string; type: string }>(client, `DESCRIBE ${view}`);
    expect([view, found.map(({ name }) => name)]).toEqual([view, columns.map(([name]) => name)]);
    for (const [at, [, type]] of columns.entries()) expect(found[at]?.type).toMatch(type);
  }
});

it('runs every query of the page for analysts', async () => {
  await migrate(client);
  const page = readFileSync('docs/clickhouse.md', 'utf8');
  const queries = [...page.matchAll(/```sql\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
  expect(queries.length).toBeGreaterThan(4);
  for (const query of queries) await queryRows(client, query.replace(/;\s*$/, ''));
});
