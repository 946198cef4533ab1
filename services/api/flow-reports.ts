import { FLOW_MESSAGES, FLOW_STEPS, TABLES } from '../../lib/clickhouse/tables.ts';
import type { Rows } from './database.ts';
import { idsOfPerson } from './rows.ts';

/** What ClickHouse has of flows: steps, runs and messages, with merges applied and without erased persons. */

/** A person, whose id may have been merged into another one. */
export interface FlowPerson {
  id: number;
  /** All ids under which they have rows. */
  ids: number[];
}

const PERSON_ID = /^[1-9]\d{0,9}$/;

/** The person with this id; undefined for one who is unknown or was erased. */
export async function flowPersonOf(database: Rows, workspace: string, text: string): Promise<FlowPerson | undefined> {
  const named = PERSON_ID.test(text) ? Number(text) : 0;
  if (named === 0 || named >= 2 ** 32) return undefined;
  const [row] = await database.rows<{ id: number }>(
    `SELECT if(merged_into = 0, person_id, merged_into) AS id FROM ${TABLES.people} FINAL
    WHERE workspace = {workspace:String} AND person_id = {named:UInt32} AND merged_into != person_id`,
    { workspace, named },
  );
  return row && { id: row.id, ids: await idsOfPerson(database, workspace, row.id) };
}

/** The steps that are stored under the ids of a person: a small part of the table. */
const storedOf = (columns: string): string =>
  `SELECT ${columns} FROM ${TABLES.flowEvents} WHERE workspace = {workspace:String} AND person_id IN {ids:Array(UInt32)}`;

const PLACE = '(at, input_offset, ordinal)';
const ENDS = `('completed', 'exited')`;
/** Steps that tell of whom and of which version a run is. A goal names those of its message, and the cart of its event. */
const OF_RUN = `what != 'goal'`;
/** Steps that tell where a run is. An outcome names the node of its message, which the run may have left. */
const ARRIVALS = `what IN ('reached', 'moved')`;

export interface ReportOptions {
  workspace: string;
  id: string;
  fromMs: number;
  /** Exclusive. */
  toMs: number;
}

export interface Counted {
  what: string;
  node: string;
  reason: string;
  count: number;
}

/** How many steps of each kind a flow had in a time. */
export const countSteps = (database: Rows, { workspace, id, fromMs, toMs }: ReportOptions): Promise<Counted[]> =>
  database.rows<Counted>(
    `SELECT what, node, reason, count() AS count FROM ${TABLES.flowEvents} FINAL
    WHERE workspace = {workspace:String} AND flow_id = {id:String}
      AND at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
    GROUP BY what, node, reason`,
    { workspace, id, from: fromMs, to: toMs },
  );

/** The live runs of a flow by the node that they have reached last. */
export const countLive = (
  database: Rows,
  { workspace, id }: Pick<ReportOptions, 'workspace' | 'id'>,
): Promise<{ node: string; count: number }[]> =>
  database.rows(
    `SELECT reached AS node, count() AS count FROM (
      SELECT argMaxIf(node, ${PLACE}, ${ARRIVALS}) AS reached FROM ${TABLES.flowEvents} FINAL
      WHERE workspace = {workspace:String} AND flow_id = {id:String} AND run_id != ''
      GROUP BY run_id HAVING countIf(what = 'started') > 0 AND countIf(what IN ${ENDS}) = 0
    ) GROUP BY reached`,
    { workspace, id },
  );

/**
 * Goals whose event occurred in a time, and the amounts of their carts. A goal whose event was retracted has a later step with
 * the reason `retracted`.
 */
export async function countGoals(
  database: Rows,
  { workspace, id, fromMs, toMs }: ReportOptions,
): Promise<{ goals: number; revenue: number }> {
  const [row] = await database.rows<{ goals: number; revenue: number }>(
    `SELECT count() AS goals, sum(ifNull(value, 0)) AS revenue FROM (
      SELECT run_id, event_id, argMax(reason, ${PLACE}) AS last_reason,
        argMaxIf(due_at, ${PLACE}, reason = '') AS occurred_at, argMaxIf(amount, ${PLACE}, reason = '') AS value
      FROM ${TABLES.flowEvents} FINAL
      WHERE workspace = {workspace:String} AND flow_id = {id:String} AND what = 'goal'
      GROUP BY run_id, event_id
    )
    WHERE last_reason = '' AND occurred_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`,
    { workspace, id, from: fromMs, to: toMs },
  );
  return row ?? { goals: 0, revenue: 0 };
}

export type RunState = 'live' | 'completed' | 'exited';

export interface RunRow {
  id: string;
  flow_id: string;
  version: number;
  /** Null when the person was erased; so are cart and event. */
  person_id: string | null;
  cart_id: string | null;
  event_id: string | null;
  state: RunState;
  /** The node that was reached last; null before the first. */
  node: string | null;
  /** The cause of the exit, or the reason of the exit node. */
  reason: string | null;
  started_at: string;
  ended_at: string | null;
}

/** Where a page of runs begins: after the run that started at this time with this id. */
export interface RunCursor {
  startedMs: number;
  id: string;
}

export interface RunsOptions {
  workspace: string;
  flowId?: string | undefined;
  runId?: string | undefined;
  person?: FlowPerson | undefined;
  state?: RunState | undefined;
  after?: RunCursor | undefined;
  limit: number;
}

/** Runs, newest first. */
export function readRuns(database: Rows, options: RunsOptions): Promise<RunRow[]> {
  const { workspace, flowId, runId, person, state, after, limit } = options;
  const where = [
    'workspace = {workspace:String}',
    `run_id != ''`,
    ...(flowId === undefined ? [] : ['flow_id = {flow:String}']),
    ...(runId === undefined ? [] : ['run_id = {run:String}']),
    ...(person === undefined ? [] : [`run_id IN (${storedOf('run_id')})`]),
  ];
  const having = [
    `countIf(what = 'started') > 0`,
    ...(person === undefined ? [] : ['person = {person:UInt32}']),
    ...(state === undefined ? [] : ['state = {state:String}']),
    ...(after === undefined
      ? []
      : [`(started_at, run_id) < (fromUnixTimestamp64Milli({started:Int64}, 'UTC'), {after:String})`]),
  ];
  return database.rows<RunRow>(
    // Columns of steps have other names than those of runs: ClickHouse would take one for the other.
    `SELECT run_id AS id, any(flow) AS flow_id, argMaxIf(step_version, ${PLACE}, ${OF_RUN}) AS version,
      argMaxIf(owner, ${PLACE}, ${OF_RUN}) AS person, if(person = 0, NULL, toString(person)) AS person_id,
      nullIf(argMaxIf(cart, ${PLACE}, ${OF_RUN}), '') AS cart_id, nullIf(anyIf(event, what = 'started'), '') AS event_id,
      multiIf(countIf(what = 'completed') > 0, 'completed', countIf(what = 'exited') > 0, 'exited', 'live') AS state,
      nullIf(argMaxIf(place, ${PLACE}, ${ARRIVALS}), '') AS node,
      nullIf(anyIf(why, what IN ${ENDS}), '') AS reason,
      minIf(at, what = 'started') AS started_at, maxOrNullIf(at, what IN ${ENDS}) AS ended_at
    FROM (
      SELECT run_id, flow_id AS flow, version AS step_version, person_id AS owner, cart_id AS cart, event_id AS event,
        node AS place, what, reason AS why, at, input_offset, ordinal
      FROM ${FLOW_STEPS} WHERE ${where.join(' AND ')}
    )
    GROUP BY run_id HAVING ${having.join(' AND ')}
    ORDER BY started_at DESC, run_id DESC LIMIT {limit:UInt32}`,
    {
      workspace,
      flow: flowId,
      run: runId,
      ids: person?.ids,
      person: person?.id,
      state,
      started: after?.startedMs,
      after: after?.id,
      limit,
    },
  );
}

export interface StepRow {
  at: string;
  what: string;
  node: string | null;
  reason: string | null;
  version: number;
  due_at: string | null;
  channel: string | null;
  class: string | null;
  amount: number | null;
  address: string | null;
  /** The rendered message as JSON. */
  text: string | null;
}

/** The steps of a run, in their order. */
export const readSteps = (
  database: Rows,
  { workspace, runId, limit }: { workspace: string; runId: string; limit: number },
): Promise<StepRow[]> =>
  database.rows<StepRow>(
    `SELECT at, what, nullIf(node, '') AS node, nullIf(reason, '') AS reason, version, due_at, channel, class, amount,
      address, text
    FROM ${FLOW_STEPS} WHERE workspace = {workspace:String} AND run_id = {run:String}
    ORDER BY at, input_offset, ordinal LIMIT {limit:UInt32}`,
    { workspace, run: runId, limit },
  );

export interface WhyRow {
  event_id: string;
  cart_id: string;
  at: string;
  outcome: 'started' | 'refused';
  reason: string | null;
  run_id: string | null;
  input_offset: number;
  ordinal: number;
}

export interface WhyOptions {
  workspace: string;
  flowId: string;
  person: FlowPerson;
  after?: { inputOffset: number; ordinal: number } | undefined;
  limit: number;
}

/** What became of the person's trait events that satisfied a trigger of the flow, newest first. */
export const readWhy = (database: Rows, { workspace, flowId, person, after, limit }: WhyOptions): Promise<WhyRow[]> =>
  database.rows<WhyRow>(
    `SELECT event_id, cart_id, at, what AS outcome, nullIf(reason, '') AS reason, nullIf(run_id, '') AS run_id,
      input_offset, ordinal
    FROM ${FLOW_STEPS}
    WHERE workspace = {workspace:String} AND flow_id = {flow:String} AND what IN ('started', 'refused')
      AND person_id = {person:UInt32} AND (input_offset, ordinal) IN (${storedOf('input_offset, ordinal')})
      AND (input_offset, ordinal) < ({offset:UInt64}, {ordinal:UInt32})
    ORDER BY input_offset DESC, ordinal DESC LIMIT {limit:UInt32}`,
    {
      workspace,
      flow: flowId,
      person: person.id,
      ids: person.ids,
      offset: after?.inputOffset ?? Number.MAX_SAFE_INTEGER,
      ordinal: after?.ordinal ?? 0,
      limit,
    },
  );

export interface EventRow {
  event_id: string;
  trait: string;
  status: string;
  occurred_at: string;
}

/** Trait events of these carts by their ids, retracted ones too. */
export async function readEvents(
  database: Rows,
  workspace: string,
  named: readonly { event_id: string; cart_id: string }[],
): Promise<Map<string, EventRow>> {
  if (named.length === 0) return new Map();
  const rows = await database.rows<EventRow>(
    `SELECT event_id, trait, status, occurred_at FROM ${TABLES.traitEvents} FINAL
    WHERE workspace = {workspace:String} AND cart_id IN {carts:Array(String)} AND event_id IN {events:Array(String)}`,
    {
      workspace,
      carts: [...new Set(named.map(({ cart_id }) => cart_id))],
      events: [...new Set(named.map(({ event_id }) => event_id))],
    },
  );
  return new Map(rows.map((row) => [row.event_id, row]));
}

export interface MessageRow {
  request_id: string;
  flow_id: string;
  version: number;
  run_id: string;
  node: string;
  person_id: string | null;
  cart_id: string | null;
  channel: string | null;
  class: string | null;
  outcome: string | null;
  reason: string | null;
  requested_at: string | null;
  sent_at: string | null;
  address: string | null;
  /** The rendered message as JSON. */
  text: string | null;
  /** When it was requested, else when it was skipped. */
  first_at: string;
}

export interface MessagesOptions {
  workspace: string;
  flowId?: string | undefined;
  person?: FlowPerson | undefined;
  after?: { firstMs: number; id: string } | undefined;
  limit: number;
}

/** Messages and what became of them, newest first. */
export function readMessages(database: Rows, options: MessagesOptions): Promise<MessageRow[]> {
  const { workspace, flowId, person, after, limit } = options;
  const where = [
    'workspace = {workspace:String}',
    ...(flowId === undefined ? [] : ['flow_id = {flow:String}']),
    ...(person === undefined
      ? []
      : [
          `request_id IN (${storedOf('request_id')} AND request_id IS NOT NULL)`,
          'message.person_id = {person:UInt32}',
        ]),
    ...(after === undefined
      ? []
      : [`(first_at, request_id) < (fromUnixTimestamp64Milli({first:Int64}, 'UTC'), {after:String})`]),
  ];
  return database.rows<MessageRow>(
    `SELECT assumeNotNull(request_id) AS request_id, flow_id, version, run_id, node,
      if(message.person_id = 0, NULL, toString(message.person_id)) AS person_id, nullIf(message.cart_id, '') AS cart_id,
      channel, class, outcome, nullIf(message.reason, '') AS reason, requested_at, sent_at, address, text,
      ifNull(requested_at, last_at) AS first_at
    FROM ${FLOW_MESSAGES} AS message WHERE ${where.join(' AND ')}
    ORDER BY first_at DESC, request_id DESC LIMIT {limit:UInt32}`,
    {
      workspace,
      flow: flowId,
      ids: person?.ids,
      person: person?.id,
      first: after?.firstMs,
      after: after?.id,
      limit,
    },
  );
}

/** A message that gives a code. */
export interface CodeNode {
  flowId: string;
  version: number;
  node: string;
  pool: string;
}

/** How many codes of each pool were given: each run that requested such a message has one. */
export async function givenCodes(
  database: Rows,
  workspace: string,
  nodes: readonly CodeNode[],
): Promise<Map<string, number>> {
  if (nodes.length === 0) return new Map();
  const rows = await database.rows<{ pool: string; given: number }>(
    `SELECT {pools:Array(String)}[indexOf({names:Array(String)}, name)] AS pool, uniqExact(run_id) AS given
    FROM (
      SELECT concat(flow_id, '/', toString(flow_version), '/', node) AS name, run_id FROM ${TABLES.flowEvents} FINAL
      WHERE workspace = {workspace:String} AND what = 'requested'
    )
    WHERE has({names:Array(String)}, name) GROUP BY pool`,
    {
      workspace,
      names: nodes.map(({ flowId, version, node }) => `${flowId}/${version}/${node}`),
      pools: nodes.map(({ pool }) => pool),
    },
  );
  return new Map(rows.map(({ pool, given }) => [pool, given]));
}
