import { z } from '@hono/zod-openapi';
import type { SavedAudience } from '../../../lib/definitions/index.ts';
import { addRoute, decodeCursor, HttpProblem, listQuery, pageOfRows } from '../../../lib/http/index.ts';
import { showInstant, showInstantOrNull } from '../../../lib/time/index.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { EXPORT_FORMATS } from '../export-format.ts';
import { exportStream } from '../export-stream.ts';
import { exportQuery, membersQuery, type ExportRow, type MemberRow, type Membership } from '../member-rows.ts';
import { personId } from '../rows.ts';
import { cursorTime, idParams, instant } from '../schemas.ts';
import { zoneOf } from '../zones.ts';
import { savedAudience } from './saved-audiences.ts';

const text = z.string().nullable();
const consent = z.enum(['opted_in', 'opted_out']).nullable();

const memberSchema = z
  .strictObject({
    person_id: personId,
    name: text,
    phone: text.describe('the first phone number of the profile'),
    email: text.describe('the first email address of the profile'),
    sms_consent: consent.describe('the consent for this phone number'),
    email_consent: consent.describe('the consent for this email address'),
  })
  .openapi('Member');

const page = z.strictObject({
  items: z.array(memberSchema),
  next_cursor: text.describe('null on the last page'),
  now: instant.describe('the time of the evaluation, which is that of the first page'),
  fresh_through: instant
    .nullable()
    .describe('everything answered with 2xx before this time is counted; null while unknown'),
});

/** The time, the version and the last id of a page: all pages of one cursor use the same time and version. */
const cursorSchema = z.tuple([cursorTime, z.int().min(1), z.int().min(0)]);

async function membership(deps: ApiDeps, saved: SavedAudience, nowMs: number): Promise<Membership> {
  const { audience, workspace, include_anonymous: includeAnonymous } = saved;
  return { audience, workspace, zone: await zoneOf(deps.definitions, workspace), nowMs, includeAnonymous };
}

const members: Routes = (app, deps) => {
  const { definitions } = deps;
  addRoute(app, {
    method: 'get',
    path: '/v1/audiences/{id}/members',
    summary: 'Members of an audience',
    description:
      'Ordered by id, as a number. All pages of one cursor show the same version of the audience at the same time. Input ' +
      'that arrives between two pages may still add or remove people; an export is one consistent answer.',
    tag: 'audiences',
    access: 'read',
    params: idParams,
    query: listQuery,
    answers: { 200: { description: 'a page of members', schema: page } },
  }).handle(async ({ c, params: { id }, query: { limit, cursor }, workspace }) => {
    const current = await savedAudience(definitions, workspace, id);
    const [nowMs, version, afterId] = decodeCursor(cursor, cursorSchema) ?? [deps.clock.wallMs(), current.version, 0];
    const saved = definitions.version('audience', id, version);
    if (!saved) throw new HttpProblem(404, 'no such version of this audience');
    // Read before the query runs: the freshness holds for every query that begins later.
    const freshThroughMs = await deps.freshness.ofWorkspace(workspace);
    const { query, params } = membersQuery(await membership(deps, saved, nowMs), { afterId, limit: limit + 1 });
    const rows = await deps.database.for(c.req.raw.signal).rows<MemberRow>(query, params);
    const page = pageOfRows(rows, limit, ({ person_id }) => [nowMs, version, Number(person_id)]);
    return {
      status: 200,
      body: { ...page, now: showInstant(nowMs), fresh_through: showInstantOrNull(freshThroughMs) },
    };
  });
};

const exported: Routes = (app, deps) => {
  addRoute(app, {
    method: 'get',
    path: '/v1/audiences/{id}/export',
    summary: 'Export all members as a file',
    description:
      'Streams one consistent answer. CSV follows RFC 4180 and has a header line; absent values are empty, and a cell ' +
      "that a spreadsheet would interpret as a formula begins with ' (except phone numbers). In NDJSON absent values " +
      'are null. The connection is closed early if the answer cannot be completed; X-Count is the number of rows of a ' +
      'complete answer.',
    tag: 'audiences',
    access: 'read',
    params: idParams,
    query: z.strictObject({ format: z.enum(['csv', 'ndjson']).default('csv') }),
    answers: {
      200: {
        description: 'all members',
        types: ['text/csv', 'application/x-ndjson'],
        headers: {
          'X-Now': 'the time of the evaluation',
          'X-Fresh-Through': 'everything answered with 2xx before this time is counted; empty while unknown',
          'X-Count': 'the number of members',
          'Content-Disposition': 'a file name',
        },
      },
    },
  }).handle(async ({ c, params: { id }, query: { format: name }, workspace }) => {
    const saved = await savedAudience(deps.definitions, workspace, id);
    const nowMs = deps.clock.wallMs();
    const freshThroughMs = await deps.freshness.ofWorkspace(workspace);
    const { query, params } = exportQuery(await membership(deps, saved, nowMs));
    const { signal } = c.req.raw;
    const format = EXPORT_FORMATS[name];
    const rows = await deps.database.stream<ExportRow>(query, params, signal);
    const onBroken = (error: unknown): void =>
      deps.logger.error({ err: error, workspace, audience: id }, 'cannot complete an export; breaking off the answer');
    const { count, body } = await exportStream({ rows, format, signal, onBroken, clock: deps.clock });
    // Nobody reads the body of an answer to HEAD.
    if (c.req.method === 'HEAD') await body.cancel();
    const headers = {
      'X-Now': showInstant(nowMs),
      'X-Fresh-Through': showInstantOrNull(freshThroughMs) ?? '',
      'X-Count': String(count),
      'Content-Disposition': `attachment; filename="${id}.${name}"`,
    };
    return { status: 200, headers, type: format.type, stream: body };
  });
};

/** Who is in a saved audience. */
export const memberRoutes: Routes = (app, deps) => {
  members(app, deps);
  exported(app, deps);
};
