/** The two keys of an installation: from a variable, else from a file of DATA_DIR that is made at first use. */
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Problems of the two variables, in words; neither is needed. */
export function keyProblems(env: NodeJS.ProcessEnv): string[] {
  const problems: string[] = [];
  const adminKey = env['ADMIN_KEY'];
  if (adminKey && !/^[\x21-\x7e]{16,}$/.test(adminKey)) {
    problems.push('ADMIN_KEY must be 16 or more printable characters without spaces');
  }
  const secretKey = env['SECRET_KEY'];
  if (secretKey && !/^[0-9a-fA-F]{64}$/.test(secretKey)) problems.push('SECRET_KEY must be 64 hexadecimal digits');
  return problems;
}

/** The key that may do everything in every workspace. */
export function adminKey(env: NodeJS.ProcessEnv, dataDir: string): string {
  return env['ADMIN_KEY'] || keyFile(dataDir, 'admin-key', () => `jta_${randomBytes(24).toString('base64url')}`);
}

/** 32 bytes that encrypt the signing secrets in `definitions`. */
export function secretKey(env: NodeJS.ProcessEnv, dataDir: string): Buffer {
  const hex = env['SECRET_KEY'] || keyFile(dataDir, 'secret-key', () => randomBytes(32).toString('hex'));
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) throw new Error(`${join(dataDir, 'secret-key')} must hold 64 hexadecimal digits`);
  return Buffer.from(hex, 'hex');
}

/** Reads a key file, or makes it (0600); of several processes that make it at once, one wins and all read that. */
function keyFile(dataDir: string, name: string, make: () => string): string {
  const path = join(dataDir, name);
  const existing = read(path);
  if (existing !== undefined) return existing;
  mkdirSync(dataDir, { recursive: true });
  const own = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  writeFileSync(own, `${make()}\n`, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(own, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(own, { force: true });
  }
  const made = read(path);
  if (made === undefined) throw new Error(`${path} could not be made`);
  return made;
}

function read(path: string): string | undefined {
  try {
    const value = readFileSync(path, 'utf8').trim();
    if (value === '') throw new Error(`${path} is empty: remove it, or write the key into it`);
    return value;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
