/** A back-test of a month of trait events that ClickHouse has generated, in this process and its threads as in that of the API. */
import { parseArgs } from 'node:util';
import { createClickHouse, type ClickHouse } from '../lib/clickhouse/client.ts';
import { migrate } from '../lib/clickhouse/migrate.ts';
import { TABLES } from '../lib/clickhouse/tables.ts';
import { systemClock } from '../lib/clock/index.ts';
import type { Flow } from '../lib/flows/definition.ts';
import { FLOW_TEMPLATES } from '../lib/flows/templates.ts';
import { BacktestThreads, startBacktestThread } from '../services/api/backtest-threads.ts';
import { runBacktest, type BacktestReport } from '../services/api/backtest.ts';
import { createDatabase } from '../services/api/database.ts';
import { sharedEngines } from '../test/harness/engines.ts';
import { printJson, printTable } from './measure.ts';

export const HELP = `Measures a back-test of 30 days, on a ClickHouse of its own with generated trait events.

  npm run bench -- backtest [options]

  --events N    trait events in the 30 days (5000000): of 10, 8 are of two orders, and 2 are abandonments
  --people N    people (1000000)
  --flow LIST   recovery (the template), asking (the same with audience and while), or both (recovery,asking)
  --runs N      of each flow (2)
  --threads N   that play (2)
  --help

It fails when the report does not account for every abandonment, or for every run.
`;

const WORKSPACE = 'w';
const DAY_MS = 86_400_000;
const DAYS = 30;
const FROM_MS = Date.UTC(2026, 2, 1);
const TO_MS = FROM_MS + DAYS * DAY_MS;
const WINDOW_MS = 30 * 60_000;
/** An order has four statuses, so far apart. */
const STATUS_MS = 10 * 60_000;
/** Seconds; a floor. */
const REQUIRED_S = 120;

const recovery = FLOW_TEMPLATES.find(({ id }) => id === 'abandoned_cart_recovery')!.flow;
const FLOWS: Record<string, Flow> = {
  recovery,
  asking: {
    ...recovery,
    audience: {
      not: {
        trait: 'cart_status_updated',
        status: ['finished'],
        time: { operator: 'in_last', amount: 1, unit: 'days' },
      },
    },
    while: { trait: 'cart_abandoned', time: { operator: 'in_last', amount: 1, unit: 'days' } },
  },
};

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      events: { type: 'string', default: '5000000' },
      people: { type: 'string', default: '1000000' },
      flow: { type: 'string', default: 'recovery,asking' },
      runs: { type: 'string', default: '2' },
      threads: { type: 'string', default: '2' },
    },
  });
  const [events, people, runs] = [Number(values.events), Number(values.people), Number(values.runs)];
  const threadsMax = Number(values.threads);
  const engines = await sharedEngines();
  const name = `bench_backtest_${process.pid}`;
  const client = createClickHouse({ url: engines.addresses.CLICKHOUSE_URL, database: name, requestTimeoutMs: 600_000 });
  const figures: Figures[] = [];
  try {
    await migrate(client);
    await fill(client, events, people);
    for (const flow of values.flow.split(','))
      for (let i = 0; i < runs; i++) figures.push(await measure(client, { flow, events, threadsMax }));
  } finally {
    await client.command({ query: `DROP DATABASE IF EXISTS ${name}` });
    await client.close();
    await engines.stop();
  }
  print(figures);
  printJson('backtest', { events, people, figures });
}

/** A fifth of the trait events are abandonments, the others those of orders with four statuses each. */
async function fill(client: ClickHouse, events: number, people: number): Promise<void> {
  const abandoned = Math.floor(events / 5);
  const insert = (query: string): Promise<unknown> => client.command({ query });
  await insert(`INSERT INTO ${TABLES.people} (workspace, person_id, anonymous, name, first_at, last_at, phones,
      phone_consents, emails, email_consents, merged_into, version)
    SELECT '${WORKSPACE}', number + 1, false, concat('Person ', toString(number)), ${instant(FROM_MS)},
      ${instant(TO_MS)}, [concat('+1212', toString(1000000 + number))], ['opted_in'],
      [concat('p', toString(number), '@example.com')], [''], 0, 1
    FROM numbers(${people})`);
  for (const table of [TABLES.traitEvents, TABLES.traitEventsByPerson]) {
    const columns = `workspace, trait, status, occurred_at, cart_id, event_id, person_id, store_id, mode, amount,
      products, source, detected_at, reentered, version`;
    const common = (salt: string): string => `lower(hex(sipHash128('${salt}', number))), person, toString(number % 8),
      'pickup', 20 + number % 1000 / 10, [(toString(number % 500), 1, 12.5), (toString(number % 491 + 500), 2, 7.9)]`;
    await insert(`INSERT INTO ${table} (${columns})
      SELECT '${WORKSPACE}', 'cart_abandoned', '', ${at('number', abandoned)} AS at, concat('a', toString(number)),
        ${common('a')}, 'timer', at, true, 1
      FROM (SELECT number, 1 + cityHash64('a', number) % ${people} AS person FROM numbers(${abandoned}))`);
    await insert(`INSERT INTO ${table} (${columns})
      SELECT '${WORKSPACE}', 'cart_status_updated', ['verification', 'preparing', 'ready_for_pickup', 'finished'][1 + number % 4],
        ${at('intDiv(number, 4)', Math.ceil((events - abandoned) / 4))} + toIntervalMillisecond(number % 4 * ${STATUS_MS}) AS at,
        concat('o', toString(intDiv(number, 4))), ${common('o')}, 'webhook', at, false, 1
      FROM (SELECT number, 1 + cityHash64('o', intDiv(number, 4)) % ${people} AS person FROM numbers(${events - abandoned}))`);
  }
}

const instant = (ms: number): string => `fromUnixTimestamp64Milli(${ms}, 'UTC')`;

/** An instant at which the nth of some carts begins, leaving the last hour of the month to what follows. */
const at = (n: string, of: number): string =>
  `fromUnixTimestamp64Milli(${FROM_MS} + intDiv((${n}) * ${TO_MS - FROM_MS - 3_600_000}, ${of}), 'UTC')`;

interface Figures {
  flow: string;
  seconds: number;
  eventsPerSecond: number;
  cpuSeconds: number;
  eventsPerCpuSecond: number;
  entered: number;
  refused: number;
  sent: number;
  peakMiB: number;
}

interface MeasureOptions {
  flow: string;
  events: number;
  threadsMax: number;
}

async function measure(client: ClickHouse, { flow: name, events, threadsMax }: MeasureOptions): Promise<Figures> {
  const flow = FLOWS[name];
  if (flow === undefined) throw new Error(`--flow must list some of ${Object.keys(FLOWS).join(', ')}, not "${name}"`);
  const database = createDatabase(client, systemClock);
  // Where the build puts it, seen from this program's bundle.
  const url = new URL('../services/api/backtest-worker.js', import.meta.url);
  const threads = new BacktestThreads({ clock: systemClock, start: () => startBacktestThread(url), threadsMax });
  const memory = watchMemory();
  const startedMs = performance.now();
  const started = process.cpuUsage();
  const report = await runBacktest(
    { database, threads },
    {
      workspace: WORKSPACE,
      settings: { name: 'Bench', time_zone: 'America/Los_Angeles', frequency_cap: null, quiet_hours: null },
      flowId: 'backtest',
      version: 1,
      flow,
      fromMs: FROM_MS,
      toMs: TO_MS,
      horizonMs: 90 * DAY_MS,
      windowMs: WINDOW_MS,
    },
    new AbortController().signal,
  );
  const { user, system } = process.cpuUsage(started);
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpuSeconds = (user + system) / 1e6;
  check(report, Math.floor(events / 5));
  return {
    flow: name,
    seconds,
    eventsPerSecond: events / seconds,
    cpuSeconds,
    eventsPerCpuSecond: events / cpuSeconds,
    entered: report.entered,
    refused: sum(report.refused),
    sent: Object.values(report.nodes).reduce((all, { sent }) => all + sent, 0),
    peakMiB: memory.stop(),
  };
}

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((all, n) => all + n, 0);

function check({ entered, refused, live, completed, exited }: BacktestReport, abandoned: number): void {
  if (entered + sum(refused) !== abandoned)
    throw new Error(`${entered} entered and ${sum(refused)} refused, of ${abandoned} abandonments`);
  if (live + completed + sum(exited) !== entered)
    throw new Error(`${live} live, ${completed} completed and ${sum(exited)} exited, of ${entered} entered`);
}

/** The largest resident memory of this process, in MiB. */
function watchMemory(): { stop(): number } {
  let peak = 0;
  const look = (): void => void (peak = Math.max(peak, process.memoryUsage.rss() / 2 ** 20));
  const timer = setInterval(look, 1_000);
  return {
    stop() {
      clearInterval(timer);
      look();
      return peak;
    },
  };
}

function print(figures: readonly Figures[]): void {
  printTable(
    ['flow', 'seconds', 'events/s', 'CPU-s', 'events/CPU-s', 'entered', 'refused', 'sent', 'peak MiB', 'required'],
    figures.map(
      ({ flow, seconds, eventsPerSecond, cpuSeconds, eventsPerCpuSecond, entered, refused, sent, peakMiB }) => [
        flow,
        seconds.toFixed(1),
        ...[eventsPerSecond, cpuSeconds, eventsPerCpuSecond, entered, refused, sent, peakMiB].map((value) =>
          Math.round(value).toLocaleString('en'),
        ),
        `< ${REQUIRED_S} s${seconds < REQUIRED_S ? '' : ' MISSED'}`,
      ],
    ),
  );
}
