/** Real installations for tests: the supervisor of `npm start` with services as processes. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { bodyOf, createApiClient } from '../../lib/client/index.ts';
import { testPorts } from './ports.ts';
import { livePid, pidNames } from '../../deploy/engines/process.ts';
import { request, waitUntil } from './client.ts';
import { runProgram, type RunningProgram } from './engines.ts';

export interface InstallationOptions {
  /** Variables over those that the harness chooses. */
  env?: Record<string, string>;
  /** Engines of its own in its own folder, for tests that stop or kill them; else the run's, by prefix and database. */
  ownEngines?: boolean;
}

export interface Installation {
  apiUrl: string;
  ingestUrl: string;
  adminKey: string;
  dataDir: string;
  /** Everything that its processes were given beyond this process's environment. */
  env: Record<string, string>;
  /** SIGTERM to the supervisor; throws unless it exits with 0. */
  stop(): Promise<void>;
  /** kill -9 to all its processes at once, or to the named ones (service or engine), which then restart. */
  kill9(...names: string[]): Promise<void>;
  /** kill -9 to the supervisor alone: its children are left to themselves. */
  kill9Supervisor(): Promise<void>;
  /** Until every stage says that it runs again, for up to a minute. */
  waitReady(): Promise<void>;
  /** The line that it printed when all served. */
  ready(): string;
  /** Starts again after stop() or kill9(), on the same folder and ports. */
  restart(): Promise<void>;
  /** The output of the supervisor so far. */
  said(): string[];
}

/** Starts one and resolves when it is ready. Stop it in afterAll; its folder goes with `stop`. */
export async function startInstallation(options: InstallationOptions = {}): Promise<Installation> {
  const dataDir = mkdtempSync(join(tmpdir(), 'jane-traits-test-'));
  const env = await environment(dataDir, options);
  let program: RunningProgram | undefined = await start(env);
  const gone = async (): Promise<number | string | undefined> => {
    const how = await program?.exited;
    program = undefined;
    return how;
  };
  const apiUrl = `http://127.0.0.1:${env['API_PORT'] ?? ''}`;
  const ingestUrl = `http://127.0.0.1:${env['INGEST_PORT'] ?? ''}`;
  const adminKey = env['ADMIN_KEY'] ?? readFileSync(join(dataDir, 'admin-key'), 'utf8').trim();
  return {
    apiUrl,
    ingestUrl,
    adminKey,
    dataDir,
    env,
    said: () => program?.said ?? [],
    async stop() {
      if (!program) return;
      const { said } = program;
      process.kill(program.pid, 'SIGTERM');
      const how = await gone();
      if (how !== 0) throw new Error(`the installation ended with ${String(how)} instead of 0:\n${said.join('\n')}`);
    },
    async kill9(...names) {
      kill9(dataDir, names);
      if (names.length === 0) await gone();
    },
    async kill9Supervisor() {
      kill9(dataDir, ['supervisor']);
      await gone();
    },
    waitReady: () => untilServing(apiUrl, ingestUrl, adminKey),
    ready: () => program?.ready ?? '',
    async restart() {
      if (program) throw new Error('restart() is for an installation that was stopped or killed');
      program = await start(env);
    },
  };
}

/** The folder of an installation that is over, and its database on the shared engines. */
export async function removeInstallation(installation: Installation): Promise<void> {
  await installation.stop();
  const { CLICKHOUSE_URL, CLICKHOUSE_DATABASE } = installation.env;
  if (CLICKHOUSE_URL)
    await fetch(CLICKHOUSE_URL, { method: 'POST', body: `DROP DATABASE IF EXISTS ${CLICKHOUSE_DATABASE ?? ''}` });
  rmSync(installation.dataDir, { recursive: true, force: true });
}

function start(env: Record<string, string>): Promise<RunningProgram> {
  return runProgram('start', { ...process.env, ...env });
}

/** Every stage of the pipeline says that it runs, and ingest takes requests. */
async function untilServing(apiUrl: string, ingestUrl: string, adminKey: string): Promise<void> {
  await waitUntil(
    'all services answer',
    async () => {
      const ingest = await request(`${ingestUrl}/openapi.json`);
      const api = createApiClient({ baseUrl: apiUrl, key: adminKey });
      const { state } = await bodyOf(api.GET('/v1/status'));
      return ingest.status === 200 && state === 'running';
    },
    { timeoutMs: 60_000 },
  );
}

/** All at once: the supervisor first, so that it restarts nothing. */
function kill9(dataDir: string, names: string[]): void {
  const runDir = join(dataDir, 'run');
  const wanted = names.length > 0 ? names : ['supervisor', ...pidNames(runDir).filter((name) => name !== 'supervisor')];
  for (const name of wanted) {
    const pid = livePid(runDir, name);
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    else if (names.length > 0) throw new Error(`${name} does not run`);
  }
}

async function environment(dataDir: string, options: InstallationOptions): Promise<Record<string, string>> {
  const ports = (await testPorts(7)).map(String);
  const [api = '', ingest = '', kafka = '', controller = '', registry = '', http = '', tcp = ''] = ports;
  const name = `t${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
  return {
    DATA_DIR: dataDir,
    API_PORT: api,
    INGEST_PORT: ingest,
    ...(options.ownEngines
      ? {
          KAFKA_PORT: kafka,
          KAFKA_CONTROLLER_PORT: controller,
          REGISTRY_PORT: registry,
          CLICKHOUSE_HTTP_PORT: http,
          CLICKHOUSE_TCP_PORT: tcp,
          KAFKA_BROKERS: '',
          REGISTRY_URL: '',
          CLICKHOUSE_URL: '',
        }
      : { ...inject('engines'), TOPIC_PREFIX: `${name}.`, CLICKHOUSE_DATABASE: name }),
    ...options.env,
  };
}
