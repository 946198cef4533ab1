import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.ts';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  let output = '';
  write(createLogger('ingest', 'trace', { write: (line: string) => void (output += line) }));
  return output;
}

const SECRETS = {
  phone: '+16125550123',
  email: 'shopper@example.com',
  bearer: 'Bearer abc.def-123',
  key: 'jtw_0123456789abcdef',
};

describe('logs hold no secrets and no personal data', () => {
  it.each([
    [
      'by the name of a field',
      (l: ReturnType<typeof createLogger>) => l.info({ signing_secret: 's3cr3t-value', token: 't0ken' }),
      ['s3cr3t-value', 't0ken'],
    ],
    [
      'however deep',
      (l: ReturnType<typeof createLogger>) => l.info({ a: [{ b: { Customer_Phone: '6125550123' } }] }),
      ['6125550123'],
    ],
    [
      'in the text of a message',
      (l: ReturnType<typeof createLogger>) =>
        l.warn(`${SECRETS.email} ${SECRETS.phone} ${SECRETS.bearer} ${SECRETS.key}`),
      Object.values(SECRETS),
    ],
    [
      'in a value under a harmless name',
      (l: ReturnType<typeof createLogger>) => l.info({ note: `call ${SECRETS.phone}` }),
      [SECRETS.phone],
    ],
    [
      'in an error, its cause and its stack',
      (l: ReturnType<typeof createLogger>) =>
        l.error({ err: new Error(`for ${SECRETS.email}`, { cause: new Error(SECRETS.key) }) }),
      [SECRETS.email, SECRETS.key],
    ],
    [
      'in an error that is logged alone',
      (l: ReturnType<typeof createLogger>) => l.error(new Error(`for ${SECRETS.email}`)),
      [SECRETS.email],
    ],
    [
      'in what a child logger always says',
      (l: ReturnType<typeof createLogger>) => l.child({ email: 'a@b.example', from: 'c@d.example' }).info('x'),
      ['a@b.example', 'c@d.example'],
    ],
    [
      'in the headers of a request',
      (l: ReturnType<typeof createLogger>) =>
        l.info({ headers: { Authorization: 'abc123', 'x-jane-signature': 'sig123' } }),
      ['abc123', 'sig123'],
    ],
    [
      'in bytes',
      (l: ReturnType<typeof createLogger>) => l.info({ raw: Buffer.from('shopper') }),
      ['115,104', 'shopper'],
    ],
  ])('%s', (_, write, secrets) => {
    const output = logged(write);
    expect(output).not.toBe('');
    for (const secret of secrets) expect(output).not.toContain(secret);
  });

  it('keeps what an operator needs', () => {
    const line = JSON.parse(
      logged((l) => l.error({ err: new TypeError('no such topic'), topic: 'cart-events', offset: 12 }, 'failed')),
    ) as Record<string, unknown>;
    expect(line).toMatchObject({ service: 'ingest', level: 'error', msg: 'failed', topic: 'cart-events', offset: 12 });
    expect(line['err']).toMatchObject({ type: 'TypeError', message: 'no such topic' });
    expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT/);
  });
});
