import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock/index.ts';
import {
  codeOf,
  ConflictError,
  DefinitionsFold,
  hashOf,
  type Append,
  type EntityKind,
} from '../../../lib/definitions/index.ts';
import { createApiApp } from '../app.ts';
import type { ApiDeps } from '../deps.ts';

const WRITE = `jt_write_${'w'.repeat(43)}`;
const SECRET_KEY = Buffer.alloc(32, 7);

const FLOW = {
  name: 'Prepared',
  triggers: [{ trait: 'cart_status_updated', status: ['preparing'] }],
  start: 'tell',
  nodes: {
    tell: { type: 'sms', text: '{{ workspace.name }}: we prepare it. Reply STOP to opt out.', code_pool: 'ten' },
  },
};

let fold: DefinitionsFold;
let app: ReturnType<typeof createApiApp>;
/** What was appended, in order. */
let appended: Append<EntityKind>[];
let passed: Set<string>;
let rows: (query: string, params: Record<string, unknown>) => unknown[];

/** Definitions on the fold that the product uses, without a topic. */
function append(change: Append<EntityKind>) {
  const { entity, workspace, id, expectedVersion, body } = change;
  const record = { record_id: 'r', entity, workspace, id, expected_version: expectedVersion, deleted: false, at: 1000 };
  if (fold.apply({ ...record, body: JSON.stringify(body) }) === 'refused') throw new ConflictError('conflict');
  appended.push(change);
  return Promise.resolve(fold.get(entity, id));
}

beforeEach(async () => {
  fold = new DefinitionsFold({ versionsOf: ['flow'] });
  appended = [];
  passed = new Set();
  rows = () => [];
  const workspace = { name: 'Acme', time_zone: 'UTC', default_country: 'US' } as never;
  await append({ entity: 'workspace', workspace: 'acme', id: 'acme', expectedVersion: 0, body: workspace });
  const key = { role: 'write', hash: hashOf(WRITE) } as const;
  await append({ entity: 'key', workspace: 'acme', id: 'k', expectedVersion: 0, body: key });
  const database = { rows: (query: string, params: object) => Promise.resolve(rows(query, { ...params })) };
  app = createApiApp({
    clock: systemClock,
    adminKey: 'root',
    secretKey: SECRET_KEY,
    logRetentionDays: 90,
    consoleDir: '/nowhere',
    logger: { error: () => undefined },
    database: { ...database, for: () => database },
    publishing: {
      passedOf: (_: string, ids: string[]) => Promise.resolve(new Set(ids.filter((id) => passed.has(id)))),
    },
    definitions: {
      append,
      fresh: () => Promise.resolve(),
      find: (kind: EntityKind, id: string) => Promise.resolve(fold.get(kind, id)),
      get: (kind: EntityKind, id: string) => fold.get(kind, id),
      list: (kind: EntityKind, own: string) => fold.list(kind).filter((value) => value.workspace === own),
      versions: (kind: EntityKind, id: string) => fold.versions(kind, id),
      findWorkspace: (id: string) => Promise.resolve(fold.get('workspace', id)),
      findKey: (presented: string) => Promise.resolve(fold.keyByHash(hashOf(presented))),
    },
  } as unknown as ApiDeps);
});

interface Body extends Record<string, unknown> {
  id: string;
  errors?: { path: string }[];
}

async function ask(method: string, path: string, body?: unknown, ifMatch = '') {
  const answer = await app.request(path, {
    method,
    headers: { authorization: `Bearer ${WRITE}`, ...(ifMatch === '' ? {} : { 'if-match': ifMatch }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    etag: answer.headers.get('etag'),
    body: (text === '' ? {} : JSON.parse(text)) as Body,
  };
}

const save = async (flow: unknown = FLOW): Promise<string> => (await ask('POST', '/v1/flows', flow)).body.id;

describe('commands to a flow', () => {
  it('are records of its state; a publish has the whole version and the settings', async () => {
    const id = await save();
    await ask('POST', `/v1/flows/${id}/publish`, { runs: 'move' });
    await ask('POST', `/v1/flows/${id}/pause`);
    await ask('POST', `/v1/flows/${id}/pause`);
    await ask('POST', `/v1/flows/${id}/resume`);
    await ask('DELETE', `/v1/flows/${id}`);
    const states = appended.filter(({ entity }) => entity === 'flow_state');
    expect(states.map(({ id: of, expectedVersion }) => [of, expectedVersion])).toEqual(
      [0, 1, 2, 3].map((v) => [id, v]),
    );
    const settings = {
      name: 'Acme',
      time_zone: 'UTC',
      frequency_cap: null,
      quiet_hours: { from: '08:00', to: '21:00', channels: ['sms'] },
    };
    expect(states.map(({ body }) => body)).toMatchObject([
      { state: 'live', live_version: 1, command: { what: 'publish', runs: 'move', flow: FLOW, settings } },
      { state: 'paused', live_version: 1, command: { what: 'pause' } },
      { state: 'live', live_version: 1, command: { what: 'resume' } },
      { state: 'archived', live_version: 1, command: { what: 'archive' } },
    ]);
  });

  it('show the flow as publishing until the log has its publish', async () => {
    const id = await save();
    const published = await ask('POST', `/v1/flows/${id}/publish`);
    expect(published.body).toMatchObject({ state: 'publishing', version: 1, live_version: 1, warnings: [] });
    passed.add(id);
    expect((await ask('GET', `/v1/flows/${id}`)).body).toMatchObject({ state: 'live' });
    expect((await ask('GET', '/v1/flows?state=live')).body['items']).toMatchObject([{ id }]);
    expect((await ask('GET', '/v1/flows?state=publishing')).body['items']).toEqual([]);
  });

  it('do not change its version', async () => {
    const id = await save();
    await ask('POST', `/v1/flows/${id}/publish`);
    await ask('POST', `/v1/flows/${id}/pause`);
    expect((await ask('PUT', `/v1/flows/${id}`, FLOW, '"1"')).etag).toBe('"2"');
    expect((await ask('POST', `/v1/flows/${id}/resume`, undefined, '"1"')).status).toBe(409);
    expect((await ask('POST', `/v1/flows/${id}/resume`, undefined, '"2"')).status).toBe(200);
  });

  it('are refused for an archived flow and, but for publish, for a draft', async () => {
    const id = await save();
    for (const what of ['pause', 'resume']) expect((await ask('POST', `/v1/flows/${id}/${what}`)).status).toBe(409);
    expect((await ask('DELETE', `/v1/flows/${id}`)).status).toBe(204);
    for (const what of ['publish', 'pause', 'resume']) {
      expect((await ask('POST', `/v1/flows/${id}/${what}`)).status).toBe(409);
    }
    expect((await ask('PUT', `/v1/flows/${id}`, FLOW, '"1"')).status).toBe(409);
    expect((await ask('GET', `/v1/flows/${id}`)).body).toMatchObject({ state: 'archived', live_version: null });
  });

  it('publish nothing that is not valid, and name every problem by its path', async () => {
    const nodes = {
      tell: { type: 'wait', for: { amount: 91, unit: 'days' }, next: 'mail' },
      mail: { type: 'email', subject: '{{ nobody }}', html: 'no link', next: 'tell' },
      lost: { type: 'exit' },
    };
    const id = await save({ ...FLOW, nodes });
    const { status, body } = await ask('POST', `/v1/flows/${id}/publish`);
    expect(status).toBe(422);
    expect(body.errors?.map(({ path }) => path).sort()).toEqual([
      '/nodes/lost',
      '/nodes/mail/html',
      '/nodes/mail/next',
      '/nodes/mail/subject',
      '/nodes/tell/for',
    ]);
    expect(appended.some(({ entity }) => entity === 'flow_state')).toBe(false);
  });
});

describe('code pools', () => {
  const add = (codes: string[], name = 'ten') => ask('POST', '/v1/code-pools', { name, codes });

  it('have each code once, in the order in which codes were added', async () => {
    expect((await add(['A', 'B', 'A'])).body).toEqual({ name: 'ten', left: 2, given: 0, added: 2 });
    expect((await add(['B', ' C '])).body).toMatchObject({ left: 3, added: 1 });
    expect((await add(['A'])).body).toMatchObject({ left: 3, added: 0 });
    const list = (kind: EntityKind) => fold.list(kind);
    const codes = [0, 1, 2, 3].map((index) =>
      codeOf({ list } as never, SECRET_KEY, { workspace: 'acme', name: 'ten', index }),
    );
    expect(codes).toEqual(['A', 'B', 'C', undefined]);
    expect(JSON.stringify(appended)).not.toMatch(/"A"|"B"|"C"/);
  });

  it('lose no codes that are added at the same time', async () => {
    const answers = await Promise.all([['A'], ['B'], ['C']].map((codes) => add(codes)));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect((await ask('GET', '/v1/code-pools')).body['items']).toEqual([{ name: 'ten', left: 3, given: 0 }]);
  });

  it('count the runs that have a code of a message with the pool, in all versions', async () => {
    const id = await save();
    await ask('PUT', `/v1/flows/${id}`, FLOW, '"1"');
    await add(['A', 'B']);
    let names: unknown;
    rows = (_, params) => {
      names = params['names'];
      return [{ pool: 'ten', given: 5 }];
    };
    // A message that is sent without a code counts too.
    expect((await ask('GET', '/v1/code-pools')).body['items']).toEqual([{ name: 'ten', left: 0, given: 2 }]);
    expect(names).toEqual([`${id}/2/tell`, `${id}/1/tell`]);
  });

  it('are refused with the path of what is wrong', async () => {
    const pathsOf = async (body: object) =>
      (await ask('POST', '/v1/code-pools', body)).body.errors?.map(({ path }) => path);
    expect(await pathsOf({ name: '', codes: ['A'] })).toEqual(['/name']);
    expect(await pathsOf({ name: 'ten', codes: [] })).toEqual(['/codes']);
    expect(await pathsOf({ name: 'ten', codes: ['A', ''] })).toEqual(['/codes/1']);
  });
});

describe('the report of a flow', () => {
  it('sums steps, live runs and goals; nodes without steps are there', async () => {
    const id = await save({
      ...FLOW,
      nodes: { ...FLOW.nodes, tell: { ...FLOW.nodes.tell, next: 'end' }, end: { type: 'exit' } },
    });
    const step = (what: string, count: number, node = '', reason = '') => ({ what, node, reason, count });
    rows = (query) => {
      if (query.includes("what = 'goal'")) return [{ goals: 2, revenue: 55.5 }];
      if (query.includes('reached AS node'))
        return [
          { node: 'tell', count: 2 },
          { node: '', count: 1 },
        ];
      return [
        step('started', 10),
        step('refused', 3, '', 'live'),
        step('refused', 1, '', 'bought'),
        step('reached', 10, 'tell'),
        step('woken', 4, 'tell'),
        step('sent', 5, 'tell'),
        step('skipped', 2, 'tell', 'no_consent'),
        step('failed', 1, 'tell', 'template'),
        step('exited', 4, 'tell', 'checkout'),
        step('completed', 3),
      ];
    };
    const none = { reached: 0, waiting: 0, sent: 0, skipped: {}, failed: 0, unknown: 0 };
    expect((await ask('GET', `/v1/flows/${id}/report`)).body).toEqual({
      entered: 10,
      refused: { live: 3, bought: 1 },
      live: 3,
      completed: 3,
      exited: { checkout: 4 },
      nodes: {
        tell: { ...none, reached: 10, waiting: 2, sent: 5, skipped: { no_consent: 2 }, failed: 1 },
        end: none,
      },
      goals: 2,
      revenue: 55.5,
    });
    const reversed = '?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z';
    expect((await ask('GET', `/v1/flows/${id}/report${reversed}`)).status).toBe(422);
    expect((await ask('GET', `/v1/flows/${id}/why`)).body.errors).toMatchObject([{ path: '/person_id' }]);
  });
});
