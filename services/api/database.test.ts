import { describe, expect, it } from 'vitest';
import { onError } from '../../lib/http/index.ts';
import { BackpressureError } from '../../lib/kafka/index.ts';
import { told } from './database.ts';

const answerTo = async (error: unknown) => {
  const c = { req: { method: 'GET', routePath: '/' } } as never;
  const response = onError(error, c, { error: () => undefined });
  const { detail } = (await response.json()) as { detail: string };
  return [response.status, response.headers.get('retry-after'), detail];
};
const failed = (code: string, message = 'it did not work') => Object.assign(new Error(message), { code });

describe('what an engine cannot do at the moment', () => {
  it('answers 503 with Retry-After and says what is the matter', async () => {
    for (const code of ['159', '202', '241']) {
      expect(await answerTo(told(failed(code)))).toEqual([503, '2', expect.stringContaining('too much to do')]);
    }
    expect(await answerTo(told(failed('ECONNREFUSED')))).toEqual([503, '2', expect.stringContaining('not answer')]);
    expect(await answerTo(new BackpressureError('full'))).toEqual([503, '2', expect.stringContaining('kept')]);
  });

  it('is not taken for a wrong question', async () => {
    expect(await answerTo(told(failed('62', 'Syntax error')))).toEqual([500, null, expect.any(String)]);
  });
});
