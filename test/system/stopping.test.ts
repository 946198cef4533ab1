/** The ways to stop `npm start`: a terminal's Ctrl-C, and signals to npm or to its whole group. All end it in order. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { testPorts } from '../harness/ports.ts';

const name = `stopping${Math.floor(Math.random() * 1e6).toString(36)}`;
const dataDir = mkdtempSync(join(tmpdir(), 'jane-traits-stopping-'));
afterAll(async () => {
  rmSync(dataDir, { recursive: true, force: true });
  const { CLICKHOUSE_URL } = inject('engines');
  await fetch(CLICKHOUSE_URL, { method: 'POST', body: `DROP DATABASE IF EXISTS ${name}` });
});

interface Started {
  child: ChildProcess;
  said(): string;
  exited: Promise<number | string>;
}

/** In a session of its own, so that its group is its own too. */
async function started(command: string, args: string[]): Promise<Started> {
  const [api, ingest] = (await testPorts(2)).map(String);
  const child = spawn(command, args, {
    env: {
      ...process.env,
      ...inject('engines'),
      DATA_DIR: dataDir,
      API_PORT: api,
      INGEST_PORT: ingest,
      TOPIC_PREFIX: `${name}.`,
      CLICKHOUSE_DATABASE: name,
    },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exited = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  for (const deadline = Date.now() + 90_000; !said.includes('ready http'); await sleep(50)) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`not ready:\n${said}`);
  }
  return { child, said: () => said, exited };
}

const WAYS: Record<string, { command: string; args: string[]; stop(child: ChildProcess): void }> = {
  'Ctrl-C in a terminal': {
    command: 'script',
    // exec: a shell that stays would end by the same Ctrl-C, and its 130 would replace npm's own.
    args: ['--quiet', '--return', '--command', 'exec npm start', '/dev/null'],
    stop: (child) => child.stdin?.write('\x03'),
  },
  'SIGTERM to the group': { command: 'npm', args: ['start'], stop: ({ pid }) => process.kill(-pid!, 'SIGTERM') },
  'SIGINT to the group': { command: 'npm', args: ['start'], stop: ({ pid }) => process.kill(-pid!, 'SIGINT') },
  'SIGTERM to npm': { command: 'npm', args: ['start'], stop: ({ pid }) => process.kill(pid!, 'SIGTERM') },
};

describe.skipIf(!existsSync('/usr/bin/script'))('npm start', () => {
  it.each(Object.entries(WAYS))('ends in order at %s', async (_, { command, args, stop }) => {
    const { child, said, exited } = await started(command, args);
    stop(child);
    expect([await exited, said()]).toEqual([0, expect.stringContaining('stopping')]);
    expect(said()).not.toContain('stopping immediately');
    expect(readdirSync(join(dataDir, 'run'))).toEqual([]);
  });
});

/** Nothing listens there. */
const NOWHERE = {
  KAFKA_BROKERS: '127.0.0.1:9',
  REGISTRY_URL: 'http://127.0.0.1:9',
  CLICKHOUSE_URL: 'http://127.0.0.1:9',
};

describe('a service whose engines are not there', () => {
  it.each(['ingest', 'processor', 'sink', 'audiences', 'api'])(
    '%s waits for them, and ends in order at SIGTERM',
    async (service) => {
      const child = spawn(process.execPath, [`dist/services/${service}/main.js`], {
        env: { ...process.env, ...NOWHERE, SECRET_KEY: 'ab'.repeat(32), ADMIN_KEY: `jt_admin_${'k'.repeat(43)}` },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const exited = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));
      for (const deadline = Date.now() + 20_000; !said.includes('health server is listening'); await sleep(20)) {
        if (child.exitCode !== null || Date.now() > deadline) throw new Error(`did not begin:\n${said}`);
      }
      child.kill('SIGTERM');
      expect([await exited, said]).toEqual([0, expect.stringContaining('stopped before the start had finished')]);
    },
  );
});
