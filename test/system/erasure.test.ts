/** An erased person leaves no trace in the files of the engines and in the logs, and stays erased. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRegistry } from '../../lib/avro/index.ts';
import { createClickHouse, queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { createKafka, type Kafka } from '../../lib/kafka/index.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { changelogOf, TOPICS } from '../../lib/topics.ts';
import type { AudienceChange, FlowEvent, Outcome } from '../../schemas/types.ts';
import { verify, type VerifyReport } from '../../services/sink/verify.ts';
import {
  createSubscription,
  createWorkspace,
  postLines,
  postWebhook,
  preview,
  request,
  waitFresh,
  waitUntil,
  type Audience,
  type Subscription,
  type Workspace,
} from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { filesWith, makeReadable, mergeAll, rowsWith, untilCleaned, untilDeleted } from '../harness/part-files.ts';

const everyone: Audience = { everyone: true };
const preparing: Audience = { trait: 'cart_status_updated', status: ['preparing'] };
/** Kafka compacts every 15 s at most, and ClickHouse deletes former parts after half a minute. */
const CLEANING_MS = 300_000;
const CHANGELOGS = ['carts', 'people'].map(changelogOf);

let installation: Installation;
let clickhouse: ClickHouse;
let workspace: Workspace;
let subscription: Subscription;

const databaseUrl = (): string => `http://127.0.0.1:${installation.env['CLICKHOUSE_HTTP_PORT'] ?? ''}`;
const brokers = (): string[] => [`127.0.0.1:${installation.env['KAFKA_PORT'] ?? ''}`];
const registryUrl = (): string => `http://127.0.0.1:${installation.env['REGISTRY_PORT'] ?? ''}/apis/ccompat/v7`;

function connect(database: string): ClickHouse {
  return createClickHouse({ url: databaseUrl(), database });
}

beforeAll(async () => {
  installation = await startInstallation({ ownEngines: true, env: { PARTITIONS: '1' } });
  clickhouse = connect('jane_traits');
  await makeReadable(clickhouse);
  await compactSoon();
  workspace = await createWorkspace(installation, { grace_seconds: 0 });
  subscription = await createSubscription(installation, workspace, { event: 'cart_status' });
});
afterAll(async () => {
  await clickhouse?.close();
  await removeInstallation(installation);
});

function connectKafka(): Kafka {
  const logger = createLogger('erasure', 'silent');
  return createKafka({ brokers: brokers(), clientId: 'erasure', logger, clock: systemClock, topicPrefix: '' });
}

/** Changelogs are compacted as often as Kafka can, and deleted segments and tombstones do not linger. */
async function compactSoon(): Promise<void> {
  const config = {
    'cleanup.policy': 'compact',
    'segment.ms': '500',
    'min.cleanable.dirty.ratio': '0.0',
    'delete.retention.ms': '0',
    'file.delete.delay.ms': '0',
  };
  const kafka = connectKafka();
  await kafka.ensureTopics(CHANGELOGS.map((topic) => ({ topic, partitions: 1, config })));
  await kafka.close();
}

/** A person with two carts and a record, two of whom were people of their own until the second cart named both. */
class Customer {
  readonly phone: string;
  readonly email: string;
  readonly userId: string;
  readonly name: string;
  readonly product: string;
  private readonly sent: [payload: object, at: Date][] = [];

  constructor(readonly number: number) {
    this.phone = `+1612555${String(1000 + number)}`;
    this.email = `kay-${number}@erased.example`;
    this.userId = `user-of-kay-${number}.`;
    this.name = `Kay Erased ${number}.`;
    this.product = `bought-by-${number}.`;
  }

  /** What names them. */
  get traces(): string[] {
    return [this.phone.slice(2), this.email, this.userId, this.name];
  }

  /** And what only they bought: the state of carts keeps it, and names nobody. */
  get contents(): string[] {
    return [...this.traces, this.product];
  }

  async send(fields: object): Promise<void> {
    const at = new Date();
    const payload = { cart: { id: `cart-of-${this.number}`, store_id: 68, ...fields } };
    this.sent.push([payload, at]);
    expect((await postWebhook(subscription, payload, { at })).status).toBe(202);
  }

  async shop(): Promise<void> {
    await this.send({ status: 'verification', customer_phone_number: this.phone, customer_name: this.name });
    await this.send({ id: `second-of-${this.number}`, status: 'preparing', customer_email_address: this.email });
    await this.send({
      ...{ status: 'preparing', customer_phone_number: this.phone, customer_email_address: this.email },
      ...{ user_id: this.userId, products: [{ product_id: this.product, count: 1, price: 2 }] },
    });
    const consent = { sms: 'opted_in', email: 'opted_in' };
    const occurred_at = new Date().toISOString();
    await postLines(installation, workspace, 'people', [{ occurred_at, phone: this.phone, name: this.name, consent }]);
    // Dead letters that hold their addresses.
    const unusable = {
      cart: { id: `cart-of-${this.number}`, customer_phone_number: `(612) 555-${1000 + this.number}` },
    };
    expect((await postWebhook(subscription, unusable)).status).toBe(422);
    await postLines(installation, workspace, 'events', [{ type: 'cart_status', who: this.email }]);
  }

  /** All webhooks again, as Jane repeats them. */
  async repeat(): Promise<void> {
    for (const [payload, at] of this.sent) expect((await postWebhook(subscription, payload, { at })).status).toBe(202);
  }
}

const ask = <T = unknown>(method: string, path: string) =>
  request<T>(installation.apiUrl + path, { method, key: workspace.keys.write });

async function idsOf(email: string): Promise<string[]> {
  const path = `/v1/people?email=${encodeURIComponent(email)}`;
  const { body } = await ask<{ items: { person_id: string }[] }>('GET', path);
  return body.items.map(({ person_id }) => person_id);
}

async function idOf({ email }: Customer): Promise<string> {
  const [id] = await idsOf(email);
  if (id === undefined) throw new Error('nobody has this address');
  return id;
}

const countOf = async (audience: Audience): Promise<number> => (await preview(installation, workspace, audience)).count;

async function deadLetters(): Promise<number> {
  const { body } = await ask<{ items: unknown[] }>('GET', '/v1/dead-letters?limit=1000');
  return body.items.length;
}

async function verified(database = 'jane_traits'): Promise<VerifyReport> {
  const logger = createLogger('erasure', 'silent');
  const kafka = connectKafka();
  const registry = createRegistry({ url: registryUrl(), topicPrefix: '', logger, clock: systemClock });
  const client = connect(database);
  try {
    const codecs = {
      outcomes: await registry.codec<Outcome>(TOPICS.traitEvents),
      audienceChanges: await registry.codec<AudienceChange>(TOPICS.audienceChanges),
      flowEvents: await registry.codec<FlowEvent>(TOPICS.flowEvents),
    };
    return await verify({ kafka, client, clock: systemClock, codecs, workspace: workspace.id });
  } finally {
    await Promise.all([client.close(), kafka.close()]);
  }
}

/** Topics that keep everything until retention deletes it. */
const RAW_TOPICS = [TOPICS.cartEvents, TOPICS.personInputs, TOPICS.traitEvents, TOPICS.deadLetters];

/** Files of the installation with a trace: of the engines and their topics, and logs. */
function filesOf(traces: string[]): string[] {
  const isRaw = (file: string): boolean => RAW_TOPICS.some((topic) => file.includes(`/${topic}-0/`));
  return filesWith(installation.dataDir, traces)
    .map((file) => file.slice(installation.dataDir.length))
    .filter((file) => !isRaw(file));
}
const isOfKafka = (file: string): boolean => file.startsWith('/kafka/');
const isOfClickHouse = (file: string): boolean => file.startsWith('/clickhouse/');

let rounds = 0;

/** Sends other events, so that Kafka closes segments and compacts them. */
async function untilCompacted(traces: string[]): Promise<void> {
  await waitUntil(
    'nothing is left in compacted topics',
    async () => {
      const cart = { id: 'other', status: `round-${rounds++}`, customer_phone_number: '+16125559999' };
      await postWebhook(subscription, { cart });
      const left = filesOf(traces).filter(isOfKafka);
      if (left.length > 0) throw new Error(left.slice(0, 3).join(', '));
      return true;
    },
    { timeoutMs: 120_000, everyMs: 1_000 },
  );
}

/** Nothing in any file, once Kafka and ClickHouse have cleaned up. */
async function expectNoTrace(customers: Customer[]): Promise<void> {
  const traces = customers.flatMap((customer) => customer.traces);
  const contents = customers.flatMap((customer) => customer.contents);
  // A processor that has been restarted has set its own settings again.
  await compactSoon();
  await untilDeleted(clickhouse);
  expect(await rowsWith(clickhouse, contents)).toEqual([]);
  await untilCompacted(traces);
  await mergeAll(clickhouse);
  await untilCleaned(clickhouse);
  expect(filesOf(traces)).toEqual([]);
  expect(filesOf(contents).filter(isOfClickHouse)).toEqual([]);
}

describe('a person who is erased', () => {
  const kay = new Customer(1);
  const ann = new Customer(2);
  let id: string;
  let former: string;

  it('was there before, in every place that is searched afterwards', async () => {
    await kay.shop();
    await ann.shop();
    await waitFresh(installation, workspace);
    id = await idOf(kay);
    const [loser] = await queryRows<{ id: string }>(
      clickhouse,
      'SELECT toString(person_id) AS id FROM people FINAL WHERE merged_into = {id: UInt32}',
      { id },
    );
    former = loser?.id ?? '';
    expect([await countOf(everyone), await countOf(preparing), await deadLetters()]).toEqual([2, 2, 4]);
    const tables = (await rowsWith(clickhouse, kay.contents)).map((found) => found.split(':')[0]);
    expect(new Set(tables)).toEqual(
      new Set(['people', 'carts', 'trait_events', 'trait_events_by_person', 'dead_letters']),
    );
    for (const isOfEngine of [isOfClickHouse, isOfKafka]) {
      expect(filesOf(kay.traces).filter(isOfEngine)).not.toEqual([]);
    }
  });

  it('is gone from all answers as soon as the call is answered, from past counts too; others remain', async () => {
    const answer = await ask('DELETE', `/v1/people/${former}`);
    expect([answer.status, answer.body]).toEqual([204, '']);
    for (const path of [id, former]) {
      expect((await ask('GET', `/v1/people/${path}`)).status, path).toBe(404);
      expect((await ask('DELETE', `/v1/people/${path}`)).status, path).toBe(404);
    }
    expect((await ask('GET', '/v1/carts/cart-of-1')).status).toBe(404);
    expect(await idsOf(kay.email)).toEqual([]);
    expect([await countOf(everyone), await countOf(preparing), await deadLetters()]).toEqual([1, 1, 2]);
    const { body } = await ask<{ items: { cart_id: string }[] }>('GET', '/v1/trait-events');
    expect(new Set(body.items.map(({ cart_id }) => cart_id))).toEqual(new Set(['cart-of-2', 'second-of-2']));
    expect(await verified()).toMatchObject({ ok: true });
  });

  it('does not return when its deliveries are repeated', async () => {
    await kay.repeat();
    await waitFresh(installation, workspace);
    expect(await idsOf(kay.email)).toEqual([]);
    expect([await countOf(everyone), await countOf(preparing)]).toEqual([1, 1]);
  });

  it('leaves nothing in parts, compacted topics, dead letters and logs', { timeout: CLEANING_MS }, async () => {
    await expectNoTrace([kay]);
    expect(filesOf(ann.traces)).not.toEqual([]);
  });

  it('is a new person with a later delivery', async () => {
    await kay.send({ status: 'finished', customer_email_address: kay.email });
    await waitFresh(installation, workspace);
    const later = await idOf(kay);
    expect([id, former]).not.toContain(later);
    const { body } = await ask<{ timeline: { status: string }[] }>('GET', `/v1/people/${later}`);
    expect(body.timeline.map(({ status }) => status)).toEqual(['finished']);
    expect(await countOf(preparing)).toBe(1);
    expect(await verified()).toMatchObject({ ok: true });
  });
});

describe('erasures while processes are killed', () => {
  it(
    'hold: each is complete once its call was answered, and nobody else is affected',
    { timeout: CLEANING_MS },
    async () => {
      const customers = Array.from({ length: 6 }, (_, i) => new Customer(10 + i));
      for (const customer of customers) await customer.shop();
      await waitFresh(installation, workspace);
      const before = await countOf(everyone);
      const erased = customers.slice(0, 4);
      const ids = await Promise.all(erased.map((customer) => idOf(customer)));
      const erasing = ids.map((id) =>
        waitUntil(
          `person ${id} is erased`,
          async () => [204, 404].includes((await ask('DELETE', `/v1/people/${id}`)).status),
          { timeoutMs: 120_000 },
        ),
      );
      for (const name of ['processor', 'sink', 'processor', 'sink']) {
        await installation.kill9(name);
        await waitUntil(
          `${name} runs again`,
          async () => {
            const { body } = await request<{ state: string }>(`${installation.apiUrl}/v1/status`, {
              key: installation.adminKey,
            });
            return body.state === 'running';
          },
          { timeoutMs: 60_000 },
        );
      }
      await Promise.all(erasing);
      await waitFresh(installation, workspace, Date.now(), 60_000);
      expect(await countOf(everyone)).toBe(before - 4);
      for (const customer of erased) expect(await idsOf(customer.email)).toEqual([]);
      expect(await verified()).toMatchObject({ ok: true });
      await expectNoTrace(erased);
    },
  );
});

describe('an empty database that is filled from the topics', () => {
  it('does not show who was erased', async () => {
    const before = await countOf(everyone);
    await installation.stop();
    installation.env['CLICKHOUSE_DATABASE'] = 'filled_again';
    await installation.restart();
    await waitFresh(installation, workspace, Date.now(), 60_000);
    expect(await countOf(everyone)).toBe(before);
    expect(await verified('filled_again')).toMatchObject({ ok: true });
    const filled = connect('filled_again');
    await makeReadable(filled);
    await mergeAll(filled);
    const traces = [10, 11, 12, 13].flatMap((number) => new Customer(number).contents);
    expect(await rowsWith(filled, traces)).toEqual([]);
    await filled.close();
  });
});
