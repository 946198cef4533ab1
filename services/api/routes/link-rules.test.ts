import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock/index.ts';
import { ConflictError, DefinitionsFold, hashOf, type Append } from '../../../lib/definitions/index.ts';
import { createApiApp } from '../app.ts';
import type { ApiDeps } from '../deps.ts';

const READ = `jt_read_${'r'.repeat(43)}`;
const WRITE = `jt_write_${'w'.repeat(43)}`;

let fold: DefinitionsFold;
let app: ReturnType<typeof createApiApp>;

/** Definitions on the fold that the product uses, without a topic. */
function append({ entity, workspace, id, expectedVersion, body }: Append<'workspace' | 'key' | 'link_rules'>) {
  const record = { record_id: 'r', entity, workspace, id, expected_version: expectedVersion, deleted: false, at: 1000 };
  if (fold.apply({ ...record, body: JSON.stringify(body) }) === 'refused') throw new ConflictError('conflict');
  return Promise.resolve(fold.get(entity, id));
}

beforeEach(async () => {
  fold = new DefinitionsFold();
  const workspace = { name: 'Acme', time_zone: 'UTC', default_country: 'US' } as never;
  await append({ entity: 'workspace', workspace: 'acme', id: 'acme', expectedVersion: 0, body: workspace });
  for (const [role, key] of [['read', READ] as const, ['write', WRITE] as const]) {
    await append({ entity: 'key', workspace: 'acme', id: role, expectedVersion: 0, body: { role, hash: hashOf(key) } });
  }
  app = createApiApp({
    clock: systemClock,
    adminKey: 'root',
    consoleDir: '/nowhere',
    logger: { error: () => undefined },
    definitions: {
      append,
      find: (kind: 'link_rules', id: string) => Promise.resolve(fold.get(kind, id)),
      findWorkspace: (id: string) => Promise.resolve(fold.get('workspace', id)),
      findKey: (key: string) => Promise.resolve(fold.keyByHash(hashOf(key))),
    },
  } as unknown as ApiDeps);
});

async function ask(method: string, body?: unknown, { key = WRITE, ifMatch = '' } = {}) {
  const answer = await app.request('/v1/link-rules', {
    method,
    headers: { authorization: `Bearer ${key}`, ...(ifMatch === '' ? {} : { 'if-match': ifMatch }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const json = (await answer.json()) as Record<string, unknown> & { errors?: { path: string }[] };
  return { status: answer.status, etag: answer.headers.get('etag'), body: json };
}

async function pathsOf(body: unknown) {
  const answer = await ask('PUT', body);
  expect(answer.status).toBe(422);
  return answer.body.errors?.map(({ path }) => path);
}

describe('GET /v1/link-rules', () => {
  it('answers the default rules, at version 0, while nobody has changed them', async () => {
    expect(await ask('GET', undefined, { key: READ })).toEqual({
      status: 200,
      etag: '"0"',
      body: { limit: 25, allow: [], deny: [], version: 0, created_at: null, updated_at: null },
    });
  });
});

describe('PUT /v1/link-rules', () => {
  it('replaces all rules, and normalises identifiers as those of carts', async () => {
    const allow = [
      { kind: 'phone', value: '(808) 555-0143' },
      { phone: '+8085550143' },
      { kind: 'external', value: 7, source: 'pos' },
    ];
    const answer = await ask('PUT', {
      limit: 30,
      allow,
      deny: [{ email: 'Info@Shop.example' }, { external_user_id: '9' }],
    });
    expect(answer).toMatchObject({
      status: 200,
      etag: '"1"',
      body: {
        limit: 30,
        allow: [
          { kind: 'phone', value: '+18085550143' },
          { kind: 'external', value: '7', source: 'pos' },
        ],
        deny: [
          { kind: 'email', value: 'info@shop.example' },
          { kind: 'external', value: '9', source: '' },
        ],
        version: 1,
      },
    });
    expect((await ask('GET')).body).toEqual(answer.body);
    expect(fold.get('link_rules', 'acme')?.allow).toEqual([
      { kind: 'phone', value: '+18085550143' },
      { kind: 'external', value: 'pos 7' },
    ]);
    // What an answer holds can be sent again.
    const { allow: allowed, deny } = answer.body;
    expect(await ask('PUT', { allow: allowed, deny })).toMatchObject({
      status: 200,
      body: { limit: 25, version: 2, deny },
    });
  });

  it('is refused with 409 when If-Match names another version', async () => {
    expect((await ask('PUT', { limit: 3 }, { ifMatch: '"0"' })).status).toBe(200);
    expect((await ask('PUT', { limit: 4 }, { ifMatch: '"0"' })).status).toBe(409);
    expect((await ask('PUT', { limit: 4 }, { ifMatch: '"1"' })).status).toBe(200);
    expect((await ask('GET')).body).toMatchObject({ limit: 4, version: 2 });
  });

  it('names the path of whatever is not valid', async () => {
    expect(await pathsOf({ limit: 0 })).toEqual(['/limit']);
    expect(await pathsOf({ limit: 101 })).toEqual(['/limit']);
    expect(await pathsOf({ limit: 2.5 })).toEqual(['/limit']);
    expect(await pathsOf({ limit: 25, size: 1 })).toEqual(['/size']);
    expect(await pathsOf({ deny: [{ kind: 'phone', value: '1' }, { email: 'none' }] })).toEqual([
      '/deny/0/value',
      '/deny/1/email',
    ]);
    expect(await pathsOf({ allow: [{ kind: 'phone', value: '+18085550143', source: 'x' }] })).toEqual([
      '/allow/0/source',
    ]);
    expect((await pathsOf({ allow: [{ kind: 'name', value: 'Ada' }] }))?.[0]).toMatch(/^\/allow\/0/);
    expect((await pathsOf({ allow: Array.from({ length: 1001 }, () => ({ user_id: 'u' })) }))?.[0]).toBe('/allow');
  });

  it('needs the role write', async () => expect((await ask('PUT', { limit: 3 }, { key: READ })).status).toBe(403));
});
