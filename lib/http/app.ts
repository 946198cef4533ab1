import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Clock } from '../clock/index.ts';
import { docsPage, docsScript } from './docs-page.ts';
import { documentOf, serveDocument } from './document.ts';
import { onError, type ErrorEdge } from './errors.ts';
import { HttpProblem, invalid, itemsOf } from './problem.ts';
import type { Principal } from './roles.ts';

export interface AppOptions extends ErrorEdge {
  title: string;
  description: string;
  version?: string;
  clock: Clock;
  /** Throws HttpProblem 401, 403 or 404. Left out by apps without keys. */
  authenticate?: (headers: Headers) => Promise<Principal>;
}

export type App = OpenAPIHono & {
  options: AppOptions;
  /** The OpenAPI document of the routes added so far. */
  document(): ReturnType<OpenAPIHono['getOpenAPI31Document']>;
};

/** An OpenAPI app: every error is answered with problem details; `/openapi.json` and `/docs` need no key. */
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
  const { title, description, version = '1' } = options;
  serveDocument(app, { title, description, version });
  app.get('/docs', (c) => c.html(docsPage(title), 200, { 'content-security-policy': DOCS_POLICY }));
  app.get('/docs/docs.js', (c) => c.body(docsScript, 200, { 'content-type': 'text/javascript; charset=utf-8' }));
  app.notFound((c) => notFound(app, c));
  app.onError((error, c) => onError(error, c, options));
  return Object.assign(app, { options, document: () => documentOf(app, { title, description, version }) });
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
    return new HttpProblem(405, `this path supports ${allow}`, { headers: { allow } }).toResponse();
  }
  return new HttpProblem(404, `no such path: ${c.req.path}`).toResponse();
}

const escapePattern = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
