/** Processes of this machine: pid files, and ending what an earlier run left running. */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from './setup-error.ts';

/** The pid file of this name marks a DATA_DIR as in use. */
const SUPERVISOR = 'supervisor';

/**
 * When a process started, as an opaque string; undefined when there is no such process. Together with the pid it
 * identifies a process, because the system reuses pids.
 */
export function startOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // Fields after the name in brackets, which may contain spaces: state is field 3, the start time is field 22.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : fields[19];
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Writes `<runDir>/<name>.pid`. */
export function writePid(runDir: string, name: string, pid: number): void {
  mkdirSync(runDir, { recursive: true });
  writeFileSync(join(runDir, `${name}.pid`), pidText(pid));
}

const pidText = (pid: number): string => `${pid} ${startOf(pid) ?? ''}`;

export function removePid(runDir: string, name: string): void {
  rmSync(join(runDir, `${name}.pid`), { force: true });
}

/** The pid in `<runDir>/<name>.pid` if that process is still running. */
export function livePid(runDir: string, name: string): number | undefined {
  const text = textOf(join(runDir, `${name}.pid`));
  return text === undefined ? undefined : liveOwner(text);
}

/** The content of a file; undefined when it does not exist. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether the pid file exists and its process has ended. */
function isLeft(path: string): boolean {
  const text = textOf(path);
  return text !== undefined && liveOwner(text) === undefined;
}

/** The pid in the text of a pid file, if that process is still running. */
function liveOwner(text: string): number | undefined {
  const [pidText, ...start] = text.split(' ');
  const pid = Number(pidText);
  const current = Number.isInteger(pid) && pid > 0 ? startOf(pid) : undefined;
  return current !== undefined && current === start.join(' ') ? pid : undefined;
}

/** The names that have a pid file in `runDir`. */
export function pidNames(runDir: string): string[] {
  try {
    return readdirSync(runDir)
      .filter((file) => file.endsWith('.pid'))
      .map((file) => file.slice(0, -'.pid'.length));
  } catch {
    return [];
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // The process has ended already.
  }
}

/**
 * Ends processes that an earlier run of the same DATA_DIR left running because its supervisor was killed: sends SIGTERM,
 * and SIGKILL after `graceMs`. Returns their names.
 */
export async function endLeftovers(runDir: string, graceMs = 8_000): Promise<string[]> {
  const left = pidNames(runDir)
    .filter((name) => name !== SUPERVISOR)
    .map((name) => ({ name, pid: livePid(runDir, name) }));
  const alive = left.filter((entry): entry is { name: string; pid: number } => entry.pid !== undefined);
  for (const { pid } of alive) signal(pid, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  for (const { name, pid } of alive) {
    while (livePid(runDir, name) !== undefined && Date.now() < deadline) await sleep(50);
    if (livePid(runDir, name) === undefined) continue;
    signal(pid, 'SIGKILL');
    while (livePid(runDir, name) !== undefined) await sleep(20);
  }
  for (const { name } of left) removePid(runDir, name);
  return alive.map(({ name }) => name);
}

/**
 * Claims DATA_DIR for this process; throws a SetupError when another installation already runs on it. If several
 * claim it at the same time, only one succeeds: a claim is created atomically, as a link to a file that is already
 * complete. A claim whose process has ended is replaced by the process that holds the ticket for it.
 */
export function claimDataDir(dataDir: string): string {
  const runDir = join(dataDir, 'run');
  mkdirSync(runDir, { recursive: true });
  const [claim, ticket] = [join(runDir, `${SUPERVISOR}.pid`), join(runDir, `${SUPERVISOR}.ticket`)];
  const own = join(runDir, `${SUPERVISOR}-${process.pid}.claim`);
  writeFileSync(own, pidText(process.pid));
  try {
    for (;;) {
      const owner = livePid(runDir, SUPERVISOR);
      if (owner === process.pid) return runDir;
      if (owner !== undefined) {
        throw new SetupError(
          `Another installation already runs on ${dataDir} (process ${owner}). Stop it, or choose another DATA_DIR (and other ports).`,
        );
      }
      if (linkNew(own, claim)) continue;
      if (linkNew(own, ticket)) {
        // Checked again: the previous holder of the ticket may have replaced it.
        if (isLeft(claim)) renameSync(own, claim);
        rmSync(ticket);
      } else if (isLeft(ticket)) rmSync(ticket, { force: true });
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/** Releases DATA_DIR if this process holds it. */
export function releaseDataDir(runDir: string): void {
  if (livePid(runDir, SUPERVISOR) === process.pid) removePid(runDir, SUPERVISOR);
}

/** Creates `to` as a hard link to a file; false when `to` exists. */
function linkNew(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
