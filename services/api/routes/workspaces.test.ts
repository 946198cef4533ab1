import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock/index.ts';
import { ConflictError, UnknownOutcomeError } from '../../../lib/definitions/index.ts';
import { createApiApp } from '../app.ts';
import type { ApiDeps } from '../deps.ts';

/** Asks for a workspace where the append of `failing` fails with `error`. */
async function make(failing: 'workspace' | 'key', error: Error) {
  const app = createApiApp({
    clock: systemClock,
    adminKey: 'root',
    consoleDir: '/nowhere',
    logger: { error: () => undefined },
    definitions: {
      append: ({ entity, body }: { entity: string; body: object }) =>
        entity === failing ? Promise.reject(error) : Promise.resolve({ ...body, id: 'acme', version: 1 }),
    },
  } as unknown as ApiDeps);
  const body = JSON.stringify({ id: 'acme', name: 'Acme', time_zone: 'UTC' });
  const answer = await app.request('/v1/workspaces', {
    method: 'POST',
    body,
    headers: { authorization: 'Bearer root' },
  });
  const { detail } = (await answer.json()) as { detail: string };
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), detail };
}

describe('POST /v1/workspaces that fails on its way', () => {
  it('says how to get the keys, also when it is tried again', async () => {
    const unknown = new UnknownOutcomeError('not known');
    const detail = expect.stringContaining('POST /v1/keys') as string;
    expect(await make('key', unknown)).toEqual({ status: 503, retryAfter: '2', detail });
    expect(await make('workspace', new ConflictError('taken'))).toMatchObject({ status: 409, detail });
    expect(await make('workspace', unknown)).toMatchObject({
      status: 503,
      detail: expect.stringMatching(/outcome .* not known/) as string,
    });
  });
});
