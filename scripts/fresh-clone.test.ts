/** scripts/run.mjs in a fresh clone: a folder without packages, with an npm that only tells that it was called. */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let clone: string;
let bin: string;
const called = (): string => join(clone, 'npm-was-called');

beforeAll(() => {
  clone = mkdtempSync(join(tmpdir(), 'jane-clone-'));
  bin = join(clone, 'bin');
  for (const folder of ['scripts', 'bin', 'deploy/engines']) mkdirSync(join(clone, folder), { recursive: true });
  for (const file of readdirSync('scripts'))
    if (/\.(mjs|ts)$/.test(file)) cpSync(join('scripts', file), join(clone, 'scripts', file));
  cpSync('scripts/help', join(clone, 'scripts/help'), { recursive: true });
  for (const file of ['package.json', 'package-lock.json', 'deploy/engines/pom.xml']) cpSync(file, join(clone, file));
  symlinkSync(process.execPath, join(bin, 'node'));
});
afterAll(() => rmSync(clone, { recursive: true, force: true }));

function fakeNpm(script: string): void {
  rmSync(called(), { force: true });
  writeFileSync(join(bin, 'npm'), `#!/bin/sh\necho $$ > ${called()}\n${script}\n`);
  chmodSync(join(bin, 'npm'), 0o755);
}

interface Ran {
  child: ChildProcess;
  ended: Promise<{ code: number | null; out: string; err: string }>;
}

/** With nothing in its PATH but node and that npm. */
function run(args: string[], env: Record<string, string> = {}): Ran {
  const child = spawn(process.execPath, ['scripts/run.mjs', ...args], { cwd: clone, env: { PATH: bin, ...env } });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return { child, ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err }))) };
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie has ended; its new parent has not reaped it yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(check: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !check(); i++) await sleep(10);
  expect(check()).toBe(true);
}

const ELSEWHERE = { KAFKA_BROKERS: 'k:1', REGISTRY_URL: 'http://r', CLICKHOUSE_URL: 'http://c' };

describe('a fresh clone', () => {
  it.each(['start', 'demo', 'simulate', 'bench', 'test', 'verify', 'build'])(
    'answers %s --help without installing anything',
    async (name) => {
      fakeNpm('exit 1');
      const { code, out } = await run([name, '--help']).ended;
      expect([code, existsSync(called())]).toEqual([0, false]);
      expect(out).toContain(`npm ${name === 'test' ? name : `run ${name}`}`);
    },
  );

  it('names all that is missing at once, before it installs anything', async () => {
    fakeNpm('exit 1');
    const { code, err } = await run(['start']).ended;
    expect([code, existsSync(called())]).toEqual([1, false]);
    expect(err).toMatch(/Java 17 or newer.*\n {2}Maven.*apt install maven\)\n.*docker compose up/s);
    expect(err).not.toContain('stopping');
  });

  it('needs neither Java nor Maven for engines that run elsewhere', async () => {
    fakeNpm('exit 1');
    const { code, err } = await run(['start'], ELSEWHERE).ended;
    expect([code, existsSync(called())]).toEqual([1, true]);
    expect(err).toContain('npm ci failed');
  });

  it.each([
    ['start', 'SIGTERM', 0],
    ['demo', 'SIGINT', 0],
    ['generate', 'SIGTERM', 143],
  ] as const)('stopped while it installs for %s by %s, it leaves no npm behind', async (name, signal, expected) => {
    fakeNpm('exec /bin/sleep 30');
    const { child, ended } = run([name], ELSEWHERE);
    await until(() => existsSync(called()) && readFileSync(called(), 'utf8') !== '');
    const npm = Number(readFileSync(called(), 'utf8'));
    expect(alive(npm)).toBe(true);
    child.kill(signal);
    expect((await ended).code).toBe(expected);
    await until(() => !alive(npm));
    expect(existsSync(join(clone, 'dist', 'lock'))).toBe(false);
  });

  it.skipIf(!existsSync('/usr/bin/setpriv'))('killed with -9 while it installs, it leaves no npm behind', async () => {
    fakeNpm('exec /bin/sleep 30');
    const { child } = run(['generate']);
    await until(() => existsSync(called()) && readFileSync(called(), 'utf8') !== '');
    const npm = Number(readFileSync(called(), 'utf8'));
    child.kill('SIGKILL');
    await until(() => !alive(npm));
  });
});
