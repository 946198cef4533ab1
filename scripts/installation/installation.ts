/** A whole installation on this machine: engines and services under one supervisor, this process. */
import { join, resolve } from 'node:path';
import { Engines } from '../../deploy/engines/engines.ts';
import { SetupError } from '../../deploy/engines/install.ts';
import { requireFreePorts } from '../../deploy/engines/ports.ts';
import { claimDataDir, endLeftovers, removePid } from '../../deploy/engines/process.ts';
import { ConfigError, defineConfig, helpText, loadConfig } from '../../lib/config/index.ts';
import { engineOptions, type Settings } from './options.ts';
import { healthPorts, serviceNames, Services } from './services.ts';

export interface Program {
  /** What it is called with: npm run <name>. */
  name: string;
  doc: string;
  /** Starts services too; else the engines alone. */
  services: boolean;
  /** Called when all serves; `stopping` is aborted when the end begins. */
  onReady: (installation: {
    config: Settings;
    say: (message: string) => void;
    stopping: AbortSignal;
  }) => Promise<void> | void;
}

const say = (message: string): void => void process.stderr.write(`${message}\n`);

/**
 * Runs an installation until SIGINT or SIGTERM: then drains the services, stops the engines, exits with 0.
 * A second signal ends everything at once. Exits with 1 when it cannot start, having said why.
 */
export async function runInstallation(program: Program): Promise<void> {
  const definition = defineConfig({ name: `npm run ${program.name}`, doc: program.doc, fields: {} });
  if (process.argv.includes('--help')) {
    process.stdout.write(helpText(definition));
    return;
  }
  try {
    const config = loadConfig(definition);
    if (process.argv.includes('--validate')) {
      process.stdout.write('The configuration is valid.\n');
      return;
    }
    await run(program, config);
  } catch (error) {
    const expected = error instanceof SetupError || error instanceof ConfigError;
    say(expected ? error.message : String((error as Error).stack));
    process.exit(1);
  }
}

async function run(program: Program, config: Settings): Promise<void> {
  const root = process.cwd();
  const dataDir = resolve(config.dataDir);
  const runDir = claimDataDir(dataDir);
  const left = await endLeftovers(runDir);
  if (left.length > 0) say(`set-up: ended what an earlier run left behind: ${left.join(', ')}`);

  const engines = new Engines(engineOptions({ ...config, dataDir }, process.env, { root, runDir, say }));
  const { healthPort } = config;
  const services = new Services({ root, dataDir, runDir, healthPort, env: process.env, say });
  const stop = stopper(engines, services, runDir);
  process.on('SIGINT', () => void stop(0));
  process.on('SIGTERM', () => void stop(0));
  try {
    if (program.services) {
      const ports = { API_PORT: config.apiPort, INGEST_PORT: config.ingestPort, ...healthPortsByVariable(healthPort) };
      await requireFreePorts(ports, config.host);
    }
    await engines.start();
    if (program.services) {
      makeKeys(config);
      await services.start();
    }
    await program.onReady({ config, say, stopping: stop.signal });
  } catch (error) {
    if (stop.signal.aborted) return;
    say(error instanceof SetupError ? error.message : String((error as Error).stack));
    await stop(1);
  }
}

/** As they are asked for in messages: HEALTH_PORT (sink). */
function healthPortsByVariable(first: number): Record<string, number> {
  if (first === 0) return {};
  const ports = healthPorts(serviceNames(join('dist', 'services')), first);
  return Object.fromEntries(Object.entries(ports).map(([name, port]) => [`HEALTH_PORT (${name})`, port]));
}

/** Before the services start, so that whoever waits for "ready" finds the files. */
function makeKeys(config: Settings): void {
  void config.adminKey;
  void config.secretKey;
}

type Stop = ((code: number) => Promise<void>) & { signal: AbortSignal };

function stopper(engines: Engines, services: Services, runDir: string): Stop {
  const controller = new AbortController();
  const stop = async (code: number): Promise<void> => {
    if (controller.signal.aborted) {
      say('stopping at once');
      await endLeftovers(runDir, 0);
      process.exit(1);
    }
    controller.abort();
    say('stopping');
    await services.stop();
    await engines.stop();
    removePid(runDir, 'supervisor');
    process.exit(code);
  };
  return Object.assign(stop, { signal: controller.signal });
}
