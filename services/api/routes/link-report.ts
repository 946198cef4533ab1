import { z } from '@hono/zod-openapi';
import { TABLES } from '../../../lib/clickhouse/tables.ts';
import { addRoute, decodeCursor, listOf, listQuery, pageOfRows } from '../../../lib/http/index.ts';
import type { Identifier } from '../../../schemas/types.ts';
import type { Routes } from '../deps.ts';
import { identifierSchema, showIdentifier } from './link-rules.ts';

const count = z.int().min(0);
const seenWith = z
  .strictObject({ user_id: count, external: count, phone: count, email: count })
  .describe('how many different values of each kind the identifier was seen with; counted up to 101');

const itemSchema = z
  .strictObject({
    identifier: identifierSchema,
    seen_with: seenWith,
    would_join: count.describe(
      'how many people the identifier joins, or would join if it were not junk: the largest of the numbers in seen_with',
    ),
    limit: z.int().describe('the limit of the link rules'),
    junk: z.boolean().describe('the identifier does not join people'),
    reason: z.enum(['limit', 'deny']).nullable().describe('why the identifier is junk; null if it is not'),
    allowed: z.boolean().describe('the identifier is on the allow list: the limit does not apply to it'),
  })
  .openapi('LinkReportItem');

interface ReportRow {
  identifier_id: string;
  kind: Identifier['kind'];
  value: string;
  seen_with_user_id: number;
  seen_with_external: number;
  seen_with_phone: number;
  seen_with_email: number;
  would_join: number;
  link_limit: number;
  junk: boolean;
  reason: 'limit' | 'deny' | null;
  allowed: boolean;
}

const show = (row: ReportRow): z.output<typeof itemSchema> => ({
  identifier: showIdentifier(row),
  seen_with: {
    user_id: row.seen_with_user_id,
    external: row.seen_with_external,
    phone: row.seen_with_phone,
    email: row.seen_with_email,
  },
  would_join: row.would_join,
  limit: row.link_limit,
  junk: row.junk,
  reason: row.reason,
  allowed: row.allowed,
});

const QUERY = `SELECT * FROM (
  SELECT identifier_id, kind, value, seen_with_user_id, seen_with_external, seen_with_phone, seen_with_email,
    greatest(seen_with_user_id, seen_with_external, seen_with_phone, seen_with_email) AS would_join,
    link_limit, junk, reason, allowed
  FROM ${TABLES.linkReport} FINAL WHERE workspace = {workspace:String} AND value IS NOT NULL
)
WHERE (would_join, identifier_id) < ({before_count:UInt32}, {before_id:String})
ORDER BY would_join DESC, identifier_id DESC LIMIT {limit:UInt32}`;

const FIRST: [number, string] = [2 ** 32 - 1, ''];

export const linkReportRoutes: Routes = (app, deps) => {
  addRoute(app, {
    method: 'get',
    path: '/v1/link-report',
    summary: 'Identifiers that are junk or close to it',
    description:
      'An identifier is listed when it was seen with at least 60 % of the limit of values of one other kind, or is on ' +
      'the deny list. Change the rules with PUT /v1/link-rules. Ordered by would_join, largest first.',
    tag: 'people',
    access: 'read',
    query: listQuery,
    answers: { 200: { description: 'a page of identifiers', schema: listOf(itemSchema) } },
  }).handle(async ({ c, query, workspace }) => {
    const [before_count, before_id] = decodeCursor(query.cursor, z.tuple([z.int().min(0), z.string()])) ?? FIRST;
    const rows = await deps.database.for(c.req.raw.signal).rows<ReportRow>(QUERY, {
      ...{ workspace, before_count, before_id, limit: query.limit + 1 },
    });
    const page = pageOfRows(rows, query.limit, ({ would_join, identifier_id }) => [would_join, identifier_id]);
    return { status: 200, body: { ...page, items: page.items.map(show) } };
  });
};
