import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { createKafka } from '../../lib/kafka/index.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import { createWorkspace, postLines, waitFresh, type Workspace } from '../harness/client.ts';
import { openAcme, type AcmeWorld, type Page } from './api-world.ts';

/** What the API knows about people and carts, on a real installation; each answer held to the served document. */

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

describe('what is known', () => {
  beforeAll(async () => {
    const at = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
    const line = (type: string, minutes: number, id: string, change: Record<string, unknown>) => ({
      type,
      occurred_at: at(minutes),
      cart: { id, ...change },
    });
    await postLines(api.installation, acme, 'events', [
      line('cart_status', 50, 'k1', { status: 'verification', store_id: 68, customer_phone_number: '808 555 0143' }),
      line('cart_status', 40, 'k1', { status: 'delivery_arrived' }),
      line('cart_activity', 300, 'k2', { store_id: 7, customer_email_address: ' K2@Example.com ' }),
      line('cart_status', 30, 'k3', { status: 'pending', external_user_id: 'x1', external_user_source: 'pos' }),
      line('cart_status', 20, 'k4', { status: 'preparing' }),
    ]);
    await waitFresh(api.installation, acme);
    // Ties the person of k3 to that of k2: one of the two ids is merged into the other.
    await postLines(api.installation, acme, 'events', [
      line('cart_status', 10, 'k5', {
        status: 'preparing',
        external_user_id: 'x1',
        external_user_source: 'pos',
        customer_email_address: 'k2@example.com',
        customer_name: 'Kay Two',
      }),
    ]);
    await postLines(api.installation, acme, 'people', [
      { occurred_at: at(5), phone: '+1 808 555 0143', name: 'Kay One', consent: { sms: 'opted_in' } },
    ]);
    await waitFresh(api.installation, acme);
  });
  const read = () => ({ key: acme.keys.read });
  const preview = async (audience: unknown, change: Record<string, unknown> = {}) =>
    (
      await ask<{ count: number; reachable: object; sample: { name: string | null }[] }>(
        'POST',
        '/v1/audiences/preview',
        { ...read(), body: { audience, ...change } },
      )
    ).body;

  it('the traits, with unknown statuses that were seen', async () => {
    const { body } = await ask<{ traits: { statuses: unknown[]; unknown_statuses: string[]; operators: string[] }[] }>(
      'GET',
      '/v1/traits',
      read(),
    );
    expect(body.traits.map(({ statuses }) => statuses.length)).toEqual([0, 12]);
    expect(body.traits[1]?.unknown_statuses).toEqual(['delivery_arrived']);
    expect(body.traits[0]?.operators).toEqual(['after', 'on', 'before', 'between', 'in_last', 'in_next']);
  });

  it('stores and trait events, page by page', async () => {
    const stores = await ask<Page<{ store_id: string }>>('GET', '/v1/stores?limit=1', read());
    const next = await ask<Page<{ store_id: string }>>(
      'GET',
      `/v1/stores?cursor=${stores.body.next_cursor ?? ''}`,
      read(),
    );
    const ids = [...stores.body.items, ...next.body.items].map(({ store_id }) => store_id);
    expect(ids).toEqual(expect.arrayContaining(['68', '7']));
    expect(ids).toEqual([...ids].sort());
    const all = await ask<Page<{ event_id: string; occurred_at: string }>>('GET', '/v1/trait-events', read());
    expect(all.body.items.length).toBeGreaterThan(5);
    const times = all.body.items.map(({ occurred_at }) => occurred_at);
    expect(times).toEqual([...times].sort().reverse());
    const first = await ask<Page<unknown>>('GET', '/v1/trait-events?limit=3', read());
    const rest = await ask<Page<unknown>>(
      'GET',
      `/v1/trait-events?limit=1000&cursor=${first.body.next_cursor ?? ''}`,
      read(),
    );
    expect([...first.body.items, ...rest.body.items]).toEqual(all.body.items);
    const filtered = await ask<Page<{ cart_id: string }>>(
      'GET',
      '/v1/trait-events?trait=cart_status_updated&status=delivery_arrived',
      read(),
    );
    expect(filtered.body.items).toMatchObject([{ cart_id: 'k1', name: 'Kay One' }]);
  });

  it('carts with their trait events', async () => {
    const { body } = await ask('GET', '/v1/carts/k2', read());
    expect(body).toMatchObject({
      cart_id: 'k2',
      store_id: '7',
      due_at: null,
      trait_events: [{ trait: 'cart_abandoned', source: 'timer' }],
    });
    expect(await statusOf('GET', '/v1/carts/k2', { key: other.keys.read })).toBe(404);
    expect(await statusOf('GET', '/v1/carts/nothing', read())).toBe(404);
  });

  it('people by any identifier, read as those of carts are', async () => {
    const find = async (query: string) =>
      (await ask<Page<{ person_id: string; name: string }>>('GET', `/v1/people?${query}`, read())).body.items;
    const [one] = await find('phone=(808)%20555-0143');
    expect(one).toMatchObject({ name: 'Kay One', reachable: { sms: true }, consent: { sms: 'opted_in' } });
    for (const plus of ['%2B', '+', '%20']) expect(await find(`phone=${plus}18085550143`)).toEqual([one]);
    const byMail = await find('email=K2%40example.com');
    expect(byMail).toMatchObject([{ name: 'Kay Two' }]);
    expect(await find('external_user_id=x1&external_user_source=pos')).toEqual(byMail);
    expect(await find('external_user_id=x1')).toEqual([]);
    expect(await find('user_id=nobody')).toEqual([]);
    for (const query of ['', '?phone=1', '?phone=%2B18085550143&email=a%40b.c', '?name=Kay', '?user_id=0']) {
      expect(await statusOf('GET', `/v1/people${query}`, read()), query).toBe(422);
    }
  });

  it('takes limit and cursor for people as for all lists', async () => {
    const mail = 'email=k2%40example.com';
    const list = (query: string) => ask<Page<{ person_id: string }>>('GET', `/v1/people?${mail}${query}`, read());
    const { body: whole } = await list('&limit=1');
    expect(whole).toMatchObject({ items: [{ name: 'Kay Two' }], next_cursor: null });
    const after = (id: number) => Buffer.from(JSON.stringify(String(id))).toString('base64url');
    const id = Number(whole.items[0]?.person_id);
    expect((await list(`&cursor=${after(id)}`)).body).toEqual({ items: [], next_cursor: null });
    if (id > 1) expect((await list(`&cursor=${after(id - 1)}`)).body).toEqual(whole);
    for (const query of ['&limit=0', '&limit=1001', '&cursor=x', `&cursor=${after(0)}`]) {
      expect((await list(query)).status, query).toBe(422);
    }
  });

  it('shows external identifiers as they came, and keeps those apart that look alike', async () => {
    const sources = ['c d', 'c\u00a0d', 'c%20d', ''];
    await postLines(
      api.installation,
      acme,
      'people',
      sources.map((source) => ({
        occurred_at: '2026-01-01T00:00:00Z',
        external_user_id: 'one two',
        external_user_source: source,
      })),
    );
    await waitFresh(api.installation, acme);
    const people = await Promise.all(
      sources.map(async (source) => {
        const query = `external_user_id=one%20two&external_user_source=${encodeURIComponent(source)}`;
        const { body } = await ask<Page<{ person_id: string; identifiers: { external_ids: object[] } }>>(
          'GET',
          `/v1/people?${query}`,
          read(),
        );
        expect(body.items.map(({ identifiers }) => identifiers.external_ids)).toEqual([[{ source, id: 'one two' }]]);
        return body.items[0]?.person_id;
      }),
    );
    expect(new Set(people).size).toBe(sources.length);
  });

  it('one person with timeline and carts, also by the id of one that was merged into it', async () => {
    const { body: found } = await ask<Page<{ person_id: string }>>('GET', '/v1/people?email=k2%40example.com', read());
    const id = found.items[0]?.person_id ?? '';
    const { body } = await ask<{ carts: { cart_id: string }[]; timeline: { person_id: string; cart_id: string }[] }>(
      'GET',
      `/v1/people/${id}`,
      read(),
    );
    expect(body.carts.map(({ cart_id }) => cart_id).sort()).toEqual(['k2', 'k3', 'k5']);
    expect(new Set(body.timeline.map(({ person_id }) => person_id))).toEqual(new Set([id]));
    const ids = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const answer = await ask<{ person_id?: string }>('GET', `/v1/people/${i + 1}`, read());
        return answer.status === 200 ? answer.body.person_id : undefined;
      }),
    );
    expect(ids.filter((found) => found === id)).toHaveLength(2);
    for (const unknown of ['0', '99999', '4294967296', 'x', '-1', '1.5', '01']) {
      expect(await statusOf('GET', `/v1/people/${unknown}`, read()), unknown).toBe(404);
    }
    const { body: whole } = await ask<{ merged: { person_id: string }[] }>('GET', `/v1/people/${id}`, read());
    const others = ids.flatMap((found, i) => (found === id && String(i + 1) !== id ? [String(i + 1)] : []));
    expect(whole.merged.map(({ person_id }) => person_id)).toEqual(others);
  });

  it('a person shows which trait events were retracted, and what replaced them', async () => {
    const late = await createWorkspace(api.installation, { grace_seconds: 0 });
    const key = { key: late.keys.read };
    const hour = 3_600_000;
    const startMs = Date.now() - 12 * hour;
    const activity = (minutes: number) => ({
      type: 'cart_activity',
      occurred_at: new Date(startMs + minutes * 60_000).toISOString(),
      cart: { id: 'late-1', customer_email_address: 'late@example.com' },
    });
    interface Found {
      timeline: { event_id: string; occurred_at: string }[];
      retracted: { event_id: string; occurred_at: string; retracted_at: string; replaced_by: string | null }[];
    }
    const personOf = async (): Promise<Found> => {
      const { body } = await ask<Page<{ person_id: string }>>('GET', '/v1/people?email=late%40example.com', key);
      return (await ask<Found>('GET', `/v1/people/${body.items[0]?.person_id}`, key)).body;
    };
    const at = ({ occurred_at }: { occurred_at: string }): number => (Date.parse(occurred_at) - startMs) / 60_000;
    await postLines(api.installation, late, 'events', [activity(0)]);
    await waitFresh(api.installation, late);
    const before = await personOf();
    expect(before.timeline.map(at)).toEqual([30]);
    expect(before.retracted).toEqual([]);
    // It was still active: the cart was abandoned later than was concluded.
    await postLines(api.installation, late, 'events', [activity(20)]);
    await waitFresh(api.installation, late);
    const after = await personOf();
    expect(after.timeline.map(at)).toEqual([50]);
    expect(after.retracted.map(at)).toEqual([30]);
    expect(after.retracted[0]).toMatchObject({
      event_id: before.timeline[0]?.event_id,
      replaced_by: after.timeline[0]?.event_id,
    });
  });

  it('previews count people, anonymous ones only when asked for', async () => {
    const preparing = { trait: 'cart_status_updated', status: ['preparing'] };
    expect(await preview(preparing)).toMatchObject({ count: 1, sample: [{ name: 'Kay Two' }] });
    expect(await preview(preparing, { include_anonymous: true })).toMatchObject({ count: 2 });
    expect(await preview({ trait: 'cart_abandoned' })).toMatchObject({ count: 1, reachable: { sms: 0, email: 1 } });
    expect(await preview({ trait: 'cart_abandoned', recovered: true })).toMatchObject({ count: 0 });
    const early = { known_at: new Date(Date.now() - 3_600_000).toISOString() };
    expect(await preview({ trait: 'cart_abandoned' }, early)).toMatchObject({ count: 0 });
    expect(await preview({ everyone: true }, { now: '2020-01-01T00:00:00Z' })).toMatchObject({ count: 0 });
  });

  it('previews say what is wrong where', async () => {
    const path = '/v1/audiences/preview';
    const leaf = { trait: 'cart_abandoned' };
    expect(await pathsOf({ audience: { and: [leaf, { ...leaf, status: ['x'] }] } }, path)).toEqual([
      '/audience/and/1/status',
    ]);
    expect(await pathsOf({ audience: leaf, nowe: 1 }, path)).toEqual(['/nowe']);
    expect(await pathsOf({}, path)).toEqual(['/audience']);
    expect(await pathsOf({ audience: leaf, now: '2026-01-01' }, path)).toEqual(['/now']);
    expect(await pathsOf({ audience: leaf, known_at: '2201-01-01T00:00:00Z' }, path)).toEqual(['/known_at']);
    const next = { ...leaf, time: { operator: 'in_next', amount: 1, unit: 'days' } };
    const dwell = { dwell: { status: ['preparing'], for: { amount: 45, unit: 'minutes' } } };
    const now = new Date().toISOString();
    for (const audience of [next, { not: dwell }]) {
      expect(await statusOf('POST', path, { ...read(), body: { audience } })).toBe(200);
      expect(await pathsOf({ audience, known_at: now }, path)).toEqual(['/known_at']);
      expect(await pathsOf({ audience, now: '2026-01-01T00:00:00Z' }, path)).toEqual(['/now']);
    }
    expect(await statusOf('POST', path, { ...read(), body: { audience: leaf, x: 'x'.repeat(300_000) } })).toBe(413);
    expect(await statusOf('POST', path, { ...read(), body: '{' })).toBe(400);
    expect(await statusOf('POST', path, { key: acme.keys.ingest, body: { audience: leaf } })).toBe(403);
  });
});

describe('the rest', () => {
  it('GET /v1/status names every stage and engine', async () => {
    interface Status {
      state: string;
      fresh_through: string;
      stages: { stage: string; state: string; lag: number | null; urls: string[]; partitions: unknown[] }[];
      engines: { engine: string; state: string }[];
    }
    await waitFresh(api.installation, acme);
    const { body } = await ask<Status>('GET', '/v1/status', { key: admin });
    expect(body.stages.map(({ stage, state }) => `${stage} ${state}`)).toEqual(
      ['ingest', 'carts', 'people', 'sink', 'audiences', 'flows', 'delivery', 'relay', 'api'].map(
        (stage) => `${stage} running`,
      ),
    );
    expect(body.stages.slice(1, 4).map(({ lag, partitions }) => [lag, partitions.length])).toEqual(
      [1, 2, 3].map(() => [0, 2]),
    );
    expect(body.engines.every(({ state }) => state === 'running')).toBe(true);
    expect(body.state).toBe('running');
    expect(Date.now() - Date.parse(body.fresh_through)).toBeLessThan(5_000);
    const urls = body.stages.flatMap(({ urls }) => urls);
    for (const url of urls.flatMap((url) => ['healthz', 'readyz', 'metrics'].map((path) => `${url}/${path}`))) {
      expect((await fetch(url)).status, url).toBe(200);
    }
    const metrics = await (await fetch(`${urls[0] ?? ''}/metrics`)).text();
    expect(metrics).toContain('ingest_deliveries_total');
    expect(await statusOf('GET', '/v1/status', { key: acme.keys.ingest })).toBe(403);
  });

  it('the topic of audience changes is there with its schema, and empty', async () => {
    const { env } = api.installation;
    const prefix = env['TOPIC_PREFIX'] ?? '';
    const logger = createLogger('test', 'silent');
    const brokers = (env['KAFKA_BROKERS'] ?? '').split(',');
    const kafka = createKafka({ brokers, clientId: 'test', logger, clock: systemClock, topicPrefix: prefix });
    expect(await kafka.endOffsets(TOPICS.audienceChanges)).toEqual([0, 0]);
    await kafka.close();
    const subject = await fetch(
      `${env['REGISTRY_URL'] ?? ''}/subjects/${prefix}audience-changes-value/versions/latest`,
    );
    const { schema } = (await subject.json()) as { schema: string };
    expect(JSON.parse(schema)).toMatchObject({ type: 'record', name: 'AudienceChange' });
  });

  it('a path that there is not answers 404, below flows too', async () => {
    for (const path of ['/v1/nothing', '/v1/flows/1/a/b/c', '/v1/flows/1/nothing']) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        const headers = { authorization: `Bearer ${acme.keys.write}` };
        const { status } = await fetch(api.installation.apiUrl + path, { method, headers });
        expect(status, `${method} ${path}`).toBe(404);
      }
    }
  });

  it('the console, the document and its page are served without a key and without the internet', async () => {
    const get = (path: string) => fetch(api.installation.apiUrl + path);
    const page = await get('/');
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const html = await page.text();
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(html)?.[1] ?? '';
    const asset = await get(script);
    expect(asset.headers.get('content-type')).toContain('javascript');
    expect(asset.headers.get('cache-control')).toContain('immutable');
    expect((await get('/assets/..%2f..%2f..%2fpackage.json')).status).toBe(404);
    expect((await get('/v1/nothing')).headers.get('content-type')).toBe('application/problem+json');
    const docs = await (await get('/docs')).text();
    expect(docs).not.toMatch(/https?:\/\//);
    expect((await get('/docs/docs.js')).status).toBe(200);
  });
});

describe('the document', () => {
  it('DELETE /v1/people/{id} answers when the person is gone', async () => {
    const question = { key: acme.keys.write, body: { audience: { everyone: true }, include_anonymous: true } };
    const { body } = await ask<{ sample: { person_id: string }[] }>('POST', '/v1/audiences/preview', question);
    const path = `/v1/people/${body.sample[0]?.person_id ?? ''}`;
    expect(await statusOf('DELETE', path, { key: acme.keys.read })).toBe(403);
    expect(await statusOf('DELETE', path, { key: acme.keys.write })).toBe(204);
    expect(await statusOf('GET', path, { key: acme.keys.read })).toBe(404);
  });

  it('has no route here whose success was not seen', () => {
    expect(
      api.unseen([
        '/v1/traits',
        '/v1/trait-events',
        '/v1/stores',
        '/v1/carts',
        '/v1/people',
        '/v1/status',
        '/v1/audiences/preview',
      ]),
    ).toEqual([]);
  });
});
