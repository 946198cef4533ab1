import { z } from '@hono/zod-openapi';
import { VIEWS } from '../../../lib/clickhouse/tables.ts';
import { addRoute, decodeCursor, listOf, listQuery, pageOfRows } from '../../../lib/http/index.ts';
import type { Routes } from '../deps.ts';
import { namesOf, TRAIT_EVENT_COLUMNS, traitEventSchema, type TraitEventRow } from '../rows.ts';
import { cursorTime } from '../schemas.ts';

const DAY_MS = 86_400_000;
/** Time windows that are searched one after the other, each longer: usually the first has enough events. */
const WINDOWS_MS = [DAY_MS / 24, DAY_MS, 31 * DAY_MS, Infinity];

const QUERY = `SELECT ${TRAIT_EVENT_COLUMNS} FROM ${VIEWS.traitEvents} AS event
WHERE workspace = {workspace:String}
  AND trait IN {traits:Array(String)} AND ({status:String} = '' OR status = {status:String})
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at <= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
  AND (occurred_at, event_id) < (fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC'), {before_id:String})
ORDER BY occurred_at DESC, event_id DESC LIMIT {limit:UInt32}`;

const shown = z.strictObject({ ...traitEventSchema.shape, name: z.string().nullable().describe('name of the person') });

export const traitEventRoutes: Routes = (app, deps) => {
  addRoute(app, {
    method: 'get',
    path: '/v1/trait-events',
    summary: 'List trait events, newest first',
    tag: 'traits',
    access: 'read',
    query: z.strictObject({
      ...listQuery.shape,
      trait: z.enum(['cart_abandoned', 'cart_status_updated']).optional(),
      status: z.string().max(1000).optional(),
    }),
    answers: { 200: { description: 'a page of trait events', schema: listOf(shown) } },
  }).handle(async ({ c, query, workspace }) => {
    const database = deps.database.for(c.req.raw.signal);
    const after = decodeCursor(query.cursor, z.tuple([cursorTime, z.string()]));
    const beforeMs = after?.[0] ?? deps.clock.wallMs() + DAY_MS;
    let rows: TraitEventRow[] = [];
    for (const windowMs of WINDOWS_MS) {
      rows = await database.rows<TraitEventRow>(QUERY, {
        workspace,
        traits: query.trait ? [query.trait] : ['cart_abandoned', 'cart_status_updated'],
        status: query.status ?? '',
        limit: query.limit + 1,
        from_ms: Math.max(0, (after ? beforeMs : deps.clock.wallMs()) - windowMs),
        before_ms: beforeMs,
        before_id: after?.[1] ?? '',
      });
      if (rows.length > query.limit) break;
    }
    const { items: page, next_cursor } = pageOfRows(rows, query.limit, ({ occurred_at, event_id }) => [
      Date.parse(occurred_at),
      event_id,
    ]);
    const names = await namesOf(
      database,
      workspace,
      page.map(({ person_id }) => person_id),
    );
    return {
      status: 200,
      body: {
        items: page.map((row) => ({ ...row, name: names.get(row.person_id) ?? null })),
        next_cursor,
      },
    };
  });
};
