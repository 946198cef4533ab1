import { z } from '@hono/zod-openapi';
import { addRoute, decodeCursor, invalid, listOf, listQuery, pageOfRows } from '../../../lib/http/index.ts';
import { readInstant, showInstant, showInstantOrNull, step } from '../../../lib/time/index.ts';
import { abandonmentOf, boardCartsOf, boardOf, funnelOf, type CartFilter, type Range } from '../analytics.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { cartSchema, namesOf } from '../rows.ts';
import { cursorTime, givenInstant, givenStep, instant } from '../schemas.ts';
import { BUCKETS_MAX, bucketStarts } from '../steps.ts';
import { zoneOf } from '../zones.ts';

/** UTF-8 bytes of all stores and modes of a request: they are in the URL of a query, whose length is limited. */
const LISTS_BYTES_MAX = 30_000;

const list = z.array(z.string().max(1000)).max(1000);
const TOGETHER = `store_id and mode take ${LISTS_BYTES_MAX} bytes together`;

const carts = {
  from: givenInstant,
  to: givenInstant.describe('exclusive'),
  store_id: list.optional().describe(`carts whose latest store is one of these; ${TOGETHER}`),
  mode: list.optional().describe(`carts whose latest mode is one of these; ${TOGETHER}`),
};
const funnelRequest = z.strictObject(carts);
const abandonmentRequest = z.strictObject({ ...carts, step: givenStep });
type CartsRequest = z.output<typeof funnelRequest>;

const minutes = z.number().nullable();
const funnelSchema = z
  .strictObject({
    carts: z.int().describe('carts whose first checkout is in the range'),
    steps: z
      .array(
        z.strictObject({
          status: z.string(),
          carts: z.int().describe('how many of these carts have had this status'),
          dwell_minutes: z
            .strictObject({ p50: minutes, p90: minutes })
            .describe("from a change to this status to the cart's next change; null while no such stay has ended"),
        }),
      )
      .describe('in the order of statuses'),
  })
  .openapi('Funnel');

const bucketSchema = z.strictObject({
  from: instant,
  abandoned: z.int(),
  amount: z.number().describe('the total amount of these abandonments'),
  recovered: z.int().describe('how many of the abandonments in this bucket have recovered'),
  recovered_amount: z.number(),
  checkouts: z.int().describe('first checkouts of carts'),
});
const abandonmentSchema = z.strictObject({ buckets: z.array(bucketSchema) }).openapi('Abandonment');

const boardSchema = z
  .strictObject({
    statuses: z.array(
      z.strictObject({
        status: z.string(),
        carts: z.int(),
        stores: z.int().describe('how many stores have such carts'),
        oldest_since: instant,
        over: z
          .strictObject({ carts: z.int(), stores: z.int() })
          .describe('the carts that have been in the status for longer than over_minutes'),
      }),
    ),
    at: instant,
    fresh_through: instant
      .nullable()
      .describe('everything answered with 2xx before this time is counted; null while unknown'),
  })
  .openapi('Board');

/** A query parameter that may be repeated. */
const repeated = z
  .preprocess((value) => (value === undefined || Array.isArray(value) ? value : [value]), list.optional())
  .openapi({ type: 'array', items: { type: 'string', maxLength: 1000 }, maxItems: 1000 });

const boardQuery = z.strictObject({
  days: z.coerce
    .number()
    .int()
    .min(1)
    .max(36_500)
    .default(30)
    .describe('the status changed within this number of days'),
  over_minutes: z.coerce.number().int().min(1).max(100_000).default(45),
  store_id: repeated.describe('carts whose latest store is one of these; may be repeated'),
});
type BoardQuery = z.output<typeof boardQuery>;

const boardCartsQuery = z.strictObject({
  ...boardQuery.shape,
  ...listQuery.shape,
  status: z.string().min(1).max(1000),
});
const boardCart = z.strictObject({
  ...cartSchema.shape,
  name: z.string().nullable().describe('name of the person'),
});

/** Throws HttpProblem 422 for a range that ends before it begins. */
function rangeOf({ from, to }: CartsRequest): Range {
  const range = { fromMs: readInstant(from)!, toMs: readInstant(to)! };
  if (range.fromMs > range.toMs) throw invalid([{ path: '/from', message: 'must not be after to' }]);
  return range;
}

/** Throws HttpProblem 422 for lists that are too long together. */
function filterOf(workspace: string, { store_id = [], mode = [] }: CartsRequest): CartFilter {
  const bytes = [...store_id, ...mode].reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  if (bytes > LISTS_BYTES_MAX) {
    const message = `with mode it must not be longer than ${LISTS_BYTES_MAX} bytes; ask for fewer stores at a time`;
    throw invalid([{ path: '/store_id', message }]);
  }
  return { workspace, store_id, mode };
}

const common = { tag: 'analytics', access: 'read' } as const;

const funnel: Routes = (app, deps) => {
  addRoute(app, {
    ...common,
    method: 'post',
    path: '/v1/analytics/funnel',
    summary: 'Which statuses orders reach, and how long they stay there',
    body: funnelRequest,
    answers: { 200: { description: 'the funnel', schema: funnelSchema } },
  }).handle(async ({ c, body, workspace }) => {
    const database = deps.database.for(c.req.raw.signal);
    return { status: 200, body: await funnelOf(database, filterOf(workspace, body), rangeOf(body)) };
  });
};

const abandonment: Routes = (app, deps) => {
  addRoute(app, {
    ...common,
    method: 'post',
    path: '/v1/analytics/abandonment',
    summary: 'Abandoned carts, recovered carts and checkouts over time',
    description: `Buckets begin at \`from\` and after every step; the last one ends at \`to\`. There are at most ${BUCKETS_MAX} buckets. Days, weeks and months are steps of the workspace's calendar.`,
    body: abandonmentRequest,
    answers: { 200: { description: 'the buckets, including empty ones', schema: abandonmentSchema } },
  }).handle(async ({ c, body, workspace }) => {
    const range = rangeOf(body);
    const zone = await zoneOf(deps.definitions, workspace);
    const startsMs = bucketStarts({ ...range, ...body.step, zone });
    const database = deps.database.for(c.req.raw.signal);
    const buckets = await abandonmentOf(database, filterOf(workspace, body), range, startsMs);
    return {
      status: 200,
      body: { buckets: buckets.map(({ fromMs, ...counts }) => ({ from: showInstant(fromMs), ...counts })) },
    };
  });
};

/** What a question about open carts means at this time. */
async function boardQuestion(deps: ApiDeps, workspace: string, query: BoardQuery, nowMs: number) {
  const zone = await zoneOf(deps.definitions, workspace);
  return {
    workspace,
    sinceMs: step(nowMs, -query.days, 'days', zone) ?? 0,
    overMs: nowMs - query.over_minutes * 60_000,
    stores: query.store_id ?? [],
  };
}

const board: Routes = (app, deps) => {
  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/analytics/board',
    summary: 'Open orders by status',
    query: boardQuery,
    answers: { 200: { description: 'the statuses that carts have now, in their order', schema: boardSchema } },
  }).handle(async ({ c, query, workspace }) => {
    const nowMs = deps.clock.wallMs();
    const question = await boardQuestion(deps, workspace, query, nowMs);
    // Read before the query runs: the freshness holds for every query that begins later.
    const freshThroughMs = await deps.freshness.ofWorkspace(workspace);
    const rows = await boardOf(deps.database.for(c.req.raw.signal), question);
    return {
      status: 200,
      body: {
        statuses: rows.map(({ over_carts, over_stores, ...row }) => ({
          ...row,
          over: { carts: over_carts, stores: over_stores },
        })),
        at: showInstant(nowMs),
        fresh_through: showInstantOrNull(freshThroughMs),
      },
    };
  });

  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/analytics/board/carts',
    summary: 'Open orders that have had one status for too long',
    query: boardCartsQuery,
    answers: {
      200: {
        description: 'a page of the carts that the board counts as `over` for this status, the longest wait first',
        schema: listOf(boardCart),
      },
    },
  }).handle(async ({ c, query, workspace }) => {
    const database = deps.database.for(c.req.raw.signal);
    const [afterMs, afterId] = decodeCursor(query.cursor, z.tuple([cursorTime, z.string()])) ?? [-1, ''];
    const rows = await boardCartsOf(database, {
      ...(await boardQuestion(deps, workspace, query, deps.clock.wallMs())),
      ...{ status: query.status, afterMs, afterId, limit: query.limit + 1 },
    });
    const { items, next_cursor } = pageOfRows(rows, query.limit, ({ status_since, cart_id }) => [
      Date.parse(status_since ?? ''),
      cart_id,
    ]);
    const names = await namesOf(
      database,
      workspace,
      items.map(({ person_id }) => person_id),
    );
    return {
      status: 200,
      body: { items: items.map((cart) => ({ ...cart, name: names.get(cart.person_id) ?? null })), next_cursor },
    };
  });
};

/** Figures about carts and orders. */
export const analyticsRoutes: Routes = (app, deps) => {
  for (const add of [funnel, abandonment, board]) add(app, deps);
};
