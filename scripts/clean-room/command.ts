/** A command in a process group of its own, whose lines are shown and waited for. */
import { spawn, type ChildProcess } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const LINES_KEPT = 500;
/** A process that still runs this long after SIGKILL will not end. */
const KILL_TIMEOUT_MS = 10_000;

export const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

/** Size of everything below a folder, in megabytes. */
export function megabytesOf(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += lstatSync(join(entry.parentPath, entry.name)).size;
  }
  return Math.round(bytes / 1_000_000);
}

interface Waiting {
  pattern: RegExp;
  found(match: RegExpExecArray): void;
}

export class Command {
  private readonly child: ChildProcess;
  private readonly startedAt = Date.now();
  private readonly exited: Promise<number | NodeJS.Signals>;
  private readonly lines: string[] = [];
  private readonly waiting = new Set<Waiting>();
  private ended = false;

  constructor(
    readonly name: string,
    [file = '', ...args]: readonly string[],
    { cwd, env, say }: { cwd: string; env: NodeJS.ProcessEnv; say: (line: string) => void },
  ) {
    // Its own group, so that a signal reaches npm and what npm runs, as Ctrl-C in a terminal does.
    this.child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.exited = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => resolve(code ?? signal ?? 1));
    });
    this.exited.then(
      () => (this.ended = true),
      () => (this.ended = true),
    );
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.addLine(line, say));
    }
  }

  private addLine(line: string, say: (line: string) => void): void {
    say(`  ${this.took().padStart(6)} | ${line}`);
    this.lines.push(line);
    if (this.lines.length > LINES_KEPT) this.lines.shift();
    for (const waiting of this.waiting) {
      const match = waiting.pattern.exec(line);
      if (match) waiting.found(match);
    }
  }

  /** How long ago it was started. */
  took(): string {
    return seconds(Date.now() - this.startedAt);
  }

  /** The last line that fits, of the last 500. */
  last(pattern: RegExp): string | undefined {
    return this.lines.findLast((line) => pattern.test(line));
  }

  /** The first line that fits, past or to come; rejects when the command ends, or the time does. */
  async line(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    for (const line of this.lines) {
      const match = pattern.exec(line);
      if (match) return match;
    }
    const waiting: Waiting = { pattern, found: () => undefined };
    const found = new Promise<RegExpExecArray>((resolve) => (waiting.found = resolve));
    this.waiting.add(waiting);
    const ended = this.exited.then((how): never => {
      throw new Error(`${this.name} exited with ${String(how)} before it printed ${String(pattern)}`);
    });
    try {
      return await within(Promise.race([found, ended]), timeoutMs, `${this.name} did not print ${String(pattern)}`);
    } finally {
      this.waiting.delete(waiting);
    }
  }

  /** Its exit code, or the signal that ended it; rejects when the time is over. */
  end(timeoutMs: number): Promise<number | NodeJS.Signals> {
    return within(this.exited, timeoutMs, `${this.name} did not end`);
  }

  /** Sends a signal to the whole group; does nothing if it has ended. */
  signal(name: NodeJS.Signals): void {
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, name);
    } catch {
      // The group is empty.
    }
  }

  /** SIGTERM and, should that not do, SIGKILL. */
  async kill(): Promise<void> {
    if (this.ended) return;
    this.signal('SIGTERM');
    await this.end(KILL_TIMEOUT_MS * 3).catch(() => this.signal('SIGKILL'));
    await this.end(KILL_TIMEOUT_MS).catch(() => undefined);
  }
}

async function within<T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${seconds(timeoutMs)}`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
