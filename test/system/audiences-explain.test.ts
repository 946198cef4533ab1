import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
// First: it extends the schemas of zod that are created after it.
import { createApiApp } from '../../services/api/app.ts';
import { compileMembers, ONE_SNAPSHOT, type Audience } from '../../lib/audiences/index.ts';
import { cartFactsOf, eventFactsOf } from '../../lib/audiences/testing/facts.ts';
import {
  afterMerges,
  generateQuestion,
  generateWorld,
  type GeneratedPerson,
  type GeneratedWorld,
} from '../../lib/audiences/testing/generate.ts';
import { isMember, isSatisfied, verdicts, type Asked } from '../../lib/audiences/testing/oracle.ts';
import { randomFrom } from '../../lib/carts/testing/random.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { createClickHouse, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import type { ApiDeps } from '../../services/api/deps.ts';
import { openDatabase } from './api-audience-world.ts';
import { insertWorlds, rowsOf } from './audience-worlds.ts';

/**
 * POST /v1/audiences/explain on the real ClickHouse: it says of everybody what the members are. `npm test -- audiences`
 * takes 1,000 people and 50 trees; JT_PEOPLE, JT_TREES and JT_SEED change it.
 */
const PEOPLE = Number(process.env['JT_PEOPLE'] ?? 50);
const TREES = Number(process.env['JT_TREES'] ?? 8);
const SEED = Number(process.env['JT_SEED'] ?? Date.now() % 2 ** 31);
const PARALLEL = 5;
const WORKSPACE = 'explained';

/** What the app has logged. */
const errors: object[] = [];

const NAME = `explain_${process.pid}_${Date.now().toString(36)}`;
const random = randomFrom(SEED);
const world: GeneratedWorld = generateWorld(random, PEOPLE);
let opened: Awaited<ReturnType<typeof openDatabase>>;
let client: ClickHouse;
let app: ReturnType<typeof createApiApp>;
beforeAll(async () => {
  const { CLICKHOUSE_URL } = inject('engines');
  opened = await openDatabase(CLICKHOUSE_URL, NAME);
  client = createClickHouse({ url: CLICKHOUSE_URL, database: NAME });
  await insertWorlds(client, [rowsOf(WORKSPACE, world)]);
  app = createApiApp({
    consoleDir: '/nowhere',
    logger: { error: (fields: object) => errors.push(fields) },
    adminKey: 'admin',
    // At the beginning of time: every now that is asked about lies ahead.
    clock: {
      wallMs: () => 0,
      elapsedMs: () => systemClock.elapsedMs(),
      sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms, signal),
    },
    definitions: { findWorkspace: () => Promise.resolve({ time_zone: world.zone }) },
    freshness: { ofWorkspace: () => Promise.resolve(null) },
    database: opened.database,
  } as unknown as ApiDeps);
});
afterAll(async () => {
  await client.close();
  await opened.close();
});

interface Shown {
  event_id?: string;
  cart_id: string;
  person_id: string;
  workspace: string;
  fails?: string[];
}

interface Node {
  node: Audience;
  matches: boolean;
  children?: Node[];
  count?: number;
  events?: Shown[];
  near?: Shown[];
}

interface Explanation {
  matches: boolean;
  person_id: string;
  in_universe: boolean;
  node: Node;
  fresh_through: string | null;
}

const show = (ms: number): string => new Date(ms).toISOString();

async function ask(body: object): Promise<{ status: number; body: Explanation }> {
  const answer = await app.request('/v1/audiences/explain', {
    method: 'POST',
    headers: { authorization: 'Bearer admin', 'x-workspace': WORKSPACE, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Explanation };
}

const requestOf = (audience: Audience, { now, knownAt, includeAnonymous }: Asked, id: number): object => ({
  audience,
  person_id: String(id),
  now: show(now),
  include_anonymous: includeAnonymous,
  ...(knownAt === undefined ? {} : { known_at: show(knownAt) }),
});

async function membersOf(audience: Audience, { now, knownAt, zone, includeAnonymous }: Asked): Promise<number[]> {
  const { definitions, params } = compileMembers(audience, {
    ...{ tables: TABLES, workspace: WORKSPACE, zone, nowMs: now, includeAnonymous },
    ...(knownAt === undefined ? {} : { knownAtMs: knownAt }),
  });
  const query = `WITH ${definitions} SELECT bitmapToArray(result) AS members SETTINGS ${ONE_SNAPSHOT}`;
  const [row] = await opened.database.rows<{ members: number[] }>(query, params);
  return row!.members;
}

/** Every node as the oracle has it: what it shows of a person, and of what is near, why it is not in. */
function checkNode(explained: Node, history: GeneratedPerson, asked: Asked, why: string): void {
  const { node, matches, children, count, events = [], near = [] } = explained;
  expect(matches, why).toBe(isMember(node, history, asked));
  for (const child of children ?? []) checkNode(child, history, asked, why);
  if (count === undefined) return;
  if (!('trait' in node) && !('dwell' in node)) throw new Error(`not a leaf: ${JSON.stringify(node)}`);
  expect(count, why).toBe(verdicts(node, history, asked).filter(isSatisfied).length);
  expect(events.length, why).toBe(Math.min(20, count));
  expect(near.length, why).toBe(Math.min(5, verdicts(node, history, asked).length - count));
  const isOfCarts = 'dwell' in node || node.time?.operator === 'in_next';
  for (const shown of [...events, ...near]) {
    expect([shown.person_id, shown.workspace]).toEqual([String(history.id), WORKSPACE]);
    const alone = isOfCarts
      ? { ...history, carts: history.carts.filter((cart) => cartFactsOf(cart).cart_id === shown.cart_id) }
      : { ...history, events: history.events.filter((event) => eventFactsOf(event).event_id === shown.event_id) };
    const [verdict] = verdicts(node, alone, asked);
    const failed = Object.entries(verdict!).flatMap(([key, holds]) => (holds === false ? [key] : []));
    expect([...(shown.fails ?? [])].sort(), why).toEqual(failed.sort());
  }
}

describe(`explain (JT_PEOPLE=${PEOPLE}, JT_TREES=${TREES}, JT_SEED=${SEED})`, () => {
  it('agrees with the members, and shows what decides', { timeout: 3_600_000 }, async () => {
    const people = new Map(afterMerges(world).map((person) => [person.id, person]));
    let inside = 0;
    for (let n = 0; n < TREES; n++) {
      const { audience, asked } = generateQuestion(world, random);
      const members = new Set(await membersOf(audience, asked));
      inside += members.size;
      const left = world.people.map(({ id, mergedInto }) => ({ id, history: people.get(mergedInto || id)! }));
      const worker = async (): Promise<void> => {
        for (let next = left.pop(); next !== undefined; next = left.pop()) {
          const { id, history } = next;
          const why = `JT_SEED=${SEED}, tree ${n}, person ${id}: ${JSON.stringify({ audience, asked })}`;
          const { status, body } = await ask(requestOf(audience, asked, id));
          expect(status, `${why}: ${JSON.stringify({ body, errors })}`).toBe(200);
          expect(body, why).toMatchObject({
            matches: members.has(history.id),
            person_id: String(history.id),
            in_universe: isMember({ everyone: true }, history, asked),
            fresh_through: null,
          });
          expect(Object.keys(body).sort()).toEqual(['fresh_through', 'in_universe', 'matches', 'node', 'person_id']);
          expect(body.node.node).toEqual(audience);
          checkNode(body.node, history, asked, why);
        }
      };
      await Promise.all(Array.from({ length: PARALLEL }, worker));
    }
    expect(inside).toBeGreaterThan(0);
  });

  it('answers 404 for ids that nobody has', async () => {
    for (const person_id of ['0', String(PEOPLE + 1), '4294967296', '99999999999999999999'])
      expect((await ask({ audience: { everyone: true }, person_id })).status, person_id).toBe(404);
  });
});
