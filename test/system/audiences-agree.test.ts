import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { compile, factsNeeded, matches, type PersonFacts } from '../../lib/audiences/index.ts';
import {
  afterMerges,
  generateQuestion,
  generateWorld,
  type GeneratedWorld,
} from '../../lib/audiences/testing/generate.ts';
import { isMember, type Asked } from '../../lib/audiences/testing/oracle.ts';
import { ASKS, cartsOfQuestions } from '../../lib/audiences/testing/questions.ts';
import { randomFrom, type Random } from '../../lib/carts/testing/random.ts';
import { createClickHouse, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { readPersonFacts, type StoredFacts } from '../../lib/clickhouse/person-facts.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import { openDatabase } from './api-audience-world.ts';
import { insertWorlds, isDissolved, rowsOf, rowsOfCarts } from './audience-worlds.ts';

/**
 * The query on the real ClickHouse, the predicate on facts read from it, and the oracle: the same people for every
 * generated (tree, history, zone, now). JT_RUNS and JT_SEED for more, or to repeat a run; `npm test -- audiences`.
 */
const RUNS = Number(process.env['JT_RUNS'] ?? 1_000);
const SEED = Number(process.env['JT_SEED'] ?? Date.now() % 2 ** 31);
const PER_WORLD = 10;
/** Worlds that are in the tables at a time: with all of them every query would read millions of rows. */
const WORLDS_AT_ONCE = 100;
const PARALLEL = 6;

const NAME = `agree_${process.pid}_${Date.now().toString(36)}`;
let opened: Awaited<ReturnType<typeof openDatabase>>;
let client: ClickHouse;
beforeAll(async () => {
  const { CLICKHOUSE_URL } = inject('engines');
  opened = await openDatabase(CLICKHOUSE_URL, NAME);
  client = createClickHouse({ url: CLICKHOUSE_URL, database: NAME });
});
afterAll(async () => {
  await client.close();
  await opened.close();
});

interface Row {
  count: number;
  reachable_sms: number;
  reachable_email: number;
  sample: number[];
}

interface SeededWorld {
  seed: number;
  workspace: string;
  world: GeneratedWorld;
  random: Random;
}

const optionsOf = ({ now, knownAt, ...rest }: Asked) => ({
  nowMs: now,
  ...(knownAt === undefined ? {} : { knownAtMs: knownAt }),
  ...rest,
});

/** How many people are in the audiences, and how many are not. */
const found = { inside: 0, outside: 0 };

async function check({ seed, workspace, world, random }: SeededWorld): Promise<void> {
  const ids = world.people.map(({ id }) => id);
  const facts = await readPersonFacts(
    (query, params) => opened.database.rows(query, params),
    workspace,
    [...ids, ids.length + 1],
    { withRetracted: true },
  );
  expect([...facts.keys()].sort((a, b) => a - b)).toEqual(ids);
  const formerIdsOf = (person: StoredFacts): number[] => [...person.formerIds].sort((a, b) => a - b);
  for (const { id, mergedInto } of world.people) {
    const merged = world.people.filter((other) => other.mergedInto === (mergedInto || id) && !isDissolved(other));
    expect(facts.get(id)!.personId).toBe(mergedInto || id);
    expect(formerIdsOf(facts.get(id)!)).toEqual(merged.map((other) => other.id));
  }
  const people = afterMerges(world);
  for (let n = 0; n < PER_WORLD; n++) {
    const { audience, asked } = generateQuestion(world, random);
    const options = optionsOf(asked);
    const why = `JT_SEED=${seed} JT_RUNS=${PER_WORLD}, question ${n}: ${JSON.stringify({ audience, asked })}`;
    const members = people.filter((person) => isMember(audience, person, asked));
    const byPredicate = [...new Set<PersonFacts>(facts.values())].filter((one) => matches(audience, one, options));
    expect(
      byPredicate.map(({ personId }) => personId).sort((a, b) => a - b),
      `predicate, ${why}`,
    ).toEqual(members.map(({ id }) => id));
    if (n % 3 === 0) {
      // Of some people alone, and only what this tree needs.
      const half = ids.filter(() => random.chance(0.5));
      const some = await readPersonFacts((query, params) => opened.database.rows(query, params), workspace, half, {
        withRetracted: true,
        needed: factsNeeded([audience]),
      });
      for (const [id, person] of some) expect(formerIdsOf(person)).toEqual(formerIdsOf(facts.get(id)!));
      const winners = new Set(half.map((id) => facts.get(id)!.personId));
      const matching = [...new Set<PersonFacts>(some.values())].filter((one) => matches(audience, one, options));
      expect(
        matching.map(({ personId }) => personId).sort((a, b) => a - b),
        `predicate on what is needed, ${why}`,
      ).toEqual(members.flatMap(({ id }) => (winners.has(id) ? [id] : [])));
    }
    const { query, params } = compile(audience, { tables: TABLES, workspace, ...options });
    const [row] = await opened.database.rows<Row>(query, params);
    expect(row, `query, ${why}`).toEqual({
      count: members.length,
      reachable_sms: members.filter((person) => person.reachableSms).length,
      reachable_email: members.filter((person) => person.reachableEmail).length,
      sample: members.map(({ id }) => id),
    });
    found.inside += members.length;
    found.outside += people.length - members.length;
  }
}

describe(`the query, the predicate and the oracle agree (JT_RUNS=${RUNS}, JT_SEED=${SEED})`, () => {
  it('on generated trees, histories, zones and times', { timeout: 3_600_000 }, async () => {
    const seeds = Array.from({ length: Math.ceil(RUNS / PER_WORLD) }, (_, i) => SEED + i);
    while (seeds.length > 0) {
      const worlds = seeds.splice(0, WORLDS_AT_ONCE).map((seed): SeededWorld => {
        const random = randomFrom(seed);
        return { seed, workspace: `w${seed}`, world: generateWorld(random), random };
      });
      for (const table of Object.values(TABLES))
        if (table !== TABLES.schemaMigrations) await client.command({ query: `TRUNCATE TABLE ${table}` });
      await insertWorlds(
        client,
        worlds.map(({ workspace, world }) => rowsOf(workspace, world)),
      );
      const left = [...worlds];
      const worker = async (): Promise<void> => {
        for (let next = left.pop(); next !== undefined; next = left.pop()) await check(next);
      };
      await Promise.all(Array.from({ length: PARALLEL }, worker));
    }
    const share = found.inside / (found.inside + found.outside);
    if (RUNS >= 1_000) expect([share > 0.15, share < 0.85]).toEqual([true, true]);
  });
});

it('the query answers the questions of the cases', async () => {
  const carts = cartsOfQuestions();
  const workspace = 'questions';
  await insertWorlds(client, [rowsOfCarts(workspace, [...carts.values()])]);
  const names = [...carts.keys()];
  for (const { audience, nowMs, carts: expected } of ASKS) {
    const options = { tables: TABLES, workspace, zone: 'UTC', nowMs, includeAnonymous: false };
    const { query, params } = compile(audience, options);
    const [row] = await opened.database.rows<Row>(query, params);
    const found = row!.sample.map((id) => names[id - 1]).sort();
    expect(found, JSON.stringify({ audience, nowMs })).toEqual(expected);
  }
});
