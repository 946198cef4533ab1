/** Schemathesis in a virtual environment of its own; nothing else here needs Python. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const REQUIREMENTS = 'test/schemathesis/requirements.txt';

export interface Ran {
  code: number;
  /** Both streams, as they came. */
  output: string;
}

/** Runs a program to its end, successful or not. */
export function run(file: string, args: string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((ended, reject) => {
    const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const said: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => said.push(piece));
    child.once('error', reject);
    child.once('close', (code) => ended({ code: code ?? 1, output: Buffer.concat(said).toString('utf8') }));
  });
}

async function must(what: string, file: string, args: string[], remedy: string): Promise<void> {
  const { code, output } = await run(file, args);
  if (code !== 0) throw new Error(`${what} failed (${code}): ${remedy}\n${output}`);
}

/** The path of the program, installed if it is not there yet in these versions. Throws with the remedy. */
export async function schemathesis(): Promise<string> {
  const python = process.env['PYTHON'] ?? 'python3';
  const { output: version } = await run(python, ['--version']);
  const hash = createHash('sha256').update(version).update(readFileSync(REQUIREMENTS));
  const folder = resolve('dist', 'schemathesis', hash.digest('hex').slice(0, 12));
  const whole = join(folder, 'installed');
  if (!existsSync(whole)) {
    rmSync(folder, { recursive: true, force: true });
    const venv = 'install the module venv (Debian, Ubuntu: apt install python3-venv)';
    await must(`${python} -m venv`, python, ['-m', 'venv', folder], venv);
    const pip = ['-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '--only-binary', ':all:'];
    const index = `${REQUIREMENTS} comes from the Python package index; PIP_INDEX_URL names another one than pypi.org`;
    await must('pip install', join(folder, 'bin', 'python'), [...pip, '-r', REQUIREMENTS], index);
    writeFileSync(whole, '');
  }
  return join(folder, 'bin', 'schemathesis');
}
