import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createSubscription,
  postLines,
  postWebhook,
  waitFresh,
  waitUntil,
  type Subscription,
  type Workspace,
} from '../harness/client.ts';
import { openAcme, type AcmeWorld, type Page } from './api-world.ts';

/** Workspaces, keys, subscriptions and dead letters on a real installation, each answer held to the served document. */

let api: AcmeWorld;
let acme: Workspace;
let other: Workspace;
let admin: string;
let ask: AcmeWorld['ask'];
let statusOf: AcmeWorld['statusOf'];
let pathsOf: AcmeWorld['pathsOf'];

beforeAll(async () => {
  api = await openAcme();
  ({ acme, other, admin, ask, statusOf, pathsOf } = api);
});
afterAll(() => api.close());

describe('keys and roles', () => {
  it('tell 400, 401, 403 and 404 apart', async () => {
    const path = '/v1/subscriptions';
    expect(await statusOf('GET', path)).toBe(401);
    expect(await statusOf('GET', path, { key: 'nope' })).toBe(401);
    expect(await statusOf('GET', path, { key: `jt_read_${'x'.repeat(43)}` })).toBe(401);
    expect(await statusOf('GET', path, { key: acme.keys.ingest })).toBe(403);
    expect(await statusOf('GET', path, { key: acme.keys.read })).toBe(403);
    expect(await statusOf('GET', path, { key: acme.keys.write, workspace: other.id })).toBe(403);
    expect(await statusOf('GET', path, { key: acme.keys.write, workspace: acme.id })).toBe(200);
    expect(await statusOf('GET', path, { key: admin })).toBe(400);
    expect(await statusOf('GET', path, { key: admin, workspace: 'nowhere' })).toBe(404);
    expect(await statusOf('GET', path, { key: admin, workspace: acme.id })).toBe(200);
    expect(await statusOf('POST', path, { key: acme.keys.write, body: 'not json' })).toBe(400);
    expect(await statusOf('POST', path, { key: acme.keys.write, body: [] })).toBe(422);
  });

  it('are made, listed and taken back; a new one works at once, one taken back not a second later', async () => {
    const as = { key: admin, workspace: acme.id };
    expect(await statusOf('POST', '/v1/keys', { key: acme.keys.write, body: { role: 'read' } })).toBe(403);
    expect(await statusOf('POST', '/v1/keys', { ...as, body: { role: 'admin' } })).toBe(422);
    const made = await ask<{ id: string; key: string }>('POST', '/v1/keys', { ...as, body: { role: 'read' } });
    expect(made.status).toBe(201);
    const { id, key } = made.body;
    expect(await statusOf('GET', '/v1/traits', { key })).toBe(200);
    const { body: list } = await ask<Page<{ id: string }>>('GET', '/v1/keys', as);
    expect(list.items.map((item) => item.id)).toContain(id);
    expect(JSON.stringify(list)).not.toContain(key);
    expect(await statusOf('GET', `/v1/keys/${id}`, as)).toBe(200);
    expect(await statusOf('GET', `/v1/keys/${id}`, { key: admin, workspace: other.id })).toBe(404);
    expect(await statusOf('DELETE', `/v1/keys/${id}`, as)).toBe(204);
    await waitUntil('refused', async () => (await statusOf('GET', '/v1/traits', { key })) === 401, { timeoutMs: 1000 });
    expect(await statusOf('DELETE', `/v1/keys/${id}`, as)).toBe(404);
  });
});

describe('workspaces', () => {
  const fresh = { id: `fresh-${process.pid}`, name: 'Fresh', time_zone: 'Europe/London' };

  it('are made with their defaults and keys, once', async () => {
    const made = await ask('POST', '/v1/workspaces', { key: admin, body: fresh });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      workspace: {
        ...fresh,
        abandonment_window_minutes: 30,
        grace_seconds: 60,
        retry_horizon_minutes: 15,
        default_country: 'US',
        retention_days: null,
      },
      keys: { ingest: expect.stringMatching(/^jt_ingest_/) as string },
    });
    expect(await statusOf('POST', '/v1/workspaces', { key: admin, body: fresh })).toBe(409);
    expect(await statusOf('POST', '/v1/workspaces', { key: acme.keys.write, body: fresh })).toBe(403);
  });

  it('of two that are made at once with one id one is made', async () => {
    const body = { ...fresh, id: `race-${process.pid}` };
    const all = await Promise.all([1, 2, 3].map(() => statusOf('POST', '/v1/workspaces', { key: admin, body })));
    expect(all.sort()).toEqual([201, 409, 409]);
  });

  it.each([
    [{ id: 'Bad Id' }, '/id'],
    [{ id: '-bad' }, '/id'],
    [{ id: 'x'.repeat(64) }, '/id'],
    [{ time_zone: 'Mars/Olympus' }, '/time_zone'],
    [{ abandonment_window_minutes: 0 }, '/abandonment_window_minutes'],
    [{ abandonment_window_minutes: 43_201 }, '/abandonment_window_minutes'],
    [{ grace_seconds: 3_601 }, '/grace_seconds'],
    [{ default_country: 'XX' }, '/default_country'],
    [{ surprise: 1 }, '/surprise'],
  ])('are refused with %j', async (change, path) => {
    const body = { ...fresh, id: `bad-${process.pid}`, ...change };
    expect(await pathsOf(body, '/v1/workspaces', admin)).toEqual([path]);
  });

  it('are seen by their own keys and by admins, page by page', async () => {
    const own = await ask<Page<{ id: string }>>('GET', '/v1/workspaces', { key: acme.keys.read });
    expect(own.body.items.map(({ id }) => id)).toEqual([acme.id]);
    expect(await statusOf('GET', '/v1/workspaces', { key: acme.keys.ingest })).toBe(403);
    expect(await statusOf('GET', `/v1/workspaces/${acme.id}`, { key: acme.keys.read })).toBe(200);
    expect(await statusOf('GET', `/v1/workspaces/${other.id}`, { key: acme.keys.read })).toBe(404);
    const ids: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const page = await ask<Page<{ id: string }>>('GET', `/v1/workspaces?limit=1${query}`, { key: admin });
      ids.push(...page.body.items.map(({ id }) => id));
      cursor = page.body.next_cursor;
    }
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(ids).toEqual(expect.arrayContaining([acme.id, other.id]));
    expect(await statusOf('GET', '/v1/workspaces?limit=1001', { key: admin })).toBe(422);
  });

  it('are changed by whoever knows the version', async () => {
    const path = `/v1/workspaces/${other.id}`;
    const before = await ask('GET', path, { key: admin });
    const etag = before.headers.get('etag') ?? '';
    const change = { key: admin, body: { name: 'Renamed' } };
    const after = await ask('PATCH', path, { ...change, headers: { 'if-match': etag } });
    expect(after.body).toEqual({
      ...before.body,
      name: 'Renamed',
      version: Number(before.body['version']) + 1,
      updated_at: after.body['updated_at'],
    });
    expect(await statusOf('PATCH', path, { ...change, headers: { 'if-match': etag } })).toBe(409);
    expect(await statusOf('PATCH', path, { ...change, key: other.keys.write })).toBe(403);
    expect(await statusOf('PATCH', path, { key: admin, body: { id: 'x' } })).toBe(422);
    expect(await statusOf('PATCH', '/v1/workspaces/nowhere', change)).toBe(404);
  });

  it('are changed by all who name no version, at the same time', async () => {
    const path = `/v1/workspaces/${other.id}`;
    const before = await ask('GET', path, { key: admin });
    const bodies = [{ name: 'Busy' }, { grace_seconds: 61 }, { default_country: 'CA' }, { retry_horizon_minutes: 16 }];
    const all = [...bodies, ...bodies];
    expect(await Promise.all(all.map((body) => statusOf('PATCH', path, { key: admin, body })))).toEqual(
      all.map(() => 200),
    );
    const after = await ask('GET', path, { key: admin });
    expect(after.body).toMatchObject({ ...Object.assign({}, ...bodies), version: Number(before.body['version']) + 8 });
    const back = { grace_seconds: 60, default_country: 'US', retry_horizon_minutes: 15 };
    expect(await statusOf('PATCH', path, { key: admin, body: back })).toBe(200);
  });
});

const cart = (id: string, change: Record<string, unknown> = {}) => ({
  cart: { id, status: 'verification', store_id: 68, customer_phone_number: '(808) 555-0143', ...change },
});

describe('subscriptions', () => {
  let subscription: Subscription;
  const write = () => ({ key: acme.keys.write });

  it('are made with their secrets shown once', async () => {
    const wanted = { ...write(), body: { event: 'cart_status', store_ids: ['68'] } };
    const made = await ask<Subscription>('POST', '/v1/subscriptions', wanted);
    expect(made.status).toBe(201);
    subscription = made.body;
    expect(subscription.url).toBe(`${api.installation.ingestUrl}/v1/webhooks/jane/${subscription.id}`);
    const { body } = await ask('GET', `/v1/subscriptions/${subscription.id}`, write());
    expect(body).toMatchObject({ store_ids: ['68'], time_zone: 'UTC', verify: 'both', last_received_at: null });
    expect(JSON.stringify(body)).not.toMatch(/jt_token|jt_secret/);
    expect(await statusOf('GET', `/v1/subscriptions/${subscription.id}`, { key: other.keys.write })).toBe(404);
    expect(await pathsOf({ event: 'cart' }, '/v1/subscriptions')).toEqual(['/event']);
    expect(await pathsOf({ event: 'cart_status', time_zone: 'X' }, '/v1/subscriptions')).toEqual(['/time_zone']);
  });

  it('tell when the last webhook came and why others were refused', async () => {
    expect((await postWebhook(subscription, cart('s1'))).status).toBe(202);
    expect((await postWebhook(subscription, cart('s1'), { headers: { authorization: 'Bearer x' } })).status).toBe(401);
    expect((await postWebhook(subscription, cart('s1', { store_id: 99 }))).status).toBe(422);
    await waitUntil('the counts', async () => {
      const { body } = await ask<{ last_received_at: string | null; refused: Record<string, number> }>(
        'GET',
        `/v1/subscriptions/${subscription.id}`,
        write(),
      );
      expect(body.last_received_at).not.toBeNull();
      expect(body.refused).toEqual({ wrong_token: 1, store_not_covered: 1 });
      return true;
    });
  });

  it('rotate: old secrets go on working beside the new ones', async () => {
    const rotated = await ask<Subscription>('POST', `/v1/subscriptions/${subscription.id}/rotate`, write());
    expect(rotated.status).toBe(200);
    expect(rotated.body.signing_secret).not.toBe(subscription.signing_secret);
    expect((await postWebhook(rotated.body, cart('s2'))).status).toBe(202);
    expect((await postWebhook(subscription, cart('s2'))).status).toBe(202);
    const mixed = { ...subscription, bearer_token: rotated.body.bearer_token };
    expect((await postWebhook(mixed, cart('s2'))).status).toBe(202);
  });

  it('keep every secret that was promised 24 hours: a rotation too many is refused', async () => {
    const body = { event: 'cart_status' };
    const { body: first } = await ask<Subscription>('POST', '/v1/subscriptions', { ...write(), body });
    const rotate = () => ask<{ detail?: string }>('POST', `/v1/subscriptions/${first.id}/rotate`, write());
    const all = await Promise.all(Array.from({ length: 5 }, rotate));
    for (let i = 5; i < 9; i += 1) all.push(await rotate());
    expect(all.map(({ status }) => status)).toEqual(Array(9).fill(200));
    const refused = await rotate();
    expect(refused.status).toBe(409);
    expect(refused.body.detail).toMatch(/rotate after \d{4}-.*Z/);
    expect((await postWebhook(first, cart('s5'))).status).toBe(202);
  });

  it('are changed, and taken back within a second', async () => {
    const path = `/v1/subscriptions/${subscription.id}`;
    const etag = (await ask('GET', path, write())).headers.get('etag') ?? '';
    const change = { ...write(), body: { store_ids: [], verify: 'token' } };
    const changed = await ask('PATCH', path, { ...change, headers: { 'if-match': etag } });
    expect(changed.body).toMatchObject({ store_ids: null, verify: 'token', event: 'cart_status' });
    expect(await statusOf('PATCH', path, { ...change, headers: { 'if-match': etag } })).toBe(409);
    expect(await statusOf('DELETE', path, { ...write(), headers: { 'if-match': etag } })).toBe(409);
    await waitUntil(
      'other stores are covered',
      async () => (await postWebhook(subscription, cart('s3', { store_id: 99 }))).status === 202,
      { timeoutMs: 1000 },
    );
    expect(await statusOf('DELETE', path, write())).toBe(204);
    await waitUntil('refused', async () => (await postWebhook(subscription, cart('s4'))).status === 401, {
      timeoutMs: 1000,
    });
    expect(await statusOf('GET', path, write())).toBe(404);
    const { body } = await ask<Page<{ id: string }>>('GET', '/v1/subscriptions', write());
    expect(body.items.map(({ id }) => id)).not.toContain(subscription.id);
  });
});

describe('dead letters', () => {
  it('are listed, inspected, and replayed as they are or mended', async () => {
    const subscription = await createSubscription(api.installation, other, { event: 'cart_status' });
    const broken = await postWebhook(subscription, '{"cart": {"id": "d1"');
    const unusable = await postWebhook(subscription, { cart: { id: 'd2' } });
    expect([broken.status, unusable.status]).toEqual([422, 422]);
    await postLines(api.installation, other, 'people', [{ occurred_at: '2026-01-01T00:00:00Z', name: 'Nobody' }]);
    const write = { key: other.keys.write };
    const { items } = await waitUntil('they are in the tables', async () => {
      const { body } = await ask<Page<{ dead_letter_id: string; source: string }>>('GET', '/v1/dead-letters', write);
      return body.items.length === 3 && body;
    });
    expect(items.map(({ source }) => source).sort()).toEqual(['people', 'webhook', 'webhook']);
    const first = await ask<Page<{ dead_letter_id: string }>>('GET', '/v1/dead-letters?limit=2', write);
    const rest = await ask<Page<{ dead_letter_id: string }>>(
      'GET',
      `/v1/dead-letters?limit=2&cursor=${first.body.next_cursor ?? ''}`,
      write,
    );
    expect([...first.body.items, ...rest.body.items]).toEqual(items);
    const filtered = await ask<Page<unknown>>('GET', '/v1/dead-letters?source=people', write);
    expect(filtered.body.items).toHaveLength(1);

    const path = `/v1/dead-letters/${broken.body.dead_letter_id ?? ''}`;
    expect((await ask('GET', path, write)).body).toMatchObject({ body: '{"cart": {"id": "d1"', reason: 'not_json' });
    expect(await statusOf('GET', path, { key: acme.keys.write })).toBe(404);
    expect(await statusOf('GET', path, { key: other.keys.read })).toBe(403);
    expect(await statusOf('POST', `${path}/replay`, write)).toBe(422);
    expect(await statusOf('POST', `${path}/replay`, { ...write, body: { body: '{}' } })).toBe(422);
    expect(await statusOf('POST', `${path}/replay`, { ...write, body: { bodi: '{}' } })).toBe(422);
    const mended = { ...write, body: { body: JSON.stringify(cart('d1')) } };
    const replayed = await ask<{ event_id: string }>('POST', `${path}/replay`, mended);
    expect(replayed.status).toBe(202);
    const again = await ask<{ event_id: string }>('POST', `${path}/replay`, mended);
    expect(again.body).toEqual(replayed.body);
    await waitFresh(api.installation, other);
    expect((await ask('GET', '/v1/carts/d1', { key: other.keys.read })).body).toMatchObject({
      status: 'verification',
      trait_events: [{ status: 'verification' }],
    });
  });
});

describe('the document', () => {
  it('has no route here whose success was not seen', () => {
    expect(api.unseen(['/v1/workspaces', '/v1/keys', '/v1/subscriptions', '/v1/dead-letters'])).toEqual([]);
  });
});
