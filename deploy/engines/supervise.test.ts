/** The supervisor on real child processes. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findJava, SetupError } from './install.ts';
import { kafkaProperties } from './kafka.ts';
import { memoryLimits } from './clickhouse.ts';
import { freePorts, requireFreePorts } from './ports.ts';
import { claimDataDir, endLeftovers, livePid, pidNames, releaseDataDir, startOf, writePid } from './process.ts';
import { SupervisedChild } from './supervise.ts';

let folder: string;
let runDir: string;
const children: SupervisedChild[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jane-supervise-'));
  runDir = join(folder, 'run');
});
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop()));
  rmSync(folder, { recursive: true, force: true });
});

function child(script: string, options: { stopTimeoutMs?: number; said?: string[] } = {}): SupervisedChild {
  const made = new SupervisedChild({
    name: 'sample',
    command: process.execPath,
    args: ['-e', script],
    runDir,
    logDir: join(folder, 'logs'),
    stopTimeoutMs: options.stopTimeoutMs ?? 2_000,
    say: (message) => options.said?.push(message),
  });
  children.push(made);
  return made;
}

async function until(check: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !check(); i++) await sleep(10);
  expect(check()).toBe(true);
}

const FOR_EVER = 'console.log("up"); setInterval(() => {}, 1000);';

describe('SupervisedChild', () => {
  it('starts a child that was killed again, and says so', async () => {
    const said: string[] = [];
    const made = child(FOR_EVER, { said });
    made.start();
    await until(() => made.tail.includes('up'));
    const first = made.pid;
    process.kill(first!, 'SIGKILL');
    await until(() => made.running && made.pid !== first);
    expect(said).toEqual(['sample exited unexpectedly (signal SIGKILL); restarting it in 0.5 s']);
    expect(livePid(runDir, 'sample')).toBe(made.pid);
  });

  it('waits longer after every death', async () => {
    const said: string[] = [];
    const made = child('process.exit(3)', { said });
    made.start();
    await until(() => said.length >= 2);
    expect(said[0]).toContain('(exit code 3); restarting it in 0.5 s');
    expect(said[1]).toContain('in 1 s');
  });

  it('does not start again what refuses its configuration, and says it once', async () => {
    const said: string[] = [];
    const made = child('process.exit(78)', { said });
    made.start();
    await until(() => made.refused);
    await sleep(700);
    expect(made.restarts).toBe(0);
    expect(said).toEqual(['sample rejected its configuration (exit code 78); not restarting it']);
  });

  it('starts nothing again that is killed after the halt', async () => {
    const said: string[] = [];
    const made = child(FOR_EVER, { said });
    made.start();
    await until(() => made.tail.includes('up'));
    made.halt();
    process.kill(made.pid!, 'SIGKILL');
    await until(() => !made.running);
    await sleep(700);
    expect([made.running, said]).toEqual([false, []]);
  });

  it('stops with SIGTERM, and kills what does not listen', async () => {
    const said: string[] = [];
    const kind = child(`process.on('SIGTERM', () => { console.log('bye'); process.exit(0); }); ${FOR_EVER}`, { said });
    kind.start();
    await until(() => kind.tail.includes('up'));
    await kind.stop();
    expect(kind.tail).toContain('bye');
    const deaf = child(`process.on('SIGTERM', () => {}); ${FOR_EVER}`, { stopTimeoutMs: 200, said });
    deaf.start();
    await until(() => deaf.tail.includes('up'));
    await deaf.stop();
    expect(said).toEqual(['sample did not stop within 0.2 s; killing it']);
    expect(pidNames(runDir)).toEqual([]);
  });

  it('writes what the child says into a log', async () => {
    const made = child(FOR_EVER);
    made.start();
    await until(() => made.tail.includes('up'));
    await made.stop();
    await until(() => readFileSync(join(folder, 'logs', 'sample.log'), 'utf8') === 'up\n');
  });

  it.skipIf(!existsSync('/dev/full'))(
    'lets the child run when its log cannot be written, and says so once',
    async () => {
      const said: string[] = [];
      const made = child('setInterval(() => console.log("up"), 10)', { said });
      symlinkSync('/dev/full', join(folder, 'logs', 'sample.log'));
      made.start();
      await until(() => made.tail.length > 10);
      expect(said).toEqual([expect.stringContaining('sample.log (ENOSPC); log lines are lost')]);
      expect(made.running).toBe(true);
    },
  );
});

describe('what an earlier run left behind', () => {
  it('is ended; a process that merely got the same pid is not', async () => {
    const left = child(`process.on('SIGTERM', () => {}); ${FOR_EVER}`);
    left.start();
    await until(() => left.tail.includes('up'));
    writeFileSync(join(runDir, 'stranger.pid'), `${process.pid} 12345`);
    expect(livePid(runDir, 'stranger')).toBeUndefined();
    expect(livePid(runDir, 'sample')).toBe(left.pid);
    // Stopping at the same time, so that the supervisor does not take the death for an accident.
    const [ended] = await Promise.all([endLeftovers(runDir, 100), left.stop()]);
    expect(ended).toEqual(['sample']);
    expect(pidNames(runDir)).toEqual([]);
  });

  it('DATA_DIR belongs to one installation at a time', async () => {
    claimDataDir(folder);
    expect(livePid(runDir, 'supervisor')).toBe(process.pid);
    const other = child(FOR_EVER);
    other.start();
    await until(() => other.pid !== undefined);
    writePid(runDir, 'supervisor', other.pid!);
    expect(() => claimDataDir(folder)).toThrow(SetupError);
    expect(() => claimDataDir(folder)).toThrow(/Another installation already runs on .* Stop it, or choose another/);
    const gone = other.pid!;
    await other.stop();
    expect(startOf(gone)).toBeUndefined();
    expect(() => claimDataDir(folder)).not.toThrow();
  });
});

describe('DATA_DIR', () => {
  it('goes to one of several that claim it at the same moment, also when a dead one left its claim', async () => {
    const bundle = join(folder, 'claim.mjs');
    const ROUNDS = 100;
    await build({
      stdin: {
        contents: `
          import { claimDataDir } from './process.ts';
          process.stdin.once('data', async (text) => {
            const startMs = Number(text);
            const got = [];
            for (let round = 0; round < ${ROUNDS}; round++) {
              while (Date.now() < startMs + round * 10);
              try { claimDataDir(process.argv[2] + '/' + round); got.push(1); } catch { got.push(0); }
            }
            process.stdout.write(JSON.stringify(got));
            process.stdin.on('end', () => process.exit()).resume();
          });
          process.stdout.write('up');`,
        resolveDir: import.meta.dirname,
      },
      ...{ bundle: true, platform: 'node', format: 'esm', outfile: bundle, logLevel: 'error' },
    });
    for (let round = 0; round < ROUNDS; round += 2) {
      mkdirSync(join(folder, String(round), 'run'), { recursive: true });
      writeFileSync(join(folder, String(round), 'run', 'supervisor.pid'), '4194305 1');
    }
    const claimants = Array.from({ length: 3 }, () => spawn(process.execPath, [bundle, folder]));
    const said = claimants.map((claimant) => {
      let text = '';
      claimant.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      return () => text;
    });
    await until(() => said.every((text) => text() === 'up'));
    const startMs = Date.now() + 50;
    for (const claimant of claimants) claimant.stdin.write(String(startMs));
    await until(() => said.every((text) => text().endsWith(']')));
    for (const claimant of claimants) claimant.stdin.end();
    const got = said.map((text) => JSON.parse(text().slice('up'.length)) as number[]);
    const winners = Array.from({ length: ROUNDS }, (_, round) =>
      got.reduce((sum, each) => sum + (each[round] ?? 0), 0),
    );
    expect(winners).toEqual(Array(ROUNDS).fill(1));
  });

  it('is given back by its owner alone', async () => {
    claimDataDir(folder);
    releaseDataDir(runDir);
    expect(pidNames(runDir)).toEqual([]);
    const other = child(FOR_EVER);
    other.start();
    await until(() => other.pid !== undefined);
    writePid(runDir, 'supervisor', other.pid!);
    releaseDataDir(runDir);
    expect(livePid(runDir, 'supervisor')).toBe(other.pid);
  });
});

describe('clear messages', () => {
  it('name the port that is taken and the variable that moves it', async () => {
    const [port] = await freePorts(1);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await expect(requireFreePorts({ KAFKA_PORT: port! }, '127.0.0.1', 0)).rejects.toThrow(
      `port ${port!} is in use: stop the program that uses it, or set another port with KAFKA_PORT`,
    );
    await new Promise((resolve) => server.close(resolve));
    await expect(requireFreePorts({ KAFKA_PORT: port! })).resolves.toBeUndefined();
    await expect(requireFreePorts({ KAFKA_PORT: port!, API_PORT: port! })).rejects.toThrow(
      'KAFKA_PORT and API_PORT are both',
    );
  });

  it('say what to install when Java is missing or too old', () => {
    expect(() => findJava({ JAVA_HOME: '/nowhere' })).toThrow(SetupError);
    expect(() => findJava({ JAVA_HOME: '/nowhere' })).toThrow(/Java 17|17 or newer.*docker compose up.*KAFKA_BROKERS/);
  });
});

describe('settings of the engines', () => {
  it('Kafka forgets nothing by itself', () => {
    const properties = kafkaProperties({ dataDir: '/d', port: 1, controllerPort: 2 });
    expect(properties).toMatchObject({
      'log.retention.ms': -1,
      'offsets.retention.minutes': 2_147_483_647,
      'auto.create.topics.enable': 'false',
      'transaction.state.log.min.isr': 1,
      'group.initial.rebalance.delay.ms': 0,
    });
    for (const value of Object.values(properties)) if (typeof value === 'number') expect(value).toBeLessThan(2 ** 31);
  });

  it('ClickHouse stays within the machine', () => {
    const gb = 1024 ** 3;
    for (const machine of [2 * gb, 8 * gb, 24 * gb, 256 * gb]) {
      const { server, query } = memoryLimits(machine);
      expect(server).toBeLessThan(machine);
      expect(query).toBeLessThan(server);
    }
    expect(memoryLimits(256 * gb).server).toBe(16 * gb);
  });
});
