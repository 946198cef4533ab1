import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

  it.each(['/nope', '/v2/traits', '/assets/gone.js', '/assets', '/%zz', '/..%2fsecret.txt', '/%2e%2e/secret.txt'])(
    'leaves %s to the problem that says 404',
    async (path) => {
      const answer = await appAt(join(folder, 'web')).request(path);
      expect(answer.status).toBe(404);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
    },
  );

  it('says at / that it is not built', async () => {
    const app = appAt(join(folder, 'nowhere'));
    expect((await app.request('/')).status).toBe(503);
    expect((await app.request('/nope')).status).toBe(404);
  });
});
