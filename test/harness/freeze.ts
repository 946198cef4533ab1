import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 2;
const TIMEOUT_MS = 10_000;

/**
 * Stops a process with SIGSTOP and resolves when none of its threads runs. The signal alone is not enough: the system
 * delivers it to one thread, and until that thread is scheduled, the others still answer requests (for 30 ms on a busy
 * machine). SIGCONT lets the process run again.
 */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const deadline = Date.now() + TIMEOUT_MS;
  while (!isStopped(pid)) {
    if (Date.now() > deadline) throw new Error(`process ${pid} still runs ${TIMEOUT_MS} ms after SIGSTOP`);
    await sleep(POLL_MS);
  }
}

function isStopped(pid: number): boolean {
  if (process.platform !== 'linux') {
    return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .startsWith('T');
  }
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).every((task) => stateOf(`${tasks}/${task}/stat`) === 'T');
}

/** The state of a thread: the field after its name in brackets, which may contain spaces and brackets. */
function stateOf(path: string): string | undefined {
  const stat = readFileSync(path, 'utf8');
  return stat[stat.lastIndexOf(')') + 2];
}
