import { randomBytes } from 'node:crypto';
import { Registry as MetricsRegistry } from 'prom-client';
import { ManualClock } from '../../lib/clock/testing.ts';
import { describe, expect, it } from 'vitest';
import { localCodec } from '../../lib/avro/testing.ts';
import { DefinitionsFold, hashOf, type Definitions, type Subscription } from '../../lib/definitions/index.ts';
import { signatureOf } from '../../lib/jane/signature.ts';
import type { OutgoingRecord } from '../../lib/kafka/index.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { TOPICS, type TopicName } from '../../lib/topics.ts';
import type { CartEvent, DeadLetter } from '../../schemas/types.ts';
import { Activity } from './activity.ts';
import { createIngestApp } from './app.ts';
import { ingestMetrics } from './metrics.ts';
import { Outbox } from './outbox.ts';

/** The routes without a socket: bodies come as web streams, and Kafka is a list. The rest is what runs. */

const SECRET = 'whsec_test';
const TOKEN = 'jtw_test';
const ADMIN = randomBytes(16).toString('hex');
const NOW = Date.parse('2026-01-05T10:00:00Z');

async function open(maxBulkBodies = 1, changes: { subscription?: object; encode?: () => never } = {}) {
  const fold = new DefinitionsFold();
  const record = (entity: 'workspace', id: string, body: object) =>
    fold.apply({
      record_id: id,
      entity,
      workspace: id,
      id,
      expected_version: 0,
      deleted: false,
      body: JSON.stringify(body),
      at: NOW,
    });
  for (const id of ['shop', 'other']) {
    record('workspace', id, {
      abandonment_window_minutes: 30,
      grace_seconds: 60,
      retry_horizon_minutes: 15,
      default_country: 'US',
    });
  }
  const subscription = {
    id: 'sub_1',
    workspace: 'shop',
    event: 'cart_status',
    store_ids: null,
    time_zone: 'UTC',
    verify: 'both',
    tokens: [],
    acceptsToken: (presented: string) => hashOf(presented) === hashOf(TOKEN),
    signingSecrets: () => [SECRET],
    ...changes.subscription,
  } as unknown as Subscription;
  let asked = 0;
  const definitions = {
    workspace: (id: string) => fold.get('workspace', id),
    findWorkspace: (id: string) => Promise.resolve(fold.get('workspace', id)),
    findKey: () => Promise.resolve(undefined),
    subscription: (id: string) => (id === subscription.id ? subscription : undefined),
    fresh: () => Promise.resolve(void asked++),
  } satisfies Partial<Definitions>;
  const sent: OutgoingRecord[] = [];
  const producer = {
    queuedBytes: 0,
    send: (records: OutgoingRecord | readonly OutgoingRecord[]) => {
      sent.push(...(Array.isArray(records) ? (records as OutgoingRecord[]) : [records as OutgoingRecord]));
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  const clock = new ManualClock(NOW);
  const metrics = new MetricsRegistry();
  const activity = new Activity();
  const { app } = createIngestApp({
    definitions,
    outbox: await Outbox.create(producer, {
      codec: <T>(topic: TopicName) => {
        const codec = localCodec<T>(topic);
        const encode = topic === TOPICS.deadLetters ? undefined : changes.encode;
        return Promise.resolve(encode === undefined ? codec : { ...codec, encode });
      },
    }),
    activity,
    allActivity: () => activity.all(),
    metrics: ingestMetrics(metrics),
    allMetrics: metrics,
    logger: createLogger('test', 'silent'),
    adminKey: ADMIN,
    toleranceMs: 300_000,
    maxBulkBodies,
    clock,
    ready: () => false,
  });
  const webhook = (body: string, token = TOKEN) => {
    const timestamp = new Date(NOW).toISOString();
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'x-jane-request-timestamp': timestamp,
      'x-jane-signature': signatureOf(SECRET, timestamp, Buffer.from(body)).toUpperCase(),
    };
    return app.request('/v1/webhooks/jane/sub_1', { method: 'POST', body, headers });
  };
  const bulk = (body: string | ReadableStream<Uint8Array>, workspace = 'shop', source = 'events') => {
    const headers = { authorization: `Bearer ${ADMIN}`, 'x-workspace': workspace };
    return app.request(`/v1/${source}`, { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
  };
  return { app, clock, sent, metrics, activity, webhook, bulk, asked: () => asked };
}

/** Everything that needs neither time nor a socket has happened. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

const events = (sent: OutgoingRecord[]) =>
  sent
    .filter(({ topic }) => topic === TOPICS.cartEvents)
    .map(({ value }) => localCodec<CartEvent>(TOPICS.cartEvents).decode(value!));

const deadLetters = (sent: OutgoingRecord[]) =>
  sent
    .filter(({ topic }) => topic === TOPICS.deadLetters)
    .map(({ value }) => localCodec<DeadLetter>(TOPICS.deadLetters).decode(value!));

/** Represents any error of the service while it interprets a delivery. */
function fault(): never {
  throw new Error('planted');
}

describe('what was authenticated and cannot be interpreted', () => {
  const body = '{"cart":{"id":7,"status":"pending","store_id":68,"updated_at_time":"2026-01-05 09:00:00"}}';

  it.each<[string, Parameters<typeof open>[1], string]>([
    ['an unusable zone of the subscription', { subscription: { time_zone: 'PST' } }, 'bad_zone'],
    ['a damaged definition', { subscription: { store_ids: { length: 1 } } }, 'internal_error'],
    ['an error in the code', { encode: fault }, 'internal_error'],
  ])('a webhook becomes a dead letter: %s', async (_, changes, reason) => {
    const { sent, webhook, activity } = await open(1, changes);
    const response = await webhook(body);
    expect(response.status).toBe(422);
    const [letter] = deadLetters(sent);
    expect(await response.json()).toMatchObject({ dead_letter_id: letter?.dead_letter_id });
    expect(sent).toHaveLength(1);
    expect(letter).toMatchObject({ reason, subscription_id: 'sub_1', request_at: NOW, body: Buffer.from(body) });
    expect(letter?.message).not.toMatch(/planted|not a function/);
    expect(activity.all()).toMatchObject([{ received: 1, refused: { [reason]: 1 } }]);
  });

  it('a webhook whose times carry an offset needs no zone', async () => {
    const { sent, webhook } = await open(1, { subscription: { time_zone: 'PST' } });
    expect((await webhook(body.replace('09:00:00', '09:00:00Z'))).status).toBe(202);
    expect(events(sent)).toMatchObject([{ occurred_at: NOW - 3_600_000 }]);
  });

  it.each(['events', 'people'])('a line of %s becomes a dead letter', async (source) => {
    const { sent, bulk } = await open(1, { encode: fault });
    const line = '{"type":"cart_status","occurred_at":"2026-01-05T09:00:00Z","cart":{"id":7,"status":"pending"}}';
    const record = '{"occurred_at":"2026-01-05T09:00:00Z","email":"jane@example.com"}';
    const response = await bulk(source === 'events' ? line : record, 'shop', source);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ accepted: 0, rejected: 1, errors: [{ line: 1 }] });
    expect(deadLetters(sent)).toMatchObject([{ source, reason: 'internal_error', line: 1 }]);
  });
});

describe('ingest without a socket', () => {
  it('takes a webhook', async () => {
    const { sent, webhook, asked } = await open();
    const response = await webhook('{"cart":{"id":7,"status":"pending"}}');
    expect(response.status).toBe(202);
    expect(sent).toMatchObject([{ topic: 'cart-events', key: 'shop:7' }]);
    expect(events(sent)).toMatchObject([{ cart_id: '7', occurred_at: NOW, occurred_at_source: 'request' }]);
    expect(asked(), 'definitions are read anew only before a refusal').toBe(0);
  });

  it('reads the definitions anew before it refuses, once', async () => {
    const { sent, webhook, asked, activity } = await open();
    expect((await webhook('{"cart":{"id":7,"status":"pending"}}', 'jtw_other')).status).toBe(401);
    expect(asked()).toBe(1);
    expect(sent).toEqual([]);
    expect(activity.all()).toMatchObject([{ received: 0, last_received_at: null, refused: { wrong_token: 1 } }]);
  });

  it('ends a webhook whose body does not arrive within 30 s', async () => {
    const { app, clock, webhook } = await open();
    const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(new Uint8Array(10)) });
    const init = { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` }, body, duplex: 'half' } as RequestInit;
    const answer = Promise.resolve(app.request('/v1/webhooks/jane/sub_1', init));
    await settled();
    await clock.advance(29_999);
    expect(await Promise.race([answer, settled()])).toBeUndefined();
    await clock.advance(1);
    expect((await answer).status).toBe(408);
    expect((await webhook('{"cart":{"id":7,"status":"pending"}}')).status).toBe(202);
  });

  it('takes a bulk body, and counts what became of its lines', async () => {
    const { sent, bulk, metrics } = await open();
    const line = '{"type":"cart_status","occurred_at":"2026-01-05T09:00:00Z","cart":{"id":7,"status":"pending"}}';
    const response = await bulk(`${line}\n{}\n${line}`);
    expect(await response.json()).toMatchObject({ accepted: 2, rejected: 1 });
    expect(sent.map(({ topic, key }) => [topic, key])).toEqual([
      ['cart-events', 'shop:7'],
      ['dead-letters', 'events'],
      ['cart-events', 'shop:7'],
    ]);
    expect(await metrics.metrics()).toMatch(/ingest_deliveries_total{source="events",result="accepted",reason=""} 2/);
    expect(await metrics.metrics()).toMatch(/{source="events",result="rejected",reason="wrong_value"} 1/);
  });

  it.each([
    ['strangers', 'nobody', 'jtw_other', 32],
    ['those with a wrong token', 'sub_1', 'jtw_other', 32],
    ['those with the token', 'sub_1', TOKEN, 262],
  ])('refuses bodies of %s that drip in and hold too much, until they are gone', async (_, id, token, fit) => {
    const { app, webhook } = await open();
    for (let round = 0; round < 2; round++) {
      const bodies: ReadableStreamDefaultController<Uint8Array>[] = [];
      const statuses: number[] = [];
      const answers = Array.from({ length: 300 }, async () => {
        const body = new ReadableStream<Uint8Array>({ start: (controller) => void bodies.push(controller) });
        const headers = { authorization: `Bearer ${token}` };
        const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
        statuses.push((await app.request(`/v1/webhooks/jane/${id}`, init)).status);
      });
      for (const body of bodies) body.enqueue(new Uint8Array(250 * 1024));
      await settled();
      // 64 MiB hold 262 of them, the 8 MiB of strangers 32.
      expect(statuses).toEqual(Array(300 - fit).fill(429));
      const meanwhile = await webhook('{"cart":{"id":7,"status":"pending"}}');
      // What is left of 64 MiB holds a small one in either case.
      expect(meanwhile.status).toBe(202);
      for (const body of bodies) body.error(new Error('gone'));
      await Promise.all(answers);
      expect(statuses.filter((status) => status === 400)).toHaveLength(fit);
      expect((await webhook('{"cart":{"id":7,"status":"pending"}}')).status).toBe(202);
    }
  });

  it('gives one workspace half of the places for bulk bodies, and each back when its body ends', async () => {
    const { bulk } = await open(4);
    const bodies: ReadableStreamDefaultController<Uint8Array>[] = [];
    const held = (workspace: string) =>
      bulk(new ReadableStream<Uint8Array>({ start: (controller) => void bodies.push(controller) }), workspace);
    const mine = [held('shop'), held('shop')];
    await settled();
    expect((await bulk('', 'shop')).status).toBe(429);
    expect((await bulk('', 'other')).status).toBe(200);
    const others = [held('other'), held('other')];
    await settled();
    expect((await bulk('', 'other')).status).toBe(429);
    for (const body of bodies) body.close();
    for (const response of await Promise.all([...mine, ...others])) expect(response.status).toBe(200);
    expect((await bulk('', 'shop')).status).toBe(200);
  });

  it('says that it is not ready', async () => {
    const { app } = await open();
    expect((await app.request('/readyz')).status).toBe(503);
    expect((await app.request('/healthz')).status).toBe(200);
  });
});
