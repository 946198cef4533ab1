import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Engines } from './engines.ts';
import { freePorts } from './ports.ts';
import { pidNames } from './process.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jane-engines-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('engines', () => {
  it('that are stopped while they start begin nothing after it', async () => {
    const script = join(folder, 'server.js');
    writeFileSync(script, 'setInterval(() => {}, 1000)');
    const [httpPort, tcpPort] = await freePorts(2);
    const runDir = join(folder, 'run');
    const engines = new Engines({
      ...{ root: process.cwd(), dataDir: folder, runDir, clickHouseScript: script, kafkaBrokers: [] },
      clickHouse: { httpPort: httpPort!, tcpPort: tcpPort!, user: 'default', password: '' },
      say: () => undefined,
    });
    const starting = engines.start();
    await Promise.all([engines.stop(), expect(starting).rejects.toThrow('Stopped while starting.')]);
    expect([engines.begun, pidNames(runDir)]).toEqual([false, []]);
  });
});
