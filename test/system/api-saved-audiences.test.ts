import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAcme, type AcmeWorld, type Page, type Question } from './api-world.ts';

/** Audiences as text, and saved ones, over HTTP on a real installation. */

let world: AcmeWorld;
beforeAll(async () => {
  world = await openAcme();
});
afterAll(() => world.close());

const ABANDONED = { trait: 'cart_abandoned', time: { operator: 'in_last', amount: 30, unit: 'minutes' } };
const TEXT = 'cart_abandoned in last 30 minutes';

interface Saved {
  id: string;
  version: number;
  name: string;
  audience: unknown;
  description: string | null;
  include_anonymous: boolean;
  live: boolean;
  created_at: string;
  updated_at: string;
  size: null | { count: number };
}

describe('audiences as text', () => {
  it('are parsed and rendered, also with an admin key that names no workspace', async () => {
    for (const key of [world.acme.keys.read, world.acme.keys.write, world.admin]) {
      const parsed = await world.ask('POST', '/v1/audiences/parse', { key, body: { text: TEXT } });
      expect(parsed).toMatchObject({ status: 200, body: { audience: ABANDONED } });
      const rendered = await world.ask('POST', '/v1/audiences/render', { key, body: { audience: ABANDONED } });
      expect(rendered).toMatchObject({
        status: 200,
        body: { text: TEXT, words: 'People who have abandoned a cart in the last 30 minutes.' },
      });
    }
  });

  it.each<[string, string, object[]]>([
    [
      'an error of syntax, with what could stand there',
      'everyone and',
      [
        {
          position: 12,
          expected: expect.arrayContaining(['not', '(', 'everyone', 'status', 'cart_abandoned']) as unknown,
        },
      ],
    ],
    ['errors of meaning, each at its clause', '"😀" in (x)', [{ position: 0 }]],
    [
      'errors of meaning, each at its clause',
      'status in ("😀") for 0 minutes and cart_abandoned = x recovered and cart_status_updated recovered',
      [
        { position: 17, message: 'must be a whole number from 1 to 100,000', expected: [] },
        { position: 50, message: 'cart_abandoned has no status', expected: [] },
        { position: 88, message: 'only cart_abandoned can be recovered', expected: [] },
      ],
    ],
    ['a text that is too long', `everyone${' '.repeat(20_000)}`, [{ position: 20_000, expected: [] }]],
  ])('is refused with %s', async (_, text, errors) => {
    const { status, body } = await world.ask('POST', '/v1/audiences/parse', {
      key: world.acme.keys.read,
      body: { text },
    });
    expect(status).toBe(422);
    expect(body).toMatchObject({ errors: errors.map((error) => ({ path: '/text', ...error })) });
  });

  it('of 20,000 characters is parsed', async () => {
    const text = `everyone${' '.repeat(20_000 - 'everyone'.length)}`;
    const question = { key: world.acme.keys.read, body: { text } };
    expect(await world.statusOf('POST', '/v1/audiences/parse', question)).toBe(200);
  });

  it('needs the role read', async () => {
    for (const path of ['/v1/audiences/parse', '/v1/audiences/render']) {
      expect(await world.statusOf('POST', path, { key: world.acme.keys.ingest, body: {} })).toBe(403);
    }
  });
});

function save(change: object = {}, question: Question = {}) {
  const body = { name: 'Left a cart', audience: ABANDONED, ...change };
  return world.ask<Saved>('POST', '/v1/audiences', { key: world.acme.keys.write, body, ...question });
}
const put = (id: string, ifMatch: string | undefined, change: object = {}) =>
  world.ask<Saved>('PUT', `/v1/audiences/${id}`, {
    key: world.acme.keys.write,
    body: { name: 'Changed', audience: { everyone: true }, ...change },
    ...(ifMatch === undefined ? {} : { headers: { 'if-match': ifMatch } }),
  });
const get = (id: string, key = world.acme.keys.read) => world.ask<Saved>('GET', `/v1/audiences/${id}`, { key });

describe('saved audiences', () => {
  it('are created with defaults, and read back', async () => {
    const { status, body, headers } = await save({ name: '  Left a cart ' });
    expect(status).toBe(201);
    expect(headers.get('etag')).toBe('"1"');
    const { created_at, updated_at, ...rest } = body;
    expect(rest).toEqual({
      id: expect.stringMatching(/^aud_/) as unknown,
      version: 1,
      name: 'Left a cart',
      audience: ABANDONED,
      description: null,
      include_anonymous: false,
      live: false,
      size: null,
    });
    expect(updated_at).toBe(created_at);
    const read = await get(body.id);
    expect(read.body).toEqual(body);
    expect(read.headers.get('etag')).toBe('"1"');
    expect(read.headers.get('cache-control')).toBe('no-store');
  });

  it('are replaced as a whole with If-Match, always to the next version', async () => {
    const { body: first } = await save({ description: 'one', include_anonymous: true });
    expect((await put(first.id, undefined)).status).toBe(428);
    expect((await put(first.id, '"2"')).status).toBe(409);
    const second = await put(first.id, '"1"');
    expect(second.headers.get('etag')).toBe('"2"');
    expect(second.body).toMatchObject({
      version: 2,
      name: 'Changed',
      description: null,
      include_anonymous: false,
      created_at: first.created_at,
    });
    expect((await put(first.id, '"1"')).status).toBe(409);
    // The same content again is a version too.
    expect((await put(first.id, 'W/"2"')).body).toMatchObject({ version: 3, audience: { everyone: true } });
  });

  it('have one winner of concurrent changes', async () => {
    const { body } = await save();
    const statuses = (await Promise.all([1, 2, 3, 4].map(() => put(body.id, '"1"')))).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 409, 409, 409]);
  });

  it('list their versions, newest first, in pages', async () => {
    const { body: first } = await save();
    await put(first.id, '"1"', { name: 'Second' });
    await put(first.id, '"2"', { name: 'Third', live: true });
    const path = `/v1/audiences/${first.id}/versions`;
    const key = world.acme.keys.read;
    const all = await world.ask<Page<Saved>>('GET', path, { key });
    expect(all.body.items.map(({ version, name }) => [version, name])).toEqual([
      [3, 'Third'],
      [2, 'Second'],
      [1, 'Left a cart'],
    ]);
    const { size, ...shown } = first;
    expect(size).toBeNull();
    expect(all.body.items[2]).toEqual(shown);
    const page = await world.ask<Page<Saved>>('GET', `${path}?limit=2`, { key });
    expect(page.body.items).toEqual(all.body.items.slice(0, 2));
    const next = await world.ask<Page<Saved>>('GET', `${path}?cursor=${page.body.next_cursor ?? ''}`, { key });
    expect(next.body).toEqual({ items: all.body.items.slice(2), next_cursor: null });
    expect(await world.statusOf('GET', `${path}?cursor=x`, { key })).toBe(422);
  });

  it('are gone after DELETE, with their versions; it needs no If-Match but respects one', async () => {
    const { body } = await save();
    const path = `/v1/audiences/${body.id}`;
    const key = world.acme.keys.write;
    expect(await world.statusOf('DELETE', path, { key, headers: { 'if-match': '"7"' } })).toBe(409);
    expect(await world.statusOf('DELETE', path, { key })).toBe(204);
    expect(await world.statusOf('GET', path, { key })).toBe(404);
    expect(await world.statusOf('GET', `${path}/versions`, { key })).toBe(404);
    expect(await world.statusOf('DELETE', path, { key })).toBe(404);
    expect((await put(body.id, '"1"')).status).toBe(404);
  });

  it('are listed in pages, those of the workspace alone', async () => {
    const other = await save({ name: 'Other' }, { key: world.other.keys.write });
    const seen: Saved[] = [];
    let cursor = '';
    do {
      const question = { key: world.acme.keys.read };
      const { body } = await world.ask<Page<Saved>>('GET', `/v1/audiences?limit=2${cursor}`, question);
      seen.push(...body.items);
      cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`;
    } while (cursor !== '');
    const ids = seen.map(({ id }) => id);
    expect(ids.length).toBeGreaterThan(3);
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(ids).not.toContain(other.body.id);
  });

  it('of another workspace are not there', async () => {
    const { body } = await save();
    const key = world.other.keys.write;
    expect((await get(body.id, key)).status).toBe(404);
    expect(await world.statusOf('GET', `/v1/audiences/${body.id}/versions`, { key })).toBe(404);
    expect(await world.statusOf('DELETE', `/v1/audiences/${body.id}`, { key })).toBe(404);
    const headers = { 'if-match': '"1"' };
    const put = { key, headers, body: { name: 'x', audience: { everyone: true } } };
    expect(await world.statusOf('PUT', `/v1/audiences/${body.id}`, put)).toBe(404);
  });

  it('are changed by the role write alone', async () => {
    const key = world.acme.keys.read;
    expect((await save({}, { key })).status).toBe(403);
    const { body } = await save();
    expect(await world.statusOf('DELETE', `/v1/audiences/${body.id}`, { key })).toBe(403);
    expect((await save({}, { key: world.admin, workspace: world.acme.id })).status).toBe(201);
  });

  it('are refused with the path of what is wrong', async () => {
    const paths = (body: object) =>
      world.pathsOf({ name: 'x', audience: { everyone: true }, ...body }, '/v1/audiences');
    expect(await paths({ name: '  ' })).toEqual(['/name']);
    expect(await paths({ name: 'x'.repeat(201) })).toEqual(['/name']);
    expect(await paths({ audience: { not: { trait: 'x' } } })).toEqual(['/audience/not/trait']);
    expect(await paths({ live: 'yes' })).toEqual(['/live']);
    expect(await paths({ size: 1 })).toEqual(['/size']);
    expect((await save({ name: 'x'.repeat(200) })).status).toBe(201);
  });

  it('are live up to 200 of a workspace, however many ask at once', async () => {
    const key = world.other.keys.write;
    const statuses = await Promise.all(
      Array.from({ length: 203 }, async () => (await save({ live: true }, { key })).status),
    );
    expect(statuses.filter((status) => status === 201)).toHaveLength(200);
    expect(statuses.filter((status) => status === 409)).toHaveLength(3);
    expect((await save({}, { key })).status).toBe(201);
    // One that is live already may change.
    const { body } = await world.ask<Page<Saved>>('GET', '/v1/audiences?limit=1000', { key });
    const live = body.items.find((saved) => saved.live);
    const change = {
      key,
      body: { name: 'n', audience: { everyone: true }, live: true },
      headers: { 'if-match': '"1"' },
    };
    expect(await world.statusOf('PUT', `/v1/audiences/${live?.id ?? ''}`, change)).toBe(200);
    // Switching one off makes room.
    const off = { ...change, body: { ...change.body, live: false }, headers: { 'if-match': '"2"' } };
    expect(await world.statusOf('PUT', `/v1/audiences/${live?.id ?? ''}`, off)).toBe(200);
    expect((await save({ live: true }, { key })).status).toBe(201);
    expect((await save({ live: true }, { key })).status).toBe(409);
  });
});
