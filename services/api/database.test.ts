import { describe, expect, it } from 'vitest';
import { onError } from '../../lib/http/index.ts';
import { BackpressureError } from '../../lib/kafka/index.ts';
import { ClientGoneError, translate } from './database.ts';
import { API_ERRORS } from './errors.ts';
import { QueryQueueError } from './query-queue.ts';

async function answerTo(error: unknown) {
  const c = { req: { method: 'GET', routePath: '/' } } as never;
  const logged: string[] = [];
  const log = (level: string) => () => void logged.push(level);
  const response = onError(error, c, { logger: { error: log('error'), warn: log('warn') }, errors: API_ERRORS });
  const { detail } = (await response.json()) as { detail: string };
  return [response.status, response.headers.get('retry-after'), detail, ...logged];
}
const failed = (code: string, message = 'it did not work') => Object.assign(new Error(message), { code });

describe('an error of an engine', () => {
  it('that may pass is answered with 503, Retry-After and what is wrong', async () => {
    for (const code of ['159', '202', '241']) {
      expect(await answerTo(translate(failed(code)))).toEqual([
        503,
        '2',
        expect.stringContaining('overloaded'),
        'error',
      ]);
    }
    expect(await answerTo(translate(failed('ECONNREFUSED')))).toEqual([
      503,
      '2',
      expect.stringContaining('not answer'),
      'error',
    ]);
    expect(await answerTo(new BackpressureError('full'))).toEqual([
      503,
      '2',
      expect.stringContaining('waiting to be written'),
      'error',
    ]);
  });

  it('differs from too many concurrent queries of a workspace, which is logged once in a while', async () => {
    const detail = expect.stringContaining('this workspace') as string;
    expect(await answerTo(translate(new QueryQueueError('full', 'acme', true)))).toEqual([503, '2', detail, 'warn']);
    expect(await answerTo(translate(new QueryQueueError('full', 'acme', false)))).toEqual([503, '2', detail]);
  });

  it('is not logged when the client has gone', async () => {
    expect(await answerTo(translate(new ClientGoneError('gone')))).toEqual([499, null, expect.any(String)]);
  });

  it('that will not pass is answered with 500', async () => {
    expect(await answerTo(translate(failed('62', 'Syntax error')))).toEqual([500, null, expect.any(String), 'error']);
  });
});
