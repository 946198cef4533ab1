import { systemClock } from '../../lib/clock/index.ts';
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashOf, type Subscription } from '../../lib/definitions/index.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { startActivityLog } from '../../services/ingest/activity-log.ts';
import { Activity, type SubscriptionActivity } from '../../services/ingest/activity.ts';
import { openIngest, type Answer, type Forgery, type IngestWorld, type TestSubscription } from './ingest-world.ts';

let world: IngestWorld;
let workspace: Awaited<ReturnType<IngestWorld['workspace']>>;
let subscription: TestSubscription;

beforeAll(async () => {
  world = await openIngest();
  workspace = await world.workspace({ abandonment_window_minutes: 5, grace_seconds: 7, retry_horizon_minutes: 3 });
  subscription = await world.subscription(workspace.id);
});
afterAll(async () => {
  expect(await world.disagreements()).toEqual([]);
  await world.close();
});

const fresh = () => `c${randomBytes(6).toString('hex')}`;
const eventsOf = async (cartId: string) => (await world.cartEvents()).filter((event) => event.cart_id === cartId);

function expectProblem(answer: Answer, status: number): void {
  expect(answer).toMatchObject({ status, type: 'application/problem+json', body: { status } });
  expect(Object.keys(answer.body)).toEqual(expect.arrayContaining(['type', 'title', 'status', 'detail']));
}

describe('a webhook that is believed', () => {
  it('is in Kafka once its 202 is there, with what its workspace stamps on it', async () => {
    const cart = { id: fresh(), status: 'verification', customer_phone_number: '(808) 555-0143' };
    const body = JSON.stringify({ cart });
    const before = Date.now();
    const answer = await world.webhook(subscription, cart);
    const id = createHash('sha256').update(`cart_status\n${cart.id}\n${body}`).digest('hex').slice(0, 32);
    expect(answer).toMatchObject({ status: 202, type: 'application/json', body: { event_id: id } });
    const [event, ...more] = await eventsOf(cart.id);
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      kind: 'cart_status',
      source: 'webhook',
      workspace: workspace.id,
      subscription_id: subscription.id,
      event_id: id,
      occurred_at_source: 'request',
      abandonment_window_ms: 300_000,
      grace_ms: 7_000,
      retry_horizon_ms: 180_000,
      phone: '+18085550143',
    });
    expect(event!.body.toString()).toBe(body);
    expect(event!.received_at).toBeGreaterThanOrEqual(before);
  });

  it('gets the same id again for an equal body, and is kept again', async () => {
    const cart = { id: fresh(), status: 'pending' };
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push((await world.webhook(subscription, cart)).body['event_id']);
    expect(new Set(ids).size).toBe(1);
    expect(await eventsOf(cart.id)).toHaveLength(3);
  });

  it.each(['cart_activity', 'cart_abandoned'] as const)('says %s where its subscription does', async (event) => {
    const of = await world.subscription(workspace.id, { event });
    const cart = { id: fresh() };
    expect((await world.webhook(of, cart)).status).toBe(202);
    expect(await eventsOf(cart.id)).toMatchObject([{ kind: event, status: null }]);
  });

  it('has its times read in the zone of its subscription', async () => {
    const of = await world.subscription(workspace.id, { time_zone: 'America/Los_Angeles' });
    const cart = { id: fresh(), status: 'preparing', updated_at_time: '2026-01-05 10:00:00' };
    expect((await world.webhook(of, cart)).status).toBe(202);
    expect(await eventsOf(cart.id)).toMatchObject([{ occurred_at: Date.parse('2026-01-05T18:00:00Z') }]);
  });

  it.each<[string, () => string]>([
    ['seconds', () => String(Math.floor(Date.now() / 1000))],
    ['milliseconds', () => String(Date.now())],
    ['RFC 3339', () => new Date().toISOString()],
    ['299 s ago', () => String(Math.floor(Date.now() / 1000) - 298)],
    ['299 s ahead', () => String(Math.floor(Date.now() / 1000) + 298)],
  ])('may bring its timestamp as %s', async (_, timestamp) => {
    const answer = await world.webhook(subscription, { id: fresh(), status: 'a' }, { timestamp: timestamp() });
    expect(answer.status).toBe(202);
  });

  it.each<[string, Record<string, string>]>([
    ['application/json; charset=utf-8', { 'content-type': 'application/json; charset=utf-8' }],
    ['application/vnd.jane+json', { 'content-type': 'application/vnd.jane+json' }],
    ['identity encoding', { 'content-encoding': 'identity' }],
  ])('may be %s', async (_, headers) => {
    expect((await world.webhook(subscription, { id: fresh(), status: 'a' }, { headers })).status).toBe(202);
  });

  it.each<['both' | 'signature' | 'token', Forgery, number]>([
    ['signature', { token: null }, 202],
    ['signature', { token: 'wrong' }, 202],
    ['signature', { signature: null }, 401],
    ['token', { signature: null, timestamp: null }, 202],
    ['token', { signature: 'wrong' }, 202],
    ['token', { token: null }, 401],
    ['both', { token: null }, 401],
    ['both', { signature: null }, 401],
  ])('is asked for what verify says: %s with %j is %i', async (verify, forgery, status) => {
    const of = await world.subscription(workspace.id, { verify });
    expect((await world.webhook(of, { id: fresh(), status: 'a' }, forgery)).status).toBe(status);
  });
});

describe('changes of a subscription', () => {
  it('keep a token that was rotated away until its time', async () => {
    const tokens = [
      { hash: hashOf('jtw_present'), valid_until: null },
      { hash: hashOf('jtw_before'), valid_until: Date.now() + 3_600_000 },
      { hash: hashOf('jtw_long_ago'), valid_until: Date.now() - 1 },
    ];
    const of = await world.subscription(workspace.id, { verify: 'token', tokens });
    const status = async (token: string) => (await world.webhook(of, { id: fresh(), status: 'a' }, { token })).status;
    expect(await status('jtw_present')).toBe(202);
    expect(await status('jtw_before')).toBe(202);
    expect(await status('jtw_long_ago')).toBe(401);
  });

  it('hold within a second, its end too', async () => {
    const of = await world.subscription(workspace.id);
    expect((await world.webhook(of, { id: fresh(), status: 'a' })).status).toBe(202);
    await world.definitions.append({
      entity: 'subscription',
      workspace: workspace.id,
      id: of.id,
      expectedVersion: 1,
      body: null,
    });
    await expect
      .poll(async () => (await world.webhook(of, { id: fresh(), status: 'a' })).status, { timeout: 1_000 })
      .toBe(401);
  });
});

describe('a webhook that is not believed', () => {
  const now = () => Math.floor(Date.now() / 1000);
  const cases: [string, () => Forgery][] = [
    ['an unknown subscription', () => ({ url: '/v1/webhooks/jane/sub_00000000000000000000000000000000' })],
    ['a subscription of another shape', () => ({ url: '/v1/webhooks/jane/%00%2e%2e' })],
    ['no token', () => ({ token: null })],
    ['a wrong token', () => ({ token: 'jtw_wrong' })],
    ['no signature', () => ({ signature: null })],
    ['a wrong secret', () => ({ secret: 'wrong' })],
    ['a signature that is no hex', () => ({ signature: 'zz' })],
    ['half a signature', () => ({ signature: 'ab'.repeat(16) })],
    ['no timestamp', () => ({ timestamp: null })],
    ['a timestamp 301 s ago', () => ({ timestamp: String(now() - 302) })],
    ['a timestamp 301 s ahead', () => ({ timestamp: String(now() + 302) })],
    ['a timestamp of words', () => ({ timestamp: 'yesterday' })],
  ];

  it('gets one and the same 401, and nothing is kept', async () => {
    const ends = async () =>
      JSON.stringify([await world.kafka.endOffsets('cart-events'), await world.kafka.endOffsets('dead-letters')]);
    const before = await ends();
    const answers = [];
    for (const [, forgery] of cases)
      answers.push(await world.webhook(subscription, { id: fresh(), status: 'a' }, forgery()));
    answers.push(await world.webhook(subscription, null, { body: '{"broken', token: 'wrong' }));
    for (const [index, answer] of answers.entries()) {
      expectProblem(answer, 401);
      expect(answer.body, cases[index]?.[0]).toEqual(answers[0]!.body);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
    expect(await ends()).toBe(before);
  });

  it('is not believed with the token of another subscription', async () => {
    const other = await world.subscription(workspace.id);
    const answer = await world.webhook(subscription, { id: fresh(), status: 'a' }, { token: other.token });
    expectProblem(answer, 401);
  });
});

describe('a webhook that cannot be used', () => {
  it.each<[string, string, string]>([
    ['not JSON', '{"cart":', 'not_json'],
    ['no cart id', '{"cart":{"status":"a"}}', 'no_cart_id'],
    ['no status', '{"cart":{"id":1}}', 'no_status'],
    ['no UTF-8', '\\xff', 'not_utf8'],
  ])('%s: 422 and a dead letter', async (_, text, reason) => {
    const body = text === '\\xff' ? Uint8Array.of(0x7b, 0xff, 0x7d) : Buffer.from(text);
    const timestamp = String(Math.floor(Date.now() / 1000) - 5);
    const answer = await world.webhook(subscription, null, { body, timestamp });
    expectProblem(answer, 422);
    const again = await world.webhook(subscription, null, { body, timestamp });
    expect(again.body['dead_letter_id']).toBe(answer.body['dead_letter_id']);
    const letter = (await world.deadLetters()).find((one) => one.dead_letter_id === answer.body['dead_letter_id']);
    expect(letter).toMatchObject({
      workspace: workspace.id,
      source: 'webhook',
      subscription_id: subscription.id,
      reason,
      message: answer.body['detail'],
      line: null,
      request_at: Number(timestamp) * 1000,
      body_truncated: false,
    });
    expect(letter!.body).toEqual(Buffer.from(body));
  });

  it('of a store that the subscription does not cover: 422 naming the place', async () => {
    const of = await world.subscription(workspace.id, { store_ids: ['68'] });
    expect((await world.webhook(of, { id: fresh(), status: 'a', store_id: 68 })).status).toBe(202);
    const answer = await world.webhook(of, { id: fresh(), status: 'a', store_id: 69 });
    expectProblem(answer, 422);
    expect(answer.body['errors']).toMatchObject([{ path: '/cart/store_id' }]);
  });
});

describe('limits of a webhook', () => {
  const sized = (bytes: number) => {
    const start = '{"cart":{"id":1,"status":"a","note":"';
    return `${start}${'x'.repeat(bytes - start.length - 3)}"}}`;
  };

  it('takes 256 KiB, and not a byte more, with or without a length', async () => {
    expect((await world.webhook(subscription, null, { body: sized(256 * 1024) })).status).toBe(202);
    expectProblem(await world.webhook(subscription, null, { body: sized(256 * 1024 + 1) }), 413);
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(Buffer.alloc(64 * 1024, 0x20)),
    });
    expectProblem(await world.post(`/v1/webhooks/jane/${subscription.id}`, endless), 413);
  });

  it.each<[string, Record<string, string>]>([
    ['gzip', { 'content-encoding': 'gzip' }],
    ['text', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
  ])('does not take %s: 415', async (_, headers) => {
    expectProblem(await world.webhook(subscription, { id: fresh(), status: 'a' }, { headers }), 415);
  });
});

describe('what came for a subscription', () => {
  it('is told to an admin key, with what was refused and why, over restarts too', async () => {
    const of = await world.subscription(workspace.id);
    const before = Date.now();
    await world.webhook(of, { id: fresh(), status: 'a' });
    await world.webhook(of, { id: fresh(), status: 'a' });
    await world.webhook(of, null, { body: '{' });
    await world.webhook(of, { id: fresh(), status: 'a' }, { token: 'wrong' });
    await world.webhook(of, { id: fresh(), status: 'a' }, { timestamp: '1' });
    const headers = { authorization: `Bearer ${world.adminKey}` };
    const response = await fetch(`${world.url}/activity`, { headers });
    const told = ((await response.json()) as { subscription_id: string; last_received_at: number }[]).find(
      ({ subscription_id }) => subscription_id === of.id,
    );
    expect(told).toMatchObject({
      workspace: workspace.id,
      received: 3,
      refused: { not_json: 1, wrong_token: 1, stale_timestamp: 1 },
    });
    expect(told!.last_received_at).toBeGreaterThanOrEqual(before);

    const { kafka } = world;
    const producer = kafka.createProducer();
    const logger = createLogger('other', 'silent');
    const activity = new Activity();
    const other = startActivityLog({ kafka, producer, activity, logger, clock: systemClock, intervalMs: 50 });
    const sum = (all: SubscriptionActivity[]) => all.find(({ subscription_id }) => subscription_id === of.id);
    await expect.poll(() => sum(other.all()), { timeout: 10_000 }).toEqual(told);
    activity.refused({ id: of.id, workspace: workspace.id } as Subscription, 'wrong_token');
    await other.stop();
    await producer.close();
    await expect
      .poll(() => sum(world.activity())?.refused, { timeout: 10_000 })
      .toEqual({ not_json: 1, wrong_token: 2, stale_timestamp: 1 });
  });

  it('is told to nobody else', async () => {
    expect((await fetch(`${world.url}/activity`)).status).toBe(401);
    const headers = { authorization: `Bearer ${workspace.keys.write}` };
    expect((await fetch(`${world.url}/activity`, { headers })).status).toBe(403);
  });
});

describe('around the routes', () => {
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`${world.url}${path}`, { method });
    return { status: response.status, allow: response.headers.get('allow'), text: await response.text() };
  };

  it('answers 404 and 405 with problem details', async () => {
    expectProblem(await world.post('/v1/nothing', '{}'), 404);
    expect(await get('/v1/events')).toMatchObject({ status: 405, allow: 'POST' });
    expect(await get(`/v1/webhooks/jane/${subscription.id}`, 'PUT')).toMatchObject({ status: 405, allow: 'POST' });
  });

  it('serves its health and its documents without a key', async () => {
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    expect((await get('/docs')).text).toMatch(/<html/i);
    const document = JSON.parse((await get('/openapi.json')).text) as { paths: Record<string, unknown> };
    expect(Object.keys(document.paths).sort()).toEqual([
      '/activity',
      '/v1/events',
      '/v1/people',
      '/v1/webhooks/jane/{subscription}',
    ]);
  });
});
