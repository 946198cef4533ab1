import { describe, expect, it } from 'vitest';
import { onError } from '../../lib/http/index.ts';
import { BackpressureError } from '../../lib/kafka/index.ts';
import { AbandonedError, told } from './database.ts';
import { QueryQueueError } from './query-queue.ts';

const answerTo = async (error: unknown) => {
  const c = { req: { method: 'GET', routePath: '/' } } as never;
  const logged: string[] = [];
  const log = (level: string) => () => void logged.push(level);
  const response = onError(error, c, { error: log('error'), warn: log('warn') });
  const { detail } = (await response.json()) as { detail: string };
  return [response.status, response.headers.get('retry-after'), detail, ...logged];
};
const failed = (code: string, message = 'it did not work') => Object.assign(new Error(message), { code });

describe('what an engine cannot do at the moment', () => {
  it('answers 503 with Retry-After and says what is the matter', async () => {
    for (const code of ['159', '202', '241']) {
      expect(await answerTo(told(failed(code)))).toEqual([
        503,
        '2',
        expect.stringContaining('too much to do'),
        'error',
      ]);
    }
    expect(await answerTo(told(failed('ECONNREFUSED')))).toEqual([
      503,
      '2',
      expect.stringContaining('not answer'),
      'error',
    ]);
    expect(await answerTo(new BackpressureError('full'))).toEqual([503, '2', expect.stringContaining('kept'), 'error']);
  });

  it('is told apart from a workspace that asks too much at once', async () => {
    const detail = expect.stringContaining('this workspace') as string;
    expect(await answerTo(told(new QueryQueueError('500 wait', 'shop', true)))).toEqual([503, '2', detail, 'warn']);
    expect(await answerTo(told(new QueryQueueError('500 wait', 'shop', false)))).toEqual([503, '2', detail]);
  });

  it('is nothing to be logged when who asked has gone', async () => {
    expect(await answerTo(told(new AbandonedError('gone')))).toEqual([499, null, expect.any(String)]);
  });

  it('is not taken for a wrong question', async () => {
    expect(await answerTo(told(failed('62', 'Syntax error')))).toEqual([500, null, expect.any(String), 'error']);
  });
});
