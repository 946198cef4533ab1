/** What the proofs of flows share: an installation, a workspace with a flow, what is sent to it, and what its topics hold. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { livePid } from '../../deploy/engines/process.ts';
import type { Codec, Registry } from '../../lib/avro/index.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { readToEnd, type Kafka, type KafkaRecord } from '../../lib/kafka/index.ts';
import { decodeEach, followTopic, type TopicFollower } from '../../lib/kafka/follow.ts';
import { decodeChange } from '../../lib/streams/changelog.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { changelogOf, TOPICS, type TopicName } from '../../lib/topics.ts';
import type { FlowEvent } from '../../schemas/types.ts';
import {
  createSubscription,
  createWorkspace,
  postLines,
  postWebhook,
  request,
  waitFresh,
  waitUntil,
  type Subscription,
  type Workspace,
} from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { kafkaOf } from '../harness/kafka.ts';
import { Beside, type BesideOptions } from './beside.ts';

/** A decoded record with its place in the log. */
export interface Read<T> {
  partition: number;
  offset: number;
  appendTimeMs: number;
  value: T;
}

const IDLE_MAX_MS = 60_000;
const LOGGER = createLogger('flows-test', 'silent');

export class FlowWorld {
  private readonly besides: Beside[] = [];
  private readonly followers: TopicFollower[] = [];

  private constructor(
    readonly installation: Installation,
    readonly kafka: Kafka,
    private readonly registry: Registry,
  ) {}

  static async open(options: { ownEngines: boolean; partitions: number }): Promise<FlowWorld> {
    const { ownEngines, partitions } = options;
    const installation = await startInstallation({ ownEngines, env: { PARTITIONS: String(partitions) } });
    const { kafka, registry } = kafkaOf(installation);
    return new FlowWorld(installation, kafka, registry);
  }

  async close(): Promise<void> {
    try {
      await Promise.all(this.followers.map((follower) => follower.stop()));
      await Promise.all(this.besides.map((beside) => beside.kill9()));
      await this.kafka.close();
    } finally {
      await removeInstallation(this.installation);
    }
  }

  /** Starts a process of a service beside those of the installation. */
  startBeside(options: BesideOptions): Beside {
    const beside = new Beside(this.installation, options);
    this.besides.push(beside);
    beside.start();
    return beside;
  }

  /** The process of a service of the installation. */
  pidOf(service: string): Promise<number> {
    return waitUntil(`${service} runs`, () => livePid(join(this.installation.dataDir, 'run'), service));
  }

  codec<T>(topic: TopicName): Promise<Codec<T>> {
    return this.registry.codec<T>(topic);
  }

  /** Calls `onStep` for each step of a run that is appended from now on. */
  async followSteps(onStep: (step: FlowEvent) => void): Promise<void> {
    const codec = await this.codec<FlowEvent>(TOPICS.flowEvents);
    const onRecord = (step: FlowEvent | null): void => {
      if (step !== null) onStep(step);
    };
    const onBatch = decodeEach<FlowEvent>({ codec, onRecord, logger: LOGGER });
    const { kafka } = this;
    this.followers.push(followTopic({ kafka, topic: TOPICS.flowEvents, onBatch, logger: LOGGER, clock: systemClock }));
  }

  /** All committed records of a topic, in the order of each partition. */
  async read<T>(topic: TopicName): Promise<Read<T>[]> {
    const codec = await this.codec<T>(topic);
    const found: Read<T>[] = [];
    for await (const { partition, records } of this.batches(topic)) {
      await codec.load(records.flatMap(({ value }) => value ?? []));
      for (const { offset, timestampMs: appendTimeMs, value } of records) {
        if (value !== null) found.push({ partition, offset, appendTimeMs, value: codec.decode(value) });
      }
    }
    return found;
  }

  /** How often the intent to call a provider was stored, by request id: there is no call without one of its own. */
  async intents(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for await (const { records } of this.batches(changelogOf('delivery'))) {
      for (const { key, value } of records.map(decodeChange)) {
        if (!key.startsWith('m:') || value === null) continue;
        const { state } = JSON.parse(value.toString('utf8')) as { state?: { name: string } };
        const id = key.slice(2);
        if (state?.name === 'intended') counts.set(id, (counts.get(id) ?? 0) + 1);
      }
    }
    return counts;
  }

  private async *batches(topic: string): AsyncGenerator<{ partition: number; records: KafkaRecord[] }> {
    const { kafka } = this;
    const [beginnings, ends] = [await kafka.beginningOffsets(topic), await kafka.endOffsets(topic)];
    const ranges = new Map(ends.map((end, partition) => [partition, { beginning: beginnings[partition]!, end }]));
    const reading = { topic, ranges, clock: systemClock, idleMaxMs: IDLE_MAX_MS } as const;
    yield* readToEnd(kafka, { ...reading, isolation: 'read_committed' });
  }

  /** The last line of npm run verify: "ok" when ClickHouse holds what the topics hold. */
  async verify(): Promise<string> {
    const env = { ...process.env, ...this.installation.env };
    const { stdout } = await promisify(execFile)(process.execPath, ['scripts/run.mjs', 'verify'], { env }).catch(
      (error: unknown) => error as { stdout: string },
    );
    return stdout.trim().split('\n').at(-1) ?? '';
  }
}

/** A workspace of a proof, whose messages leave at any hour. */
export class Retailer {
  private constructor(
    private readonly world: FlowWorld,
    readonly workspace: Workspace,
    private readonly webhooks: Readonly<Record<'cart_status' | 'cart_abandoned', Subscription>>,
  ) {}

  static async open(world: FlowWorld): Promise<Retailer> {
    const workspace = await createWorkspace(world.installation, { grace_seconds: 0 });
    const retailer = new Retailer(world, workspace, {
      cart_status: await createSubscription(world.installation, workspace, { event: 'cart_status' }),
      cart_abandoned: await createSubscription(world.installation, workspace, { event: 'cart_abandoned' }),
    });
    const quiet_hours = { from: '08:00', to: '21:00', channels: [] };
    await retailer.ask('PATCH', `/v1/workspaces/${workspace.id}`, { quiet_hours });
    return retailer;
  }

  /** Asks the API; throws for a status other than 2xx. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { apiUrl } = this.world.installation;
    const answer = await request<T>(apiUrl + path, { method, key: this.workspace.keys.write, body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Saves and publishes a flow; resolves with its id once it is live. */
  async publish(flow: object): Promise<string> {
    const { id } = await this.ask<{ id: string }>('POST', '/v1/flows', flow);
    await this.ask('POST', `/v1/flows/${id}/publish`);
    await waitUntil('the flow is live', async () => {
      return (await this.ask<{ state: string }>('GET', `/v1/flows/${id}`)).state === 'live';
    });
    return id;
  }

  /** Everybody may be written to; resolves once that is known everywhere. */
  async consent(carts: readonly number[]): Promise<void> {
    const occurred_at = new Date().toISOString();
    const consent = { sms: 'opted_in', email: 'opted_in' };
    const lines = carts.map((cart) => ({ occurred_at, ...contactOf(cart, 'phone', 'email'), consent }));
    const result = await postLines(this.world.installation, this.workspace, 'people', lines);
    if (result.rejected > 0) throw new Error(JSON.stringify(result.errors));
    await waitFresh(this.world.installation, this.workspace, Date.now(), 120_000);
  }

  /** Sends a webhook as Jane does; resolves with the time of its 202. */
  async send(event: 'cart_status' | 'cart_abandoned', cart: object): Promise<number> {
    const { status } = await postWebhook(this.webhooks[event], { cart });
    if (status !== 202) throw new Error(`a webhook was answered ${status}`);
    return Date.now();
  }
}

/** The phone and address of the person of a cart, under these names. */
export const contactOf = (person: number, phone: string, email: string): Record<string, string> => ({
  [phone]: `+1612${String(5_550_000 + person)}`,
  [email]: `shopper${person}@example.com`,
});

/** A cart as Jane describes it. `person`: whose it is. */
export const cartOf = (cart: number, person = cart): Record<string, unknown> => ({
  id: cart,
  customer_name: 'Ann Lee',
  ...contactOf(person, 'customer_phone_number', 'customer_email_address'),
  store_id: 68,
  store_name: 'North',
});
