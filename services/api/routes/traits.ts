import { z } from '@hono/zod-openapi';
import { OPERATORS } from '../../../lib/audiences/index.ts';
import { TABLES } from '../../../lib/clickhouse/tables.ts';
import { STATUSES } from '../../../lib/jane/statuses.ts';
import { addRoute, decodeCursor, listOf, listQuery, pageOfRows } from '../../../lib/http/index.ts';
import type { Routes } from '../deps.ts';
import { instant } from '../schemas.ts';

const traitSchema = z.strictObject({
  trait: z.enum(['cart_abandoned', 'cart_status_updated']),
  name: z.string(),
  meaning: z.string(),
  operators: z.array(z.enum(OPERATORS)),
  statuses: z.array(z.strictObject({ status: z.string(), meaning: z.string() })),
  unknown_statuses: z.array(z.string()).describe('statuses seen in this workspace that Jane does not document'),
});

const storeSchema = z
  .strictObject({
    store_id: z.string(),
    name: z.string().nullable().describe('the latest name'),
    carts: z.int(),
    last_seen_at: instant.nullable(),
  })
  .openapi('Store');

export const traitRoutes: Routes = (app, deps) => {
  const common = { method: 'get', tag: 'traits', access: 'read' } as const;

  addRoute(app, {
    ...common,
    path: '/v1/traits',
    summary: 'The two traits with their operators, statuses and meanings, and the unknown statuses seen',
    answers: { 200: { description: 'both traits', schema: z.strictObject({ traits: z.array(traitSchema) }) } },
  }).handle(async ({ c, workspace }) => {
    const seen = await deps.database.for(c.req.raw.signal).rows<{ status: string }>(
      `SELECT DISTINCT status FROM ${TABLES.traitEvents}
        WHERE workspace = {workspace:String} AND trait = 'cart_status_updated' AND status NOT IN {known:Array(String)}
        ORDER BY status LIMIT 1000`,
      { workspace, known: STATUSES.map(({ status }) => status) },
    );
    const operators = [...OPERATORS];
    const abandoned = {
      trait: 'cart_abandoned' as const,
      name: 'Cart Abandoned',
      meaning: 'a customer abandons their cart before completing checkout',
      operators,
      statuses: [],
      unknown_statuses: [],
    };
    const updated = {
      trait: 'cart_status_updated' as const,
      name: 'Cart Status Updated',
      meaning: 'the status of an order changes during fulfilment',
      operators,
      statuses: STATUSES.map(({ status, meaning }) => ({ status, meaning })),
      unknown_statuses: seen.map(({ status }) => status),
    };
    return { status: 200, body: { traits: [abandoned, updated] } };
  });

  addRoute(app, {
    ...common,
    path: '/v1/stores',
    summary: 'List stores that have carts',
    query: listQuery,
    answers: { 200: { description: 'a page of stores, ordered by id', schema: listOf(storeSchema) } },
  }).handle(async ({ c, query, workspace }) => {
    const after = decodeCursor(query.cursor, z.string()) ?? '';
    const rows = await deps.database.for(c.req.raw.signal).rows<z.output<typeof storeSchema>>(
      `SELECT assumeNotNull(store_id) AS store_id,
          argMaxIf(cart.store_name, (cart.last_event_at, cart.version), cart.store_name IS NOT NULL) AS name,
          count() AS carts,
          max(greatest(ifNull(cart.last_activity_at, cart.status_since), ifNull(cart.status_since, cart.last_activity_at))) AS last_seen_at
        FROM ${TABLES.carts} AS cart FINAL
        WHERE workspace = {workspace:String} AND cart.store_id IS NOT NULL AND cart.store_id > {after:String}
        GROUP BY store_id ORDER BY store_id LIMIT {limit:UInt32}`,
      { workspace, after, limit: query.limit + 1 },
    );
    return { status: 200, body: pageOfRows(rows, query.limit, ({ store_id }) => store_id) };
  });
};
