import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { createApiApp } from './app.ts';
import type { ApiDeps } from './deps.ts';

/** What clients may send by mistake or to do harm: each is answered with a precise 4xx, before anything is asked. */

const failures: unknown[] = [];
const logger = {
  warn: () => undefined,
  error: (fields: unknown) => failures.push(fields),
};
const saved = { id: 'aud_1', workspace: 'acme', version: 1, audience: { everyone: true }, include_anonymous: false };
const definitions = {
  findWorkspace: (id: string) => Promise.resolve({ id, time_zone: 'UTC' }),
  find: () => Promise.resolve(saved),
  version: () => saved,
};
const rows = (): Promise<unknown[]> => Promise.resolve([]);
const app = createApiApp({
  adminKey: 'admin',
  clock: systemClock,
  consoleDir: '/nowhere',
  definitions,
  logger,
  database: { rows, for: () => ({ rows }) },
  freshness: { ofWorkspace: () => Promise.resolve(null) },
} as unknown as ApiDeps);

interface Answer {
  audience?: unknown;
  text?: string;
  errors?: { path: string; message: string; position?: number }[];
}

async function post(path: string, body: string, method = 'POST'): Promise<{ status: number; body: Answer }> {
  const headers = { authorization: 'Bearer admin', 'x-workspace': 'acme', 'if-match': '"1"' };
  const response = await app.request(path, { method, headers, body });
  return { status: response.status, body: (await response.json()) as Answer };
}

const RANGE = '"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z","step":{"amount":1,"unit":"hours"}';
/** Every route that takes an audience, with a body around it. */
const ROUTES: [method: string, path: string, body: (audience: string) => string][] = [
  ['POST', '/v1/audiences/preview', (audience) => `{"audience":${audience}}`],
  ['POST', '/v1/audiences/render', (audience) => `{"audience":${audience}}`],
  ['POST', '/v1/audiences/trend', (audience) => `{"audience":${audience},${RANGE}}`],
  ['POST', '/v1/audiences', (audience) => `{"name":"n","audience":${audience}}`],
  ['PUT', '/v1/audiences/aud_1', (audience) => `{"name":"n","audience":${audience}}`],
];

const DEEP = 20_000;
const nested = (open: string, close: string): string => `${open.repeat(DEEP)}{"everyone":true}${close.repeat(DEEP)}`;

describe.each(ROUTES)('%s %s', (method, path, bodyOf) => {
  it.each<[string, string, string]>([
    ['nested nots', nested('{"not":', '}'), `/audience${'/not'.repeat(16)}`],
    ['nested ands', nested('{"and":[', ']}'), `/audience${'/and/0'.repeat(16)}`],
    ['nested lists', `${'['.repeat(DEEP)}${']'.repeat(DEEP)}`, '/audience'],
    ['a prototype', '{"__proto__":{"everyone":true}}', '/audience'],
    ['a constructor', '{"constructor":{"everyone":true}}', '/audience'],
    ['too many leaves', `{"or":[${Array(201).fill('{"everyone":true}').join()}]}`, '/audience/or/200'],
    ['a number that JSON cannot hold', '{"trait":"cart_abandoned","amount":{"min":1e999}}', '/audience/amount/min'],
    ['a key in a key', '{"trait":"cart_abandoned","a/b~c":1}', '/audience/a~1b~0c'],
  ])('refuses %s', async (_, audience, at) => {
    const { status, body } = await post(path, bodyOf(audience), method);
    expect(status).toBe(422);
    expect(body.errors?.map((error) => error.path)).toContain(at);
  });

  it('answers many errors with the first hundred', async () => {
    const leaves = Array(200).fill('{"trait":"x","a":1,"b":2,"c":3}').join();
    const { status, body } = await post(path, bodyOf(`{"or":[${leaves}]}`), method);
    expect(status).toBe(422);
    expect(body.errors).toHaveLength(100);
  });

  it('refuses a body over 256 KiB', async () => {
    const { status } = await post(path, bodyOf(`{"everyone":true}${' '.repeat(256 * 1024)}`), method);
    expect(status).toBe(413);
  });
});

describe('POST /v1/audiences/parse', () => {
  const parse = (text: string) => post('/v1/audiences/parse', JSON.stringify({ text }));

  it.each([
    '('.repeat(20_000),
    `${'('.repeat(9_990)}everyone${')'.repeat(9_990)}`,
    'not '.repeat(5_000),
    'everyone and '.repeat(1_500),
    `cart_abandoned by mode (${'x,'.repeat(9_000)}x)`,
    '"'.repeat(20_000),
    '\\'.repeat(20_000),
    '"\\u0000\ud800" = \ud800',
    `cart_abandoned in last ${'9'.repeat(400)} days`,
    'cart_abandoned with amount from 1e999',
    '\u2028\ufeff\u00a0everyone',
    'constructor __proto__ toString',
  ])('answers %.40j with 200 or 422', async (text) => {
    const { status, body } = await parse(text);
    expect([200, 422]).toContain(status);
    if (status === 422) expect(body.errors?.every(({ path }) => path === '/text')).toBe(true);
  });

  it('answers any text with an audience or with positions in it, and what it parses it renders', async () => {
    const words = fc.constantFrom(
      ...'not and or ( ) , = in last next after on before between recovered with without anomaly amount from to at'.split(
        ' ',
      ),
      ...'store by mode product least status for everyone cart_abandoned cart_status_updated finished'.split(' '),
      ...['3', '0', '1e3', 'days', 'minute', '2026-03-17', '2026-03-17T12:00:00Z', '"a b"', '"', '\\', '😀', '\n'],
    );
    const leaves = fc.constantFrom(
      ...['everyone', 'cart_abandoned recovered at store (68, "7 b")', 'not (cart_abandoned or everyone)'],
      ...['cart_status_updated = finished in last 3 days', 'status in (preparing) for 45 minutes'],
    );
    const texts = fc.oneof(
      fc.array(words, { maxLength: 20 }).map((all) => all.join(' ')),
      fc.array(leaves, { minLength: 1, maxLength: 5 }).map((all) => all.join(' or ')),
      fc.string({ unit: 'binary' }),
    );
    let parsed = 0;
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const { status, body } = await parse(text);
        if (status === 422) {
          expect(body.errors?.length).toBeGreaterThan(0);
          for (const { position = -1 } of body.errors ?? []) {
            expect(position).toBeGreaterThanOrEqual(0);
            expect(position).toBeLessThanOrEqual(text.length);
          }
          return;
        }
        expect(status).toBe(200);
        parsed++;
        const rendered = await post('/v1/audiences/render', JSON.stringify({ audience: body.audience }));
        expect(rendered.status).toBe(200);
        expect((await parse(rendered.body.text ?? '')).body.audience).toEqual(body.audience);
      }),
      { numRuns: 1_000 },
    );
    expect(parsed).toBeGreaterThan(100);
  });
});

describe.each<[string, (time: number) => unknown]>([
  ['/v1/audiences/aud_1/members', (time) => [time, 1, 0]],
  ['/v1/trait-events', (time) => [time, '']],
  ['/v1/analytics/board/carts?status=preparing', (time) => [time, '']],
  ['/v1/dead-letters', (time) => [time, '']],
])('a cursor of %s', (path, cursorOf) => {
  const ask = async (time: number): Promise<number> => {
    const cursor = Buffer.from(JSON.stringify(cursorOf(time))).toString('base64url');
    const headers = { authorization: 'Bearer admin', 'x-workspace': 'acme' };
    return (await app.request(`${path}${path.includes('?') ? '&' : '?'}cursor=${cursor}`, { headers })).status;
  };

  it('holds a time', async () => expect(await ask(Date.UTC(2026, 2, 17))).toBe(200));

  it.each([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 8.64e15 + 1, -1, Date.UTC(2201, 0, 1)])(
    'is refused for the time %d, which nothing happened at',
    async (time) => expect(await ask(time)).toBe(422),
  );
});

it('none of this is logged as a failure', () => expect(failures).toEqual([]));
