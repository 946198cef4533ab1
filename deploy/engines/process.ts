/** Facts about processes of this machine: who is alive, since when, and how to end what an earlier run left. */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from './setup-error.ts';

/** Whose pid file says that DATA_DIR is taken. */
const SUPERVISOR = 'supervisor';

/**
 * When a process started, as an opaque string that two processes of the same pid do not share;
 * undefined when there is none. (A pid alone proves nothing: the system hands it out again.)
 */
export function startOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // After the name in brackets, which may hold spaces: state is field 3, the start time field 22.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : fields[19];
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Writes `<runDir>/<name>.pid` for a process of ours. */
export function writePid(runDir: string, name: string, pid: number): void {
  mkdirSync(runDir, { recursive: true });
  writeFileSync(join(runDir, `${name}.pid`), pidText(pid));
}

const pidText = (pid: number): string => `${pid} ${startOf(pid) ?? ''}`;

export function removePid(runDir: string, name: string): void {
  rmSync(join(runDir, `${name}.pid`), { force: true });
}

/** The pid in `<runDir>/<name>.pid` if that very process still runs. */
export function livePid(runDir: string, name: string): number | undefined {
  const text = textOf(join(runDir, `${name}.pid`));
  return text === undefined ? undefined : liveOwner(text);
}

/** Undefined when there is no such file. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether a file is there whose process is no more. */
function isLeft(path: string): boolean {
  const text = textOf(path);
  return text !== undefined && liveOwner(text) === undefined;
}

/** The pid that a pid file's text names, if that very process still runs. */
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
    // It is gone already, which is what we want.
  }
}

/**
 * Ends what an earlier run of the same DATA_DIR left behind (its supervisor was killed with -9):
 * SIGTERM, then SIGKILL after `graceMs`. Returns the names of what it ended.
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
 * Claims DATA_DIR for this process; throws a SetupError when another installation already runs on it. Of several that
 * claim it at once, one gets it: a claim comes into being whole, as a link to a file that is written already, and one
 * whose process is no more is replaced by whoever holds the ticket to do so.
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
        // Looked at once more: who had the ticket before may have replaced it.
        if (isLeft(claim)) renameSync(own, claim);
        rmSync(ticket);
      } else if (isLeft(ticket)) rmSync(ticket, { force: true });
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/** Gives DATA_DIR back, if it is this process that has it. */
export function releaseDataDir(runDir: string): void {
  if (livePid(runDir, SUPERVISOR) === process.pid) removePid(runDir, SUPERVISOR);
}

/** Makes `to` another name of a file; false when there is something of that name. */
function linkNew(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
