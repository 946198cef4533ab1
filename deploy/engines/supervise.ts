/** A supervised child process: its log, restarts and stop. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Backoff } from '../../lib/clock/index.ts';
import { removePid, writePid } from './process.ts';
import { RotatingLog } from './rotating-log.ts';

/** After this long alive, the next restart counts as a first one again. */
const STEADY_MS = 60_000;
/** Exit code for an invalid configuration; a restart would not change it. */
const EXIT_CONFIG = 78;

export interface ChildSpec {
  /** Unique in its DATA_DIR; names the log and the pid file. */
  name: string;
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  runDir: string;
  logDir: string;
  /** Time after SIGTERM before SIGKILL. */
  stopTimeoutMs: number;
  onLine?: (line: string) => void;
  /** If set, the child has an IPC channel to this process, which closes when this process ends. */
  onMessage?: (message: unknown) => void;
  /** Prints messages about unexpected exits and restarts for an operator. */
  say: (message: string) => void;
}

const SETPRIV = process.platform === 'linux' && existsSync('/usr/bin/setpriv') ? '/usr/bin/setpriv' : undefined;

/** The command and its arguments, extended so that on Linux the kernel signals the child when its parent ends. */
export const endedWithParent = (signal: 'TERM' | 'KILL', command: string, args: string[]): [string, string[]] =>
  SETPRIV ? [SETPRIV, ['--pdeathsig', signal, command, ...args]] : [command, args];

export class SupervisedChild {
  private process: ChildProcess | undefined;
  private exited: Promise<void> = Promise.resolve();
  private stopping = false;
  private readonly backoff = new Backoff({ firstMs: 500, maxMs: 15_000 });
  private timer: NodeJS.Timeout | undefined;
  private readonly log: RotatingLog;
  /** The last lines of its output, for the error message when it does not start. */
  readonly tail: string[] = [];
  restarts = 0;
  /** It exited because its configuration is not valid, and is not restarted. */
  refused = false;

  constructor(private readonly spec: ChildSpec) {
    mkdirSync(spec.logDir, { recursive: true });
    this.log = new RotatingLog(join(spec.logDir, `${spec.name}.log`), spec.say);
  }

  get name(): string {
    return this.spec.name;
  }

  get running(): boolean {
    return this.process !== undefined;
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  start(): void {
    const { name, command, args, env, cwd, runDir } = this.spec;
    // On other systems, the next start ends what a killed supervisor left running.
    const [file, argv] = endedWithParent('TERM', command, args);
    const startedAt = Date.now();
    // A session of its own: Ctrl-C in the terminal reaches only the supervisor, which then stops everything in order.
    // Its stdin is a pipe that closes when the supervisor ends, for any reason.
    const child = spawn(file, argv, {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', ...(this.spec.onMessage ? (['ipc'] as const) : [])],
      ...(env && { env }),
      ...(cwd && { cwd }),
    });
    this.process = child;
    child.stdin?.on('error', () => {});
    if (this.spec.onMessage) child.on('message', this.spec.onMessage);
    if (child.pid !== undefined) this.writePid(child.pid);
    this.read(child.stdout);
    this.read(child.stderr);
    this.exited = new Promise((resolve) => {
      let ended = false;
      const end = (how: string): void => {
        if (ended) return;
        ended = true;
        this.process = undefined;
        removePid(runDir, name);
        resolve();
        if (this.stopping) return;
        if (child.exitCode === EXIT_CONFIG) this.refuse();
        else this.restartLater(how, Date.now() - startedAt);
      };
      child.once('error', (error) => end(error.message));
      child.once('exit', (code, signal) => end(signal ? `signal ${signal}` : `exit code ${code ?? '?'}`));
    });
  }

  /** Without the pid file (disk full) the next start cannot end this child; that is no reason to stop it now. */
  private writePid(pid: number): void {
    try {
      writePid(this.spec.runDir, this.name, pid);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      this.spec.say(`cannot write the pid file of ${this.name} (${code})`);
    }
  }

  private read(stream: Readable | null): void {
    if (stream) createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => this.line(line));
  }

  private line(line: string): void {
    this.log.write(line);
    this.tail.push(line);
    if (this.tail.length > 15) this.tail.shift();
    this.spec.onLine?.(line);
  }

  private refuse(): void {
    this.refused = true;
    this.spec.say(`${this.name} rejected its configuration (exit code ${EXIT_CONFIG}); not restarting it`);
  }

  private restartLater(how: string, aliveMs: number): void {
    if (aliveMs > STEADY_MS) this.backoff.reset();
    const waitMs = this.backoff.nextMs();
    this.spec.say(`${this.name} exited unexpectedly (${how}); restarting it in ${waitMs / 1000} s`);
    this.timer = setTimeout(() => {
      this.restarts++;
      this.start();
    }, waitMs);
  }

  /** From now on, an exit is expected and does not lead to a restart. */
  halt(): void {
    this.stopping = true;
    clearTimeout(this.timer);
  }

  /** Sends SIGTERM, and SIGKILL after `stopTimeoutMs`. Resolves when the child has exited. */
  async stop(): Promise<void> {
    this.halt();
    const child = this.process;
    if (child) {
      child.kill('SIGTERM');
      const killer = setTimeout(() => {
        this.spec.say(`${this.name} did not stop within ${this.spec.stopTimeoutMs / 1000} s; killing it`);
        child.kill('SIGKILL');
      }, this.spec.stopTimeoutMs);
      await this.exited;
      clearTimeout(killer);
    }
    this.log.close();
  }
}
