import { z } from '@hono/zod-openapi';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../clock/index.ts';
import { ManualClock } from '../clock/testing.ts';
import {
  ConflictError,
  DefinitionsUnavailableError,
  OtherWorkspaceError,
  UnauthenticatedError,
  UnknownOutcomeError,
  UnknownWorkspaceError,
} from '../definitions/index.ts';
import { KafkaUnavailableError } from '../kafka/errors.ts';
import {
  addRoute,
  createApp,
  errorAnswer,
  HttpProblem,
  listOf,
  listQuery,
  pageOf,
  pointer,
  problemFor,
  serve,
  type Principal,
} from './index.ts';

const principals: Record<string, Principal> = {
  reader: { role: 'read', workspace: 'acme' },
  writer: { role: 'write', workspace: 'acme' },
  admin: { role: 'admin', workspace: null },
};

const logged: object[] = [];
function unexpected(): never {
  throw new Error('nothing is logged here');
}

class TeapotError extends Error {}
class SmallTeapotError extends TeapotError {}

/** Thrown by the ids of things. */
const ERRORS: Record<string, Error | undefined> = {
  broken: new Error('secret text'),
  kafka: new KafkaUnavailableError('secret text'),
  zod: z.int().safeParse('').error,
  teapot: new SmallTeapotError('short and stout'),
  // The name of a known class does not make an error one of its instances.
  named: Object.assign(new Error('secret text'), { name: 'KafkaUnavailableError' }),
};

function makeApp(clock: Clock = systemClock) {
  const app = createApp({
    title: 'Test',
    description: 'For tests.',
    clock,
    errors: [errorAnswer(TeapotError, ({ message }) => new HttpProblem(418, message))],
    logger: { error: (fields) => logged.push(fields), warn: (fields) => logged.push(fields) },
    authenticate: (headers) => {
      const principal = principals[headers.get('authorization') ?? ''];
      if (!principal) return Promise.reject(new HttpProblem(401, 'no'));
      const workspace = headers.get('x-workspace');
      return Promise.resolve(workspace === null ? principal : { ...principal, workspace });
    },
  });
  addRoute(app, {
    method: 'post',
    path: '/v1/things/{id}',
    summary: 'A thing',
    tag: 'things',
    access: 'write',
    params: z.strictObject({ id: z.string().regex(/^[a-z]+$/) }),
    body: z.strictObject({ name: z.string().min(2), list: z.array(z.strictObject({ 'a/b': z.int() })).optional() }),
    bodyMaxBytes: 200,
    answers: { 201: { description: 'made', schema: z.strictObject({ name: z.string() }) } },
  }).handle(({ body, params, workspace }) => {
    if (ERRORS[params.id]) throw ERRORS[params.id];
    return { status: 201, body: { name: `${workspace}/${params.id}/${body.name}` } };
  });
  addRoute(app, {
    method: 'get',
    path: '/v1/things',
    summary: 'Things',
    tag: 'things',
    access: 'read',
    query: listQuery
      .extend({ pair: z.string().optional() })
      .refine(({ pair, limit }) => !pair || limit === 1, 'no pair'),
    answers: { 200: { description: 'a page', schema: listOf(z.string()) } },
  }).handle(({ query }) => ({ status: 200, body: pageOf(['c', 'a', 'b'], query, String, String) }));
  return app;
}

const app = makeApp();
const post = (path: string, body: string, key = 'writer', headers: Record<string, string> = {}) =>
  app.request(path, { method: 'POST', body, headers: { authorization: key, ...headers } });

describe('addRoute', () => {
  it('checks key, role, workspace, path, JSON and schema in this order', async () => {
    const good = '{"name":"ab"}';
    expect((await post('/v1/things/x', good, 'nobody')).status).toBe(401);
    expect((await post('/v1/things/x', 'not json', 'reader')).status).toBe(403);
    expect((await post('/v1/things/x', 'not json', 'admin')).status).toBe(400);
    expect((await post('/v1/things/7', 'not json')).status).toBe(404);
    expect((await post('/v1/things/x', 'not json')).status).toBe(400);
    expect((await post('/v1/things/x', '{"name":"a"}')).status).toBe(422);
    expect((await post('/v1/things/x', JSON.stringify({ name: 'x'.repeat(300) }))).status).toBe(413);
    const made = await post('/v1/things/x', good);
    expect([made.status, await made.json()]).toEqual([201, { name: 'acme/x/ab' }]);
    expect((await post('/v1/things/x?surprise=1', good)).status).toBe(422);
    const named = await post('/v1/things/x', good, 'admin', { 'x-workspace': 'w' });
    expect(await named.json()).toEqual({ name: 'w/x/ab' });
  });

  it('takes JSON whatever the content type says, and no empty body', async () => {
    const form = await post('/v1/things/x', '{"name":"ab"}', 'writer', { 'content-type': 'text/plain' });
    expect(form.status).toBe(201);
    expect((await post('/v1/things/x', '')).status).toBe(400);
    expect((await post('/v1/things/x', 'null')).status).toBe(422);
  });

  it('answers problem details with JSON Pointers, unknown fields among them', async () => {
    const answer = await post('/v1/things/x', '{"name":"ab","extra":1,"list":[{"a/b":1},{"a/b":"2"}]}');
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    const problem = (await answer.json()) as { title: string; status: number; errors: { path: string }[] };
    expect(problem).toMatchObject({ type: 'about:blank', title: 'Unprocessable Entity', status: 422 });
    expect(problem.errors.map((e) => e.path).sort()).toEqual(['/extra', '/list/1/a~1b']);
  });

  it('names the body or the query when all of it is invalid', async () => {
    const detailOf = async (answer: Response) => ((await answer.json()) as { detail: string }).detail;
    expect(await detailOf(await post('/v1/things/x', '[]'))).toMatch(/^the body: /);
    const query = await app.request('/v1/things?pair=x', { headers: { authorization: 'reader' } });
    expect(query.status).toBe(422);
    expect(await detailOf(query)).toBe('the query: no pair');
  });

  it('keeps the text of unforeseen errors for the log', async () => {
    const answer = await post('/v1/things/broken', '{"name":"ab"}');
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('secret');
    expect(logged.length).toBeGreaterThan(0);
  });

  it('answers an error by its class, a base class included, never by its name', async () => {
    const statusOf = async (id: string) => (await post(`/v1/things/${id}`, '{"name":"ab"}')).status;
    expect(await statusOf('kafka')).toBe(503);
    expect(await statusOf('zod')).toBe(422);
    expect(await statusOf('teapot')).toBe(418);
    expect(await statusOf('named')).toBe(500);
  });

  it('answers the errors of definitions', () => {
    const edge = { logger: { error: unexpected, warn: unexpected } };
    const answerOf = (error: Error) => {
      const { status, headers, problem } = problemFor(error, edge, {});
      return { status, headers, version: problem['current_version'] };
    };
    expect([
      answerOf(new UnauthenticatedError('no key')),
      answerOf(new OtherWorkspaceError('not this one')),
      answerOf(new UnknownWorkspaceError('none')),
      answerOf(new ConflictError('changed', { currentVersion: 3 })),
      answerOf(new DefinitionsUnavailableError('not read')),
      answerOf(new UnknownOutcomeError('not read back')),
    ]).toEqual([
      { status: 401, headers: { 'www-authenticate': 'Bearer' }, version: undefined },
      { status: 403, headers: {}, version: undefined },
      { status: 404, headers: {}, version: undefined },
      { status: 409, headers: {}, version: 3 },
      { status: 503, headers: { 'retry-after': '2' }, version: undefined },
      { status: 503, headers: { 'retry-after': '2' }, version: undefined },
    ]);
  });

  it('answers 408 once a body has taken 30 seconds', async () => {
    const clock = new ManualClock();
    const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('{"name":')) });
    const init = { method: 'POST', body, headers: { authorization: 'writer' }, duplex: 'half' };
    const answer = makeApp(clock).request('/v1/things/x', init);
    await clock.advance(29_999);
    expect(await Promise.race([answer, Promise.resolve('open')])).toBe('open');
    await clock.advance(1);
    const { status, headers } = await answer;
    expect([status, headers.get('connection')]).toEqual([408, 'close']);
  });

  it('answers 404 and 405 as problems', async () => {
    expect((await app.request('/nowhere')).status).toBe(404);
    const answer = await app.request('/v1/things/x', { method: 'DELETE' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('documents what it asks for and answers', async () => {
    const doc = (await (await app.request('/openapi.json')).json()) as {
      paths: Record<string, Record<string, { responses: object; requestBody: object }>>;
    };
    const operation = doc.paths['/v1/things/{id}']?.['post'];
    expect(Object.keys(operation?.responses ?? {}).sort()).toEqual([
      '201',
      '400',
      '401',
      '403',
      '404',
      '408',
      '413',
      '422',
      '431',
      '500',
      '503',
    ]);
    expect(JSON.stringify(operation?.requestBody)).toContain('"additionalProperties":false');
    const page = await (await app.request('/docs')).text();
    expect(page).not.toMatch(/https?:\/\//);
  });
});

describe('/openapi.json', () => {
  it('is generated once, and not sent again to a client that has it', async () => {
    const app = makeApp();
    let generated = 0;
    const generate = app.getOpenAPI31Document.bind(app);
    app.getOpenAPI31Document = (...args) => {
      generated += 1;
      return generate(...args);
    };
    const first = await app.request('/openapi.json');
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    const again = await app.request('/openapi.json', { headers: { 'if-none-match': `"other", W/${etag}` } });
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    const other = await app.request('/openapi.json', { headers: { 'if-none-match': '"other"' } });
    expect(await other.json()).toEqual(await first.json());
    expect(generated).toBe(1);
  });
});

describe('the types of handlers', () => {
  it('allow declared answers only', () => {
    const app = makeApp();
    const answers = { 200: { description: '', schema: z.strictObject({ count: z.int() }) }, 204: { description: '' } };
    const route = { method: 'get', path: '/x', summary: '', tag: '', answers } as const;
    addRoute(app, route).handle(() => ({ status: 200, body: { count: 1 } }));
    addRoute(app, route).handle(() => Promise.resolve({ status: 204 }));
    // @ts-expect-error a status that is not declared
    addRoute(app, route).handle(() => ({ status: 201, body: { count: 1 } }));
    // @ts-expect-error a value of another type
    addRoute(app, route).handle(() => ({ status: 200, body: { count: '1' } }));
    // @ts-expect-error a field is missing
    addRoute(app, route).handle(() => Promise.resolve({ status: 200, body: {} }));
    // @ts-expect-error a body where none is declared
    addRoute(app, route).handle(() => ({ status: 204, body: { count: 1 } }));
  });
});

describe('lists', () => {
  it('pages by cursor and refuses foreign cursors and wrong limits', async () => {
    const get = (query: string) => app.request(`/v1/things${query}`, { headers: { authorization: 'reader' } });
    const first = (await (await get('?limit=2')).json()) as { items: string[]; next_cursor: string };
    expect(first.items).toEqual(['a', 'b']);
    const second = await (await get(`?limit=2&cursor=${first.next_cursor}`)).json();
    expect(second).toEqual({ items: ['c'], next_cursor: null });
    for (const query of ['?limit=0', '?limit=1001', '?limit=x', '?cursor=!', '?other=1', '?limit=1&limit=2']) {
      expect((await get(query)).status, query).toBe(422);
    }
  });
});

describe('pointer', () => {
  it('escapes as RFC 6901 says', () => {
    expect(pointer(['a/b', 0, 'm~n'])).toBe('/a~1b/0/m~0n');
    expect(pointer([])).toBe('');
  });
});

describe('serve', () => {
  it('says which port is taken and by which variable to choose another', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const options = { clock: systemClock, host: '127.0.0.1', port, portVariable: 'API_PORT' };
    await expect(serve(app, options)).rejects.toThrow(
      `port ${port} on 127.0.0.1 is in use by another program; set API_PORT to another port`,
    );
    await new Promise((resolve) => other.close(resolve));
  });

  it('serves and closes; a body over the limit without a length is cut off', async () => {
    const serving = await serve(app, { clock: systemClock, host: '127.0.0.1', port: 0 });
    const chunk = `96\r\n${'x'.repeat(150)}\r\n`;
    const answer = await talk(serving.port, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`, false);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect((await fetch(`${serving.url}/openapi.json`)).status).toBe(200);
    await serving.close(100);
    await expect(fetch(`${serving.url}/openapi.json`)).rejects.toThrow();
  });

  /** Sends this, says that no more comes, and listens to the end. */
  const talk = (port: number, text: string, end = true): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      let heard = '';
      socket.on('data', (piece) => (heard += String(piece)));
      socket.on('end', () => (socket.end(), resolve(heard))).on('error', reject);
      if (end) socket.end(text);
      else socket.write(text);
    });
  const head = 'POST /v1/things/x HTTP/1.1\r\nHost: x\r\nAuthorization: writer\r\n';

  it.each<[string, string, boolean?]>([
    ['with a length that is too large', `${head}Content-Length: 100\r\n\r\n{"name":"ab"}`],
    ['with a length and nothing of it', `${head}Content-Length: 100\r\n\r\n`],
    ['in chunks, without the last', `${head}Transfer-Encoding: chunked\r\n\r\nd\r\n{"name":"ab"}\r\n`],
    ['in chunks that are none', `${head}Transfer-Encoding: chunked\r\n\r\nd\r\n{"name":"ab"}\r\nzzz\r\n`, false],
  ])('answers a body that breaks off, %s, with problem details', async (_, text, end = true) => {
    const serving = await serve(app, { clock: systemClock, host: '127.0.0.1', port: 0 });
    const answer = await talk(serving.port, text, end);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toMatch(/content-type: application\/problem\+json/i);
    expect(answer).toMatch(/connection: close/i);
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({
      status: 400,
      detail: expect.stringMatching(/broke off/) as string,
    });
    await serving.close(100);
  });

  it.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['too large headers', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['a head that breaks off', 'GET / HTTP/1.1\r\nHos', 400],
  ])('answers %s with problem details', async (_, text, status) => {
    const serving = await serve(app, { clock: systemClock, host: '127.0.0.1', port: 0 });
    const answer = await talk(serving.port, text);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ type: 'about:blank', status });
    await serving.close(100);
  });

  it('answers once, when a body breaks off that nobody read', async () => {
    const serving = await serve(app, { clock: systemClock, host: '127.0.0.1', port: 0 });
    const socket = connect({ port: serving.port, host: '127.0.0.1', allowHalfOpen: true });
    let heard = '';
    // Says that no more comes only when the answer is there.
    socket.on('data', (piece) => (heard += String(piece))).once('data', () => socket.end());
    socket.write(`${head}Content-Length: ${10 * 1024 * 1024}\r\n\r\n{"name"`);
    await new Promise((resolve, reject) => socket.once('end', resolve).once('error', reject));
    expect(heard.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413']);
    await serving.close(100);
  });

  it('answers what came whole before what is no HTTP', async () => {
    const serving = await serve(app, { clock: systemClock, host: '127.0.0.1', port: 0 });
    const good = `${head}Content-Length: 13\r\n\r\n{"name":"ab"}`;
    expect(await talk(serving.port, `${good}rubbish\r\n\r\n`, false)).toMatch(/^HTTP\/1\.1 201 .*acme\/x\/ab"}$/s);
    await serving.close(100);
  });
});
