/** An installation that is killed with -9 again and again while it works, and what it must have counted in the end. */
import { createClient } from '@clickhouse/client';
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createRandom, type Random } from '../../lib/simulate/random.ts';
import {
  createSubscription,
  createWorkspace,
  preview,
  waitFresh,
  type Audience,
  type Workspace,
} from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { QUIET_FOR_MS, WINDOW_MS, startLoad, type Ledger, type Row } from './load.ts';

const PROCESSES = ['ingest', 'processor', 'sink', 'audiences', 'api', 'kafka', 'registry', 'clickhouse'];
const GRACE_MS = 1_000;
const FRESH_TIMEOUT_MS = 180_000;

export interface Kill {
  what: string;
  /** From the kill to the moment that everything serves again, in milliseconds; of one process: undefined, nobody waits. */
  backAfterMs?: number;
  /** Of one broker of several: how many partitions others lead for it. */
  partitionsTakenOver?: number;
  /** Replies of Kafka that were lost, by request. */
  lostReplies?: Readonly<Record<string, number>>;
}

export interface Findings {
  seed: number;
  kills: Kill[];
  ledger: Ledger;
  /** Trait events that must be there and are not, or are there and must not be, as text; a few of each. */
  missing: string[];
  surplus: string[];
  /** How many of those that were sent once without an answer are counted after all. */
  unsureCounted: number;
  rows: number;
  people: { expected: number; counted: number };
  previews: { audience: string; expected: number; counted: number }[];
  /** The last line that npm run verify printed. */
  verified: string;
  /** From the last answer to everything counted, deadlines of quiet carts included, in milliseconds. */
  restAfterMs: number;
}

/** Where it happens. */
export interface Stage {
  installation: Installation;
  /** One round of failures; resolves when the next may come. */
  trouble(random: Random): Promise<Kill[]>;
  close(): Promise<void>;
}

export interface ChaosOptions {
  seed: number;
  rounds: number;
  say: (message: string) => void;
  /** Senders at once (10), each with 25 webhooks a second at most. */
  senders?: number;
  /** One machine when left out: in each round a random process is killed, and some seconds later all of them at once. */
  open?: () => Promise<Stage>;
}

/** An installation on engines of its own. */
async function oneMachine(): Promise<Stage> {
  const installation = await startInstallation({ ownEngines: true });
  // Each has its turn before one has a second.
  const deck: string[] = [];
  return {
    installation,
    trouble(random) {
      if (deck.length === 0) deck.push(...shuffled(PROCESSES, random));
      return oneRound(installation, random, deck.pop()!);
    },
    close: () => removeInstallation(installation),
  };
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Runs it, and cleans up after itself. */
export async function chaos({ seed, rounds, say, senders = 10, open = oneMachine }: ChaosOptions): Promise<Findings> {
  const stage = await open();
  const { installation } = stage;
  try {
    const workspace = await createWorkspace(installation, {
      abandonment_window_minutes: WINDOW_MS / 60_000,
      grace_seconds: GRACE_MS / 1000,
    });
    const subscription = await createSubscription(installation, workspace, { event: 'cart_status' });
    const load = startLoad({ installation, workspace, subscription, seed, senders, pauseMs: 40 });
    const kills: Kill[] = [];
    const random = createRandom(seed);
    for (let round = 1; round <= rounds; round++) {
      const trouble = await stage.trouble(random);
      kills.push(...trouble);
      const { accepted, repeated } = load.ledger;
      const told = trouble.map(
        ({ what, backAfterMs }) => what + (backAfterMs ? ` (back after ${seconds(backAfterMs)})` : ''),
      );
      say(`round ${round} of ${rounds}: ${told.join(', ')}; ${accepted} accepted, ${repeated} sent again`);
    }
    await sleep(random.between(1_000, 3_000));
    await load.stop();
    const stoppedAt = Date.now();
    await installation.waitReady();
    // Until the last quiet cart is due, and some grace.
    await sleep(QUIET_FOR_MS + GRACE_MS + 1_000);
    await waitFresh(installation, workspace, Date.now(), FRESH_TIMEOUT_MS);
    const restAfterMs = Date.now() - stoppedAt;
    const compared = await compare(installation, workspace, load.ledger);
    return { seed, kills, ledger: load.ledger, restAfterMs, ...compared, verified: await verify(installation) };
  } finally {
    await stage.close();
  }
}

async function oneRound(installation: Installation, random: Random, what: string): Promise<Kill[]> {
  await sleep(random.between(2_000, 8_000));
  await installation.kill9(what);
  // Soon after, it may be on its way back, which is as good a moment as any.
  await sleep(random.between(500, 9_000));
  const killedAt = Date.now();
  await installation.kill9();
  await installation.restart();
  return [{ what }, { what: 'everything', backAfterMs: Date.now() - killedAt }];
}

function shuffled(items: readonly string[], random: Random): string[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

const text = ({ cart, phone, trait, status, occurredAt, recoveredAt }: Row): string =>
  `${phone} cart ${cart} ${trait} ${status} ${new Date(occurredAt).toISOString()}${recoveredAt === null ? '' : ` recovered ${new Date(recoveredAt).toISOString()}`}`;

async function compare(installation: Installation, workspace: Workspace, ledger: Ledger) {
  const counted = await read(installation, workspace);
  const found = new Map<string, number>();
  for (const row of counted) found.set(text(row), (found.get(text(row)) ?? 0) + 1);
  const expected = new Set(ledger.rows.map(text));
  const unsure = new Set(ledger.unsure.map(text));
  const missing = [...expected].filter((row) => !found.has(row));
  const surplus = [...found]
    .filter(([row, times]) => times > 1 || !(expected.has(row) || unsure.has(row)))
    .map(([row, times]) => `${times} × ${row}`);
  // People and previews: by the rows that must be there and those that may and are.
  const there = [...ledger.rows, ...ledger.unsure.filter((row) => found.has(text(row)))];
  const people = (keep: (row: Row) => boolean): number => new Set(there.filter(keep).map(({ phone }) => phone)).size;
  const previews = [];
  for (const status of ['pending', 'verification', 'preparing', 'ready_for_pickup', 'finished', 'with_review']) {
    const audience: Audience = { trait: 'cart_status_updated', status: [status] };
    previews.push(
      await ask(
        installation,
        workspace,
        audience,
        people((row) => row.status === status),
      ),
    );
  }
  const left = (row: Row): boolean => row.trait === 'cart_abandoned';
  previews.push(await ask(installation, workspace, { trait: 'cart_abandoned' }, people(left)));
  const back: Audience = { trait: 'cart_abandoned', recovered: true };
  previews.push(
    await ask(
      installation,
      workspace,
      back,
      people((row) => left(row) && row.recoveredAt !== null),
    ),
  );
  const everyone = await preview(installation, workspace, { everyone: true });
  return {
    missing: missing.slice(0, 20),
    surplus: surplus.slice(0, 20),
    unsureCounted: [...unsure].filter((row) => found.has(row)).length,
    rows: counted.length,
    people: { expected: people(() => true), counted: everyone.count },
    previews,
  };
}

async function ask(installation: Installation, workspace: Workspace, audience: Audience, expected: number) {
  const { count } = await preview(installation, workspace, audience);
  return { audience: JSON.stringify(audience), expected, counted: count };
}

/** Every trait event of the workspace with the phone of its person. */
async function read({ env }: Installation, { id }: Workspace): Promise<Row[]> {
  const client = createClient({
    url: `http://127.0.0.1:${env['CLICKHOUSE_HTTP_PORT'] ?? ''}`,
    database: 'jane_traits',
  });
  try {
    const result = await client.query({
      query: `SELECT cart_id AS cart, people.phone AS phone, trait, status,
          toUnixTimestamp64Milli(occurred_at) AS occurredAt, toUnixTimestamp64Milli(recovered_at) AS recoveredAt
        FROM v_trait_events AS events
        LEFT JOIN v_people AS people ON people.workspace = events.workspace AND people.person_id = events.person_id
        WHERE events.workspace = {id: String}`,
      query_params: { id },
      format: 'JSONEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    });
    return await result.json<Row>();
  } finally {
    await client.close();
  }
}

/** The topic of outcomes compared with ClickHouse, by the program that an operator has for it. */
async function verify({ env }: Installation): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/run.mjs', 'verify'], {
    env: { ...process.env, ...env },
  }).catch((error: unknown) => error as { stdout: string });
  return stdout.trim().split('\n').at(-1) ?? '';
}
