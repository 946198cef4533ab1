import { z } from '@hono/zod-openapi';
import { addRoute, decodeCursor, invalid, listOf, listQuery, pageOfRows } from '../../../lib/http/index.ts';
import { readInstant, showInstant } from '../../../lib/time/index.ts';
import type { Rows } from '../database.ts';
import type { Routes } from '../deps.ts';
import { findFlow } from '../flow-commands.ts';
import {
  countGoals,
  countLive,
  countSteps,
  flowPersonOf,
  readEvents,
  readWhy,
  type Counted,
  type EventRow,
  type WhyRow,
} from '../flow-reports.ts';
import { givenInstant, idParams, instant } from '../schemas.ts';

/** What a flow has done, and why a person did or did not get it. */

const counts = z.record(z.string(), z.int());
export const nodeSchema = z.strictObject({
  reached: z.int(),
  waiting: z.int().describe('live runs at this node now'),
  sent: z.int(),
  skipped: counts.describe('by reason'),
  failed: z.int(),
  unknown: z.int(),
});
type NodeReport = z.output<typeof nodeSchema>;

const reportSchema = z
  .strictObject({
    entered: z.int(),
    refused: counts.describe('by reason'),
    live: z.int().describe('runs that are live now'),
    completed: z.int(),
    exited: counts.describe('by cause'),
    nodes: z.record(z.string(), nodeSchema),
    goals: z.int().describe('goals whose event occurred in the time'),
    revenue: z.number(),
  })
  .openapi('FlowReport');

const range = z.strictObject({
  from: givenInstant.optional().describe('steps from this time on; all when left out'),
  to: givenInstant.optional().describe('steps before this time'),
});

const YEAR_2200_MS = Date.UTC(2200, 0, 1);

function boundsOf({ from, to }: z.output<typeof range>): { fromMs: number; toMs: number } {
  const fromMs = from === undefined ? 0 : readInstant(from)!;
  const toMs = to === undefined ? YEAR_2200_MS : readInstant(to)!;
  if (fromMs > toMs) throw invalid([{ path: '/from', message: 'must not be after "to"' }]);
  return { fromMs, toMs };
}

const newNode = (): NodeReport => ({ reached: 0, waiting: 0, sent: 0, skipped: {}, failed: 0, unknown: 0 });

function add(counted: Record<string, number>, name: string, count: number): void {
  counted[name] = (counted[name] ?? 0) + count;
}

interface Totals {
  entered: number;
  completed: number;
  refused: Record<string, number>;
  exited: Record<string, number>;
}

/** Counts steps into a report. Steps that no total names, such as `woken`, are left out. */
function total(steps: readonly Counted[], nodeOf: (id: string) => NodeReport): Totals {
  const totals: Totals = { entered: 0, completed: 0, refused: {}, exited: {} };
  for (const { what, node, reason, count } of steps) {
    if (what === 'started') totals.entered += count;
    else if (what === 'completed') totals.completed += count;
    else if (what === 'refused' || what === 'exited') add(totals[what], reason, count);
    else if (node === '') continue;
    else if (what === 'skipped') add(nodeOf(node).skipped, reason, count);
    else if (what === 'reached' || what === 'sent' || what === 'failed' || what === 'unknown')
      nodeOf(node)[what] += count;
  }
  return totals;
}

const eventSchema = z
  .strictObject({
    event_id: z.string().describe('that of the trait event; for in_next, the cart and the instant in milliseconds'),
    cart_id: z.string(),
    trait: z.string().nullable(),
    status: z.string().nullable(),
    occurred_at: instant.nullable(),
  })
  .describe('trait, status and time are null where the event is not stored');

const whySchema = z
  .strictObject({
    event: eventSchema,
    at: instant.describe('log time of the decision'),
    outcome: z.enum(['started', 'refused']),
    reason: z.string().optional().describe('why it was refused'),
    run_id: z.string().optional(),
  })
  .openapi('FlowDecision');

const showWhy =
  (events: ReadonlyMap<string, EventRow>) =>
  (row: WhyRow): z.output<typeof whySchema> => {
    const event = events.get(row.event_id);
    return {
      event: {
        event_id: row.event_id,
        cart_id: row.cart_id,
        trait: event?.trait ?? null,
        status: event?.status ?? null,
        occurred_at: event?.occurred_at ?? instantIn(row.event_id),
      },
      at: row.at,
      outcome: row.outcome,
      ...(row.reason === null ? {} : { reason: row.reason }),
      ...(row.run_id === null ? {} : { run_id: row.run_id }),
    };
  };

/** The instant that an `in_next` trigger awaited, which is a part of its event's id. */
function instantIn(eventId: string): string | null {
  const ms = Number(/@(\d{1,15})$/.exec(eventId)?.[1] ?? NaN);
  return Number.isNaN(ms) ? null : showInstant(ms);
}

async function whyOf(database: Rows, workspace: string, flowId: string, query: z.output<typeof whyQuery>) {
  const person = await flowPersonOf(database, workspace, query.person_id);
  if (person === undefined) return { items: [], next_cursor: null };
  const after = decodeCursor(query.cursor, z.strictObject({ inputOffset: z.int(), ordinal: z.int() }));
  const rows = await readWhy(database, { workspace, flowId, person, after, limit: query.limit + 1 });
  const page = pageOfRows(rows, query.limit, (row) => ({ inputOffset: row.input_offset, ordinal: row.ordinal }));
  const events = await readEvents(database, workspace, page.items);
  return { ...page, items: page.items.map(showWhy(events)) };
}

const whyQuery = z.strictObject({ ...listQuery.shape, person_id: z.string().max(20) });

export const flowReportRoutes: Routes = (app, { definitions, database }) => {
  addRoute(app, {
    method: 'get',
    path: '/v1/flows/{id}/report',
    summary: 'What a flow has done in a time',
    description:
      'Counts steps with a log time from "from" until before "to", and goals by the time of their event. Live and waiting runs are those of now. Steps appear seconds after they happen.',
    tag: 'flows',
    access: 'read',
    params: idParams,
    query: range,
    answers: { 200: { description: 'the report', schema: reportSchema } },
  }).handle(async ({ c, params: { id }, query, workspace }) => {
    const { saved } = await findFlow(definitions, workspace, id);
    const options = { workspace, id, ...boundsOf(query) };
    const source = database.for(c.req.raw.signal);
    const [steps, live, goals] = await Promise.all([
      countSteps(source, options),
      countLive(source, options),
      countGoals(source, options),
    ]);
    const nodes = Object.fromEntries(Object.keys(saved.flow.nodes).map((node) => [node, newNode()]));
    const nodeOf = (node: string): NodeReport => (nodes[node] ??= newNode());
    const totals = total(steps, nodeOf);
    for (const { node, count } of live) if (node !== '') nodeOf(node).waiting += count;
    const liveRuns = live.reduce((sum, { count }) => sum + count, 0);
    return { status: 200, body: { ...totals, live: liveRuns, nodes, ...goals } };
  });

  addRoute(app, {
    method: 'get',
    path: '/v1/flows/{id}/why',
    summary: 'Why a person did or did not get a flow',
    description: 'Each of their trait events that satisfied a trigger, newest first, with what became of it.',
    tag: 'flows',
    access: 'read',
    params: idParams,
    query: whyQuery,
    answers: { 200: { description: 'a page of decisions', schema: listOf(whySchema) } },
  }).handle(async ({ c, params: { id }, query, workspace }) => {
    await findFlow(definitions, workspace, id);
    return { status: 200, body: await whyOf(database.for(c.req.raw.signal), workspace, id, query) };
  });
};
