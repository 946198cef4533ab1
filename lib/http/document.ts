import type { OpenAPIHono } from '@hono/zod-openapi';
import { createHash } from 'node:crypto';

/** The title, description and version of an API. */
export type DocumentInfo = Record<'title' | 'description' | 'version', string>;

/** The OpenAPI document of all routes that the app has now. */
export const documentOf = (app: OpenAPIHono, info: DocumentInfo) =>
  app.getOpenAPI31Document({ openapi: '3.1.0', info, servers: [{ url: '/' }] });

/**
 * Serves `/openapi.json` without a key. The document is generated once, at the first request, when all routes have been
 * added. Generating it takes about 20 ms of CPU, which a client without a key must not be able to cause repeatedly.
 */
export function serveDocument(app: OpenAPIHono, info: DocumentInfo): void {
  let generated: { json: string; etag: string } | undefined;
  app.get('/openapi.json', (c) => {
    generated ??= generate(app, info);
    const headers = { etag: generated.etag, 'cache-control': 'no-cache' };
    if (matches(c.req.header('if-none-match'), generated.etag)) return c.body(null, 304, headers);
    return c.body(generated.json, 200, { ...headers, 'content-type': 'application/json' });
  });
}

function generate(app: OpenAPIHono, info: DocumentInfo): { json: string; etag: string } {
  const json = JSON.stringify(documentOf(app, info));
  return { json, etag: `"${createHash('sha256').update(json).digest('base64url')}"` };
}

/** Weak comparison, as RFC 9110 asks for with If-None-Match. */
const matches = (header: string | undefined, etag: string): boolean =>
  header !== undefined && header.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
