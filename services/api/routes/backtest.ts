import { z } from '@hono/zod-openapi';
import { settingsOfFlows } from '../../../lib/definitions/index.ts';
import { addRoute, HttpProblem, invalid } from '../../../lib/http/index.ts';
import { readInstant } from '../../../lib/time/index.ts';
import { runBacktest } from '../backtest.ts';
import type { Routes } from '../deps.ts';
import { findFlow } from '../flow-commands.ts';
import { flowDefinition } from '../flow-schema.ts';
import { givenInstant, instant } from '../schemas.ts';
import { nodeSchema } from './flow-reports.ts';
import { FLOW_MAX_BYTES } from './flows.ts';

const DAY_MS = 86_400_000;
/** The longest time that one back-test may play. */
const DAYS_MAX = 366;

const request = z.strictObject({
  id: z
    .string()
    .max(100)
    .optional()
    .describe('the id of a saved flow, which is played in its latest version; give this or flow'),
  flow: flowDefinition.optional(),
  from: givenInstant.describe('earlier trait events are known, but start nothing'),
  to: givenInstant.describe('trait events from this time on are not played'),
});

const counts = z.record(z.string(), z.int());
const runSchema = z.strictObject({
  id: z.string(),
  person_id: z.string(),
  cart_id: z.string(),
  event_id: z.string(),
  state: z.enum(['live', 'completed', 'exited']),
  reason: z.string().nullable(),
  started_at: instant,
  ended_at: instant.nullable(),
  steps: z.array(
    z.strictObject({ at: instant, what: z.string(), node: z.string().nullable(), reason: z.string().nullable() }),
  ),
});

const report = z
  .strictObject({
    entered: z.int(),
    refused: counts,
    live: z.int().describe('runs that were live at "to"'),
    completed: z.int(),
    exited: counts,
    nodes: z.record(z.string(), nodeSchema),
    by_day: z.array(
      z.strictObject({ day: z.string().describe("in the workspace's zone"), entered: z.int(), sent: z.int() }),
    ),
    runs: z.array(runSchema).describe('the first runs, at most 100'),
    not_played: z.array(z.string()).describe('what the past does not hold: activity, in_next'),
  })
  .openapi('Backtest');

/** What a flow would have done. */
export const backtestRoutes: Routes = (app, deps) => {
  const { definitions, database, backtests, logRetentionDays } = deps;
  addRoute(app, {
    method: 'post',
    path: '/v1/flows/backtest',
    summary: 'Run a flow against past events',
    description:
      'The same engine plays the trait events that are known today, at the time at which they happened. Nothing is sent: every message counts as sent at once; quiet hours and caps apply.',
    tag: 'flows',
    access: 'read',
    body: request,
    bodyMaxBytes: FLOW_MAX_BYTES,
    answers: { 200: { description: 'what it would have done', schema: report } },
    problems: { 404: 'there is no such flow' },
  }).handle(async ({ c, body, workspace }) => {
    const [fromMs, toMs] = [readInstant(body.from)!, readInstant(body.to)!];
    if (fromMs > toMs) throw invalid([{ path: '/from', message: 'must not be after "to"' }]);
    if (toMs - fromMs > DAYS_MAX * DAY_MS)
      throw invalid([{ path: '/from', message: `is more than ${DAYS_MAX} days before "to"` }]);
    if ((body.id === undefined) === (body.flow === undefined)) {
      throw invalid([{ path: '/flow', message: 'give either flow or id' }]);
    }
    const saved = body.id === undefined ? undefined : (await findFlow(definitions, workspace, body.id)).saved;
    const of = await definitions.findWorkspace(workspace);
    if (of === undefined) throw new HttpProblem(404, 'no such workspace');
    const played = {
      workspace,
      settings: settingsOfFlows(of),
      flowId: saved?.id ?? 'backtest',
      version: saved?.version ?? 1,
      flow: saved?.flow ?? body.flow!,
      fromMs,
      toMs,
      horizonMs: logRetentionDays * DAY_MS,
      windowMs: of.abandonment_window_minutes * 60_000,
    };
    return { status: 200, body: await runBacktest({ database, threads: backtests }, played, c.req.raw.signal) };
  });
};
