/** Runs a process: configuration, logger, signals, uncaught errors, shutdown. */
import { NoAnswerError, type Clock } from '../clock/index.ts';
import {
  ConfigError,
  helpText,
  loadConfig,
  type COMMON,
  type ConfigOf,
  type Definition,
  type Field,
} from '../config/index.ts';
import { createLogger, createMetrics } from '../telemetry/index.ts';
import { RunningService, type Service } from './service.ts';
import { joinSupervisor } from './supervisor.ts';

type Fields = Readonly<Record<string, Field<unknown>>>;

export interface ServiceOptions<F extends Fields> {
  name: string;
  config: Definition<F>;
  clock: Clock;
  /** Starts the service. Registers everything that it opens with `onStop`. */
  start(service: Service<ConfigOf<F> & ConfigOf<typeof COMMON>>): Promise<void>;
}

/**
 * How long a start may still take once the process was asked to stop. A start that waits for an engine may never finish;
 * it has accepted no work yet, so ending it is safe.
 */
const START_GRACE_MS = 2_000;

/** How long stopping may take. */
const STOP_TIMEOUT_MS = 20_000;

/** Exit code for an invalid configuration. */
const EXIT_CONFIG = 78;

/** Runs a service until SIGTERM or SIGINT, or until its supervisor has ended; then stops it and exits with 0. */
export function runService<F extends Fields>(options: ServiceOptions<F>): void {
  const { name, config: definition, clock, start } = options;
  if (process.argv.includes('--help')) {
    process.stdout.write(helpText(definition));
    return;
  }
  const config = configOrExit(definition);
  if (process.argv.includes('--validate')) {
    process.stdout.write(`The configuration of ${name} is valid.\n`);
    return;
  }
  const logger = createLogger(name, config.logLevel);
  const die = (error: unknown, message: string): void => {
    logger.fatal({ err: error }, message);
    process.exit(1);
  };
  const end = (message: string): void => {
    logger.info(message);
    process.exit(0);
  };
  process.on('uncaughtException', (error) => die(error, 'uncaught exception'));
  process.on('unhandledRejection', (error) => die(error, 'unhandled rejection'));

  let started = false;
  let stopping = false;
  const abandonStart = (): void => {
    if (!started) end('stopped before the start had finished');
  };
  const starting = (async () => {
    const service = await RunningService.open({ name, config, logger, metrics: createMetrics(), clock });
    await start(service);
    return service;
  })();
  starting.then(
    () => (started = true),
    (error: unknown) => {
      if (!stopping) return die(error, 'start failed');
      logger.info({ err: error }, 'start failed while stopping');
      abandonStart();
    },
  );
  const stop = (reason: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ reason }, 'stopping');
    void clock.sleep(START_GRACE_MS).then(abandonStart);
    const overdue = (): void => die(new NoAnswerError(`not stopped within ${STOP_TIMEOUT_MS} ms`), 'stop failed');
    void clock.sleep(STOP_TIMEOUT_MS).then(overdue);
    starting
      .then((service) => service.stop())
      .then(() => end('stopped'))
      .catch((error: unknown) => die(error, 'stop failed'));
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  joinSupervisor(() => stop('supervisor ended'));
}

function configOrExit<F extends Fields>(definition: Definition<F>): ConfigOf<F> {
  try {
    return loadConfig(definition);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}
