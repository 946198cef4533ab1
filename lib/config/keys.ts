/** The two keys of an installation: from a variable, or from a file in DATA_DIR that is created at the first use. */
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The problems of the two variables; both are optional. */
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

/** The key with all permissions in all workspaces. */
export function adminKey(env: NodeJS.ProcessEnv, dataDir: string): string {
  return env['ADMIN_KEY'] || keyFile(dataDir, 'admin-key', () => `jta_${randomBytes(24).toString('base64url')}`);
}

/** 32 bytes that encrypt the signing secrets in `definitions`. */
export function secretKey(env: NodeJS.ProcessEnv, dataDir: string): Buffer {
  const hex = env['SECRET_KEY'] || keyFile(dataDir, 'secret-key', () => randomBytes(32).toString('hex'));
  if (!/^[0-9a-fA-F]{64}$/.test(hex))
    throw new Error(`${join(dataDir, 'secret-key')} must contain 64 hexadecimal digits`);
  return Buffer.from(hex, 'hex');
}

/** Reads a key file, or creates it (mode 0600). When several processes create it at once, all get the key of the first. */
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
  if (made === undefined) throw new Error(`cannot create ${path}`);
  return made;
}

function read(path: string): string | undefined {
  try {
    const value = readFileSync(path, 'utf8').trim();
    if (value === '') throw new Error(`${path} is empty: delete it, or write the key to it`);
    return value;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
