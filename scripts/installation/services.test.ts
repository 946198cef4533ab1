import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SERVICE_CONFIGS } from './definitions.ts';
import { healthPorts, serviceCommand, Services } from './services.ts';

describe('services', () => {
  it('tell how they are on ports one after another, in the order of their names', () => {
    const names = Object.keys(SERVICE_CONFIGS).sort();
    expect(healthPorts(names, 7010)).toEqual({
      api: 7010,
      audiences: 7011,
      delivery: 7012,
      ingest: 7013,
      processor: 7014,
      sink: 7015,
    });
    expect(healthPorts(names, 0)).toEqual({ api: 0, audiences: 0, delivery: 0, ingest: 0, processor: 0, sink: 0 });
    // The last of them must still be a port, for any allowed first port.
    expect(65_530 + names.length - 1).toBeLessThanOrEqual(65_535);
  });

  it('are the bundles in dist/services', () => {
    expect(serviceCommand('/app', 'sink')).toEqual(['--enable-source-maps', '/app/dist/services/sink/main.js']);
  });

  it('do not start once they were stopped', async () => {
    const root = mkdtempSync(join(tmpdir(), 'jane-services-'));
    mkdirSync(join(root, 'dist', 'services', 'sample'), { recursive: true });
    writeFileSync(join(root, 'dist', 'services', 'sample', 'main.js'), 'setInterval(() => {}, 1000)');
    const say = (): void => undefined;
    const services = new Services({ root, dataDir: root, runDir: join(root, 'run'), healthPort: 0, env: {}, say });
    await services.stop();
    const starting = services.start();
    await expect(starting).rejects.toThrow('Stopped while starting.');
    expect(services.begun).toBe(false);
    await services.stop();
    rmSync(root, { recursive: true, force: true });
  });
});
