/** The services of an installation as child processes: started together, watched, drained together. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../../deploy/engines/install.ts';
import { SupervisedChild } from '../../deploy/engines/supervise.ts';
import { isHealthMessage } from '../../lib/service/supervisor.ts';

const READY_TIMEOUT_MS = 120_000;
/** A service that exits this many times before it was ready is not restarted. */
const DEATHS_ALLOWED = 4;
const STOP_TIMEOUT_MS = 25_000;

interface Service {
  name: string;
  child: SupervisedChild;
  healthUrl: string | undefined;
}

export interface ServicesOptions {
  root: string;
  dataDir: string;
  runDir: string;
  /** The first of the ports on which services tell how they are; 0: the system chooses. */
  healthPort: number;
  env: NodeJS.ProcessEnv;
  say: (message: string) => void;
}

/** Bundled programs of a folder dist/services, by name. */
export function serviceNames(folder: string): string[] {
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => existsSync(join(folder, name, 'main.js')))
        .sort()
    : [];
}

/** The command of a service, also of its container. */
export function serviceCommand(root: string, name: string): string[] {
  return ['--enable-source-maps', join(root, 'dist', 'services', name, 'main.js')];
}

/** HEALTH_PORT of each: the one given and the next ones; 0, one of the system's choice, stays 0. */
export function healthPorts(names: readonly string[], first: number): Record<string, number> {
  return Object.fromEntries(names.map((name, i) => [name, first === 0 ? 0 : first + i]));
}

export class Services {
  private readonly services: Service[] = [];
  private stopping = false;

  constructor(private readonly options: ServicesOptions) {}

  /** Starts every service that is built; resolves when each reports that it is ready. */
  async start(): Promise<void> {
    if (this.stopping) throw new SetupError('Stopped while starting.');
    const { root, dataDir, runDir, env, say, healthPort } = this.options;
    const names = serviceNames(join(root, 'dist', 'services'));
    const ports = healthPorts(names, healthPort);
    for (const name of names) {
      const service: Service = {
        name,
        healthUrl: undefined,
        child: new SupervisedChild({
          name,
          command: process.execPath,
          args: serviceCommand(root, name),
          cwd: root,
          env: { ...env, DATA_DIR: dataDir, HEALTH_PORT: String(ports[name]) },
          runDir,
          logDir: join(dataDir, 'logs'),
          stopTimeoutMs: STOP_TIMEOUT_MS,
          say,
          onMessage: (message) => {
            if (isHealthMessage(message)) service.healthUrl = message.health_url;
          },
        }),
      };
      this.services.push(service);
      service.child.start();
    }
    await Promise.all(this.services.map((service) => this.untilReady(service)));
  }

  private async untilReady(service: Service): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (!(await isReady(service.healthUrl))) {
      if (this.stopping) throw new SetupError('Stopped while starting.');
      if (service.child.refused || service.child.restarts >= DEATHS_ALLOWED || Date.now() > deadline) {
        const log = join(this.options.dataDir, 'logs', `${service.name}.log`);
        throw new SetupError(
          `services/${service.name} did not start; last lines of ${log}:\n${service.child.tail.join('\n')}`,
        );
      }
      await sleep(50);
    }
    this.options.say(`services: ${service.name} is ready`);
  }

  /** The processes, for tests that end them the hard way. */
  pids(): Record<string, number | undefined> {
    return Object.fromEntries(this.services.map(({ name, child }) => [name, child.pid]));
  }

  /** Whether there is anything to stop. */
  get begun(): boolean {
    return this.services.length > 0;
  }

  /** One of them does not accept its configuration. */
  get refused(): boolean {
    return this.services.some(({ child }) => child.refused);
  }

  /** Nothing is started any more, nor started again. */
  halt(): void {
    this.stopping = true;
    for (const { child } of this.services) child.halt();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.services.map(({ child }) => child.stop()));
  }
}

async function isReady(healthUrl: string | undefined): Promise<boolean> {
  if (healthUrl === undefined) return false;
  try {
    const response = await fetch(`${healthUrl}/readyz`, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
