/** Exports of a saved audience: rows per second and the memory of the API, compared with the pages of members. */
import { readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { bodyOf, createApiClient, type ApiClient } from '../lib/client/index.ts';
import { createClickHouse } from '../lib/clickhouse/client.ts';
import { TABLES } from '../lib/clickhouse/tables.ts';
import { createWorkspace } from '../test/harness/client.ts';
import { startOwnInstallation, type BenchInstallation } from './pipeline/installation.ts';

export const HELP = `Measures exports over HTTP, on an installation of its own, whose people are generated in ClickHouse.

  npm run bench -- export [options]

  --people N   members, half of them with a cart, a tenth with an alias (1000000)
  --runs N     exports in each format (2)
  --help

Prints rows per second and how much more memory than idle the API and ClickHouse took, and compares the exported ids
with the pages of members.
`;

const ROWS_MIN_PER_SECOND = 100_000;
const MEMORY_MAX_MB = 200;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { people: { type: 'string', default: '1000000' }, runs: { type: 'string', default: '2' } },
  });
  const people = Number(values.people);
  const installation = await startOwnInstallation(false);
  try {
    const workspace = await createWorkspace(installation);
    await fill(installation, workspace.id, people);
    const api = createApiClient({ baseUrl: installation.apiUrl, key: workspace.keys.write });
    const body = { name: 'Everyone', audience: { everyone: true } } as const;
    const { id } = await bodyOf(api.POST('/v1/audiences', { body }));
    await bodyOf(api.POST('/v1/audiences/preview', { body: { audience: body.audience } }));
    const expected = await memberIds(api, id);
    if (expected.length !== people) throw new Error(`${expected.length} members instead of ${people}`);
    for (const format of ['ndjson', 'csv'] as const)
      for (let i = 0; i < Number(values.runs); i++)
        await measureExport(installation, { id, format, key: workspace.keys.read, expected });
  } finally {
    await installation.stop();
  }
}

async function fill({ clickHouseUrl, database }: BenchInstallation, workspace: string, people: number): Promise<void> {
  const client = createClickHouse({ url: clickHouseUrl, database, requestTimeoutMs: 600_000 });
  const aliases = Math.floor(people / 10);
  const insert = (into: string, select: string, rows: number): Promise<unknown> =>
    client.command({
      query: `INSERT INTO ${into} SELECT ${select} FROM numbers(${rows})`,
      query_params: { workspace },
    });
  await insert(
    `${TABLES.people} (workspace, person_id, anonymous, name, first_at, last_at, phones, phone_consents, emails,
      email_consents, user_ids, merged_into, version)`,
    `{workspace:String}, number + 1, 0, concat('Person ', toString(number)), now64(3) - 1000, now64(3) - 500,
      [concat('+1808', toString(1000000 + number))], ['opted_in'], [concat('p', toString(number), '@example.com')], [''],
      [toString(number)], if(number < ${people}, 0, number - ${people} + 1), 1`,
    people + aliases,
  );
  await insert(
    `${TABLES.carts} (workspace, cart_id, person_id, last_event_at, version)`,
    `{workspace:String}, concat('c', toString(number)), ${people + aliases} - number, now64(3) - 100, 1`,
    Math.floor(people / 2),
  );
  await client.close();
}

async function memberIds(api: ApiClient, id: string): Promise<Uint32Array> {
  const ids: number[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const query = { limit: 1000, ...(cursor === undefined ? {} : { cursor }) };
    const page = await bodyOf(api.GET('/v1/audiences/{id}/members', { params: { path: { id }, query } }));
    for (const { person_id } of page.items) ids.push(Number(person_id));
    cursor = page.next_cursor;
  }
  return Uint32Array.from(ids);
}

/** Resident memory of a process, MB. */
function residentMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kb) / 1024;
}

interface Asked {
  id: string;
  format: 'csv' | 'ndjson';
  key: string;
  /** Ids of all members, ascending. */
  expected: Uint32Array;
}

async function measureExport(installation: BenchInstallation, { id, format, key, expected }: Asked): Promise<void> {
  const { api, clickhouse } = installation.pids();
  if (api === undefined || clickhouse === undefined) throw new Error('the installation does not run');
  await sleep(2_000);
  const idle = [residentMb(api), residentMb(clickhouse)] as const;
  const peak = [...idle] as [number, number];
  const watch = setInterval(() => {
    peak[0] = Math.max(peak[0], residentMb(api));
    peak[1] = Math.max(peak[1], residentMb(clickhouse));
  }, 20);
  const startedMs = performance.now();
  const response = await open(`${installation.apiUrl}/v1/audiences/${id}/export?format=${format}`, key);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const seconds = (performance.now() - startedMs) / 1000;
  clearInterval(watch);
  const text = Buffer.concat(chunks).toString('utf8');
  const found = Uint32Array.from(text.matchAll(/^(?:\{"person_id":")?(\d+)/gm), ([, person]) => Number(person)).sort();
  if (Buffer.compare(Buffer.from(found.buffer), Buffer.from(expected.buffer)) !== 0)
    throw new Error(`the export has ${found.length} rows that are not the ${expected.length} members`);
  const rate = expected.length / seconds;
  const more = (i: 0 | 1): string => `${Math.round(peak[i] - idle[i])} MB`;
  process.stdout.write(
    `${format}: ${expected.length} rows in ${seconds.toFixed(2)} s, ${Math.round(rate)} rows/s; ` +
      `above idle: api ${more(0)} (of ${Math.round(idle[0])} MB), ClickHouse ${more(1)}; equal to the members\n`,
  );
  if (rate < ROWS_MIN_PER_SECOND) process.stdout.write(`  slower than ${ROWS_MIN_PER_SECOND} rows/s\n`);
  if (peak[0] - idle[0] > MEMORY_MAX_MB) process.stdout.write(`  more than ${MEMORY_MAX_MB} MB above idle\n`);
}

const open = (url: string, key: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    get(url, { headers: { authorization: `Bearer ${key}` } }, resolve).on('error', reject);
  });
