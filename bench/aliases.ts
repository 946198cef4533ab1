/**
 * A preview of an audience while people have many aliases, on ClickHouse: rows of people, aliases and trait events are
 * generated in ClickHouse, then the query of `POST /v1/audiences/preview` runs as the API runs it.
 */
import { parseArgs } from 'node:util';
import { compile, type Audience } from '../lib/audiences/index.ts';
import { createClickHouse } from '../lib/clickhouse/client.ts';
import { migrate } from '../lib/clickhouse/migrate.ts';
import { TABLES } from '../lib/clickhouse/tables.ts';
import { systemClock } from '../lib/clock/index.ts';
import { createDatabase } from '../services/api/database.ts';
import { sharedEngines } from '../test/harness/engines.ts';
import { printJson, printTable } from './measure.ts';

export const HELP = `Measures previews in a workspace of people with aliases, on an own ClickHouse.

  npm run bench -- aliases [options]

  --people N    people with one trait event of each of three kinds (1000000)
  --aliases N   ids that were merged into them (2000000)
  --runs N      of each query, after one that is not counted (5)
  --help
`;

const NOW = Date.UTC(2026, 2, 17);
const LEAVES: Audience[] = [
  { trait: 'cart_status_updated', status: ['finished'] },
  { trait: 'cart_abandoned' },
  { trait: 'cart_status_updated', status: ['cancelled'] },
];
const AUDIENCES: Record<string, Audience> = {
  'one leaf': LEAVES[0]!,
  'three leaves': { and: LEAVES },
  'one leaf, at least 2': { ...LEAVES[0]!, at_least: 2 } as Audience,
};

/** People have the ids from 1; those above `people` are merged into them, evenly. */
const peopleRows = (people: number, aliases: number): string =>
  `INSERT INTO ${TABLES.people} (workspace, person_id, anonymous, first_at, last_at, reachable_sms, merged_into, version)
  SELECT 'w', number + 1, false, fromUnixTimestamp64Milli(${NOW - 1e9}), fromUnixTimestamp64Milli(${NOW - 1e9}),
    number % 2 = 0, if(number < ${people}, 0, number % ${people} + 1), 1 FROM numbers(${people + aliases})`;

/** `under` gives the person id that the events of a person's cart are stored under. */
const eventRows = (people: number, trait: string, status: string, under: string): string =>
  `INSERT INTO ${TABLES.traitEvents} (workspace, trait, status, occurred_at, cart_id, person_id, detected_at, version)
  SELECT 'w', '${trait}', '${status}', fromUnixTimestamp64Milli(${NOW - 1e9} + number), concat('c', toString(number)),
    ${under}, fromUnixTimestamp64Milli(${NOW}), 1 FROM numbers(${people})`;

/** Which of the stored events are under aliases. */
const CASES: Record<string, (people: number) => string> = {
  'no alias has events': () => 'number + 1',
  'one person in 100 has theirs under an alias': (people) => `if(number % 100 = 0, number + 1 + ${people}, number + 1)`,
  'all have theirs under an alias': (people) => `number + 1 + ${people}`,
};

interface Answer {
  count: number;
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      people: { type: 'string', default: '1000000' },
      aliases: { type: 'string', default: '2000000' },
      runs: { type: 'string', default: '5' },
    },
  });
  const [people, aliases, runs] = [Number(values.people), Number(values.aliases), Number(values.runs)];
  const engines = await sharedEngines();
  const name = `bench_aliases_${process.pid}`;
  const client = createClickHouse({ url: engines.addresses.CLICKHOUSE_URL, database: name });
  const medians: Record<string, number> = {};
  try {
    await migrate(client);
    const database = createDatabase(client, systemClock);
    await client.command({ query: peopleRows(people, aliases) });
    for (const [title, under] of Object.entries(CASES)) {
      await client.command({ query: `TRUNCATE TABLE ${TABLES.traitEvents}` });
      for (const [trait, status] of [
        ['cart_status_updated', 'finished'],
        ['cart_abandoned', ''],
        ['cart_status_updated', 'cancelled'],
      ] as const) {
        await client.command({ query: eventRows(people, trait, status, under(people)) });
      }
      await client.command({ query: `OPTIMIZE TABLE ${TABLES.traitEvents} FINAL` });
      for (const [audienceName, audience] of Object.entries(AUDIENCES)) {
        const { query, params } = compile(audience, {
          tables: TABLES,
          workspace: 'w',
          zone: 'UTC',
          nowMs: NOW,
          includeAnonymous: false,
        });
        const times: number[] = [];
        for (let i = 0; i <= runs; i++) {
          const startedMs = performance.now();
          const [answer] = await database.rows<Answer>(query, params);
          times.push(performance.now() - startedMs);
          const expected = audienceName.endsWith('at least 2') ? 0 : people;
          if (answer?.count !== expected) throw new Error(`${audienceName}: ${answer?.count} people, not ${expected}`);
        }
        medians[`${title}: ${audienceName}`] = times.slice(1).sort((a, b) => a - b)[runs >> 1]!;
      }
    }
  } finally {
    await client.command({ query: `DROP DATABASE IF EXISTS ${name}` });
    await client.close();
    await engines.stop();
  }
  printTable(
    ['', 'median ms'],
    Object.entries(medians).map(([title, ms]) => [title, String(Math.round(ms))]),
  );
  printJson('aliases', { people, aliases, runs, medians });
}
