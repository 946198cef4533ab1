import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock/index.ts';
import { createApiApp } from '../app.ts';
import type { ApiDeps } from '../deps.ts';

const stored = {
  id: 's1',
  workspace: 'acme',
  version: 1,
  createdAt: 0,
  updatedAt: 0,
  event: 'cart_status',
  store_ids: null,
  time_zone: 'UTC',
  verify: 'both',
  tokens: [],
  secrets: [],
};

describe('PATCH /v1/subscriptions/{id}', () => {
  it('answers what was written while nobody can say what came lately', async () => {
    let present: object = stored;
    const app = createApiApp({
      clock: systemClock,
      adminKey: 'root',
      consoleDir: '/nowhere',
      ingestUrl: 'http://ingest',
      logger: { error: () => undefined, warn: () => undefined },
      activity: { read: () => Promise.reject(new Error('ClickHouse does not answer')) },
      definitions: {
        findWorkspace: () => Promise.resolve({ id: 'acme' }),
        find: () => Promise.resolve(present),
        append: ({ body }: { body: object }) => Promise.resolve((present = { ...stored, ...body, version: 2 })),
      },
    } as unknown as ApiDeps);
    const answer = await app.request('/v1/subscriptions/s1', {
      method: 'PATCH',
      body: '{"verify":"token"}',
      headers: { authorization: 'Bearer root', 'x-workspace': 'acme', 'if-match': '"1"' },
    });
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, '"2"']);
    expect(await answer.json()).toMatchObject({ verify: 'token', version: 2, last_received_at: null, refused: null });
  });
});
