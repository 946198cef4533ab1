import { z } from '@hono/zod-openapi';
import { compileTrend, looksAtNow, type Audience, type TrendRow } from '../../../lib/audiences/index.ts';
import { TABLES } from '../../../lib/clickhouse/tables.ts';
import { addRoute, invalid, pointer, type ProblemItem } from '../../../lib/http/index.ts';
import { readInstant, showInstant, showInstantOrNull } from '../../../lib/time/index.ts';
import { QUESTION_MAX_BYTES } from '../audience-question.ts';
import { audienceSchema } from '../audience-schema.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { givenInstant, givenStep, instant } from '../schemas.ts';
import { stepsBetween } from '../steps.ts';
import { zoneOf } from '../zones.ts';

const POINTS_MAX = 400;
/** Queries of one trend that run at once: the workspace has other questions too. */
const RUNNING_MAX = 3;

const request = z.strictObject({
  audience: audienceSchema,
  from: givenInstant,
  to: givenInstant,
  step: givenStep,
  include_anonymous: z.boolean().default(false),
});
type TrendRequest = z.output<typeof request>;

const answer = z
  .strictObject({
    points: z.array(z.strictObject({ at: instant, count: z.int() })),
    fresh_through: instant
      .nullable()
      .describe('every count includes everything answered with 2xx before this time; null while unknown'),
  })
  .openapi('Trend');

/** The paths of all conditions on the current state of carts. */
function presentPaths(node: Audience, path: PropertyKey[]): PropertyKey[][] {
  if ('and' in node) return node.and.flatMap((child, i) => presentPaths(child, [...path, 'and', i]));
  if ('or' in node) return node.or.flatMap((child, i) => presentPaths(child, [...path, 'or', i]));
  if ('not' in node) return presentPaths(node.not, [...path, 'not']);
  return looksAtNow(node) ? [[...path, 'dwell' in node ? 'dwell' : 'time']] : [];
}

/** The times of the points, Unix ms. Throws HttpProblem 422. */
function pointsOf(body: TrendRequest, zone: string): number[] {
  const errors: ProblemItem[] = presentPaths(body.audience, ['audience']).map((path) => ({
    path: pointer(path),
    message: 'has no trend, because it uses the current state of carts',
  }));
  const fromMs = readInstant(body.from)!;
  const toMs = readInstant(body.to)!;
  if (fromMs > toMs) errors.push({ path: '/from', message: 'must not be after to' });
  const points = stepsBetween({ fromMs, toMs, ...body.step, zone, countMax: POINTS_MAX + 1 });
  if (points.length > POINTS_MAX) errors.push({ path: '/step', message: `makes more than ${POINTS_MAX} points` });
  if (errors.length > 0) throw invalid(errors);
  return points;
}

async function trend(deps: ApiDeps, workspace: string, body: TrendRequest, signal: AbortSignal) {
  const zone = await zoneOf(deps.definitions, workspace);
  const pointsMs = pointsOf(body, zone);
  const includeAnonymous = body.include_anonymous;
  const queries = compileTrend(body.audience, { tables: TABLES, workspace, zone, pointsMs, includeAnonymous });
  // Read before the queries run: the freshness holds for every query that begins later.
  const freshThroughMs = await deps.freshness.ofWorkspace(workspace);
  const database = deps.database.for(signal);
  const counts = pointsMs.map(() => 0);
  const waiting = queries.values();
  const run = async (): Promise<void> => {
    for (const { firstIndex, query, params } of waiting) {
      const rows = await database.rows<TrendRow>(query, { ...params, workspace });
      for (const { point, count } of rows) counts[firstIndex + point] = count;
    }
  };
  await Promise.all(Array.from({ length: RUNNING_MAX }, run));
  return {
    points: pointsMs.map((atMs, i) => ({ at: showInstant(atMs), count: counts[i]! })),
    fresh_through: showInstantOrNull(freshThroughMs),
  };
}

export const trendRoutes: Routes = (app, deps) => {
  addRoute(app, {
    method: 'post',
    path: '/v1/audiences/trend',
    summary: 'An audience over time',
    description: `The count at \`from\` and after every step up to \`to\`, at most ${POINTS_MAX} points. Days, weeks and months are steps of the workspace's calendar. Each count is that of a preview with this time as \`now\`.`,
    tag: 'audiences',
    access: 'read',
    body: request,
    bodyMaxBytes: QUESTION_MAX_BYTES,
    answers: { 200: { description: 'the counts', schema: answer } },
  }).handle(async ({ c, body, workspace }) => ({
    status: 200,
    body: await trend(deps, workspace, body, c.req.raw.signal),
  }));
};
