import { z } from '@hono/zod-openapi';
import { compile, looksAtNow, NotBuiltError } from '../../../lib/audiences/index.ts';
import { TABLES, VIEWS } from '../../../lib/clickhouse/tables.ts';
import { addRoute, HttpProblem, invalid, type ProblemItem } from '../../../lib/http/index.ts';
import { readInstant, showInstant, UnknownZoneError } from '../../../lib/time/index.ts';
import { audienceComponents, audienceSchema } from '../audience-schema.ts';
import type { Rows } from '../database.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { personId } from '../rows.ts';
import { givenInstant, instant } from '../schemas.ts';

/** A tree of 200 leaves with long lists fits well; more is nobody's audience. */
const BODY_MAX_BYTES = 256 * 1024;
/** How old `now` may be for conditions that look at carts as they stand. */
const PRESENT_MS = 5 * 60_000;

const request = z.strictObject({
  audience: audienceSchema,
  now: givenInstant.optional().describe('count as of then; nothing after it counts'),
  known_at: givenInstant.optional().describe('only what was concluded by then, and not retracted by then'),
  include_anonymous: z.boolean().default(false),
});
type PreviewRequest = z.output<typeof request>;

const answer = z
  .strictObject({
    count: z.int(),
    reachable: z.strictObject({ sms: z.int(), email: z.int() }),
    now: instant,
    fresh_through: instant
      .nullable()
      .describe('everything whose 2xx was sent before it is counted; null: nothing is known yet'),
    sample: z.array(
      z.strictObject({
        person_id: personId,
        name: z.string().nullable(),
        phone: z.string().nullable(),
        email: z.string().nullable(),
      }),
    ),
    elapsed_ms: z.number(),
  })
  .openapi('Preview');

interface CountRow {
  count: number;
  reachable_sms: number;
  reachable_email: number;
  sample: number[];
}

/** 422 for what looks at carts as they stand, at a time that is not now. */
function checkPresent(body: PreviewRequest, atMs: number, clockMs: number): void {
  if (!looksAtNow(body.audience)) return;
  const errors: ProblemItem[] = [];
  const why = 'in_next and dwell look at carts as they stand now';
  if (body.known_at !== undefined) errors.push({ path: '/known_at', message: why });
  if (atMs < clockMs - PRESENT_MS) errors.push({ path: '/now', message: `${why}: not over 5 minutes ago` });
  if (errors.length > 0) throw invalid(errors);
}

const instantOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : (readInstant(text) ?? undefined);

async function preview(deps: ApiDeps, workspace: string, body: PreviewRequest, signal: AbortSignal) {
  const startedAt = performance.now();
  const clockMs = deps.now();
  const nowMs = instantOf(body.now) ?? clockMs;
  const knownAtMs = instantOf(body.known_at);
  checkPresent(body, nowMs, clockMs);
  const zone = (await deps.definitions.findWorkspace(workspace))?.time_zone;
  if (zone === undefined) throw new HttpProblem(404, 'there is no such workspace');
  const { query, params } = compile(body.audience, {
    tables: TABLES,
    workspace,
    zone,
    nowMs,
    includeAnonymous: body.include_anonymous,
    ...(knownAtMs === undefined ? {} : { knownAtMs }),
  });
  // Before the query runs: what it says holds for every count that is begun later.
  const freshThroughMs = await deps.freshness.current();
  const database = deps.database.for(signal);
  const [row] = await database.rows<CountRow>(query, params);
  if (!row) throw new Error('a count without a row');
  return {
    count: row.count,
    reachable: { sms: row.reachable_sms, email: row.reachable_email },
    now: showInstant(nowMs),
    fresh_through: freshThroughMs === null ? null : showInstant(freshThroughMs),
    sample: await sampleOf(database, workspace, row.sample),
    elapsed_ms: Math.round((performance.now() - startedAt) * 10) / 10,
  };
}

function asProblem(error: unknown): unknown {
  if (error instanceof NotBuiltError) return new HttpProblem(501, error.message, { cause: error });
  // Of a workspace from before zones were checked by the library that reckons with them.
  if (error instanceof UnknownZoneError)
    return new HttpProblem(
      422,
      `the days of this workspace cannot be determined: time_zone ${error.message}; set another one with PATCH`,
      {
        cause: error,
      },
    );
  return error;
}

async function sampleOf(database: Rows, workspace: string, ids: number[]) {
  if (ids.length === 0) return [];
  return database.rows(
    `SELECT toString(person.person_id) AS person_id, name, phone, email FROM ${VIEWS.people} AS person
    WHERE workspace = {workspace:String} AND person.person_id IN {ids:Array(UInt32)} ORDER BY person.person_id`,
    { workspace, ids },
  );
}

export const audienceRoutes: Routes = (app, deps) => {
  for (const [name, schema] of Object.entries(audienceComponents)) app.openAPIRegistry.register(name, schema);
  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/audiences/preview',
      summary: 'Count the people of an audience, exactly',
      tag: 'audiences',
      access: 'read',
      body: request,
      bodyMaxBytes: BODY_MAX_BYTES,
      answers: { 200: { description: 'the count, how fresh it is, and some of the people', schema: answer } },
      problems: { 501: 'a condition that is not built yet' },
    },
    async ({ c, body, workspace }) => {
      try {
        return { status: 200, body: await preview(deps, workspace, body, c.req.raw.signal) };
      } catch (error) {
        throw asProblem(error);
      }
    },
  );
};
