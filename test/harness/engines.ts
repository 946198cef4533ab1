/** The engines that a run of system tests shares. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { testPorts } from './ports.ts';

/** Environment variables that point an installation, or a test, at engines. */
export interface EngineAddresses {
  KAFKA_BROKERS: string;
  REGISTRY_URL: string;
  CLICKHOUSE_URL: string;
}

export interface SharedEngines {
  addresses: EngineAddresses;
  stop(): Promise<void>;
}

/** A running program of scripts/run.mjs. */
export interface RunningProgram {
  pid: number;
  /** The line of stdout that begins with "ready". */
  ready: string;
  /** Its output on stderr. */
  said: string[];
  exited: Promise<number | string>;
}

/** Starts `node scripts/run.mjs <name>` and resolves at its "ready" line; rejects with its output if it ends. */
export function runProgram(name: string, env: NodeJS.ProcessEnv): Promise<RunningProgram> {
  const child = spawn(process.execPath, ['scripts/run.mjs', name], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  const exited = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('ready') && child.pid !== undefined) resolve({ pid: child.pid, ready: line, said, exited });
    });
    void exited.then((how) =>
      reject(new Error(`npm run ${name} ended (${how}) before it was ready:\n${said.join('\n')}`)),
    );
  });
}

/** The engines named by the environment, or some of our own on free ports in a temporary folder. */
export async function sharedEngines(): Promise<SharedEngines> {
  const { KAFKA_BROKERS, REGISTRY_URL, CLICKHOUSE_URL } = process.env;
  if (KAFKA_BROKERS && REGISTRY_URL && CLICKHOUSE_URL) {
    return { addresses: { KAFKA_BROKERS, REGISTRY_URL, CLICKHOUSE_URL }, stop: async () => {} };
  }
  const dataDir = mkdtempSync(join(tmpdir(), 'jane-traits-engines-'));
  const [kafka, controller, registry, http, tcp] = (await testPorts(5)).map(String);
  const program = await runProgram('engines', {
    ...process.env,
    DATA_DIR: dataDir,
    KAFKA_PORT: kafka,
    KAFKA_CONTROLLER_PORT: controller,
    REGISTRY_PORT: registry,
    CLICKHOUSE_HTTP_PORT: http,
    CLICKHOUSE_TCP_PORT: tcp,
  });
  const addresses = Object.fromEntries(
    program.ready
      .split(' ')
      .slice(1)
      .map((pair) => pair.split(/=(.*)/s).slice(0, 2)),
  ) as unknown as EngineAddresses;
  return {
    addresses,
    async stop() {
      process.kill(program.pid, 'SIGTERM');
      await program.exited;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
