import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { compile, compileTrend, type Audience, type TrendRow } from '../../lib/audiences/index.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import { DAY, NOW, trees, worlds } from './api-audience-arbitraries.ts';
import { event, openDatabase, person, WORKSPACE, ZONE } from './api-audience-world.ts';

/** Trends on the real ClickHouse: each point is the preview with that time as now. */

let opened: Awaited<ReturnType<typeof openDatabase>>;
beforeAll(async () => {
  opened = await openDatabase(inject('engines').CLICKHOUSE_URL, `trends_${process.pid}_${Date.now().toString(36)}`);
});
afterAll(() => opened.close());

interface Asked {
  pointsMs: number[];
  includeAnonymous?: boolean;
  zone?: string;
}

async function trend(audience: Audience, asked: Asked): Promise<number[]> {
  const shared = { tables: TABLES, workspace: WORKSPACE, zone: ZONE, includeAnonymous: false };
  const counts = asked.pointsMs.map(() => 0);
  for (const { firstIndex, query, params } of compileTrend(audience, { ...shared, ...asked })) {
    const rows = await opened.database.rows<TrendRow>(query, params);
    for (const { point, count } of rows) counts[firstIndex + point] = count;
  }
  return counts;
}

async function previews(audience: Audience, { pointsMs, ...asked }: Asked): Promise<number[]> {
  const shared = { tables: TABLES, workspace: WORKSPACE, zone: ZONE, includeAnonymous: false, ...asked };
  const counts: number[] = [];
  for (const nowMs of pointsMs) {
    const { query, params } = compile(audience, { ...shared, nowMs });
    const [row] = await opened.database.rows<{ count: number }>(query, params);
    counts.push(row?.count ?? -1);
  }
  return counts;
}

describe('a trend', () => {
  it('has the counts of previews, on random histories', async () => {
    const asks = fc.record({
      audience: trees,
      includeAnonymous: fc.boolean(),
      pointsMs: fc
        .uniqueArray(fc.integer({ min: NOW - 50 * DAY, max: NOW + 3 * DAY }), { minLength: 1, maxLength: 6 })
        .map((points) => points.sort((a, b) => a - b)),
    });
    let different = 0;
    await fc.assert(
      fc.asyncProperty(worlds, fc.array(asks, { minLength: 4, maxLength: 4 }), async (world, all) => {
        await opened.fill(world);
        for (const { audience, ...asked } of all) {
          const counts = await trend(audience, asked);
          expect(counts).toEqual(await previews(audience, asked));
          different += new Set(counts).size - 1;
        }
      }),
      { numRuns: 12, interruptAfterTimeLimit: 60_000 },
    );
    expect(different).toBeGreaterThan(10);
  }, 120_000);

  it('counts an event exactly at the edges of its condition, and a month from the 31st too', async () => {
    const at = Date.parse('2026-02-28T17:00:00.000Z');
    await opened.fill({ people: [person(1)], events: [event({ occurred_at: at })] });
    const lastMonth: Audience = {
      trait: 'cart_status_updated',
      time: { operator: 'in_last', amount: 1, unit: 'months' },
    };
    // One month before 30 March 12:00 is 28 February 12:00, and before 31 March 11:00 it is 28 February 11:00.
    const pointsMs = [
      at - 1,
      at,
      Date.parse('2026-03-28T16:00:00.000Z'),
      Date.parse('2026-03-30T16:00:00.000Z'),
      Date.parse('2026-03-30T16:00:00.001Z'),
      Date.parse('2026-03-31T15:00:00.000Z'),
      Date.parse('2026-03-31T16:00:00.001Z'),
    ];
    expect(await trend(lastMonth, { pointsMs })).toEqual([0, 1, 1, 1, 0, 1, 0]);
    expect(await previews(lastMonth, { pointsMs })).toEqual([0, 1, 1, 1, 0, 1, 0]);
  });

  it('of many points is a few queries, of many leaves one query for each point', async () => {
    const events = Array.from({ length: 400 }, (_, i) =>
      event({ person_id: 1 + (i % 50), cart_id: `c${i}`, occurred_at: NOW - i * 3_600_000 }),
    );
    await opened.fill({
      people: Array.from({ length: 50 }, (_, i) => person(i + 1, { first_at: NOW - i * DAY })),
      events,
    });
    const leaf = (amount: number): Audience => ({
      trait: 'cart_status_updated',
      at_least: 2,
      time: { operator: 'in_last', amount, unit: 'days' },
    });
    const audience: Audience = { and: [{ not: leaf(1) }, { or: [leaf(2), leaf(7), { everyone: true }] }] };
    const pointsMs = Array.from({ length: 400 }, (_, i) => NOW - (399 - i) * 3_600_000);
    const options = { tables: TABLES, workspace: WORKSPACE, zone: ZONE, includeAnonymous: false };
    expect(compileTrend(audience, { ...options, pointsMs }).map(({ firstIndex }) => firstIndex)).toEqual([0, 200]);
    const counts = await trend(audience, { pointsMs });
    const some = [0, 1, 57, 199, 200, 201, 333, 399];
    expect(some.map((i) => counts[i])).toEqual(await previews(audience, { pointsMs: some.map((i) => pointsMs[i]!) }));

    const many: Audience = { or: Array.from({ length: 20 }, (_, i) => leaf(i + 1)) };
    const few = pointsMs.slice(0, 5);
    expect(compileTrend(many, { ...options, pointsMs: few })).toHaveLength(5);
    expect(await trend(many, { pointsMs: few })).toEqual(await previews(many, { pointsMs: few }));
  });
});
