import { z } from '@hono/zod-openapi';
import { compile } from '../../../lib/audiences/index.ts';
import { PROFILES, TABLES } from '../../../lib/clickhouse/tables.ts';
import { addRoute } from '../../../lib/http/index.ts';
import { showInstant, showInstantOrNull } from '../../../lib/time/index.ts';
import { askedAt, QUESTION_MAX_BYTES, questionShape } from '../audience-question.ts';
import { audienceComponents } from '../audience-schema.ts';
import type { Rows } from '../database.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { personId } from '../rows.ts';
import { instant } from '../schemas.ts';
import { zoneOf } from '../zones.ts';

const request = z.strictObject(questionShape);
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

async function preview(deps: ApiDeps, workspace: string, body: PreviewRequest, signal: AbortSignal) {
  const { clock } = deps;
  const startedAtMs = clock.elapsedMs();
  const asked = askedAt(body, clock.wallMs());
  const zone = await zoneOf(deps.definitions, workspace);
  const { query, params } = compile(body.audience, { tables: TABLES, workspace, zone, ...asked });
  // Read before the query runs: the freshness holds for every query that begins later.
  const freshThroughMs = await deps.freshness.ofWorkspace(workspace);
  const database = deps.database.for(signal);
  const [row] = await database.rows<CountRow>(query, params);
  if (!row) throw new Error('the count query returned no row');
  return {
    count: row.count,
    reachable: { sms: row.reachable_sms, email: row.reachable_email },
    now: showInstant(asked.nowMs),
    fresh_through: showInstantOrNull(freshThroughMs),
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
    bodyMaxBytes: QUESTION_MAX_BYTES,
    answers: { 200: { description: 'the count, its freshness, and a sample of the people', schema: answer } },
  }).handle(async ({ c, body, workspace }) => ({
    status: 200,
    body: await preview(deps, workspace, body, c.req.raw.signal),
  }));
};
