import { afterEach, describe, expect, it } from 'vitest';
import { serveHealth, type HealthServer } from './health.ts';
import { createLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import type { StagePosition } from './positions.ts';

describe('serveHealth', () => {
  let server: HealthServer | undefined;
  afterEach(() => server?.close());

  it('serves health, readiness, metrics and positions on a port of its own', async () => {
    let ready = false;
    const position: StagePosition = {
      stage: 'carts',
      topic: 'cart-events',
      partition: 3,
      position: 7,
      end: 9,
      logTimeMs: 1,
      earliestDueMs: null,
      state: 'running',
    };
    server = await serveHealth({
      host: '127.0.0.1',
      logger: createLogger('test', 'silent'),
      metrics: createMetrics(),
      ready: () => ready,
      positions: () => [position],
      reach: ({ topic, offsets, waitMs }) =>
        Promise.resolve([{ ...position, topic, position: offsets.get(3)!, earliestDueMs: waitMs }]),
    });
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    ready = true;
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('process_cpu_seconds_total');
    expect(await (await fetch(`${server.url}/positions`)).json()).toEqual([position]);
    const reached = await fetch(`${server.url}/positions?topic=a&offsets=3:8&wait_ms=20`);
    expect(await reached.json()).toEqual([{ ...position, topic: 'a', position: 8, earliestDueMs: 20 }]);
    const refused = await fetch(`${server.url}/positions?topic=a&offsets=x`);
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('partition:offset')]);
    expect((await fetch(`${server.url}/other`)).status).toBe(404);
    expect((await fetch(`${server.url}/readyz`, { method: 'POST' })).status).toBe(405);
  });
});
