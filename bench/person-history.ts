/** One person's trait events, read from the main table by its index of person ids, and from the table sorted by person. */
import { parseArgs } from 'node:util';
import { createClickHouse, queryRows, type ClickHouse } from '../lib/clickhouse/client.ts';
import { migrate } from '../lib/clickhouse/migrate.ts';
import { READ_SETTINGS, TABLES } from '../lib/clickhouse/tables.ts';
import { sharedEngines } from '../test/harness/engines.ts';

export const HELP = `Measures how long ClickHouse takes to read one person's trait events.

  npm run bench -- person-history [options]

It starts its own engines, and uses a database of its own, which it drops. 100
million trait events take 15 GiB of disk while they are filled in.

  --rows N     trait events (100000000), 20 per person
  --reads N    people that are read from each table (50)
  --help
`;

const ROWS_PER_PERSON = 20;
const WORKSPACE = 'bench';
const FILL_TIMEOUT_MS = 3_600_000;

const COLUMNS =
  'workspace, trait, status, occurred_at, cart_id, event_id, person_id, store_id, amount, detected_at, version';

/** A person's rows are far apart in time, as are those of people who buy once a week. */
const rowsFrom = (first: number, count: number, rows: number): string => `
  SELECT '${WORKSPACE}', if(number % 4 = 0, 'cart_abandoned', 'cart_status_updated') AS trait,
    ['', 'verification', 'preparing', 'finished'][1 + number % 4],
    toDateTime64('2025-06-01 00:00:00', 3, 'UTC') + toIntervalMillisecond(intDiv(number * 31536000000, ${rows})),
    toString(intDiv(number, 4)), lower(hex(sipHash128(number))), 1 + number % ${Math.ceil(rows / ROWS_PER_PERSON)},
    toString(number % 40), number % 100, now64(3), 1
  FROM numbers(${first}, ${count})`;

const READS = {
  'main table, index of person ids': `SELECT event_id FROM ${TABLES.traitEvents} FINAL
    WHERE workspace = '${WORKSPACE}' AND person_id IN {ids:Array(UInt32)} AND retracted_at IS NULL`,
  'table sorted by person': `SELECT event_id FROM (
      SELECT * FROM ${TABLES.traitEventsByPerson} FINAL
      WHERE workspace = '${WORKSPACE}' AND person_id IN {ids:Array(UInt32)}
      ORDER BY version DESC LIMIT 1 BY event_id
    ) WHERE retracted_at IS NULL`,
};

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string', default: '100000000' },
      reads: { type: 'string', default: '50' },
    },
  });
  const rows = Number(values.rows);
  const engines = await sharedEngines();
  const client = createClickHouse({
    url: engines.addresses.CLICKHOUSE_URL,
    database: `bench_person_history_${process.pid}`,
    requestTimeoutMs: FILL_TIMEOUT_MS,
  });
  try {
    await migrate(client);
    await fill(client, rows);
    for (const [name, query] of Object.entries(READS)) await read(client, name, query, rows, Number(values.reads));
  } finally {
    await client.command({ query: `DROP DATABASE IF EXISTS ${client.options.database} SYNC` });
    await client.close();
    await engines.stop();
  }
}

/** In ten inserts: the tables have several parts, as they have in use. */
async function fill(client: ClickHouse, rows: number): Promise<void> {
  const share = Math.ceil(rows / 10);
  const startedMs = performance.now();
  for (let first = 0; first < rows; first += share) {
    const select = rowsFrom(first, Math.min(share, rows - first), rows);
    for (const table of [TABLES.traitEvents, TABLES.traitEventsByPerson]) {
      await client.command({ query: `INSERT INTO ${table} (${COLUMNS}) ${select}` });
    }
    const seconds = Math.round((performance.now() - startedMs) / 1_000);
    process.stderr.write(`bench: ${Math.min(first + share, rows).toLocaleString('en')} rows after ${seconds} s\n`);
  }
}

async function read(client: ClickHouse, name: string, query: string, rows: number, reads: number): Promise<void> {
  const people = Math.ceil(rows / ROWS_PER_PERSON);
  const times: number[] = [];
  for (let i = 0; i <= reads; i++) {
    const id = 1 + ((i * 7_919_993) % people);
    const startedMs = performance.now();
    const found = await queryRows(client, query, { ids: [id] }, READ_SETTINGS);
    // The first read opens files.
    if (i > 0) times.push(performance.now() - startedMs);
    if (found.length !== ROWS_PER_PERSON) throw new Error(`person ${id} has ${found.length} trait events`);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): string => times[Math.floor(share * (times.length - 1))]!.toFixed(1);
  process.stdout.write(`${name}: ${rows} rows, median ${at(0.5)} ms, p90 ${at(0.9)} ms, max ${at(1)} ms\n`);
}
