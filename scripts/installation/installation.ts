/** A whole installation on this machine: engines and services under one supervisor, this process. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Engines } from '../../deploy/engines/engines.ts';
import { requireFreePorts } from '../../deploy/engines/ports.ts';
import { claimDataDir, endLeftovers, releaseDataDir } from '../../deploy/engines/process.ts';
import { SetupError } from '../../deploy/engines/setup-error.ts';
import { ConfigError } from '../../lib/config/index.ts';
import { installationConfig, PROGRAMS, suspects, type ProgramName } from './configuration.ts';
import { engineOptions, type Settings } from './options.ts';
import { outsideEngines, waitForOutside } from './outside.ts';
import { healthPorts, serviceNames, Services } from './services.ts';
import { onStopSignals } from './signals.ts';

/** Called when all serves; `stopping` is aborted when the end begins. */
export type OnReady = (installation: {
  config: Settings;
  say: (message: string) => void;
  stopping: AbortSignal;
}) => Promise<void> | void;

/** Exit code of a configuration that is not valid, as of the services. */
const EXIT_CONFIG = 78;

const say = (message: string): void => void process.stderr.write(`${message}\n`);

/**
 * Runs an installation until SIGINT or SIGTERM: then drains the services, stops the engines, exits with 0.
 * One that comes clearly later ends everything at once. Exits with 78 when the configuration is not valid, with 1
 * when it cannot start for another reason, after printing why.
 */
export async function runInstallation(name: ProgramName, onReady: OnReady): Promise<void> {
  try {
    for (const suspect of suspects(process.env)) say(`warning: ${suspect}`);
    const config = installationConfig(name, process.env, process.argv.slice(2));
    if (process.argv.includes('--validate')) {
      process.stdout.write('The configuration is valid.\n');
      return;
    }
    await run(PROGRAMS[name].services, config, onReady);
  } catch (error) {
    say(inWords(error));
    process.exit(error instanceof ConfigError ? EXIT_CONFIG : 1);
  }
}

/** An unmet precondition outside of this program is printed without a stack. */
function inWords(error: unknown): string {
  if (error instanceof SetupError || error instanceof ConfigError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function run(withServices: boolean, config: Settings, onReady: OnReady): Promise<void> {
  const root = process.cwd();
  const dataDir = resolve(config.dataDir);
  makeDataDir(dataDir);
  const runDir = claimDataDir(dataDir);
  const left = await endLeftovers(runDir);
  if (left.length > 0) say(`set-up: ended processes of an earlier run: ${left.join(', ')}`);

  const engines = new Engines(engineOptions({ ...config, dataDir }, process.env, { root, runDir, say }));
  const { healthPort } = config;
  const services = new Services({ root, dataDir, runDir, healthPort, env: process.env, say });
  const stop = stopper(engines, services, runDir);
  // A terminal that is gone, or a full disk behind a redirection, must not end what runs well.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  onStopSignals(process, { stop: () => void stop(0), atOnce: () => void stop.atOnce(), now: Date.now });
  try {
    if (withServices) {
      const ports = { API_PORT: config.apiPort, INGEST_PORT: config.ingestPort, ...healthPortsByVariable(healthPort) };
      await requireFreePorts(ports, config.host);
    }
    await waitForOutside(outsideEngines(config, process.env), { say, stopping: stop.signal });
    await engines.start();
    stop.signal.throwIfAborted();
    if (withServices) {
      makeKeys(config);
      await services.start();
    }
    stop.signal.throwIfAborted();
    await onReady({ config, say, stopping: stop.signal });
  } catch (error) {
    if (stop.signal.aborted) return;
    say(inWords(error));
    await stop(services.refused ? EXIT_CONFIG : 1);
  }
}

function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
    accessSync(dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new SetupError(
      `DATA_DIR ${dataDir} is not a writable folder (${code}): correct it, or choose another folder.`,
    );
  }
}

/** Names as they appear in messages: HEALTH_PORT (sink). */
function healthPortsByVariable(first: number): Record<string, number> {
  if (first === 0) return {};
  const ports = healthPorts(serviceNames(join('dist', 'services')), first);
  return Object.fromEntries(Object.entries(ports).map(([name, port]) => [`HEALTH_PORT (${name})`, port]));
}

/** Before the services start, so that the files exist when "ready" is printed. */
function makeKeys(config: Settings): void {
  try {
    void config.adminKey;
    void config.secretKey;
  } catch (error) {
    throw new SetupError(`Cannot start: ${(error as Error).message}`);
  }
}

interface Stop {
  (code: number): Promise<void>;
  /** Without waiting for anybody: nothing is drained, and what had its 202 is in Kafka nevertheless. */
  atOnce(): Promise<void>;
  signal: AbortSignal;
}

function stopper(engines: Engines, services: Services, runDir: string): Stop {
  const controller = new AbortController();
  const stop = async (code: number): Promise<void> => {
    if (controller.signal.aborted) return;
    controller.abort();
    if (engines.begun || services.begun) say('stopping');
    await services.stop();
    await engines.stop();
    releaseDataDir(runDir);
    process.exit(code);
  };
  const atOnce = async (): Promise<void> => {
    say('stopping immediately');
    services.halt();
    engines.halt();
    await endLeftovers(runDir, 0);
    releaseDataDir(runDir);
    process.exit(1);
  };
  return Object.assign(stop, { atOnce, signal: controller.signal });
}
