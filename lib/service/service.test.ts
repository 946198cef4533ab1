import { describe, expect, it } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import { defineConfig, loadConfig } from '../config/index.ts';
import { createLogger, createMetrics } from '../telemetry/index.ts';
import { RunningService } from './service.ts';

const never = (): Promise<void> => new Promise(() => undefined);

async function open() {
  const clock = new ManualClock();
  const lines: string[] = [];
  const service = await RunningService.open({
    name: 'sample',
    config: loadConfig(defineConfig({ name: 'sample', doc: '', fields: {} }), {}, []),
    logger: createLogger('sample', 'info', { write: (line: string) => void lines.push(line) }),
    metrics: createMetrics(),
    clock,
  });
  const statusOf = async (path: string): Promise<number> => (await fetch(service.healthUrl + path)).status;
  return { service, clock, lines, statusOf };
}

describe('a service', () => {
  it('answers health requests while it starts, and is ready only when it says so', async () => {
    const { service, statusOf } = await open();
    expect([await statusOf('/healthz'), await statusOf('/readyz')]).toEqual([200, 503]);
    let works = false;
    service.reportHealth({ ready: () => works });
    expect(await statusOf('/readyz')).toBe(503);
    works = true;
    expect(await statusOf('/readyz')).toBe(200);
    await service.stop();
  });

  it('is not ready while it stops, and answers health requests until everything else is closed', async () => {
    const { service, statusOf } = await open();
    service.reportHealth({ ready: () => true });
    let seen: number[] = [];
    service.onStop('the work', async () => {
      seen = [await statusOf('/healthz'), await statusOf('/readyz')];
    });
    await service.stop();
    expect(seen).toEqual([200, 503]);
    await expect(statusOf('/healthz')).rejects.toThrow();
  });

  it('serves an app until it stops', async () => {
    const { service, lines } = await open();
    await service.serveHttp({ fetch: () => new Response('hello') }, 0, 'SAMPLE_PORT');
    const { url } = JSON.parse(lines.at(-1)!) as { url: string };
    expect([await (await fetch(url)).text(), service.ready()]).toEqual(['hello', true]);
    await service.stop();
    await expect(fetch(url)).rejects.toThrow();
  });

  it('closes in the reverse order, waits for each, and abandons what exceeds its limit', async () => {
    const { service, clock, lines } = await open();
    const closed: string[] = [];
    service.onStop('first', () => void closed.push('first'));
    service.onStop('stuck', never, 2_000);
    service.onStop('last', async () => {
      await clock.sleep(500);
      closed.push('last');
    });
    const stopping = service.stop();
    await clock.advance(499);
    expect(closed).toEqual([]);
    await clock.advance(1 + 1_999);
    expect(closed).toEqual(['last']);
    await clock.advance(1);
    await stopping;
    expect(closed).toEqual(['last', 'first']);
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ level: 'warn', what: 'stuck', limitMs: 2_000 });
  });

  it('closes the rest when one thing fails to close, and reports that error', async () => {
    const { service } = await open();
    const closed: string[] = [];
    service.onStop('first', () => void closed.push('first'));
    service.onStop('broken', () => {
      throw new Error('cannot close');
    });
    await expect(service.stop()).rejects.toThrow('cannot close');
    expect(closed).toEqual(['first']);
  });
});
