import { z } from '@hono/zod-openapi';
import { TABLES } from '../../../lib/clickhouse/tables.ts';
import {
  addRoute,
  decodeCursor,
  encodeCursor,
  HttpProblem,
  listOf,
  listQuery,
  problemSchema,
} from '../../../lib/http/index.ts';
import { memberText } from '../../../lib/jane/json.ts';
import type { DeadLetterSource } from '../../../schemas/types.ts';
import type { Rows } from '../database.ts';
import type { Routes } from '../deps.ts';
import { idParams, instant } from '../schemas.ts';

const source = z.enum(['webhook', 'events', 'people']);
const letterShape = {
  dead_letter_id: z.string(),
  source,
  subscription_id: z.string().nullable(),
  reason: z.string().describe('a stable word'),
  message: z.string().describe('the place and the remedy'),
  line: z.int().nullable().describe('of a bulk body, from 1'),
  received_at: instant,
  request_at: instant.nullable(),
  body_truncated: z.boolean(),
};
const letterSchema = z.strictObject(letterShape).openapi('DeadLetter');
const wholeLetter = z.strictObject({
  ...letterShape,
  body: z.string().describe('as text'),
  body_base64: z.string().nullable().describe('its bytes, of one that is no UTF-8; null otherwise'),
});

/** Older records of what a full cart did not take have the source carts: they are told by the way that it came in. */
const SOURCE = `if(source = 'carts', if(subscription_id IS NULL, 'events', 'webhook'), toString(source))`;
const COLUMNS = `dead_letter_id, ${SOURCE} AS source, subscription_id, reason, message, line, received_at, request_at, body_truncated`;

interface LetterRow {
  dead_letter_id: string;
  source: DeadLetterSource;
  subscription_id: string | null;
  received_at: string;
  request_at: string | null;
  body_truncated: boolean;
}

/** What was refused again, as it was the last time: told once, before the cursor goes by its time. */
const LIST = `SELECT * FROM (
  SELECT ${COLUMNS} FROM ${TABLES.deadLetters} AS letter FINAL
  WHERE workspace = {workspace:String}
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
    WHERE workspace = {workspace:String} AND dead_letter_id = {id:String} ORDER BY received_at DESC LIMIT 1`,
    { workspace, id },
  );
  if (!row) throw new HttpProblem(404, 'there is no such dead letter');
  const { bytes, ...rest } = row;
  return { row: rest, body: Buffer.from(bytes, 'base64') };
}

const isText = (bytes: Buffer): boolean => Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes);

const replayBody = z.strictObject({
  body: z
    .union([z.string(), z.record(z.string(), z.unknown())])
    .optional()
    .describe('a mended one, as text or as JSON, taken letter by letter; without it the kept one is taken'),
});
const stillUnusable = problemSchema
  .extend({ dead_letter_id: z.string().optional().describe('this one, when the body cannot be used') })
  .openapi('UnusableDeadLetter');

const common = { tag: 'dead letters', access: 'write' } as const;

const list: Routes = (app, { database, now }) => {
  addRoute(
    app,
    {
      ...common,
      method: 'get',
      path: '/v1/dead-letters',
      summary: 'What was authenticated and could not be used, the newest first; kept for 30 days',
      query: z.strictObject({
        ...listQuery.shape,
        source: source.optional(),
        subscription_id: z.string().max(200).optional(),
        reason: z.string().max(200).optional(),
      }),
      answers: { 200: { description: 'a page of them, without their bodies', schema: listOf(letterSchema) } },
    },
    async ({ c, query, workspace }) => {
      const after = decodeCursor(query.cursor, z.tuple([z.int(), z.string()]));
      const rows = await database.for(c.req.raw.signal).rows<LetterRow>(LIST, {
        workspace,
        source: query.source ?? '',
        subscription: query.subscription_id ?? '',
        reason: query.reason ?? '',
        before_ms: after?.[0] ?? now() + 86_400_000,
        before_id: after?.[1] ?? '',
        limit: query.limit + 1,
      });
      const items = rows.slice(0, query.limit);
      const last = items.at(-1);
      const more = rows.length > items.length && last !== undefined;
      const next_cursor = more ? encodeCursor([Date.parse(last.received_at), last.dead_letter_id]) : null;
      return { status: 200, body: { items, next_cursor } };
    },
  );
};

const one: Routes = (app, { database }) => {
  addRoute(
    app,
    {
      ...common,
      method: 'get',
      path: '/v1/dead-letters/{id}',
      summary: 'One dead letter with its body',
      params: idParams,
      answers: { 200: { description: 'the dead letter', schema: wholeLetter } },
    },
    async ({ c, params, workspace }) => {
      const { row, body } = await letterOf(database.for(c.req.raw.signal), workspace, params.id);
      const body_base64 = isText(body) ? null : body.toString('base64');
      return { status: 200, body: { ...row, body: body.toString('utf8'), body_base64 } };
    },
  );
};

const replay: Routes = (app, { database, replayer }) => {
  addRoute(
    app,
    {
      ...common,
      method: 'post',
      path: '/v1/dead-letters/{id}/replay',
      summary: 'Take it in again, as it is or mended',
      description:
        'As if it came now, with the request timestamp of the first time. Doing it twice does no harm. ' +
        'The dead letter of a cart that has had all the events it can have is taken in again, and comes back.',
      params: idParams,
      body: replayBody,
      bodyOptional: true,
      // A line of 1 MiB as JSON text, where every sign of it may take two bytes and more.
      bodyMaxBytes: 4 * 1024 * 1024,
      problems: { 413: "the body is too large: a webhook's has at most 256 KiB" },
      answers: {
        202: {
          description: 'taken in, durably',
          schema: z.strictObject({ event_id: z.string().nullable().describe('null of a record of people') }),
        },
        422: {
          description: 'not usable, as at first: errors say what is wrong where in the replayed body; or not valid',
          schema: stillUnusable,
          type: 'application/problem+json',
        },
      },
    },
    async ({ params, body, bodyText, workspace }) => {
      const { row, body: kept } = await letterOf(database, workspace, params.id);
      if (row.body_truncated && body.body === undefined) {
        throw new HttpProblem(422, 'it was not kept whole: send a mended body', {
          extensions: { dead_letter_id: row.dead_letter_id },
        });
      }
      const letter = { ...row, workspace, request_at: row.request_at === null ? null : Date.parse(row.request_at) };
      const event_id = await replayer.replay(letter, mended(body.body, bodyText) ?? kept);
      return { status: 202, body: { event_id } };
    },
  );
};

export const deadLetterRoutes: Routes = (app, deps) => {
  for (const add of [list, one, replay]) add(app, deps);
};

/** Of JSON its own text: parsed and written again, long ids would lose digits and bytes would be others. */
function mended(body: z.output<typeof replayBody>['body'], bodyText: string): Buffer | undefined {
  if (body === undefined) return undefined;
  return Buffer.from(typeof body === 'string' ? body : (memberText(bodyText, 'body') ?? ''), 'utf8');
}
