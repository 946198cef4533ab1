import { engineUnavailable, errorAnswer, HttpProblem, unavailable, type ErrorAnswer } from '../../lib/http/index.ts';
import { UnknownZoneError } from '../../lib/time/index.ts';
import { ClickHouseOverloadedError, ClickHouseUnavailableError, ClientGoneError } from './database.ts';
import { StageBehindError } from './eraser.ts';
import { QueryQueueError } from './query-queue.ts';
import { BodyTooLargeError, UnusableBodyError } from './replayer.ts';

/** How the API answers errors of its own classes. */
export const API_ERRORS: readonly ErrorAnswer[] = [
  // A workspace may have a zone from before zones were checked by the library that does the arithmetic.
  errorAnswer(
    UnknownZoneError,
    ({ message }) =>
      new HttpProblem(
        422,
        `the days of this workspace cannot be determined: time_zone ${message}; set another one with PATCH`,
      ),
  ),
  errorAnswer(StageBehindError, ({ message }) => unavailable(`${message}; see GET /v1/status, then try again`, 10)),
  errorAnswer(BodyTooLargeError, ({ message }) => new HttpProblem(413, message)),
  errorAnswer(
    UnusableBodyError,
    ({ message, path, deadLetterId }) =>
      new HttpProblem(422, message, {
        errors: path === undefined ? [] : [{ path, message }],
        extensions: { dead_letter_id: deadLetterId },
      }),
  ),
  // Nobody reads this answer, and nothing failed: the console aborts a request whenever a newer one replaces it.
  errorAnswer(ClientGoneError, () => new HttpProblem(499, 'the client closed the connection')),
  errorAnswer(
    QueryQueueError,
    () => unavailable('too many concurrent queries of this workspace; try again with fewer at once'),
    ({ shouldLog, workspace, message }) =>
      shouldLog
        ? {
            level: 'warn',
            message: 'too many concurrent queries of a workspace; answering 503',
            fields: { workspace, reason: message },
          }
        : undefined,
  ),
  engineUnavailable(ClickHouseUnavailableError, 'ClickHouse does not answer; try again'),
  engineUnavailable(
    ClickHouseOverloadedError,
    'ClickHouse is overloaded, or this query takes too much time or memory; try again, or ask for less',
  ),
];
