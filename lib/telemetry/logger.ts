import { pino, type ChildLoggerOptions, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { redact } from './redact.ts';

export type Logger = PinoLogger;

/**
 * A structured logger: one JSON object per line on stdout, with `time` in RFC 3339, `level` as a word, and `service`.
 * Everything passes through `redact` first. Log ids and counts, not records.
 */
export function createLogger(name: string, level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service: name },
    timestamp: pino.stdTimeFunctions.isoTime,
    // `redact` serialises errors, including their causes.
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
  // pino does not apply the formatters to the bindings of a child logger.
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

/** pino's arguments. An error without a message provides its own, so that the message is scrubbed too. */
function withMessage([first, ...rest]: unknown[]): unknown[] {
  const fields = first instanceof Error ? { err: first } : first;
  const error = typeof fields === 'object' && fields !== null && 'err' in fields ? fields.err : undefined;
  return rest.length === 0 && error instanceof Error ? [fields, error.message] : [fields, ...rest];
}
