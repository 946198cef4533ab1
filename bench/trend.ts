/** A trend of 400 points, and as many previews, on ClickHouse with generated trait events. */
import { parseArgs } from 'node:util';
import { compile, compileTrend, type Audience, type TrendRow } from '../lib/audiences/index.ts';
import { createClickHouse } from '../lib/clickhouse/client.ts';
import { migrate } from '../lib/clickhouse/migrate.ts';
import { TABLES } from '../lib/clickhouse/tables.ts';
import { systemClock } from '../lib/clock/index.ts';
import { createDatabase, type Database } from '../services/api/database.ts';
import { sharedEngines } from '../test/harness/engines.ts';
import { printJson, printTable } from './measure.ts';

export const HELP = `Measures trends of 400 points, an hour apart, on an own ClickHouse, and compares them with previews.

  npm run bench -- trend [options]

  --people N   people (1000000), a tenth of them with an alias
  --events N   trait events in the 400 hours (5000000)
  --runs N     of each trend, after one that is not counted (3)
  --help
`;

const END = Date.UTC(2026, 2, 17);
const HOUR = 3_600_000;
const POINTS = Array.from({ length: 400 }, (_, i) => END - (399 - i) * HOUR);
/** Points that are compared with previews. */
const CHECKED = [0, 57, 199, 200, 333, 399];

const recent = (amount: number, more: object = {}): Audience =>
  ({ trait: 'cart_status_updated', time: { operator: 'in_last', amount, unit: 'hours' }, ...more }) as Audience;
const AUDIENCES: Record<string, Audience> = {
  'finished in the last day': recent(24, { status: ['finished'] }),
  'finished ever': { trait: 'cart_status_updated', status: ['finished'] },
  'abandoned in the last day and not finished in the last week': {
    and: [
      { trait: 'cart_abandoned', recovered: false, time: { operator: 'in_last', amount: 1, unit: 'days' } },
      { not: recent(168, { status: ['finished'] }) },
    ],
  },
  'at least 2 in the last day': recent(24, { at_least: 2 }),
};

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      people: { type: 'string', default: '1000000' },
      events: { type: 'string', default: '5000000' },
      runs: { type: 'string', default: '3' },
    },
  });
  const [people, events, runs] = [Number(values.people), Number(values.events), Number(values.runs)];
  const engines = await sharedEngines();
  const name = `bench_trend_${process.pid}`;
  const client = createClickHouse({
    url: engines.addresses.CLICKHOUSE_URL,
    database: name,
    requestTimeoutMs: 600_000,
  });
  const rows: string[][] = [];
  try {
    await migrate(client);
    await client.command({ query: peopleRows(people) });
    await client.command({ query: eventRows(people, events) });
    const database = createDatabase(client, systemClock);
    for (const [title, audience] of Object.entries(AUDIENCES))
      rows.push([title, ...(await measure(database, audience, runs))]);
  } finally {
    await client.command({ query: `DROP DATABASE IF EXISTS ${name}` });
    await client.close();
    await engines.stop();
  }
  printTable(['', 'queries', 'median ms', 'one preview ms'], rows);
  printJson('trend', { people, events, runs, rows });
}

/** People have the ids from 1; a tenth more ids are merged into them. */
const peopleRows = (people: number): string =>
  `INSERT INTO ${TABLES.people} (workspace, person_id, anonymous, first_at, last_at, merged_into, version)
  SELECT 'w', number + 1, false, fromUnixTimestamp64Milli(${END - 800 * HOUR} + (number % 700) * ${HOUR}),
    fromUnixTimestamp64Milli(${END}), if(number < ${people}, 0, number - ${people} + 1), 1
  FROM numbers(${people + Math.floor(people / 10)})`;

/** Of any of the ids, over 500 hours. */
const eventRows = (people: number, events: number): string =>
  `INSERT INTO ${TABLES.traitEvents} (workspace, trait, status, occurred_at, cart_id, person_id, detected_at, recovered_at, version)
  SELECT 'w', if(number % 4 = 0, 'cart_abandoned', 'cart_status_updated') AS trait,
    ['', 'verification', 'preparing', 'finished'][1 + number % 4],
    fromUnixTimestamp64Milli(${END} - intDiv(number * ${500 * HOUR}, ${events})) AS at, toString(intDiv(number, 4)),
    1 + cityHash64(number) % ${people + Math.floor(people / 10)}, at,
    if(trait = 'cart_abandoned' AND number % 8 = 0, addHours(at, 3), NULL), 1
  FROM numbers(${events})`;

async function measure(database: Database, audience: Audience, runs: number): Promise<string[]> {
  const shared = { tables: TABLES, workspace: 'w', zone: 'UTC', includeAnonymous: false };
  const queries = compileTrend(audience, { ...shared, pointsMs: POINTS });
  const times: number[] = [];
  const counts = POINTS.map(() => 0);
  for (let i = 0; i <= runs; i++) {
    const startedMs = performance.now();
    for (const { firstIndex, query, params } of queries)
      for (const { point, count } of await database.rows<TrendRow>(query, params)) counts[firstIndex + point] = count;
    times.push(performance.now() - startedMs);
  }
  const startedMs = performance.now();
  for (const point of CHECKED) {
    const { query, params } = compile(audience, { ...shared, nowMs: POINTS[point]! });
    const [row] = await database.rows<{ count: number }>(query, params);
    if (row?.count !== counts[point]) throw new Error(`point ${point} has ${counts[point]}, its preview ${row?.count}`);
  }
  const previewMs = (performance.now() - startedMs) / CHECKED.length;
  const median = times.slice(1).sort((a, b) => a - b)[runs >> 1]!;
  return [queries.length, median, previewMs].map((value) => String(Math.round(value)));
}
