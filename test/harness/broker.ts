/** Kafka brokers of a test's own, with the settings that it gives them. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findJava, installEngines } from '../../deploy/engines/install.ts';
import { portAnswers } from '../../deploy/engines/ports.ts';
import { endedWithParent } from '../../deploy/engines/supervise.ts';

export interface BrokerOptions {
  /** What it keeps; `log.dirs` of its properties lies in it. */
  folder: string;
  properties: Readonly<Record<string, string | number>>;
  /** 22 characters, the same of all brokers of a cluster. */
  clusterId: string;
  /** It serves when all of them take connections. */
  ports: readonly number[];
  /** Further arguments of the first start, which formats the folder. */
  formatting?: readonly string[];
}

export interface Broker {
  /** Resolves when it serves; when it does not within three minutes, rejects with its output, and nothing is left running. */
  start(): Promise<void>;
  /** Throws when it does not run. */
  kill9(): Promise<void>;
  /** Kills it if it runs. */
  close(): Promise<void>;
}

/** One of three that was killed reads its log again, on cores that the other two and the load keep busy: a minute or so. */
const START_TIMEOUT_MS = 180_000;

/** Formats its folder; nothing runs before `start`. */
export async function createBroker(options: BrokerOptions): Promise<Broker> {
  const { folder, properties, clusterId, ports, formatting = [] } = options;
  mkdirSync(join(folder, 'kafka'), { recursive: true });
  const config = join(folder, 'server.properties');
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(config, lines.join(''));
  const enginesDir = resolve('deploy/engines');
  const java = findJava();
  const { kafka: jars } = await installEngines(enginesDir, () => undefined);
  const jvm = ['-Xmx384m', `-Dlog4j2.configurationFile=${join(enginesDir, 'log4j2.xml')}`, '-cp', join(jars, '*')];
  const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', config, ...formatting];
  const formatted = spawnSync(java, [...jvm, ...format], { encoding: 'utf8' });
  if (formatted.status !== 0) throw new Error(`not formatted: ${formatted.stdout}${formatted.stderr}`);

  const log = join(folder, 'kafka.log');
  let child: ChildProcess | undefined;
  const serves = async (): Promise<boolean> =>
    (await Promise.all(ports.map((port) => portAnswers(port)))).every(Boolean);
  const runs = (one: ChildProcess | undefined): one is ChildProcess =>
    one?.pid !== undefined && one.exitCode === null && one.signalCode === null;
  const close = async (): Promise<void> => {
    if (!runs(child)) return;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  };
  return {
    async start() {
      const started = spawn(...endedWithParent('KILL', java, [...jvm, 'kafka.Kafka', config]), {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child = started;
      started.once('error', (error) => appendFileSync(log, `${error.message}\n`));
      for (const stream of [started.stdout, started.stderr])
        stream.on('data', (chunk: Buffer) => {
          appendFileSync(log, chunk);
        });
      for (const deadline = Date.now() + START_TIMEOUT_MS; !(await serves()); await sleep(100)) {
        if (runs(started) && Date.now() < deadline) continue;
        await close();
        const said = existsSync(log) ? readFileSync(log, 'utf8').slice(-4_000) : '';
        throw new Error(`the broker did not start:\n${said}`);
      }
    },
    async kill9() {
      if (!runs(child)) throw new Error(`the broker of ${folder} does not run`);
      await close();
    },
    close,
  };
}
