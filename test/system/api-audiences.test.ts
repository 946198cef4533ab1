import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { compile, parseAudience, SAMPLE_MAX, type Audience } from '../../lib/audiences/index.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import { evaluations, NOW, trees, worlds } from './api-audience-arbitraries.ts';
import {
  evaluate,
  event,
  openDatabase,
  person,
  WORKSPACE,
  ZONE,
  type Evaluation,
  type World,
} from './api-audience-world.ts';

/** Queries on the real ClickHouse against an evaluation by hand, on random histories and random trees. */

interface Row {
  count: number;
  reachable_sms: number;
  reachable_email: number;
  sample: number[];
}

let opened: Awaited<ReturnType<typeof openDatabase>>;
beforeAll(async () => {
  opened = await openDatabase(inject('engines').CLICKHOUSE_URL, `audiences_${process.pid}_${Date.now().toString(36)}`);
});
afterAll(() => opened.close());

async function count(audience: Audience, evaluation: Evaluation): Promise<Row> {
  const { query, params } = compile(audience, { tables: TABLES, workspace: WORKSPACE, zone: ZONE, ...evaluation });
  const [row] = await opened.database.rows<Row>(query, params);
  if (!row) throw new Error('no row');
  return row;
}

function expected(audience: Audience, world: World, evaluation: Evaluation): Row {
  const ids = [...evaluate(audience, world, evaluation)].sort((a, b) => a - b);
  const people = world.people.filter(({ person_id }) => ids.includes(person_id));
  return {
    count: ids.length,
    reachable_sms: people.filter((row) => row.reachable_sms).length,
    reachable_email: people.filter((row) => row.reachable_email).length,
    sample: ids.slice(0, SAMPLE_MAX),
  };
}

describe('audiences on ClickHouse', () => {
  it('are what the semantics say, on random histories', async () => {
    const trials = fc.tuple(trees, evaluations);
    await fc.assert(
      fc.asyncProperty(worlds, fc.array(trials, { minLength: 6, maxLength: 6 }), async (world, all) => {
        await opened.fill(world);
        for (const [audience, evaluation] of all) {
          expect(parseAudience(audience).issues).toBeUndefined();
          expect(await count(audience, evaluation)).toEqual(expected(audience, world, evaluation));
        }
      }),
      { numRuns: 40, interruptAfterTimeLimit: 120_000 },
    );
  }, 240_000);

  it('count loser and winner with one each as one with two', async () => {
    const world = {
      people: [person(1), person(2, { merged_into: 1 }), person(3)],
      events: [1, 2, 3].map((person_id) => event({ person_id, cart_id: `c${person_id}` })),
    };
    await opened.fill(world);
    const now = { nowMs: NOW, includeAnonymous: false };
    const two: Audience = { trait: 'cart_status_updated', at_least: 2 };
    expect(await count(two, now)).toMatchObject({ count: 1, sample: [1] });
    expect(await count({ not: two }, now)).toMatchObject({ count: 1, sample: [3] });
    expect(await count({ everyone: true }, now)).toMatchObject({ count: 2, sample: [1, 3] });
  });

  it('show the first of many as a sample', async () => {
    for (const size of [25, 40, 3000]) {
      const ids = Array.from({ length: size }, (_, i) => ((i * 7919) % size) + 1);
      const events = ids.map((person_id) => event({ person_id, cart_id: `c${person_id}` }));
      await opened.fill({ people: ids.map((id) => person(id)), events });
      const row = await count({ trait: 'cart_status_updated' }, { nowMs: NOW, includeAnonymous: false });
      expect(row).toMatchObject({ count: size, sample: Array.from({ length: SAMPLE_MAX }, (_, i) => i + 1) });
    }
  });

  it('take 200 leaves with long lists', async () => {
    await opened.fill({ people: [person(1)], events: [event({ store_id: 's7' })] });
    const stores = Array.from({ length: 100 }, (_, i) => `s${i}`);
    const or = Array.from({ length: 200 }, (_, i): Audience => ({
      trait: 'cart_status_updated',
      store_id: stores.map((store) => (i === 199 ? store : `${store}-${i}`)),
    }));
    expect(await count({ or }, { nowMs: NOW, includeAnonymous: false })).toMatchObject({ count: 1 });
  });

  it('take 200 leaves with every member, and lists as long as a body may be', async () => {
    const products = [{ product_id: 'p7', count: 1, price: 1 }];
    const full = { store_id: 's7', mode: 'pickup', amount: 7, products, occurred_at: NOW - 1_000 };
    const events = [1, 2].map((n) => event({ ...full, occurred_at: NOW - n * 1_000, event_id: `e${n}` }));
    await opened.fill({ people: [person(1)], events });
    const time = { operator: 'between', from: '2020-01-01T00:00:00.001Z', to: '2030-04-01T00:00:00.001Z' } as const;
    const or = Array.from({ length: 200 }, (_, i): Audience => {
      const lists = { status: ['finished', `${i}`], store_id: [`s${i}`], product_id: [`p${i}`, `q${i}`] };
      const amount = { min: i, max: i + 1 };
      const trait = 'cart_status_updated';
      return { trait, ...lists, mode: ['pickup', `m${i}`], amount, time, at_least: 2, anomaly: false };
    });
    const as = { nowMs: NOW, includeAnonymous: false };
    expect(await count({ or }, { ...as, knownAtMs: NOW })).toMatchObject({ count: 1 });
    expect(await count({ or: or.toSpliced(7, 1) }, { ...as, knownAtMs: NOW })).toMatchObject({ count: 0 });
    const many = Array.from({ length: 40_000 }, (_, i) => `${i}`);
    const quotes = Array.from({ length: 300 }, (_, i) => `${"'".repeat(200)}${i}`);
    for (const [list, value] of [
      ['store_id', 's7'],
      ['product_id', 'p7'],
      ['mode', 'pickup'],
      ['status', 'finished'],
    ] as const)
      for (const others of [many, quotes]) {
        const of = (values: string[]): Audience => ({ trait: 'cart_status_updated', [list]: values });
        expect(await count(of([...others, value]), as)).toMatchObject({ count: 1 });
        expect(await count(of([value, ...others]), as)).toMatchObject({ count: 1 });
        expect(await count(of(others), as)).toMatchObject({ count: 0 });
      }
  });
});
