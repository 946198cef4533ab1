import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { FLOW_TEMPLATES } from '../../lib/flows/templates.ts';
import { createApiApp } from './app.ts';
import type { ApiDeps } from './deps.ts';

/** A workspace from before zones were checked by the library that reckons with them. */
const app = createApiApp({
  consoleDir: '/nowhere',
  logger: { error: () => undefined },
  adminKey: 'admin',
  clock: systemClock,
  definitions: {
    findWorkspace: () => Promise.resolve({ time_zone: 'PST' }),
    findKey: () => Promise.resolve(undefined),
  },
  freshness: { ofWorkspace: () => Promise.resolve(null) },
  logRetentionDays: 90,
  database: {
    for: () => ({ rows: () => Promise.resolve([{ count: 0, reachable_sms: 0, reachable_email: 0, sample: [] }]) }),
  },
} as unknown as ApiDeps);

const post = (path: string, body: object): Promise<Response> =>
  Promise.resolve(
    app.request(path, {
      method: 'POST',
      headers: { authorization: 'Bearer admin', 'x-workspace': 'old', 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );

const preview = (time: object): Promise<Response> =>
  post('/v1/audiences/preview', { audience: { trait: 'cart_abandoned', time } });

describe('a workspace whose stored time zone is unknown', () => {
  it('answers conditions on days with what to do', async () => {
    const response = await preview({ operator: 'on', date: '2026-03-16' });
    expect(response.status).toBe(422);
    const { detail } = (await response.json()) as { detail: string };
    expect(detail).toMatch(/"PST" is not an IANA time zone.*PATCH/);
  });

  it('says of a flow that it cannot be published', async () => {
    const { flow } = FLOW_TEMPLATES[0]!;
    const response = await post('/v1/flows/validate', { ...flow });
    expect(response.status).toBe(200);
    const { errors } = (await response.json()) as { errors: { path: string; message: string }[] };
    expect(errors).toEqual([{ path: '', message: expect.stringMatching(/"PST" is not an IANA time zone.*PATCH/) }]);
  });

  it('answers conditions on minutes', async () =>
    expect((await preview({ operator: 'in_last', amount: 30, unit: 'minutes' })).status).toBe(200));
});
