import { z } from '@hono/zod-openapi';
import { addRoute, decodeCursor, HttpProblem, listOf, listQuery, pageOfRows } from '../../../lib/http/index.ts';
import { readInstant } from '../../../lib/time/index.ts';
import type { Rows } from '../database.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { findFlow } from '../flow-commands.ts';
import {
  flowPersonOf,
  readMessages,
  readRuns,
  readSteps,
  type MessageRow,
  type RunRow,
  type RunsOptions,
  type StepRow,
} from '../flow-reports.ts';
import { personId } from '../rows.ts';
import { cursorTime, idParams, instant } from '../schemas.ts';

/** Runs of flows with their steps, and the messages that they have sent. */

const STEPS_MAX = 1_000;

const runShape = {
  id: z.string(),
  flow_id: z.string(),
  version: z.int().describe('the version of the flow that the run is on'),
  person_id: personId.nullable().describe('null when the person was erased'),
  cart_id: z.string().nullable(),
  event_id: z.string().nullable().describe('the trait event that started it'),
  state: z.enum(['live', 'completed', 'exited']),
  node: z.string().nullable().describe('the node that was reached last'),
  reason: z.string().nullable().describe('the cause of the exit, or the reason of the exit node'),
  started_at: instant,
  ended_at: instant.nullable(),
};
export const runSchema = z.strictObject(runShape).openapi('FlowRun');

/** A rendered message: the fields depend on its channel. */
const content = z.record(z.string(), z.unknown()).nullable().describe('the message as it was rendered');

const stepSchema = z
  .strictObject({
    at: instant,
    what: z.string(),
    node: z.string().nullable(),
    reason: z.string().nullable(),
    version: z.int(),
    due_at: instant.nullable(),
    channel: z.string().nullable(),
    class: z.string().nullable(),
    amount: z.number().nullable(),
    address: z.string().nullable(),
    content,
  })
  .openapi('FlowStep');

const messageSchema = z
  .strictObject({
    request_id: z.string(),
    flow_id: z.string(),
    version: z.int(),
    run_id: z.string(),
    node: z.string(),
    person_id: runShape.person_id,
    cart_id: runShape.cart_id,
    channel: z.string().nullable(),
    class: z.string().nullable(),
    outcome: z.string().nullable().describe('sent, skipped, failed or unknown; null until it is known'),
    reason: z.string().nullable(),
    requested_at: instant.nullable(),
    sent_at: instant.nullable(),
    address: z.string().nullable(),
    content,
  })
  .openapi('FlowMessage');

function contentOf(text: string | null): z.output<typeof content> {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : { text };
  } catch {
    return { text };
  }
}

export const showRun = (row: RunRow): z.output<typeof runSchema> => ({
  id: row.id,
  flow_id: row.flow_id,
  version: row.version,
  person_id: row.person_id,
  cart_id: row.cart_id,
  event_id: row.event_id,
  state: row.state,
  node: row.node,
  reason: row.reason,
  started_at: row.started_at,
  ended_at: row.ended_at,
});

const showStep = ({ text, ...step }: StepRow): z.output<typeof stepSchema> => ({ ...step, content: contentOf(text) });

function showMessage({ text, first_at, ...message }: MessageRow): z.output<typeof messageSchema> {
  void first_at;
  return { ...message, content: contentOf(text) };
}

const runsQuery = z.strictObject({
  ...listQuery.shape,
  person_id: z.string().max(20).optional(),
  state: runShape.state.optional(),
});

const EMPTY = { items: [], next_cursor: null };

async function pageOfRuns(database: Rows, workspace: string, flowId: string, query: z.output<typeof runsQuery>) {
  const person = query.person_id === undefined ? undefined : await flowPersonOf(database, workspace, query.person_id);
  if (query.person_id !== undefined && person === undefined) return EMPTY;
  const after = decodeCursor(query.cursor, z.strictObject({ startedMs: cursorTime, id: z.string() }));
  const { state, limit } = query;
  const rows = await readRuns(database, { workspace, flowId, person, state, after, limit: limit + 1 });
  const page = pageOfRows(rows, limit, ({ started_at, id }) => ({ startedMs: readInstant(started_at), id }));
  return { ...page, items: page.items.map(showRun) };
}

/** Throws HttpProblem 404. */
async function findRun(database: Rows, workspace: string, runId: string): Promise<RunRow> {
  const options: RunsOptions = { workspace, runId, limit: 1 };
  const [run] = /^[0-9a-f]{32}$/.test(runId) ? await readRuns(database, options) : [];
  if (run === undefined) throw new HttpProblem(404, 'no such run');
  return run;
}

const common = { tag: 'flows', access: 'read' } as const;

const runs: Routes = (app, { definitions, database, canceller }) => {
  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/flows/{id}/runs',
    summary: 'Runs of a flow',
    params: idParams,
    query: runsQuery,
    answers: { 200: { description: 'a page of runs, newest first', schema: listOf(runSchema) } },
  }).handle(async ({ c, params: { id }, query, workspace }) => {
    await findFlow(definitions, workspace, id);
    return { status: 200, body: await pageOfRuns(database.for(c.req.raw.signal), workspace, id, query) };
  });

  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/runs/{id}',
    summary: 'One run with its steps',
    params: idParams,
    answers: {
      200: {
        description: 'the run',
        schema: z
          .strictObject({ ...runShape, steps: z.array(stepSchema).describe(`oldest first, at most ${STEPS_MAX}`) })
          .openapi('FlowRunWithSteps'),
      },
    },
  }).handle(async ({ c, params: { id }, workspace }) => {
    const source = database.for(c.req.raw.signal);
    const run = await findRun(source, workspace, id);
    const steps = await readSteps(source, { workspace, runId: id, limit: STEPS_MAX });
    return { status: 200, body: { ...showRun(run), steps: steps.map(showStep) } };
  });

  addRoute(app, {
    ...common,
    method: 'post',
    path: '/v1/runs/{id}/cancel',
    summary: 'End a live run',
    description:
      'A message whose call has begun is still sent. The run ends with the cause "cancelled" within seconds.',
    access: 'write',
    params: idParams,
    answers: { 202: { description: 'the command is in the log', schema: runSchema } },
    problems: { 409: 'the run has ended' },
  }).handle(async ({ params: { id }, workspace }) => {
    const run = await findRun(database, workspace, id);
    if (run.state !== 'live') throw new HttpProblem(409, `the run has ended: ${run.reason ?? run.state}`);
    await canceller.cancel(workspace, { flowId: run.flow_id, runId: id });
    return { status: 202, body: showRun(run) };
  });
};

const messages: Routes = (app, { database }: ApiDeps) => {
  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/messages',
    summary: 'Messages of flows, as rendered, with their outcome',
    query: z.strictObject({
      ...listQuery.shape,
      person_id: z.string().max(20).optional(),
      flow_id: z.string().max(100).optional(),
    }),
    answers: { 200: { description: 'a page of messages, newest first', schema: listOf(messageSchema) } },
  }).handle(async ({ c, query, workspace }) => {
    const source = database.for(c.req.raw.signal);
    const person = query.person_id === undefined ? undefined : await flowPersonOf(source, workspace, query.person_id);
    if (query.person_id !== undefined && person === undefined) return { status: 200, body: EMPTY };
    const after = decodeCursor(query.cursor, z.strictObject({ firstMs: cursorTime, id: z.string() }));
    const { flow_id: flowId, limit } = query;
    const rows = await readMessages(source, { workspace, flowId, person, after, limit: limit + 1 });
    const page = pageOfRows(rows, limit, ({ first_at, request_id }) => ({
      firstMs: readInstant(first_at),
      id: request_id,
    }));
    return { status: 200, body: { ...page, items: page.items.map(showMessage) } };
  });
};

export const flowRunRoutes: Routes = (app, deps) => {
  for (const add of [runs, messages]) add(app, deps);
};
