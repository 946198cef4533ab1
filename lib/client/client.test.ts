import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  ApiError,
  bodyOf,
  createApiClient,
  createIngestClient,
  ndjson,
  ndjsonBytes,
  type ApiAnswer,
  type Schemas,
} from './index.ts';

const answering = (answer: () => Response | Promise<Response>, seen: Request[] = []) =>
  createApiClient({
    baseUrl: 'http://api',
    key: 'k',
    workspace: 'acme',
    fetch: (request) => {
      seen.push(request);
      return Promise.resolve(answer());
    },
  });

const problem = { type: 'about:blank', title: 'Not Found', status: 404, detail: 'no such cart' };

describe('the typed client', () => {
  it('sends key, workspace, parameters and body', async () => {
    const seen: Request[] = [];
    const api = answering(() => Response.json({ items: [], next_cursor: null }), seen);
    await bodyOf(api.GET('/v1/stores', { params: { query: { limit: 5 } } }));
    await bodyOf(api.GET('/v1/carts/{id}', { params: { path: { id: 'a/b' } } }));
    await bodyOf(api.POST('/v1/audiences/preview', { body: { audience: { everyone: true } } }));
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET http://api/v1/stores?limit=5',
      'GET http://api/v1/carts/a%2Fb',
      'POST http://api/v1/audiences/preview',
    ]);
    const [, , posted] = seen;
    expect(await posted?.json()).toEqual({ audience: { everyone: true } });
    expect(posted?.headers.get('content-type')).toBe('application/json');
    expect(seen.map(({ headers }) => [headers.get('authorization'), headers.get('x-workspace')])).toEqual(
      seen.map(() => ['Bearer k', 'acme']),
    );
  });

  it('sends lines of a bulk import as they are', async () => {
    let sent: Request | undefined;
    const fetch = (request: Request) => {
      sent = request;
      return Promise.resolve(Response.json({ accepted: 2, rejected: 0, errors: [] }));
    };
    const ingest = createIngestClient({ baseUrl: 'http://ingest', fetch });
    expect(await bodyOf(ingest.POST('/v1/people', ndjson([{ a: 1 }, 'x'])))).toMatchObject({ accepted: 2 });
    expect([await sent?.text(), sent?.headers.get('content-type')]).toEqual(['{"a":1}\n"x"\n', 'application/x-ndjson']);
    const packed = gzipSync('{"a":1}\n');
    await bodyOf(ingest.POST('/v1/people', ndjsonBytes(packed, 'gzip')));
    expect(Buffer.from(await sent!.arrayBuffer())).toEqual(packed);
    expect(sent?.headers.get('content-encoding')).toBe('gzip');
  });

  it('returns the body, and nothing for an answer without one', async () => {
    const traits = { traits: [] };
    expect(await bodyOf(answering(() => Response.json(traits)).GET('/v1/traits'))).toEqual(traits);
    const empty = answering(() => new Response(null, { status: 204 }));
    expect(await bodyOf(empty.DELETE('/v1/keys/{id}', { params: { path: { id: 'k1' } } }))).toBeUndefined();
  });

  it('throws the problem of every other answer', async () => {
    const api = answering(() => Response.json(problem, { status: 404 }));
    const failed = bodyOf(api.GET('/v1/status'));
    await expect(failed).rejects.toThrow(new ApiError(problem));
    await expect(failed).rejects.toMatchObject({ status: 404, message: 'no such cart' });
    const proxy = answering(() => new Response('<html>', { status: 502, statusText: 'Bad Gateway' }));
    await expect(bodyOf(proxy.GET('/v1/status'))).rejects.toMatchObject({ status: 502, message: 'Bad Gateway' });
  });

  it('throws status 0 without an answer, and passes on an abort', async () => {
    const fails = (error: Error) => bodyOf(answering(() => Promise.reject(error)).GET('/v1/status'));
    await expect(fails(new TypeError('fetch failed'))).rejects.toMatchObject({ name: 'ApiError', status: 0 });
    await expect(fails(new DOMException('aborted', 'AbortError'))).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('has the types of the contract', () => {
    const api = answering(() => new Response());
    const wrong = (): unknown[] => [
      // @ts-expect-error there is no such path
      api.GET('/v1/shops'),
      // @ts-expect-error the parameter is missing
      api.GET('/v1/carts/{id}'),
      // @ts-expect-error there is no such trait
      api.POST('/v1/audiences/preview', { body: { audience: { trait: 'cart_lost' } } }),
    ];
    const freshThrough: Schemas['Preview']['fresh_through'] = null;
    // @ts-expect-error stores have no address
    const name = (store: Schemas['Store']): unknown => store.address;
    // @ts-expect-error statuses have no such field
    const known = (answer: ApiAnswer<'/v1/traits', 'get'>): unknown => answer.traits[0]?.statuses[0]?.known;
    // @ts-expect-error the API shows no dead letters of carts
    const source: Schemas['DeadLetter']['source'] = 'carts';
    expect([wrong, freshThrough, name, known, source]).toHaveLength(5);
  });
});
