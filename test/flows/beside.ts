/** A process of a service beside those of an installation, which shares its partitions with them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { isHealthMessage } from '../../lib/service/supervisor.ts';
import type { StagePosition } from '../../lib/telemetry/index.ts';
import { waitUntil } from '../harness/client.ts';
import type { Installation } from '../harness/installation.ts';

export interface BesideOptions {
  /** Of this process, in messages and in the name of its log. */
  name: string;
  /** The folder of the service. */
  service: string;
  env?: Record<string, string>;
}

export class Beside {
  private child: ChildProcess | undefined;
  private healthUrl: string | undefined;

  constructor(
    private readonly installation: Installation,
    private readonly options: BesideOptions,
  ) {}

  get pid(): number {
    const { pid } = this.child ?? {};
    if (pid === undefined) throw new Error(`${this.options.name} does not run`);
    return pid;
  }

  start(): void {
    const { installation, options } = this;
    const child = spawn(process.execPath, [join('dist', 'services', options.service, 'main.js')], {
      env: { ...process.env, ...installation.env, HEALTH_PORT: '0', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const log = createWriteStream(join(installation.dataDir, 'logs', `${options.name}.log`), { flags: 'a' });
    for (const stream of [child.stdout, child.stderr]) stream?.pipe(log, { end: false });
    child.once('close', () => log.end());
    child.on('message', (message) => {
      if (isHealthMessage(message)) this.healthUrl = message.health_url;
    });
    this.child = child;
    this.healthUrl = undefined;
  }

  /** kill -9, also of one that is stopped. */
  async kill9(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** The partitions of a topic that it runs now. */
  async running(topic: string): Promise<number[]> {
    if (this.healthUrl === undefined) return [];
    const answer = await fetch(`${this.healthUrl}/positions`, { signal: AbortSignal.timeout(2_000) });
    const positions = (await answer.json()) as StagePosition[];
    return positions.filter((at) => at.topic === topic && at.state === 'running').map(({ partition }) => partition);
  }

  /** Until it runs partitions of the topic; resolves with them. */
  untilRunning(topic: string): Promise<number[]> {
    return waitUntil(
      `${this.options.name} has partitions of ${topic}`,
      async () => {
        const partitions = await this.running(topic);
        return partitions.length > 0 && partitions;
      },
      { timeoutMs: 60_000, everyMs: 200 },
    );
  }
}
