import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ZodError } from 'zod';
import { docsPage, docsScript } from './docs-page.ts';
import { HttpProblem, invalid, itemsOf } from './problem.ts';
import type { Principal } from './roles.ts';

/** The little of a logger that is needed here. */
export interface ErrorLogger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface AppOptions {
  title: string;
  description: string;
  version?: string;
  logger: ErrorLogger;
  /** Throws HttpProblem 401, 403 or 404. Left out by apps without keys. */
  authenticate?: (headers: Headers) => Promise<Principal>;
}

/** An OpenAPI app: problem details for everything that goes wrong, `/openapi.json` and `/docs` without a key. */
export type App = OpenAPIHono & { options: AppOptions };

export function createApp(options: AppOptions): App {
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) throw invalid(itemsOf(result.error));
    },
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', {
    type: 'http',
    scheme: 'bearer',
    description: 'A key of a workspace, or an admin key with the header X-Workspace.',
  });
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: options.title, version: options.version ?? '1', description: options.description },
    servers: [{ url: '/' }],
  });
  app.get('/docs', (c) => c.html(docsPage(options.title), 200, { 'content-security-policy': DOCS_POLICY }));
  app.get('/docs/docs.js', (c) => c.body(docsScript, 200, { 'content-type': 'text/javascript; charset=utf-8' }));
  app.notFound((c) => notFound(app, c));
  app.onError((error, c) => onError(error, c, options.logger));
  return Object.assign(app, { options });
}

const DOCS_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'";

/** 405 with Allow for a path that other methods have, else 404. */
function notFound(app: OpenAPIHono, c: Context): Response {
  const allowed = new Set<string>();
  for (const route of app.routes) {
    if (route.method === 'ALL' || route.path.includes('*')) continue;
    const pattern = route.path.split('/').map((part) => (part.startsWith(':') ? '[^/]+' : escapePattern(part)));
    if (new RegExp(`^${pattern.join('/')}$`).test(c.req.path)) allowed.add(route.method);
  }
  if (allowed.size > 0 && !allowed.has(c.req.method)) {
    const allow = [...allowed].sort().join(', ');
    return new HttpProblem(405, `this path takes ${allow}`, { headers: { allow } }).toResponse();
  }
  return new HttpProblem(404, `there is nothing at ${c.req.path}`).toResponse();
}

const escapePattern = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** By the names of errors: what they mean to who asked. */
const UNAVAILABLE: Readonly<Record<string, string>> = {
  KafkaUnavailableError: 'Kafka does not answer; try again',
  ClickHouseUnavailableError: 'ClickHouse does not answer; try again',
  ClickHouseOverloadedError: 'ClickHouse has too much to do for this question now; try again, or ask for less',
  BackpressureError: 'more comes in than can be kept at the moment; try again',
};

/** Every error as problem details; what nobody foresaw is logged and answers 500 without its text. */
export function onError(error: unknown, c: Context, logger: ErrorLogger): Response {
  if (error instanceof HttpProblem) return error.toResponse();
  if (isZodError(error)) return invalid(itemsOf(error)).toResponse();
  if (error instanceof HTTPException) {
    const detail = error.status === 400 && /JSON/.test(error.message) ? 'the body is not JSON' : error.message;
    return new HttpProblem(error.status, detail).toResponse();
  }
  // Nobody reads it, and it is nobody's fault: a console that asks anew with each keystroke gives the last one up.
  if (error instanceof Error && error.name === 'AbandonedError')
    return new HttpProblem(499, 'who asked has gone').toResponse();
  if (error instanceof Error && error.name === 'QueryQueueError') {
    const { workspace, isNews } = error as Error & { workspace: string; isNews: boolean };
    const fields = { workspace, route: c.req.routePath, why: error.message };
    if (isNews) logger.warn(fields, 'a workspace asks more at once than can be answered');
    return busy('this workspace asks more at once than can be answered; try again, and ask less at once');
  }
  const unavailable = error instanceof Error ? UNAVAILABLE[error.name] : undefined;
  if (unavailable !== undefined) {
    logger.error({ err: error, method: c.req.method, route: c.req.routePath }, 'an engine is unavailable');
    return busy(unavailable);
  }
  logger.error({ err: error, method: c.req.method, route: c.req.routePath }, 'request failed');
  return new HttpProblem(500, 'an error of this service; its log says more').toResponse();
}

const busy = (detail: string): Response =>
  new HttpProblem(503, detail, { headers: { 'retry-after': '2' } }).toResponse();

/** Only zod's own: another error that happens to have issues is a fault of ours. */
const isZodError = (error: unknown): error is ZodError =>
  error instanceof Error && error.name === 'ZodError' && 'issues' in error;
