import { readFile, stat } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { App } from '../../../lib/http/index.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};

/** The console's components set style attributes; scripts come from this origin only. */
const POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
};

const MISSING = `<!doctype html><meta charset="utf-8"><title>Jane Traits</title>
<p>The console has not been built. Run <code>npm run build</code>. The API is documented at <a href="/docs">/docs</a>.</p>`;

/** The console is a single page; its views are in the URL fragment, which is not sent to the server. */
const PAGES = new Set(['/', '/index.html']);

/**
 * Serves the built console at / without a key. Files in `assets` have a content hash in their names, so browsers may
 * cache them forever. Other paths fall through to the API's 404.
 */
export function consoleRoutes(app: App, folder: string): void {
  app.get('/*', async (c, next) => {
    const path = pathOf(c.req.path);
    const page = PAGES.has(path);
    if (!page && extname(path) === '') return next();
    const file = page ? join(folder, 'index.html') : join(folder, path);
    if (!file.startsWith(normalize(folder + sep))) return next();
    const bytes = await read(file);
    if (!bytes) return page ? c.html(MISSING, 503, { ...HEADERS, 'cache-control': 'no-store' }) : next();
    const kept = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    const headers = { ...HEADERS, 'content-type': type, 'cache-control': kept, vary: 'accept-encoding' };
    if (!TEXT.test(type) || !acceptsGzip(c.req.header('accept-encoding'))) {
      return c.body(new Uint8Array(bytes), 200, headers);
    }
    return c.body(new Uint8Array(await compress(bytes)), 200, { ...headers, 'content-encoding': 'gzip' });
  });
}

/** Types that become smaller by compression. */
const TEXT = /^text\/|json$|svg\+xml$/;

const compress = promisify(gzip);

/** Whether the header names gzip without refusing it. */
const acceptsGzip = (header = ''): boolean =>
  header.split(',').some((coding) => {
    const [name = '', quality = 'q=1'] = coding.split(';').map((part) => part.trim().toLowerCase());
    return name === 'gzip' && Number(quality.replace('q=', '')) > 0;
  });

/** The decoded path without "." and ".."; empty when it cannot be decoded. */
function pathOf(encoded: string): string {
  try {
    return normalize(decodeURIComponent(encoded));
  } catch {
    return '';
  }
}

async function read(file: string): Promise<Buffer | undefined> {
  try {
    return (await stat(file)).isFile() ? await readFile(file) : undefined;
  } catch {
    return undefined;
  }
}
