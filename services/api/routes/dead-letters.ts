import { z } from '@hono/zod-openapi';
import { ERASED_LETTER, TABLES } from '../../../lib/clickhouse/tables.ts';
import {
  addRoute,
  decodeCursor,
  HttpProblem,
  listOf,
  listQuery,
  pageOfRows,
  problemSchema,
} from '../../../lib/http/index.ts';
import { memberText } from '../../../lib/jane/json.ts';
import type { Rows } from '../database.ts';
import type { Routes } from '../deps.ts';
import { cursorTime, idParams, instant } from '../schemas.ts';

const source = z.enum(['webhook', 'events', 'people', 'flows']);
const letterShape = {
  dead_letter_id: z.string(),
  source,
  subscription_id: z.string().nullable(),
  reason: z.string().describe('stable identifier of the reason'),
  message: z.string().describe('what is wrong, where, and how to fix it'),
  line: z.int().nullable().describe('line of the bulk body, counted from 1'),
  received_at: instant,
  request_at: instant.nullable(),
  body_truncated: z.boolean(),
};
const letterSchema = z.strictObject(letterShape).openapi('DeadLetter');
const wholeLetter = z.strictObject({
  ...letterShape,
  body: z.string().describe('the body, decoded as UTF-8'),
  body_base64: z.string().nullable().describe('the body in base64 when it is not valid UTF-8, otherwise null'),
});

/** Older dead letters of full carts have the source "carts"; they are shown with the source they arrived by. */
const SOURCE = `if(source = 'carts', if(subscription_id IS NULL, 'events', 'webhook'), toString(source))`;
const COLUMNS = `dead_letter_id, ${SOURCE} AS source, subscription_id, reason, message, line, received_at, request_at, body_truncated`;

type LetterRow = z.output<typeof letterSchema>;

/** A dead letter that was refused again is listed once, with its last time, before the cursor applies. */
const LIST = `SELECT * FROM (
  SELECT ${COLUMNS} FROM ${TABLES.deadLetters} AS letter FINAL
  WHERE workspace = {workspace:String} AND letter.reason != '${ERASED_LETTER}'
  ORDER BY letter.received_at DESC LIMIT 1 BY dead_letter_id
)
WHERE ({source:String} = '' OR source = {source:String})
  AND ({subscription:String} = '' OR subscription_id = {subscription:String})
  AND ({reason:String} = '' OR reason = {reason:String})
  AND (received_at, dead_letter_id) < (fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC'), {before_id:String})
ORDER BY received_at DESC, dead_letter_id DESC LIMIT {limit:UInt32}`;

async function letterOf(database: Rows, workspace: string, id: string): Promise<{ row: LetterRow; body: Buffer }> {
  const [row] = await database.rows<LetterRow & { bytes: string }>(
    `SELECT ${COLUMNS}, base64Encode(body) AS bytes FROM ${TABLES.deadLetters} FINAL
    WHERE workspace = {workspace:String} AND dead_letter_id = {id:String} AND reason != '${ERASED_LETTER}' ORDER BY received_at DESC LIMIT 1`,
    { workspace, id },
  );
  if (!row) throw new HttpProblem(404, 'no such dead letter');
  const { bytes, ...rest } = row;
  return { row: rest, body: Buffer.from(bytes, 'base64') };
}

const isText = (bytes: Buffer): boolean => Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes);

const replayBody = z.strictObject({
  body: z
    .union([z.string(), z.record(z.string(), z.unknown())])
    .optional()
    .describe('a corrected body, as a string or as JSON, whose text is used unchanged; the stored body when left out'),
});
const stillUnusable = problemSchema
  .extend({ dead_letter_id: z.string().optional().describe('id of the dead letter, when the body cannot be used') })
  .openapi('UnusableDeadLetter');

const common = { tag: 'dead letters', access: 'write' } as const;

const list: Routes = (app, { database, clock }) => {
  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/dead-letters',
    summary: 'List authenticated input that could not be used, newest first; kept for 30 days',
    query: z.strictObject({
      ...listQuery.shape,
      source: source.optional(),
      subscription_id: z.string().max(200).optional(),
      reason: z.string().max(200).optional(),
    }),
    answers: { 200: { description: 'a page of dead letters without bodies', schema: listOf(letterSchema) } },
  }).handle(async ({ c, query, workspace }) => {
    const after = decodeCursor(query.cursor, z.tuple([cursorTime, z.string()]));
    const rows = await database.for(c.req.raw.signal).rows<LetterRow>(LIST, {
      workspace,
      source: query.source ?? '',
      subscription: query.subscription_id ?? '',
      reason: query.reason ?? '',
      before_ms: after?.[0] ?? clock.wallMs() + 86_400_000,
      before_id: after?.[1] ?? '',
      limit: query.limit + 1,
    });
    const positionOf = ({ received_at, dead_letter_id }: LetterRow) => [Date.parse(received_at), dead_letter_id];
    return { status: 200, body: pageOfRows(rows, query.limit, positionOf) };
  });
};

const one: Routes = (app, { database }) => {
  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/dead-letters/{id}',
    summary: 'One dead letter with its body',
    params: idParams,
    answers: { 200: { description: 'the dead letter', schema: wholeLetter } },
  }).handle(async ({ c, params, workspace }) => {
    const { row, body } = await letterOf(database.for(c.req.raw.signal), workspace, params.id);
    const body_base64 = isText(body) ? null : body.toString('base64');
    return { status: 200, body: { ...row, body: body.toString('utf8'), body_base64 } };
  });
};

const replay: Routes = (app, { database, replayer }) => {
  addRoute(app, {
    ...common,
    method: 'post',
    path: '/v1/dead-letters/{id}/replay',
    summary: 'Process a dead letter again, with the same or a corrected body',
    description:
      'The body is processed as if it had arrived now, with its original request timestamp. Replaying twice is harmless. ' +
      'A dead letter of a cart that has reached its limit of events is accepted and becomes a dead letter again. ' +
      'A dead letter whose body is not what was sent (reason `state_removed`; reason `record_skipped` with the source ' +
      '`people`) is replayed only with a corrected body; one with the source `flows` is not replayed at all.',
    params: idParams,
    body: replayBody,
    bodyOptional: true,
    // A line of 1 MiB as a JSON string, in which a character may take two bytes or more.
    bodyMaxBytes: 4 * 1024 * 1024,
    problems: {
      413: 'the body is too large; the body of a webhook may have 256 KiB',
      422: {
        description: 'the replayed body cannot be used, and `errors` says why; or the request is not valid',
        schema: stillUnusable,
      },
    },
    answers: {
      202: {
        description: 'accepted durably',
        schema: z.strictObject({ event_id: z.string().nullable().describe('null for a record of a person') }),
      },
    },
  }).handle(async ({ params, body, bodyText, workspace }) => {
    const { row, body: kept } = await letterOf(database, workspace, params.id);
    const obstacle = body.body === undefined || row.source === 'flows' ? obstacleOf(row) : undefined;
    if (obstacle !== undefined) {
      throw new HttpProblem(422, obstacle, { extensions: { dead_letter_id: row.dead_letter_id } });
    }
    const letter = { ...row, workspace, request_at: row.request_at === null ? null : Date.parse(row.request_at) };
    const event_id = await replayer.replay(letter, correctedBody(body.body, bodyText) ?? kept);
    return { status: 202, body: { event_id } };
  });
};

export const deadLetterRoutes: Routes = (app, deps) => {
  for (const add of [list, one, replay]) add(app, deps);
};

/** Why the stored body cannot be replayed, and what to do instead; undefined if it can. */
function obstacleOf({ body_truncated, reason, source }: LetterRow): string | undefined {
  if (source === 'flows') {
    return 'the stored body is an internal record or state of flows, which cannot be replayed: flows continue without it, and know the next records of its cart or person';
  }
  if (reason === 'state_removed') {
    return 'the stored body is the state of a cart, not an event: send an event of the cart as a corrected body, or its events again to POST /v1/events';
  }
  if (reason === 'record_skipped' && source === 'people') {
    return 'the stored body is an internal record, not a line: send a line of POST /v1/people as a corrected body';
  }
  return body_truncated ? 'the stored body is incomplete; send a corrected body' : undefined;
}

/** The text of a JSON body as it was sent: parsing and serialising it would change long numbers and the bytes. */
function correctedBody(body: z.output<typeof replayBody>['body'], bodyText: string): Buffer | undefined {
  if (body === undefined) return undefined;
  return Buffer.from(typeof body === 'string' ? body : (memberText(bodyText, 'body') ?? ''), 'utf8');
}
