import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { z } from 'zod';
import {
  ConflictError,
  DefinitionsUnavailableError,
  OtherWorkspaceError,
  TooManyLiveAudiencesError,
  UnauthenticatedError,
  UnknownOutcomeError,
  UnknownWorkspaceError,
} from '../definitions/errors.ts';
import { BackpressureError, KafkaUnavailableError } from '../kafka/errors.ts';
import { HttpProblem, invalid, itemsOf } from './problem.ts';

/** The methods of a logger that are used here. */
export interface ErrorLogger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What is logged about an error that is answered; nothing when left out. */
export interface ErrorLog {
  level: 'warn' | 'error';
  message: string;
  /** Without it the error itself is logged. */
  fields?: object;
}

/** How errors of one class are answered. Made by {@link errorAnswer}. */
export interface ErrorAnswer {
  /** Undefined for errors of other classes. */
  answer(error: unknown): { problem: HttpProblem; log?: ErrorLog | undefined } | undefined;
}

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

/** The one place where errors of a class, and of those derived from it, become an HTTP answer. */
export const errorAnswer = <E extends Error>(
  errorClass: ErrorClass<E>,
  problemOf: (error: E) => HttpProblem,
  logOf?: (error: E) => ErrorLog | undefined,
): ErrorAnswer => ({
  answer: (error) => (error instanceof errorClass ? { problem: problemOf(error), log: logOf?.(error) } : undefined),
});

/** 503 with Retry-After: the request may succeed when it is sent again. */
export const unavailable = (detail: string, retryAfterSeconds = 2): HttpProblem =>
  new HttpProblem(503, detail, { headers: { 'retry-after': String(retryAfterSeconds) } });

/** For an engine that does not answer: 503, logged as an error. */
export const engineUnavailable = <E extends Error>(errorClass: ErrorClass<E>, detail: string): ErrorAnswer =>
  errorAnswer(
    errorClass,
    () => unavailable(detail),
    () => ({ level: 'error', message: 'an engine is unavailable; answering 503' }),
  );

/** How errors of definitions are answered; their follower logs why it cannot read. */
const DEFINITIONS: readonly ErrorAnswer[] = [
  errorAnswer(
    UnauthenticatedError,
    ({ message }) => new HttpProblem(401, message, { headers: { 'www-authenticate': 'Bearer' } }),
  ),
  errorAnswer(OtherWorkspaceError, ({ message }) => new HttpProblem(403, message)),
  errorAnswer(UnknownWorkspaceError, ({ message }) => new HttpProblem(404, message)),
  errorAnswer(
    ConflictError,
    ({ message, currentVersion }) =>
      new HttpProblem(409, message, {
        extensions: currentVersion === undefined ? {} : { current_version: currentVersion },
      }),
  ),
  errorAnswer(TooManyLiveAudiencesError, ({ message }) => new HttpProblem(409, message)),
  errorAnswer(DefinitionsUnavailableError, () =>
    unavailable('the definitions cannot be read at the moment; try again'),
  ),
  errorAnswer(UnknownOutcomeError, () =>
    unavailable('the outcome of this change is not known yet: read the current state, then try again'),
  ),
];

/** What every service answers alike. A service's own table is asked first. */
const COMMON: readonly ErrorAnswer[] = [
  errorAnswer(HttpProblem, (problem) => problem),
  ...DEFINITIONS,
  errorAnswer(z.ZodError, (error) => invalid(itemsOf(error))),
  errorAnswer(HTTPException, ({ status, message }) =>
    status === 400 && /JSON/.test(message)
      ? new HttpProblem(400, 'the body is not JSON')
      : new HttpProblem(status, message),
  ),
  engineUnavailable(KafkaUnavailableError, 'Kafka does not answer; try again'),
  engineUnavailable(BackpressureError, 'too many records are waiting to be written to Kafka; try again'),
];

export interface ErrorEdge {
  logger: ErrorLogger;
  /** Errors of this service's own classes. */
  errors?: readonly ErrorAnswer[] | undefined;
}

/** The problem that answers an error. An error of no known class is logged and becomes a 500 without its text. */
export function problemFor(error: unknown, { logger, errors = [] }: ErrorEdge, request: object): HttpProblem {
  for (const known of [...errors, ...COMMON]) {
    const found = known.answer(error);
    if (found === undefined) continue;
    if (found.log) logger[found.log.level]({ ...(found.log.fields ?? { err: error }), ...request }, found.log.message);
    return found.problem;
  }
  logger.error({ err: error, ...request }, 'request failed; answering 500');
  return new HttpProblem(500, 'internal error; the log of this service has the details');
}

/** `problemFor` as an error handler of Hono. */
export const onError = (error: unknown, c: Context, edge: ErrorEdge): Response =>
  problemFor(error, edge, { method: c.req.method, route: c.req.routePath }).toResponse();
