import { systemClock } from '../../lib/clock/index.ts';
import { randomBytes } from 'node:crypto';
import { createRegistry } from '../../lib/avro/index.ts';
import { loadConfig } from '../../lib/config/index.ts';
import {
  createDefinitions,
  hashOf,
  newId,
  newSecret,
  seal,
  type Definitions,
  type SubscriptionBody,
  type WorkspaceBody,
} from '../../lib/definitions/index.ts';
import { serve } from '../../lib/http/index.ts';
import { signatureOf } from '../../lib/jane/signature.ts';
import { createKafka, type Kafka } from '../../lib/kafka/index.ts';
import { createLogger, createMetrics } from '../../lib/telemetry/index.ts';
import { TOPICS, topicSpecs, type TopicName } from '../../lib/topics.ts';
import type { CartEvent, DeadLetter, PersonInput } from '../../schemas/types.ts';
import { activityTopic, startActivityLog } from '../../services/ingest/activity-log.ts';
import { Activity, type SubscriptionActivity } from '../../services/ingest/activity.ts';
import { createIngestApp, type IngestDeps } from '../../services/ingest/app.ts';
import { ingestConfig } from '../../services/ingest/config.ts';
import { ingestMetrics } from '../../services/ingest/metrics.ts';
import { Outbox } from '../../services/ingest/outbox.ts';
import { agreementWith, type OpenApi } from './openapi-agreement.ts';

export interface TestSubscription {
  id: string;
  token: string;
  secret: string;
  workspace: string;
}

export interface Answer {
  status: number;
  type: string | null;
  headers: Headers;
  body: Record<string, unknown>;
}

/** How a webhook differs from a good one. */
export interface Forgery {
  body?: string | Uint8Array;
  token?: string | null;
  /** Signs with it instead of the subscription's. */
  secret?: string;
  signature?: string | null;
  timestamp?: string | null;
  headers?: Record<string, string>;
  url?: string;
}

/** Ingest on real engines with topics of its own; definitions are written as the api writes them. */
export interface IngestWorld {
  kafka: Kafka;
  url: string;
  adminKey: string;
  definitions: Definitions;
  /** As `GET /activity` says it. */
  activity(): SubscriptionActivity[];
  workspace(body?: Partial<WorkspaceBody>): Promise<{ id: string; keys: Record<'ingest' | 'read' | 'write', string> }>;
  subscription(workspace: string, body?: Partial<SubscriptionBody>): Promise<TestSubscription>;
  webhook(subscription: TestSubscription, cart: unknown, forgery?: Forgery): Promise<Answer>;
  post(path: string, body: BodyInit | null, headers?: Record<string, string>): Promise<Answer>;
  /** What the answers so far do that the served document does not say. */
  disagreements(): Promise<string[]>;
  cartEvents(): Promise<CartEvent[]>;
  personInputs(): Promise<PersonInput[]>;
  deadLetters(): Promise<DeadLetter[]>;
  close(): Promise<void>;
}

const PARTITIONS = 3;

export async function openIngest(change: Partial<IngestDeps> = {}): Promise<IngestWorld> {
  const name = `ingest-${randomBytes(5).toString('hex')}`;
  const env = { ...process.env, TOPIC_PREFIX: `${name}.`, SECRET_KEY: randomBytes(32).toString('hex') };
  const config = loadConfig(ingestConfig, env, []);
  const { topicPrefix, secretKey } = config;
  const logger = createLogger(name, 'silent');
  const kafka = createKafka({ brokers: config.kafkaBrokers, clientId: name, logger, clock: systemClock, topicPrefix });
  const registry = createRegistry({ url: config.registryUrl, topicPrefix, logger, clock: systemClock });
  const specs = topicSpecs({ partitions: PARTITIONS, logRetentionDays: 90 });
  await kafka.ensureTopics([
    specs[TOPICS.cartEvents],
    specs[TOPICS.personInputs],
    specs[TOPICS.deadLetters],
    activityTopic,
  ]);
  // Two readers, as in an installation: what the api wrote, ingest has yet to read.
  const [definitions, ingestDefinitions] = await Promise.all([
    createDefinitions({ kafka, registry, logger, secretKey, clock: systemClock }),
    createDefinitions({ kafka, registry, logger, secretKey, clock: systemClock }),
  ]);
  const producer = kafka.createProducer();
  const activity = new Activity();
  const activityLog = startActivityLog({ kafka, producer, activity, logger, clock: systemClock, intervalMs: 50 });
  const adminKey = newSecret('jta');
  const metrics = createMetrics();
  const ingest = createIngestApp({
    definitions: ingestDefinitions,
    outbox: await Outbox.create(producer, registry),
    activity,
    allActivity: activityLog.all,
    metrics: ingestMetrics(metrics),
    allMetrics: metrics,
    logger,
    adminKey,
    toleranceMs: 300_000,
    maxBulkBodies: 8,
    clock: systemClock,
    ready: () => true,
    ...change,
  });
  const http = await serve(ingest, { clock: systemClock, host: '127.0.0.1', port: 0 });

  const seen: { path: string; answer: Answer }[] = [];
  const post = async (path: string, body: BodyInit | null, headers: Record<string, string> = {}): Promise<Answer> => {
    const url = path.startsWith('http') ? path : `${http.url}${path}`;
    // A stream as a body needs it.
    const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit;
    const answer = await answerOf(await fetch(url, init));
    seen.push({ path: new URL(url).pathname, answer });
    return answer;
  };
  const read = async <T>(topic: TopicName): Promise<T[]> => {
    const codec = await registry.codec<T>(topic);
    const ends = await kafka.endOffsets(topic);
    const reader = kafka.createReader({ isolation: 'read_committed' });
    reader.assign(ends.map((_, partition) => ({ topic, partition, offset: 0 })));
    const reached = ends.map(() => 0);
    const records: T[] = [];
    while (reached.some((offset, partition) => offset < ends[partition]!))
      for (const batch of await reader.poll(1000)) {
        reached[batch.partition] = batch.nextOffset;
        for (const record of batch.records) if (record.value) records.push(codec.decode(record.value));
      }
    await reader.close();
    return records;
  };

  return {
    kafka,
    url: http.url,
    adminKey,
    definitions,
    activity: activityLog.all,
    workspace: (body) => makeWorkspace(definitions, body),
    subscription: (workspace, body) => makeSubscription(definitions, secretKey, workspace, body),
    post,
    webhook: (subscription, cart, forgery = {}) => {
      const body = Buffer.from(forgery.body ?? JSON.stringify({ cart }));
      return post(
        forgery.url ?? `/v1/webhooks/jane/${subscription.id}`,
        body,
        webhookHeaders(subscription, body, forgery),
      );
    },
    disagreements: async () => {
      const agreement = agreementWith((await (await fetch(`${http.url}/openapi.json`)).json()) as OpenApi);
      const known = seen.filter(({ path }) => agreement.has('POST', path));
      const found = known.map(({ path, answer }) => agreement.check('POST', path, answer));
      return [...new Set(found.flatMap(({ place, wrong }) => wrong.map((one) => `${place}: ${one}`)))];
    },
    cartEvents: () => read<CartEvent>(TOPICS.cartEvents),
    personInputs: () => read<PersonInput>(TOPICS.personInputs),
    deadLetters: () => read<DeadLetter>(TOPICS.deadLetters),
    close: async () => {
      await http.close(1_000);
      await activityLog.stop();
      await Promise.all([producer.close(), definitions.stop(), ingestDefinitions.stop()]);
      await kafka.close();
    },
  };
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    headers: response.headers,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}

async function makeWorkspace(
  definitions: Definitions,
  body: Partial<WorkspaceBody> = {},
): Promise<{ id: string; keys: Record<'ingest' | 'read' | 'write', string> }> {
  const id = `w${randomBytes(4).toString('hex')}`;
  await definitions.append({
    entity: 'workspace',
    workspace: id,
    id,
    expectedVersion: 0,
    body: {
      name: id,
      time_zone: 'UTC',
      abandonment_window_minutes: 30,
      grace_seconds: 60,
      retry_horizon_minutes: 15,
      default_country: 'US',
      retention_days: null,
      ...body,
    },
  });
  const keys = { ingest: '', read: '', write: '' };
  for (const role of ['ingest', 'read', 'write'] as const) {
    const key = newSecret(`jt_${role}`);
    keys[role] = key;
    await definitions.append({
      entity: 'key',
      workspace: id,
      id: newId('key'),
      expectedVersion: 0,
      body: { role, hash: hashOf(key) },
    });
  }
  return { id, keys };
}

async function makeSubscription(
  definitions: Definitions,
  secretKey: Buffer,
  workspace: string,
  body: Partial<SubscriptionBody> = {},
): Promise<TestSubscription> {
  const id = newId('sub');
  const token = newSecret('jtw');
  const secret = newSecret('whsec');
  await definitions.append({
    entity: 'subscription',
    workspace,
    id,
    expectedVersion: 0,
    body: {
      event: 'cart_status',
      store_ids: null,
      time_zone: 'UTC',
      verify: 'both',
      tokens: [{ hash: hashOf(token), valid_until: null }],
      secrets: [{ sealed: seal(secretKey, secret, id), valid_until: null }],
      ...body,
    },
  });
  return { id, token, secret, workspace };
}

function webhookHeaders(subscription: TestSubscription, body: Buffer, forgery: Forgery): Record<string, string> {
  const { token = subscription.token, secret = subscription.secret } = forgery;
  const timestamp = forgery.timestamp === undefined ? String(Math.floor(Date.now() / 1000)) : forgery.timestamp;
  const signature = forgery.signature === undefined ? signatureOf(secret, timestamp ?? '', body) : forgery.signature;
  return {
    'content-type': 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(timestamp === null ? {} : { 'x-jane-request-timestamp': timestamp }),
    ...(signature === null ? {} : { 'x-jane-signature': signature }),
    ...forgery.headers,
  };
}
