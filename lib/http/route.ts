import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { App } from './app.ts';
import { breakingOff } from './break-off.ts';
import { readJson } from './body.ts';
import { describeRoute } from './describe.ts';
import { HttpProblem, invalid, itemsOf } from './problem.ts';
import { requireAccess, requireWorkspace, type Access, type Principal } from './roles.ts';

const NO_QUERY = z.strictObject({});

type Schema = z.ZodType;
type Output<S> = S extends Schema ? z.output<S> : undefined;

/** A successful answer: JSON of this schema, a streamed body of one of these types, or no body at all without either. */
export interface Answer {
  description: string;
  schema?: Schema;
  /** Media types of a streamed body. */
  types?: readonly string[];
  /** Headers of the answer, each with its description. */
  headers?: Record<string, string>;
}

/** Declared answers by their status. */
export type Answers = Readonly<Record<number, Answer>>;

/** What a handler of these answers may return: a declared status, with a body of the type that its schema says. */
export type Reply<A extends Answers> = {
  [Status in keyof A & number]: {
    status: Status;
    headers?: Record<string, string>;
  } & (A[Status] extends { schema: infer S extends Schema }
    ? { body: z.output<S> }
    : A[Status] extends { types: readonly (infer T)[] }
      ? { type: T; stream: ReadableStream<Uint8Array> }
      : { body?: undefined });
}[keyof A & number];

export interface Route<
  P extends Schema | undefined,
  Q extends Schema | undefined,
  B extends Schema | undefined,
  A extends Answers,
> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With its parameters in braces: `/v1/carts/{id}`. */
  path: string;
  summary: string;
  description?: string;
  tag: string;
  /** Without it the route needs no key. */
  access?: Access;
  /** The route acts in a workspace, which an admin key has to name; the default for routes with `access`. */
  inWorkspace?: boolean;
  /** Path parameters; a value that does not match is answered with 404. */
  params?: P;
  /** Query parameters, none when left out; unknown or invalid ones are answered with 422. */
  query?: Q;
  /** Optional request headers besides the key and X-Workspace, each with its description. */
  headers?: Record<string, string>;
  /** The JSON body; an invalid one is answered with 422. */
  body?: B;
  /** An empty body counts as `{}`. */
  bodyOptional?: boolean;
  bodyMaxBytes?: number;
  /** What the handler returns. */
  answers: A;
  /** Problems that are thrown, besides those that follow from the above: descriptions, with a schema of their own. */
  problems?: Record<number, string | { description: string; schema: Schema }>;
}

export type AnyRoute = Route<Schema | undefined, Schema | undefined, Schema | undefined, Answers>;

export interface RouteInput<P, Q, B> {
  c: Context;
  params: P;
  query: Q;
  body: B;
  /** The text that `body` was parsed from; empty without a body. */
  bodyText: string;
  /** On routes with `access`. */
  principal: Principal;
  /** On routes with `inWorkspace`; empty on others. */
  workspace: string;
}

/** A route that is documented and still needs its handler. */
export interface RouteBuilder<Input, A extends Answers> {
  /** Handlers return declared answers only; problems are thrown. */
  handle(handler: (input: Input) => Reply<A> | Promise<Reply<A>>): void;
}

/**
 * Adds a route: documents it, checks the key, then the workspace, then path, query and body
 * (401, 403, 400/404, 404, 422, 400/408/413, 422), and sends what its handler returns as JSON. The handler is given in a
 * second call: only then does the compiler know the declared answers while it checks what the handler returns.
 */
export function addRoute<
  const A extends Answers,
  P extends Schema | undefined = undefined,
  Q extends Schema | undefined = undefined,
  B extends Schema | undefined = undefined,
>(app: App, route: Route<P, Q, B, A>): RouteBuilder<RouteInput<Output<P>, Output<Q>, Output<B>>, A> {
  app.openAPIRegistry.registerPath(describeRoute(route));
  return {
    handle: (handler) => {
      app.on([route.method.toUpperCase()], [route.path.replaceAll(/\{(.+?)\}/g, ':$1')], async (c) => {
        const input = await readInput(app, route, c);
        return toResponse(await handler(input as RouteInput<Output<P>, Output<Q>, Output<B>>), c);
      });
    },
  };
}

async function readInput(app: App, route: AnyRoute, c: Context): Promise<RouteInput<unknown, unknown, unknown>> {
  const principal = await admit(app, route, c);
  const inWorkspace = route.access !== undefined && route.inWorkspace !== false;
  const workspace = inWorkspace ? requireWorkspace(principal) : '';
  const params = checkParams(route.params, c.req.param());
  const query = check(route.query ?? NO_QUERY, queryOf(c), 'the query');
  const { text: bodyText, value } = route.body
    ? await readJson(c, { clock: app.options.clock, maxBytes: route.bodyMaxBytes, optional: route.bodyOptional })
    : { text: '', value: undefined };
  return { c, params, query, body: check(route.body, value, 'the body'), bodyText, principal, workspace };
}

async function admit(app: App, route: { access?: Access }, c: Context): Promise<Principal> {
  if (!route.access) return { role: 'read', workspace: null };
  if (!app.options.authenticate) throw new Error('a route requires a key, but the app has no authenticate option');
  const principal = await app.options.authenticate(c.req.raw.headers);
  requireAccess(principal, route.access);
  return principal;
}

/** A reply of any route. */
export interface AnyReply {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** The media type of `stream`. */
  type?: string;
  stream?: ReadableStream<Uint8Array>;
}

/** A reply as a response: JSON, or a stream that is broken off if it fails. Never cached. */
export function toResponse(reply: AnyReply, c?: Context): Response {
  const headers: Record<string, string> = { 'cache-control': 'no-store', ...reply.headers };
  if (reply.stream !== undefined) {
    const { type = 'application/octet-stream' } = reply;
    headers['content-type'] = type.startsWith('text/') ? `${type}; charset=utf-8` : type;
    return new Response(breakingOff(reply.stream, c), { status: reply.status, headers });
  }
  if (reply.body === undefined) return new Response(null, { status: reply.status, headers });
  // Response.json would copy the headers into an object whose reading takes longer than the rest of a webhook's answer.
  const typed = { 'content-type': 'application/json', ...headers };
  return new Response(JSON.stringify(reply.body), { status: reply.status, headers: typed });
}

function check(schema: Schema | undefined, value: unknown, name: string): unknown {
  if (!schema) return undefined;
  const result = schema.safeParse(value);
  if (!result.success) throw invalid(itemsOf(result.error), name);
  return result.data;
}

function checkParams(schema: Schema | undefined, value: unknown): unknown {
  if (!schema) return undefined;
  const result = schema.safeParse(value);
  if (!result.success) throw new HttpProblem(404, 'not found');
  return result.data;
}

const queryOf = (c: Context): Record<string, unknown> =>
  Object.fromEntries(Object.entries(c.req.queries()).map(([key, all]) => [key, all.length === 1 ? all[0] : all]));
