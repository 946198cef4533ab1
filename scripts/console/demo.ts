/** The demo as a child process, on engines and in a folder of its own. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePorts } from '../../deploy/engines/ports.ts';

export interface Demo {
  /** Base URL of the API. */
  url: string;
  /** The write key of its workspace. */
  key: string;
  adminKey: string;
  /** Stops everything, and deletes the folder. */
  stop(): Promise<void>;
}

const PORTS = [
  'API_PORT',
  'INGEST_PORT',
  'KAFKA_PORT',
  'KAFKA_CONTROLLER_PORT',
  'REGISTRY_PORT',
  'CLICKHOUSE_HTTP_PORT',
  'CLICKHOUSE_TCP_PORT',
] as const;

/** Variables that would connect it to another installation. */
const UNSET = [
  'KAFKA_BROKERS',
  'REGISTRY_URL',
  'CLICKHOUSE_URL',
  'INGEST_URL',
  'ADMIN_KEY',
  'SECRET_KEY',
  'HEALTH_PORT',
];

/** Resolves when the day has been played and counted. Rejects when it ends before. */
export async function startDemo(say: (line: string) => void): Promise<Demo> {
  const dataDir = mkdtempSync(join(tmpdir(), 'jane-traits-demo-'));
  const ports = await freePorts(PORTS.length);
  const env: NodeJS.ProcessEnv = { ...process.env, DATA_DIR: dataDir, LOG_LEVEL: 'warn' };
  for (const name of UNSET) delete env[name];
  PORTS.forEach((name, index) => (env[name] = String(ports[index])));
  const child = spawn(process.execPath, ['scripts/run.mjs', 'demo'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown')),
  );
  const orphan = (): void => void child.kill('SIGTERM');
  process.once('exit', orphan);
  createInterface({ input: child.stderr }).on('line', say);
  const link = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /^Open the console:\s+(\S+)$/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  const ended = exited.then((how): never => {
    throw new Error(`the demo ended (${how}) before it was ready`);
  });
  const { origin, hash } = new URL(await Promise.race([link, ended]));
  ended.catch(() => undefined);
  return {
    url: origin,
    key: hash.replace('#key=', ''),
    adminKey: readFileSync(join(dataDir, 'admin-key'), 'utf8').trim(),
    async stop() {
      child.kill('SIGTERM');
      await exited;
      process.off('exit', orphan);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
