import { z } from '@hono/zod-openapi';
import { describeAnswers, HEAD_TOO_LARGE, problemSchema, type App } from '../../lib/http/index.ts';
import { MAX_LINE_BYTES, MAX_WEBHOOK_BYTES } from '../../lib/jane/limits.ts';

/** The routes in `/openapi.json`. They read their bodies themselves, so they are described separately. */

const lineErrors = z.array(
  z.strictObject({
    line: z.int().describe('counted from 1, including blank lines'),
    message: z.string().describe('what is wrong (with a JSON Pointer) and how to correct it'),
    dead_letter_id: z.string(),
  }),
);
const bulkResult = z
  .strictObject({
    accepted: z.int().describe('lines accepted'),
    rejected: z.int().describe('lines that became dead letters'),
    errors: lineErrors.describe('the first 100 rejected lines'),
  })
  .openapi('BulkResult');
const bulkProblem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    accepted: z.int().describe('lines from the start that are settled (422: lines accepted)').optional(),
    rejected: z.int().optional(),
    errors: lineErrors.optional(),
  })
  .openapi('BulkProblem');

/** Jane's fields that the product reads. A value that cannot be read is treated as absent, never refused. */
const read = (what: string) => z.unknown().optional().describe(what);
const id = 'text or an integer';
const time = 'a time such as 2021-06-21 21:41:20, with or without fraction and offset';
const cart = z
  .looseObject({
    id: read(`${id}; required unless uuid is given`),
    uuid: read(`${id}; identifies the cart if id is absent`),
    status: read('text, required in cart_status; read trimmed and in lower case'),
    amount: read('a number'),
    created_at: read(time),
    updated_at_time: read(`when it happened: ${time}`),
    checked_out_time: read(time),
    reservation_mode: read('text'),
    reservation_start_window: read(time),
    store_id: read(id),
    store_name: read('text'),
    customer_name: read('text'),
    customer_phone_number: read('text'),
    customer_email_address: read('text'),
    user_id: read(id),
    external_user_id: read(id),
    external_user_source: read(id),
    products: read(
      'the whole current content, a list of {product_id: text or an integer, count: a number (absent: 1), price: a number}',
    ),
  })
  .describe("Jane's cart; other fields are kept, and a value that cannot be read is treated as absent")
  .openapi('Cart', {
    example: {
      id: 7,
      status: 'verification',
      amount: 41.8,
      store_id: 68,
      customer_phone_number: '(808) 555-0143',
      products: [{ product_id: 'p-1', count: 1, price: 41.8 }],
    },
  });
const eventLine = z
  .strictObject({
    type: z.enum(['cart_status', 'cart_activity', 'cart_abandoned']),
    occurred_at: z.string().describe('RFC 3339'),
    event_id: z.string().min(1).max(200).optional(),
    cart,
  })
  .describe('a line of the body of POST /v1/events');
const consent = z.enum(['opted_in', 'opted_out']);
const personLine = z
  .strictObject({
    occurred_at: z.string().describe('RFC 3339'),
    phone: z.string().nullish(),
    email: z.string().nullish(),
    user_id: z.union([z.string(), z.int()]).nullish(),
    external_user_id: z.union([z.string(), z.int()]).nullish(),
    external_user_source: z.string().nullish(),
    name: z.string().nullish(),
    time_zone: z.string().nullish().describe('IANA name; any other is treated as absent'),
    consent: z.strictObject({ sms: consent.nullish(), email: consent.nullish() }).nullish(),
  })
  .describe('a line of the body of POST /v1/people');

/** The response of `/activity`. */
export const activitySchema = z
  .array(
    z.strictObject({
      subscription_id: z.string(),
      workspace: z.string(),
      received: z.int().describe('authenticated webhooks, usable or not'),
      last_received_at: z.int().nullable().describe('Unix milliseconds'),
      refused: z.record(z.string(), z.int()).describe('by reason'),
    }),
  )
  .openapi('Activity');

const problem = (description: string, schema: z.ZodType = problemSchema) => ({
  description,
  content: { 'application/problem+json': { schema } },
});
const later = (description: string, schema: z.ZodType = problemSchema) => ({
  ...problem(description, schema),
  headers: { 'Retry-After': { description: 'seconds', schema: { type: 'integer' as const } } },
});
const unknown = (description: string) => ({
  ...problem(description),
  headers: { 'WWW-Authenticate': { description: 'Bearer', schema: { type: 'string' as const } } },
});

/** What the handler of webhooks returns; everything else is thrown as a problem. */
export const webhookAnswers = {
  202: {
    description: 'stored durably; equal bodies get equal ids',
    schema: z.strictObject({ event_id: z.string() }),
  },
} as const;

/** What the handlers of bulk imports return. */
export const bulkAnswers = { 200: { description: 'the whole body was read', schema: bulkResult } } as const;

export function documentWebhooks(app: App): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'subscription', {
    type: 'http',
    scheme: 'bearer',
    description: 'The bearer_token of the subscription.',
  });
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/v1/webhooks/jane/{subscription}',
    summary: 'Accept one webhook from Jane',
    description:
      'Signed as Jane signs: X-Jane-Signature is the hex HMAC-SHA256 of `{X-Jane-Request-Timestamp}:{raw body}`. ' +
      'The timestamp (Unix seconds, Unix milliseconds or RFC 3339) may differ by up to 300 s, either way. ' +
      'The subscription’s `verify` says what is checked: the token, the signature or both.',
    tags: ['webhooks'],
    security: [{ subscription: [] }],
    request: {
      params: z.object({ subscription: z.string() }),
      headers: z.object({
        'X-Jane-Signature': z.string().optional(),
        'X-Jane-Request-Timestamp': z.string().optional(),
      }),
      body: { required: true, content: { 'application/json': { schema: z.looseObject({ cart }) } } },
    },
    responses: {
      ...describeAnswers(webhookAnswers),
      400: problem('the body broke off'),
      401: unknown(
        'unknown subscription, wrong token, wrong signature or stale timestamp, with the same answer; nothing is stored',
      ),
      408: problem('the body did not arrive within 30 s'),
      413: problem(`the body is larger than ${MAX_WEBHOOK_BYTES} bytes`),
      415: problem('a content encoding, or a content type that is not JSON'),
      422: problem(
        'authenticated but not usable; stored as a dead letter',
        problemSchema.extend({ dead_letter_id: z.string() }).openapi('UnusableWebhook'),
      ),
      429: later('the service is overloaded'),
      431: problem(HEAD_TOO_LARGE),
      500: problem('internal error'),
      503: later('Kafka does not answer'),
    },
  });
}

export function documentBulk(app: App, source: 'events' | 'people'): void {
  const line = source === 'events' ? 'EventLine' : 'PersonLine';
  app.openAPIRegistry.register(line, source === 'events' ? eventLine : personLine);
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: `/v1/${source}`,
    summary: source === 'events' ? 'Import events of carts' : 'Import records of people and their consent',
    description:
      `NDJSON, plain or gzip (by Content-Encoding or by its first two bytes), up to 1 GiB on the wire, each line at most ${MAX_LINE_BYTES} bytes. ` +
      'A body that arrives at less than 1,024 bytes per second for two minutes, or not at all, is abandoned (400). ' +
      'Blank lines are skipped. Bad lines become dead letters and do not affect good ones. It is safe to send the whole body again.',
    tags: ['bulk'],
    security: [{ key: [] }],
    request: {
      headers: z.object({
        'X-Workspace': z.string().optional().describe('the workspace to act in; for admin keys'),
      }),
      // An empty body is valid.
      body: {
        required: false,
        content: { 'application/x-ndjson': { schema: z.string().describe(`lines, each a JSON object: ${line}`) } },
      },
    },
    responses: {
      ...describeAnswers(bulkAnswers),
      400: problem(
        'the body ended early (the answer has `accepted`), or an admin key was sent without X-Workspace',
        bulkProblem,
      ),
      401: unknown('no key, or an unknown one'),
      403: problem('the role of the key is not sufficient, or X-Workspace names another workspace'),
      404: problem('X-Workspace names a workspace that does not exist'),
      413: problem(
        'over 1 GiB on the wire, decompressing to over 64 MiB and over 200 times its size, or over 100,000 more blank lines than others',
        bulkProblem,
      ),
      415: problem('a content encoding that is not gzip'),
      422: problem('stopped after 10,000 rejected lines', bulkProblem),
      429: later('too many bulk bodies at once, in total or of this workspace, which may have half of them'),
      431: problem(HEAD_TOO_LARGE),
      500: problem('internal error'),
      503: later('Kafka does not answer; the answer has `accepted`', bulkProblem),
    },
  });
}
