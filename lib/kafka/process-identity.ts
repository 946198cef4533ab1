import { readFileSync, readlinkSync } from 'node:fs';

/**
 * Identifies a process, so that another process can check whether it still runs: boot id of the machine, namespace of
 * process ids, process id. Null where the system does not provide them.
 */
export function processIdentity(): string | null {
  const space = processSpace();
  return space === null ? null : `${space}/${process.pid}`;
}

function processSpace(): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return null;
  }
}

/** Whether the process belongs to this machine and namespace, and has ended. */
export function isGone(identity: string): boolean {
  const space = processSpace();
  if (space === null || !identity.startsWith(`${space}/`)) return false;
  const pid = Number(identity.slice(space.length + 1));
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
