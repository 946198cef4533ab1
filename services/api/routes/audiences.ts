import { z } from '@hono/zod-openapi';
import { compile, looksAtNow } from '../../../lib/audiences/index.ts';
import { PROFILES, TABLES } from '../../../lib/clickhouse/tables.ts';
import { addRoute, HttpProblem, invalid, type ProblemItem } from '../../../lib/http/index.ts';
import { readInstant, showInstant } from '../../../lib/time/index.ts';
import { audienceComponents, audienceSchema } from '../audience-schema.ts';
import type { Rows } from '../database.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { personId } from '../rows.ts';
import { givenInstant, instant } from '../schemas.ts';

/** Room for 200 conditions with long lists. */
const BODY_MAX_BYTES = 256 * 1024;
/** How old `now` may be for conditions on the current state of carts. */
const PRESENT_MS = 5 * 60_000;

const request = z.strictObject({
  audience: audienceSchema,
  now: givenInstant.optional().describe('count as of this time; later events do not count'),
  known_at: givenInstant.optional().describe('count only trait events detected by this time and not retracted by then'),
  include_anonymous: z.boolean().default(false),
});
type PreviewRequest = z.output<typeof request>;

const personSample = z.strictObject({
  person_id: personId,
  name: z.string().nullable(),
  phone: z.string().nullable(),
  email: z.string().nullable(),
});
type PersonSample = z.output<typeof personSample>;

const answer = z
  .strictObject({
    count: z.int(),
    reachable: z.strictObject({ sms: z.int(), email: z.int() }),
    now: instant,
    fresh_through: instant
      .nullable()
      .describe('everything that was answered with 2xx before this time is counted; null while unknown'),
    sample: z.array(personSample),
    elapsed_ms: z.number(),
  })
  .openapi('Preview');

interface CountRow {
  count: number;
  reachable_sms: number;
  reachable_email: number;
  sample: number[];
}

/** Throws 422 for a condition on the current state of carts if `now` lies in the past. */
function checkPresent(body: PreviewRequest, atMs: number, clockMs: number): void {
  if (!looksAtNow(body.audience)) return;
  const errors: ProblemItem[] = [];
  const why = 'in_next and dwell use the present state of carts';
  if (body.known_at !== undefined) errors.push({ path: '/known_at', message: why });
  if (atMs < clockMs - PRESENT_MS) errors.push({ path: '/now', message: `${why}; "now" may be at most 5 minutes ago` });
  if (errors.length > 0) throw invalid(errors);
}

const instantOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : (readInstant(text) ?? undefined);

async function preview(deps: ApiDeps, workspace: string, body: PreviewRequest, signal: AbortSignal) {
  const { clock } = deps;
  const startedAtMs = clock.elapsedMs();
  const clockMs = clock.wallMs();
  const nowMs = instantOf(body.now) ?? clockMs;
  const knownAtMs = instantOf(body.known_at);
  checkPresent(body, nowMs, clockMs);
  const zone = (await deps.definitions.findWorkspace(workspace))?.time_zone;
  if (zone === undefined) throw new HttpProblem(404, 'no such workspace');
  const { query, params } = compile(body.audience, {
    tables: TABLES,
    workspace,
    zone,
    nowMs,
    includeAnonymous: body.include_anonymous,
    ...(knownAtMs === undefined ? {} : { knownAtMs }),
  });
  // Asked for before the query runs: freshness holds for every count that begins later.
  const freshThroughMs = await deps.freshness.ofWorkspace(workspace);
  const database = deps.database.for(signal);
  const [row] = await database.rows<CountRow>(query, params);
  if (!row) throw new Error('the count query returned no row');
  return {
    count: row.count,
    reachable: { sms: row.reachable_sms, email: row.reachable_email },
    now: showInstant(nowMs),
    fresh_through: freshThroughMs === null ? null : showInstant(freshThroughMs),
    sample: await sampleOf(database, workspace, row.sample),
    elapsed_ms: Math.round((clock.elapsedMs() - startedAtMs) * 10) / 10,
  };
}

async function sampleOf(database: Rows, workspace: string, ids: number[]) {
  if (ids.length === 0) return [];
  return database.rows<PersonSample>(
    `SELECT toString(person.person_id) AS person_id, name, phone, email FROM ${PROFILES} AS person
    WHERE workspace = {workspace:String} AND person.person_id IN {ids:Array(UInt32)} ORDER BY person.person_id`,
    { workspace, ids },
  );
}

export const audienceRoutes: Routes = (app, deps) => {
  for (const [name, schema] of Object.entries(audienceComponents)) app.openAPIRegistry.register(name, schema);
  addRoute(app, {
    method: 'post',
    path: '/v1/audiences/preview',
    summary: 'Count the people in an audience, exactly',
    tag: 'audiences',
    access: 'read',
    body: request,
    bodyMaxBytes: BODY_MAX_BYTES,
    answers: { 200: { description: 'the count, its freshness, and a sample of the people', schema: answer } },
    problems: { 501: 'the audience has a condition that is not built yet' },
  }).handle(async ({ c, body, workspace }) => ({
    status: 200,
    body: await preview(deps, workspace, body, c.req.raw.signal),
  }));
};
