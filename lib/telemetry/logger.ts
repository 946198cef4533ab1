import { pino, type ChildLoggerOptions, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { redact } from './redact.ts';

export type Logger = PinoLogger;

/**
 * A structured logger: one JSON object per line on stdout, with `time` in RFC 3339, `level` as a word and
 * `service`. Everything that is logged passes through `redact` first; log ids and counts, not records.
 */
export function createLogger(name: string, level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service: name },
    timestamp: pino.stdTimeFunctions.isoTime,
    // Errors are serialised by redact, which also looks into their causes.
    serializers: { err: (error: unknown) => redact(error) },
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => redact(fields) as Record<string, unknown>,
    },
    hooks: {
      logMethod(this: PinoLogger, args: unknown[], method: (...args: unknown[]) => void): void {
        method.apply(
          this,
          withMessage(args).map((arg, i) => (i > 0 || typeof arg === 'string' ? redact(arg) : arg)),
        );
      },
    },
  };
  const logger = destination ? pino(options, destination) : pino(options);
  // pino formats what is logged, but not what a child logger adds to every line.
  const child = logger.child as unknown as (
    this: PinoLogger,
    bindings: object,
    options?: ChildLoggerOptions,
  ) => PinoLogger;
  const redactedChild = function (this: PinoLogger, bindings: object, childOptions?: ChildLoggerOptions): PinoLogger {
    return child.call(this, redact(bindings) as object, childOptions);
  };
  return Object.assign(logger, { child: redactedChild });
}

/** pino's arguments; an error without a message beside it gives its own, so that it passes through the scrubbing. */
function withMessage([first, ...rest]: unknown[]): unknown[] {
  const fields = first instanceof Error ? { err: first } : first;
  const error = typeof fields === 'object' && fields !== null && 'err' in fields ? fields.err : undefined;
  return rest.length === 0 && error instanceof Error ? [fields, error.message] : [fields, ...rest];
}
