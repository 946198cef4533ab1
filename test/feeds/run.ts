/** Live audiences under traffic and kills: the feed against full evaluations at every rest point. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createRegistry } from '../../lib/avro/index.ts';
import { systemClock } from '../../lib/clock/index.ts';
import type { Audience } from '../../lib/audiences/index.ts';
import { createClickHouse, queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { createKafka } from '../../lib/kafka/index.ts';
import { decodeEach, followTopic } from '../../lib/kafka/follow.ts';
import { createRandom, type Random } from '../../lib/simulate/random.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { AudienceChange } from '../../schemas/types.ts';
import {
  createSubscription,
  createWorkspace,
  request,
  waitFresh,
  waitUntil,
  type Workspace,
} from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { delaysOf, type Arrival, type Delays, type Disturbance, type Redefinition } from './delays.ts';
import { drawAudience, PROBES, SHAPES } from './definitions.ts';
import { compareAtRest, Feed } from './feed.ts';
import { importPeople, personOf, Traffic } from './traffic.ts';

export interface RunOptions {
  seed: number;
  people: number;
  audiences: number;
  /** Webhooks per second. */
  rate: number;
  /** How long before its webhook an event lies, milliseconds. */
  backMs: number;
  /** Each ends with a rest point. */
  rounds: number;
  /** Traffic of a round, milliseconds. */
  roundMs: number;
  /** Redefinitions of each round: at least one, and one before each kill. */
  redefinitionsPerRound: number;
  /** Kills of each round. */
  killsPerRound: number;
  /** What may be killed; another word for all of an installation is `everything`. */
  killed: readonly string[];
  /** How long the service is measured before there is any traffic, milliseconds. */
  idleMs: number;
  /** The run has engines of its own, which can be killed too. */
  ownEngines: boolean;
  say(message: string): void;
}

export interface RestPoint {
  /** Wrong people by audience; empty when the feed is right. */
  wrong: Record<string, number[]>;
  members: number;
}

export interface RunFindings extends Delays {
  /** CPU of the service without traffic, as a part of one core. */
  idleCpu: number;
  rests: RestPoint[];
  accepted: number;
  kills: number;
  redefinitions: number;
  changes: number;
  causes: Record<string, number>;
  /** The topic and the API give the same. */
  isSameInTopic: boolean;
}

interface SavedAudience {
  id: string;
  version: number;
  audience: Audience;
  feed: Feed;
}

const LAG_MS = 5_000;
const SETTLE_MS = 120_000;
/** How long after a kill times are not measured. */
const DISTURBED_MS = 40_000;

export async function runAudiences(options: RunOptions): Promise<RunFindings> {
  const installation = await startInstallation({ ownEngines: options.ownEngines, env: { PARTITIONS: '2' } });
  const run = new Run(installation, options);
  try {
    return await run.all();
  } finally {
    await run.close();
    await removeInstallation(installation);
  }
}

class Run {
  private readonly random: Random;
  private readonly client: ClickHouse;
  private readonly kafka;
  private readonly logger = createLogger('test', 'silent');
  private workspace!: Workspace;
  private readonly audiences: SavedAudience[] = [];
  private readonly arrived: Arrival[] = [];
  private readonly disturbances: Disturbance[] = [];
  private kills = 0;
  private readonly redefinitions: Redefinition[] = [];

  constructor(
    private readonly installation: Installation,
    private readonly options: RunOptions,
  ) {
    this.random = createRandom(options.seed);
    const { env } = installation;
    const url = env['CLICKHOUSE_URL'] || `http://127.0.0.1:${env['CLICKHOUSE_HTTP_PORT']}`;
    this.client = createClickHouse({ url, database: env['CLICKHOUSE_DATABASE'] ?? 'jane_traits' });
    this.kafka = createKafka({
      brokers: [env['KAFKA_BROKERS'] || `127.0.0.1:${env['KAFKA_PORT']}`],
      clientId: 'feed-test',
      logger: this.logger,
      clock: systemClock,
      topicPrefix: env['TOPIC_PREFIX'] ?? '',
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.client.close(), this.kafka.close()]);
  }

  async all(): Promise<RunFindings> {
    const { installation, options } = this;
    const { people, rate, seed, backMs, say } = options;
    const settings = { grace_seconds: 0, abandonment_window_minutes: 1, retry_horizon_minutes: 1 };
    this.workspace = await createWorkspace(installation, settings);
    const subscription = await createSubscription(installation, this.workspace, { event: 'cart_status' });
    await importPeople(installation, this.workspace, people);
    await waitFresh(installation, this.workspace, Date.now(), SETTLE_MS);
    say(`${people} people are in`);
    await this.save(PROBES);
    for (let i = 1; i < options.audiences; i++) await this.save(SHAPES[i % SHAPES.length]!(i));
    const topic = await this.followTopic();
    const idleCpu = await this.idleCpu();
    say(`without traffic: ${(100 * idleCpu).toFixed(2)} % of a core`);
    const traffic = new Traffic({ installation, workspace: this.workspace, subscription, people, rate, seed, backMs });
    const rests: RestPoint[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      traffic.start();
      await this.disturb();
      await traffic.stop();
      rests.push(await this.rest());
      say(`rest point ${round}: ${JSON.stringify(rests.at(-1))}, ${traffic.accepted} webhooks`);
    }
    const isSameInTopic = await this.sameInTopic();
    await topic.stop();
    return {
      idleCpu,
      rests,
      accepted: traffic.accepted,
      kills: this.kills,
      redefinitions: this.redefinitions.length,
      changes: this.audiences.reduce((sum, { feed }) => sum + feed.items.length, 0),
      causes: this.causes(),
      ...(await this.delays(traffic)),
      isSameInTopic,
    };
  }

  /** With all audiences evaluated, and nothing to do. */
  private async idleCpu(): Promise<number> {
    const { idleMs } = this.options;
    if (idleMs === 0) return 0;
    await this.rest();
    await sleep(5_000);
    const before = await this.cpuSeconds();
    await sleep(idleMs);
    return ((await this.cpuSeconds()) - before) / (idleMs / 1_000);
  }

  private async cpuSeconds(): Promise<number> {
    const { apiUrl, adminKey } = this.installation;
    const { body } = await request<{ stages: { stage: string; urls: string[] }[] }>(`${apiUrl}/v1/status`, {
      key: adminKey,
    });
    const url = body.stages.find(({ stage }) => stage === 'audiences')?.urls[0] ?? '';
    const metrics = await (await fetch(`${url}/metrics`)).text();
    return Number(/^process_cpu_seconds_total\S* (\S+)/m.exec(metrics)?.[1]);
  }

  private async save(audience: Audience): Promise<void> {
    const id = await this.write('POST', '/v1/audiences', audience, true);
    this.audiences.push({ ...id, audience, feed: new Feed(this.installation, this.workspace, id.id) });
  }

  private async write(
    method: string,
    path: string,
    audience: Audience,
    live: boolean,
    version?: number,
  ): Promise<{ id: string; version: number }> {
    return waitUntil(`${method} ${path}`, async () => {
      const response = await fetch(this.installation.apiUrl + path, {
        method,
        headers: {
          authorization: `Bearer ${this.workspace.keys.write}`,
          'content-type': 'application/json',
          ...(version !== undefined && { 'if-match': `"${version}"` }),
        },
        body: JSON.stringify({ name: 'test', audience, live }),
      });
      const body = (await response.json()) as { id: string; version: number };
      if (response.status < 300) return body;
      if (response.status < 500 && response.status !== 429) throw new Error(JSON.stringify(body));
      return undefined;
    });
  }

  /** Kills and redefinitions, spread over the round. */
  private async disturb(): Promise<void> {
    const { roundMs, redefinitionsPerRound, killsPerRound, killed, say } = this.options;
    const steps = Math.max(1, redefinitionsPerRound, killsPerRound);
    for (let i = 0; i < steps; i++) {
      await sleep(roundMs / (steps + 1) / 2);
      await this.redefine();
      await sleep(roundMs / (steps + 1) / 2);
      if (i >= killsPerRound) continue;
      const name = this.random.pick([...killed]);
      say(`kill -9 ${name}`);
      const fromMs = Date.now();
      if (name === 'everything') {
        await this.installation.kill9();
        await this.installation.restart();
      } else await this.installation.kill9(name);
      this.kills++;
      this.disturbances.push({ fromMs, toMs: Date.now() + DISTURBED_MS });
    }
    await sleep(roundMs / (steps + 1));
    await this.installation.waitReady();
  }

  /** Another version of one audience, or off and on. The one of probes stays as it is. */
  private async redefine(): Promise<void> {
    const saved = this.random.pick(this.audiences.slice(1));
    if (this.random.chance(0.3)) {
      const off = await this.write('PUT', `/v1/audiences/${saved.id}`, saved.audience, false, saved.version);
      saved.version = off.version;
      await sleep(1_000);
    }
    saved.audience = drawAudience(this.random);
    const on = await this.write('PUT', `/v1/audiences/${saved.id}`, saved.audience, true, saved.version);
    saved.version = on.version;
    this.redefinitions.push({ audienceId: saved.id, atMs: Date.now() });
  }

  /** Until everything that was accepted is in the feeds. */
  private async rest(): Promise<RestPoint> {
    const { installation, workspace, client } = this;
    await waitFresh(installation, workspace, Date.now(), SETTLE_MS);
    let rest: RestPoint = { wrong: {}, members: 0 };
    await waitUntil(
      'the feeds give what full evaluations give',
      async () => {
        rest = { wrong: {}, members: 0 };
        for (const { id, audience, feed } of this.audiences) {
          const evaluated = { workspace: workspace.id, audience, includeAnonymous: false };
          const { wrong, members } = await compareAtRest(client, feed, evaluated, LAG_MS);
          if (wrong.length > 0) rest.wrong[`${id} ${JSON.stringify(audience)}`] = wrong.slice(0, 10);
          rest.members += members;
        }
        return Object.keys(rest.wrong).length === 0;
      },
      { timeoutMs: SETTLE_MS, everyMs: 1_000 },
    ).catch(() => undefined);
    return rest;
  }

  /** Reads the topic as a program of its own would, noting when each change arrives. */
  private async followTopic() {
    const { kafka, logger, installation } = this;
    const { env } = installation;
    const registry = createRegistry({
      url: env['REGISTRY_URL'] || `http://127.0.0.1:${env['REGISTRY_PORT']}/apis/ccompat/v7`,
      topicPrefix: env['TOPIC_PREFIX'] ?? '',
      logger,
      clock: systemClock,
    });
    const codec = await registry.codec<AudienceChange>(TOPICS.audienceChanges);
    const onRecord = (change: AudienceChange | null): void => {
      if (change?.workspace === this.workspace.id) this.arrived.push({ change, atMs: Date.now() });
    };
    const onBatch = decodeEach<AudienceChange>({ codec, onRecord, logger });
    return followTopic({ kafka, topic: TOPICS.audienceChanges, onBatch, logger, clock: systemClock });
  }

  private async sameInTopic(): Promise<boolean> {
    const shown = (items: readonly { person: number; change: string; at: number }[]): string =>
      items.map(({ person, change, at }) => `${person} ${change} ${at}`).join();
    for (const { id, feed } of this.audiences) {
      await feed.follow();
      const inFeed = feed.items.map((item) => ({
        person: Number(item.person_id),
        change: item.change,
        at: Date.parse(item.at),
      }));
      const inTopic = this.arrived
        .filter(({ change }) => change.audience_id === id)
        .map(({ change }) => ({ person: change.person_id, change: change.change, at: change.at }));
      const length = Math.min(inFeed.length, inTopic.length);
      if (length === 0 && inFeed.length > 0) return false;
      if (shown(inFeed.slice(0, length)) !== shown(inTopic.slice(0, length))) return false;
    }
    return true;
  }

  private causes(): Record<string, number> {
    const causes: Record<string, number> = {};
    for (const { feed } of this.audiences) {
      for (const { change, cause } of feed.items)
        causes[`${change} ${cause}`] = (causes[`${change} ${cause}`] ?? 0) + 1;
    }
    return causes;
  }

  /** How long probes took into the audience of probes, and out of it. */
  private async delays(traffic: Traffic): Promise<Delays> {
    const rows = await queryRows<{ id: number; phone: string }>(
      this.client,
      `SELECT person_id AS id, arrayJoin(phones) AS phone FROM people FINAL
      WHERE workspace = {workspace:String} AND merged_into = 0`,
      { workspace: this.workspace.id },
    );
    const ids = new Map(rows.map(({ id, phone }) => [phone, id]));
    const { arrived, disturbances, redefinitions } = this;
    return delaysOf({
      probes: traffic.probes,
      idOf: (person) => ids.get(personOf(person).phone),
      audienceId: this.audiences[0]!.id,
      ...{ arrived, disturbances, redefinitions },
    });
  }
}
