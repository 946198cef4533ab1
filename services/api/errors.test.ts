import { expect, it } from 'vitest';
import { problemFor } from '../../lib/http/index.ts';
import { StageBehindError } from './eraser.ts';
import { API_ERRORS } from './errors.ts';
import { BodyTooLargeError, UnusableBodyError } from './replayer.ts';

const logger = { error: () => expect.unreachable(), warn: () => expect.unreachable() };
const problemOf = (error: Error) => problemFor(error, { logger, errors: API_ERRORS }, {}).problem;

it('answers a replayed body that is too large with 413', () => {
  expect(problemOf(new BodyTooLargeError('too large'))).toMatchObject({ status: 413, detail: 'too large' });
});

it('answers a replayed body that cannot be used with 422, where it is wrong, and the id of the dead letter', () => {
  const problem = problemOf(new UnusableBodyError('wrong', 'd', '/cart'));
  expect(problem).toMatchObject({ status: 422, detail: 'wrong', dead_letter_id: 'd' });
  expect(problem.errors).toEqual([{ path: '/cart', message: 'wrong' }]);
  expect(problemOf(new UnusableBodyError('deleted', 'd')).errors).toBeUndefined();
});

it('answers an erasure that a stage holds up with 503, and names the status page', () => {
  const problem = problemOf(new StageBehindError('the erasure is recorded and not complete yet'));
  expect(problem.status).toBe(503);
  expect(problem.detail).toMatch(/^the erasure is recorded and not complete yet; see GET .v1.status/);
});
