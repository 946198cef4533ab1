/** CPU time by process, from /proc: of each part of the pipeline, and of other programs on the machine. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

/** CPU-seconds, user and system, by process. */
export type CpuSeconds = Record<string, number>;

export interface CpuSpent {
  /** Wall-clock seconds. */
  seconds: number;
  /** CPU-seconds of each process of the installation. */
  spent: CpuSeconds;
  /** Seconds that the threads of each process waited for a CPU, added up. */
  waited: CpuSeconds;
  /** Share of the time in which any process of this machine waited for a CPU; NaN if the kernel does not report it. */
  pressure: number;
  /** The benchmark itself: load generator and polling. */
  bench: number;
  /** Everything else on this machine: other programs and the kernel. */
  others: number;
}

let ticks: number | undefined;

/** Clock ticks in a second, the unit of /proc. */
function ticksPerSecond(): number {
  ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks;
}

/** CPU-seconds that a process and its threads have used, without its children. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // After the name in brackets, which may hold spaces, field 3 is the first: utime is field 14, stime 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond();
}

/** CPU-seconds that the whole machine has been busy. */
function machineBusySeconds(): number {
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '';
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond();
}

/** Seconds that the threads of a process have waited for a processor. */
function waitedSecondsOf(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[1]);
    } catch {
      // A thread that ended meanwhile.
    }
  }
  return nanoseconds / 1e9;
}

/** Seconds in which anything waited for a processor. */
function pressureSeconds(): number {
  try {
    return Number(/^some .*total=(\d+)/m.exec(readFileSync('/proc/pressure/cpu', 'utf8'))?.[1]) / 1e6;
  } catch {
    return NaN;
  }
}

function benchSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Resident memory of processes, in MiB. */
export function residentMiB(pids: Record<string, number>): Record<string, number> {
  const of = (pid: number): number =>
    Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, of(pid)]));
}

/**
 * Starts to count. The returned function reports the CPU time since then, and can be called repeatedly. It throws when a
 * process was restarted, because the figures are meaningless then.
 */
export function countCpu(pidsNow: () => Record<string, number>): () => CpuSpent {
  const pids = pidsNow();
  const read = (of: (pid: number) => number): CpuSeconds =>
    Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, of(pid)]));
  const since = (of: (pid: number) => number, then: CpuSeconds): CpuSeconds =>
    Object.fromEntries(Object.entries(read(of)).map(([name, seconds]) => [name, seconds - then[name]!]));
  const startedMs = performance.now();
  const before = {
    spent: read(cpuSecondsOf),
    waited: read(waitedSecondsOf),
    pressure: pressureSeconds(),
    bench: benchSeconds(),
    machine: machineBusySeconds(),
  };
  return () => {
    const now = pidsNow();
    for (const [name, pid] of Object.entries(pids)) {
      if (now[name] !== pid) throw new Error(`${name} was restarted in the middle of a measurement`);
    }
    const spent = since(cpuSecondsOf, before.spent);
    const bench = benchSeconds() - before.bench;
    const ours = Object.values(spent).reduce((sum, seconds) => sum + seconds, bench);
    const others = Math.max(0, machineBusySeconds() - before.machine - ours);
    const seconds = (performance.now() - startedMs) / 1_000;
    const waited = since(waitedSecondsOf, before.waited);
    return { seconds, spent, waited, pressure: (pressureSeconds() - before.pressure) / seconds, bench, others };
  };
}
