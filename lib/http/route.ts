import type { RouteConfig } from '@hono/zod-openapi';
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { App } from './app.ts';
import { HttpProblem, invalid, itemsOf } from './problem.ts';
import { requireAccess, requireWorkspace, type Access, type Principal } from './roles.ts';

const BODY_MAX_BYTES = 1024 * 1024;
/** How long the whole of a body may take. */
const BODY_TIMEOUT_MS = 30_000;
const NO_QUERY = z.strictObject({});
/** What documents say of 431, which no route answers itself. */
export const HEAD_TOO_LARGE = 'the head of the request, with its query, is over 16 KiB';

export const problemSchema = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z
      .array(z.strictObject({ path: z.string().describe('a JSON Pointer into the body'), message: z.string() }))
      .optional(),
  })
  .openapi('Problem');

type Schema = z.ZodType;
type Output<S> = S extends Schema ? z.output<S> : undefined;

/** An answer that is JSON: `schema` is what it looks like (none: no body). */
export interface Answer {
  description: string;
  schema?: Schema;
  /** Of answers that are not JSON, the media type. */
  type?: string;
  /** Headers that it has, and what they say. */
  headers?: Record<string, string>;
}

export interface Route<P extends Schema | undefined, Q extends Schema | undefined, B extends Schema | undefined> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As `/v1/carts/{id}`. */
  path: string;
  summary: string;
  description?: string;
  tag: string;
  /** Left out: no key is asked for. */
  access?: Access;
  /** Acts in a workspace: an admin key has to name one (the default with `access`). */
  inWorkspace?: boolean;
  /** Path parameters; one of another shape is not there: 404. */
  params?: P;
  /** Query parameters, none when left out; unknown or wrong ones: 422. */
  query?: Q;
  /** Headers that may be sent beside the key and X-Workspace, and what they say. */
  headers?: Record<string, string>;
  /** The JSON body, strict: unknown fields are 422. */
  body?: B;
  /** No body at all counts as `{}`. */
  bodyOptional?: boolean;
  bodyMaxBytes?: number;
  answers: Record<number, Answer>;
  /** Statuses with problem details beyond those that follow from the above. */
  problems?: Record<number, string>;
}

export interface RouteInput<P, Q, B> {
  c: Context;
  params: P;
  query: Q;
  body: B;
  /** The text that `body` was read from; '' where there was none. */
  bodyText: string;
  /** Of routes with `access`. */
  principal: Principal;
  /** Of routes with `inWorkspace`, else ''. */
  workspace: string;
}

/** What a handler answers; a Response is passed on as it is. */
export type Reply = Response | { status: number; body?: unknown; headers?: Record<string, string> };

/**
 * Adds a route: documents it, checks the key, then the workspace, then path, query and body
 * (401, 403, 400/404, 404, 422, 400/408/413, 422), and sends what the handler returns as JSON.
 */
export function addRoute<
  P extends Schema | undefined = undefined,
  Q extends Schema | undefined = undefined,
  B extends Schema | undefined = undefined,
>(
  app: App,
  route: Route<P, Q, B>,
  handler: (input: RouteInput<Output<P>, Output<Q>, Output<B>>) => Reply | Promise<Reply>,
): void {
  app.openAPIRegistry.registerPath(describe(route));
  app.on([route.method.toUpperCase()], [route.path.replaceAll(/\{(.+?)\}/g, ':$1')], async (c) => {
    const principal = await admit(app, route, c);
    const inWorkspace = route.access !== undefined && route.inWorkspace !== false;
    const workspace = inWorkspace ? requireWorkspace(principal) : '';
    const params = checkParams(route.params, c.req.param());
    const query = check(route.query ?? NO_QUERY, queryOf(c));
    const { text: bodyText, value } = route.body ? await readJson(c, route) : { text: '', value: undefined };
    const body = check(route.body, value);
    const input = { c, params, query, body, bodyText, principal, workspace };
    return reply(await handler(input as RouteInput<Output<P>, Output<Q>, Output<B>>));
  });
}

async function admit(app: App, route: { access?: Access }, c: Context): Promise<Principal> {
  if (!route.access) return { role: 'read', workspace: null };
  if (!app.options.authenticate) throw new Error('the app has a route with access and no way to authenticate');
  const principal = await app.options.authenticate(c.req.raw.headers);
  requireAccess(principal, route.access);
  return principal;
}

function reply(answer: Reply): Response {
  if (answer instanceof Response) return answer;
  const headers = { 'cache-control': 'no-store', ...answer.headers };
  if (answer.body === undefined) return new Response(null, { status: answer.status, headers });
  return Response.json(answer.body, { status: answer.status, headers });
}

function check(schema: Schema | undefined, value: unknown): unknown {
  if (!schema) return undefined;
  const result = schema.safeParse(value);
  if (!result.success) throw invalid(itemsOf(result.error));
  return result.data;
}

function checkParams(schema: Schema | undefined, value: unknown): unknown {
  if (!schema) return undefined;
  const result = schema.safeParse(value);
  if (!result.success) throw new HttpProblem(404, 'there is no such thing here');
  return result.data;
}

const queryOf = (c: Context): Record<string, unknown> =>
  Object.fromEntries(Object.entries(c.req.queries()).map(([key, all]) => [key, all.length === 1 ? all[0] : all]));

/**
 * The body as JSON, and its text, whatever its content type says. Throws what readBody throws, and 400 for what is
 * not JSON; the limit is kept while reading, with or without a length.
 */
async function readJson(
  c: Context,
  options: { bodyMaxBytes?: number; bodyOptional?: boolean },
): Promise<{ text: string; value: unknown }> {
  const bytes = await readBody(c, options.bodyMaxBytes ?? BODY_MAX_BYTES);
  if (bytes.length === 0 && options.bodyOptional) return { text: '', value: {} };
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { text, value: JSON.parse(text) as unknown };
  } catch (error) {
    throw new HttpProblem(400, 'the body is not JSON', { cause: error });
  }
}

/** The raw body; throws 413 as soon as it is over the limit, 408 when it takes too long, 400 when it breaks off. */
async function readBody(c: Context, maxBytes: number): Promise<Buffer> {
  const tooLarge = (): HttpProblem => new HttpProblem(413, `the body is over ${maxBytes} bytes`);
  if (Number(c.req.header('content-length') ?? 0) > maxBytes) throw tooLarge();
  const { body } = c.req.raw;
  if (!body) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    // What may still come of the body is not read: the connection ends with the answer.
    const headers = { connection: 'close' };
    const late = (): HttpProblem => new HttpProblem(408, 'the body did not arrive in time; send it again', { headers });
    timer = setTimeout(() => reject(late()), BODY_TIMEOUT_MS);
  });
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), timeout]);
      if (done) return Buffer.concat(chunks);
      size += value.length;
      if (size > maxBytes) throw tooLarge();
      chunks.push(value);
    }
  } catch (error) {
    // Not waited for: it would be of a sender that sends nothing.
    reader.cancel().catch(() => undefined);
    if (error instanceof HttpProblem) throw error;
    throw new HttpProblem(400, 'the body broke off; send it again', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

type AnyRoute = Route<Schema | undefined, Schema | undefined, Schema | undefined>;

/** Every status that the route can answer, from what it asks for. */
function problemsOf(route: AnyRoute): Record<number, string> {
  const problems: Record<number, string> = {};
  if (route.body) {
    problems[400] = 'the body is not JSON';
    problems[408] = 'the body did not arrive within 30 s';
    problems[413] = 'the body is too large';
  }
  problems[422] = 'not valid; errors say what is wrong where';
  if (route.access) {
    problems[401] = 'no key, or an unknown one';
    problems[403] = 'the role of the key is too small, or X-Workspace names another workspace';
    problems[404] = 'X-Workspace names no workspace';
    if (route.inWorkspace !== false) {
      const missing = 'an admin key without X-Workspace';
      problems[400] = problems[400] ? `${problems[400]}, or ${missing}` : missing;
    }
  }
  if (route.params) problems[404] = 'not there, or in another workspace';
  problems[431] = HEAD_TOO_LARGE;
  problems[500] = 'an error of the service';
  problems[503] = 'an engine does not answer, or the workspace asks more at once than can be answered; try again';
  return { ...problems, ...route.problems };
}

/** Headers that come with a status whatever the route. */
const HEADERS: Record<number, Record<string, string>> = {
  401: { 'WWW-Authenticate': 'Bearer' },
  503: { 'Retry-After': 'seconds' },
};

type Responses = RouteConfig['responses'];

const texts = (headers: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' as const } }]),
  );

const response = (
  description: string,
  type: string,
  schema?: Schema,
  headers: Record<string, string> = {},
): Responses[string] => ({
  description,
  ...(Object.keys(headers).length > 0 ? { headers: texts(headers) } : {}),
  ...(schema ? { content: { [type]: { schema } } } : {}),
});

function responsesOf(route: AnyRoute): Responses {
  const responses: Responses = {};
  for (const [status, { description, type, schema, headers }] of Object.entries(route.answers)) {
    responses[status] = response(description, type ?? 'application/json', schema, headers);
  }
  for (const [status, description] of Object.entries(problemsOf(route))) {
    responses[status] ??= response(description, 'application/problem+json', problemSchema, HEADERS[Number(status)]);
  }
  return responses;
}

function describe(route: AnyRoute): RouteConfig {
  const headers = {
    ...(route.access ? { 'X-Workspace': 'the workspace to act in, of an admin key' } : {}),
    ...route.headers,
  };
  const named = Object.entries(headers).map(([name, text]) => [name, z.string().optional().describe(text)]);
  return {
    method: route.method,
    path: route.path,
    summary: route.summary,
    ...(route.description ? { description: route.description } : {}),
    tags: [route.tag],
    ...(route.access ? { security: [{ key: [] }] } : {}),
    request: {
      ...(named.length > 0 ? { headers: z.object(Object.fromEntries(named) as z.ZodRawShape) } : {}),
      ...(route.params ? { params: route.params as z.ZodObject } : {}),
      ...(route.query ? { query: route.query as z.ZodObject } : {}),
      ...(route.body
        ? { body: { required: !route.bodyOptional, content: { 'application/json': { schema: route.body } } } }
        : {}),
    },
    responses: responsesOf(route),
  };
}
