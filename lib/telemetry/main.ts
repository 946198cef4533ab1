/** What every process does around its work: configuration, logger, signals, errors that nobody caught. */
import { ConfigError, helpText, loadConfig, type ConfigOf, type Definition, type Field } from '../config/index.ts';
import { createLogger, type Logger } from './logger.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { joinSupervisor } from './supervisor.ts';

export interface Running {
  /** Stops taking work in, finishes what was taken, lets go of everything. */
  stop(): Promise<void>;
}

export interface MainOptions<F extends Readonly<Record<string, Field<unknown>>>> {
  name: string;
  config: Definition<F>;
  start: (tools: { config: ConfigOf<F>; logger: Logger; metrics: Metrics }) => Promise<Running>;
  /** How long draining may take. */
  stopTimeoutMs?: number;
}

/**
 * How long a start that is under way may still take when the process is told to stop. One that waits for an engine may
 * never get further: it has taken nothing in, and is left as a kill would leave it.
 */
const START_GRACE_MS = 2_000;

/** Exit code of a configuration that is not valid. */
const EXIT_CONFIG = 78;

/** Runs a process until SIGTERM or SIGINT, or until its supervisor is gone: then drains and exits with 0. */
export function runMain<F extends Readonly<Record<string, Field<unknown>>>>(options: MainOptions<F>): void {
  const { name, config: definition, start, stopTimeoutMs = 20_000 } = options;
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
  process.on('uncaughtException', (error) => die(error, 'uncaught error'));
  process.on('unhandledRejection', (error) => die(error, 'unhandled rejection'));

  let started = false;
  let stopping = false;
  const end = (message: string): void => {
    logger.info(message);
    process.exit(0);
  };
  const giveUpStarting = (): void => {
    if (!started) end('stopped before it had started');
  };
  const starting = start({ config, logger, metrics: createMetrics() });
  starting.then(
    () => (started = true),
    (error: unknown) => {
      if (!stopping) return die(error, 'could not start');
      logger.info({ err: error }, 'the start under way failed');
      giveUpStarting();
    },
  );
  const stop = (reason: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ reason }, 'stopping');
    setTimeout(giveUpStarting, START_GRACE_MS).unref();
    setTimeout(() => die(new Error(`not drained within ${stopTimeoutMs} ms`), 'could not stop'), stopTimeoutMs).unref();
    starting
      .then((running) => running.stop())
      .then(() => end('stopped'))
      .catch((error: unknown) => die(error, 'could not stop'));
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  joinSupervisor(() => stop('supervisor gone'));
}

function configOrExit<F extends Readonly<Record<string, Field<unknown>>>>(definition: Definition<F>): ConfigOf<F> {
  try {
    return loadConfig(definition);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}
