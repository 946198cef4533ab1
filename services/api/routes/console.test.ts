import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock/index.ts';
import { createApp } from '../../../lib/http/index.ts';
import { consoleRoutes } from './console.ts';

let folder: string;
function appAt(consoleDir: string) {
  const app = createApp({
    title: 'Sample',
    description: '',
    clock: systemClock,
    logger: { error: () => undefined, warn: () => undefined },
    authenticate: () => Promise.reject(new Error('nothing here needs a key')),
  });
  consoleRoutes(app, consoleDir);
  return app;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'jane-console-'));
  mkdirSync(join(folder, 'web', 'assets'), { recursive: true });
  writeFileSync(join(folder, 'web', 'index.html'), '<title>console</title>');
  writeFileSync(join(folder, 'web', 'assets', 'a-1.js'), 'run()');
  writeFileSync(join(folder, 'web', 'assets', 'a.png'), 'picture');
  writeFileSync(join(folder, 'secret.txt'), 'secret');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the console', () => {
  it('is one page and its files', async () => {
    const app = appAt(join(folder, 'web'));
    for (const path of ['/', '/index.html']) {
      const page = await app.request(path);
      expect(page.status, path).toBe(200);
      expect(await page.text()).toContain('console');
      expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    }
    const script = await app.request('/assets/a-1.js');
    expect(script.status).toBe(200);
    expect(script.headers.get('cache-control')).toContain('immutable');
  });

  it('runs under a policy that allows scripts of this origin alone, on every file and while it is not built', async () => {
    const paths = [
      ...['/', '/assets/a-1.js'].map((path) => [join(folder, 'web'), path] as const),
      [join(folder, 'nowhere'), '/'] as const,
    ];
    for (const [at, path] of paths) {
      const { headers } = await appAt(at).request(path);
      const policy = new Map(
        (headers.get('content-security-policy') ?? '').split('; ').map((directive) => {
          const [name = '', ...sources] = directive.split(' ');
          return [name, sources.join(' ')] as const;
        }),
      );
      expect(Object.fromEntries(policy), path).toEqual({
        'default-src': "'self'",
        'script-src': "'self'",
        'connect-src': "'self'",
        // Mantine and ECharts set style attributes and add style elements; nothing from outside gets into them.
        'style-src': "'self' 'unsafe-inline'",
        'img-src': "'self' data:",
        'object-src': "'none'",
        'base-uri': "'none'",
        'form-action': "'none'",
        'frame-ancestors': "'none'",
      });
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(headers.get('referrer-policy'), path).toBe('no-referrer');
    }
  });

  it('compresses texts for browsers that accept that, and nothing else', async () => {
    const app = appAt(join(folder, 'web'));
    const get = (path: string, encodings: string) => app.request(path, { headers: { 'accept-encoding': encodings } });
    for (const path of ['/', '/assets/a-1.js']) {
      const packed = await get(path, 'br, gzip');
      const plain = await get(path, 'br');
      expect(packed.headers.get('content-encoding'), path).toBe('gzip');
      expect(plain.headers.get('content-encoding'), path).toBeNull();
      for (const { headers } of [packed, plain]) expect(headers.get('vary'), path).toBe('accept-encoding');
      expect(gunzipSync(Buffer.from(await packed.arrayBuffer())).toString(), path).toBe(await plain.text());
    }
    const picture = await get('/assets/a.png', 'gzip');
    expect(picture.headers.get('content-encoding')).toBeNull();
    expect((await get('/', 'gzip;q=0')).headers.get('content-encoding')).toBeNull();
  });

  it.each(['/nope', '/v2/traits', '/assets/gone.js', '/assets', '/%zz', '/..%2fsecret.txt', '/%2e%2e/secret.txt'])(
    'leaves %s to the problem that says 404',
    async (path) => {
      const answer = await appAt(join(folder, 'web')).request(path);
      expect(answer.status).toBe(404);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
    },
  );

  it('reports at / that it is not built', async () => {
    const app = appAt(join(folder, 'nowhere'));
    expect((await app.request('/')).status).toBe(503);
    expect((await app.request('/nope')).status).toBe(404);
  });
});
