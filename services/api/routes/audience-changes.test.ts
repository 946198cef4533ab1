import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock/index.ts';
import { createApiApp } from '../app.ts';
import type { ApiDeps } from '../deps.ts';

const READ = `jt_read_${'r'.repeat(43)}`;
const HOUR = 3_600_000;
const T0 = Date.UTC(2026, 2, 28, 0);

interface Row {
  offset: number;
  person_id: string;
  change: string;
  at: string;
  cause: string;
  version: number;
}

const row = (offset: number): Row => ({
  offset,
  person_id: '7',
  change: 'entered',
  at: new Date(T0 + offset).toISOString(),
  cause: 'event',
  version: 2,
});

/** By offset. */
let feed: Row[];
let buckets: { bucket: number; entered: number; left: number; size: number; before: number }[];
let bounds: number[];
let app: ReturnType<typeof createApiApp>;

beforeEach(() => {
  feed = [row(4), row(9), row(17)];
  buckets = [];
  const rows = (_: string, params: { from?: number; limit?: number; bounds?: number[] }): Promise<unknown[]> => {
    if (params.bounds === undefined) {
      return Promise.resolve(feed.filter(({ offset }) => offset >= params.from!).slice(0, params.limit));
    }
    bounds = params.bounds;
    return Promise.resolve(buckets);
  };
  const audiences = new Map([
    ['live', { id: 'live', workspace: 'acme', live: true }],
    ['off', { id: 'off', workspace: 'acme', live: false }],
    ['theirs', { id: 'theirs', workspace: 'globex', live: true }],
  ]);
  const deps = {
    clock: systemClock,
    adminKey: 'root',
    consoleDir: '/nowhere',
    logger: { error: () => undefined },
    database: { rows, for: () => ({ rows }) },
    sizes: { read: () => Promise.resolve(new Map([['live', { count: 12, reachable: {}, atMs: T0 }]])) },
    definitions: {
      findKey: () => Promise.resolve({ workspace: 'acme', role: 'read' }),
      findWorkspace: () => Promise.resolve({ time_zone: 'Europe/Berlin' }),
      find: (_: string, id: string) => Promise.resolve(audiences.get(id)),
    },
  } as unknown as ApiDeps;
  app = createApiApp(deps);
});

async function get<T>(path: string): Promise<{ status: number; body: T }> {
  const response = await app.request(`/v1/audiences/${path}`, { headers: { authorization: `Bearer ${READ}` } });
  return { status: response.status, body: (await response.json()) as T };
}

interface Page {
  items: object[];
  next_cursor: string;
}

describe('GET /v1/audiences/{id}/changes', () => {
  it('pages through the feed, and continues where it ended when there is more', async () => {
    const first = (await get<Page>('live/changes?limit=2')).body;
    const { offset: _, ...item } = row(4);
    expect(first.items[0]).toEqual(item);
    expect(first.items).toHaveLength(2);
    const second = (await get<Page>(`live/changes?limit=2&cursor=${first.next_cursor}`)).body;
    expect(second.items).toHaveLength(1);
    const none = (await get<Page>(`live/changes?cursor=${second.next_cursor}`)).body;
    expect(none).toEqual({ items: [], next_cursor: second.next_cursor });
    feed.push(row(18));
    expect((await get<Page>(`live/changes?cursor=${none.next_cursor}`)).body.items).toHaveLength(1);
  });

  it('has a cursor before the first change too', async () => {
    feed = [];
    const { items, next_cursor } = (await get<Page>('live/changes')).body;
    feed = [row(0)];
    expect(items).toEqual([]);
    expect((await get<Page>(`live/changes?cursor=${next_cursor}`)).body.items).toHaveLength(1);
  });

  it.each([
    ['off/changes', 409],
    ['off/changes/summary?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z', 409],
    ['theirs/changes', 404],
    ['none/changes', 404],
    ['live/changes?cursor=x', 422],
    ['live/changes?limit=0', 422],
  ])('%s is answered %i', async (path, status) => {
    expect((await get(path)).status).toBe(status);
  });
});

describe('GET /v1/audiences/{id}/changes/summary', () => {
  const summary = (from: string, to: string, step: string) =>
    get<{ buckets: { from: string; size: number; entered: number; left: number }[]; errors?: { path: string }[] }>(
      `live/changes/summary?from=${from}&to=${to}&step=${encodeURIComponent(step)}`,
    );

  it('takes days of the workspace, also where one has 23 hours, and ends at "to"', async () => {
    const { body } = await summary('2026-03-27T23:00:00Z', '2026-03-30T12:00:00Z', '1 day');
    expect(body.buckets.map(({ from }) => from)).toEqual([
      '2026-03-27T23:00:00.000Z',
      '2026-03-28T23:00:00.000Z',
      '2026-03-29T22:00:00.000Z',
    ]);
    expect(bounds.at(-1)).toBe(Date.parse('2026-03-30T12:00:00Z'));
  });

  it('carries the size over buckets without changes, from before the first one and from after it', async () => {
    buckets = [
      { bucket: 1, entered: 5, left: 0, size: 5, before: 0 },
      { bucket: 3, entered: 2, left: 1, size: 6, before: 5 },
    ];
    const shown = async () =>
      (await summary('2026-03-27T00:00:00Z', '2026-03-27T03:00:00Z', '1 hour')).body.buckets.map(
        ({ entered, left, size }) => [entered, left, size],
      );
    expect(await shown()).toEqual([
      [0, 0, 5],
      [2, 1, 6],
      [0, 0, 6],
    ]);
    // The changes before the first bucket are not kept any more.
    buckets.shift();
    expect((await shown()).map(([, , size]) => size)).toEqual([5, 6, 6]);
    // All changes are later: bucket 0 is after the last bound.
    buckets = [{ bucket: 0, entered: 1, left: 0, size: 4, before: 3 }];
    expect((await shown()).map(([, , size]) => size)).toEqual([3, 3, 3]);
    buckets = [];
    expect((await shown()).map(([, , size]) => size)).toEqual([12, 12, 12]);
  });

  it('refuses reversed times, too many buckets and steps that are none', async () => {
    const to = new Date(T0 + 401 * HOUR).toISOString();
    const paths = async (...query: [string, string, string]) =>
      (await summary(...query)).body.errors?.map(({ path }) => path);
    expect(await paths('2026-03-28T00:00:00Z', to, '1 hour')).toEqual(['/step']);
    expect(await paths('2026-03-28T00:00:00Z', '2026-03-27T00:00:00Z', '1 hour')).toEqual(['/from']);
    for (const step of ['0 days', '1 year', 'days 2', '']) {
      expect(await paths('2026-03-28T00:00:00Z', '2026-03-29T00:00:00Z', step)).toEqual(['/step']);
    }
    for (const step of ['2 weeks', 'day', '30 Minutes']) {
      expect((await summary('2026-03-28T00:00:00Z', '2026-03-29T00:00:00Z', step)).status).toBe(200);
    }
  });
});
