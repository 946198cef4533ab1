/** A separate installation for a benchmark: engines and services as `npm start` runs them, in a temporary folder. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../deploy/engines/ports.ts';
import { livePid, pidNames } from '../../deploy/engines/process.ts';
import { runProgram } from '../../test/harness/engines.ts';

export interface BenchInstallation {
  apiUrl: string;
  ingestUrl: string;
  adminKey: string;
  kafkaBrokers: string[];
  registryUrl: string;
  clickHouseUrl: string;
  /** Name of its database in ClickHouse. */
  database: string;
  /** The process of each service and engine, by name. */
  pids(): Record<string, number>;
  /** Stops everything, and deletes the folder unless it is kept. */
  stop(): Promise<void>;
}

/** Starts an installation; resolves when it is ready. `keep`: do not delete its folder, which has all logs. */
export async function startOwnInstallation(keep: boolean): Promise<BenchInstallation> {
  const dataDir = mkdtempSync(join(tmpdir(), 'jane-traits-bench-'));
  const ports = (await freePorts(7)).map(String);
  const [api = '', ingest = '', kafka = '', controller = '', registry = '', http = '', tcp = ''] = ports;
  const program = await runProgram('start', {
    ...process.env,
    DATA_DIR: dataDir,
    API_PORT: api,
    INGEST_PORT: ingest,
    KAFKA_PORT: kafka,
    KAFKA_CONTROLLER_PORT: controller,
    REGISTRY_PORT: registry,
    CLICKHOUSE_HTTP_PORT: http,
    CLICKHOUSE_TCP_PORT: tcp,
    // Its own engines, even if the environment names others.
    ...{ KAFKA_BROKERS: '', REGISTRY_URL: '', CLICKHOUSE_URL: '', INGEST_URL: '' },
    ...{ TOPIC_PREFIX: '', CLICKHOUSE_DATABASE: 'bench', CLICKHOUSE_USER: '', CLICKHOUSE_PASSWORD: '' },
    ...{ ADMIN_KEY: '', SECRET_KEY: '', HOST: '127.0.0.1', LOG_LEVEL: 'warn' },
  });
  const orphan = (): void => void process.kill(program.pid, 'SIGTERM');
  process.once('exit', orphan);
  let stopped = false;
  const runDir = join(dataDir, 'run');
  return {
    apiUrl: `http://127.0.0.1:${api}`,
    ingestUrl: `http://127.0.0.1:${ingest}`,
    adminKey: readFileSync(join(dataDir, 'admin-key'), 'utf8').trim(),
    kafkaBrokers: [`127.0.0.1:${kafka}`],
    registryUrl: `http://127.0.0.1:${registry}/apis/ccompat/v7`,
    clickHouseUrl: `http://127.0.0.1:${http}`,
    database: 'bench',
    pids: () =>
      Object.fromEntries(
        pidNames(runDir).map((name) => {
          const pid = livePid(runDir, name);
          if (pid === undefined) throw new Error(`${name} died; its log: ${join(dataDir, 'logs')}`);
          return [name, pid];
        }),
      ),
    async stop() {
      if (stopped) return;
      stopped = true;
      process.kill(program.pid, 'SIGTERM');
      const how = await program.exited;
      process.off('exit', orphan);
      if (how !== 0) throw new Error(`the installation ended with ${how} instead of 0:\n${program.said.join('\n')}`);
      if (!keep) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
