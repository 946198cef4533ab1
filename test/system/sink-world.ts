import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { build } from 'esbuild';
import { createRegistry, type Codec } from '../../lib/avro/index.ts';
import { createClickHouse, queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { migrate } from '../../lib/clickhouse/migrate.ts';
import { systemClock, type Clock } from '../../lib/clock/index.ts';
import { loadConfig } from '../../lib/config/index.ts';
import { createKafka, type Kafka, type Producer } from '../../lib/kafka/index.ts';
import { createLogger, createMetrics } from '../../lib/telemetry/index.ts';
import { TOPICS, topicSpecs, type TopicName } from '../../lib/topics.ts';
import type { AudienceChange, DeadLetter, FlowEvent, Outcome, Person, TraitEvent } from '../../schemas/types.ts';
import { SINK_CONFIG } from '../../services/sink/config.ts';
import type { SinkSettings } from '../../services/sink/topic-consumer-options.ts';
import { clickHouseDatabase } from '../../services/sink/database.ts';
import { createSinkMetrics } from '../../services/sink/metrics.ts';
import { startSink, type Sink } from '../../services/sink/sink.ts';

export { cart } from '../../services/sink/testing.ts';

const PARTITIONS = 2;

/** The sink on real engines, with topics and a database of its own. Workspace `w0` lies in partition 0, `w1` in 1. */
export interface SinkWorld {
  kafka: Kafka;
  client: ClickHouse;
  /** Topics begin with it. */
  prefix: string;
  producer: Producer;
  codecs: {
    outcomes: Codec<Outcome>;
    deadLetters: Codec<DeadLetter>;
    audienceChanges: Codec<AudienceChange>;
    flowEvents: Codec<FlowEvent>;
  };
  /** Appends outcomes to a partition, each under the next input offset unless it names one. */
  say(partition: number, outcomes: readonly Partial<Outcome>[]): Promise<void>;
  start(options?: StartOptions): Sink;
  /** A process of its own, to be killed; it reaches ClickHouse through `clickhouseUrl`. */
  spawn(clickhouseUrl: string): Promise<ChildProcess>;
  /** Where ClickHouse is. */
  clickhouseUrl: string;
  /** Until all that is in the topic (default: trait-events) is in the ledger. */
  settled(sink: Sink, topic?: TopicName): Promise<void>;
  rows<T = Record<string, unknown>>(query: string): Promise<T[]>;
  close(): Promise<void>;
}

export interface StartOptions {
  settings?: Partial<SinkSettings>;
  client?: ClickHouse;
  clock?: Clock;
}

export async function waitFor(what: string, condition: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function openWorld(): Promise<SinkWorld> {
  const name = `sink_${randomBytes(5).toString('hex')}`;
  const config = loadConfig(SINK_CONFIG, { ...process.env, TOPIC_PREFIX: `${name}.`, CLICKHOUSE_DATABASE: name }, []);
  const logger = createLogger(name, 'silent');
  const prefix = config.topicPrefix;
  const kafka = createKafka({
    brokers: config.kafkaBrokers,
    clientId: name,
    logger,
    clock: systemClock,
    topicPrefix: prefix,
  });
  const specs = topicSpecs({ partitions: PARTITIONS, logRetentionDays: 90 });
  await kafka.ensureTopics(
    [TOPICS.traitEvents, TOPICS.deadLetters, TOPICS.audienceChanges, TOPICS.flowEvents].map((topic) => specs[topic]),
  );
  const registry = createRegistry({ url: config.registryUrl, topicPrefix: prefix, logger, clock: systemClock });
  const codecs = {
    outcomes: await registry.codec<Outcome>(TOPICS.traitEvents),
    deadLetters: await registry.codec<DeadLetter>(TOPICS.deadLetters),
    audienceChanges: await registry.codec<AudienceChange>(TOPICS.audienceChanges),
    flowEvents: await registry.codec<FlowEvent>(TOPICS.flowEvents),
  };
  const client = createClickHouse({ url: config.clickhouseUrl, database: name });
  await migrate(client);
  const producer = kafka.createProducer();
  const running = new Set<Sink>();
  const children: ChildProcess[] = [];
  let inputOffset = 0;

  return {
    kafka,
    client,
    prefix,
    producer,
    codecs,
    say: async (partition, outcomes) => {
      await producer.send(
        outcomes.map((said) => {
          const outcome: Outcome = {
            kind: said.trait ? 'trait' : said.cart ? 'cart' : said.person ? 'person' : 'merge',
            workspace: `w${partition}`,
            log_time: 1_800_000_000_000,
            input_offset: inputOffset++,
            trait: null,
            cart: null,
            person: null,
            merge: null,
            erasure: null,
            link_report: null,
            ...said,
          };
          return {
            topic: TOPICS.traitEvents,
            key: outcome.workspace,
            value: codecs.outcomes.encode(outcome),
            partition,
          };
        }),
      );
    },
    start: ({ settings = {}, client: other, clock = systemClock } = {}) => {
      const sink = startSink({
        kafka,
        database: clickHouseDatabase(other ?? client),
        codecs,
        url: null,
        settings: {
          blockIntervalMs: 20,
          ledgerIntervalMs: 50,
          blockRecordsMax: 50_000,
          blockBytesMax: 32 << 20,
          acceptLost: false,
          ...settings,
        },
        logger,
        metrics: createSinkMetrics(createMetrics()),
        clock,
      });
      const stop = sink.stop.bind(sink);
      running.add(sink);
      sink.stop = async () => {
        if (running.delete(sink)) await stop();
      };
      return sink;
    },
    clickhouseUrl: config.clickhouseUrl,
    spawn: async (clickhouseUrl) => {
      const outfile = 'node_modules/.cache/test/sink.mjs';
      await build({
        entryPoints: ['services/sink/main.ts'],
        outfile,
        bundle: true,
        platform: 'node',
        format: 'esm',
        packages: 'external',
        logLevel: 'error',
      });
      const env = { ...process.env, TOPIC_PREFIX: prefix, CLICKHOUSE_DATABASE: name };
      const child = spawn(process.execPath, [outfile], {
        env: { ...env, CLICKHOUSE_URL: clickhouseUrl, PARTITIONS: String(PARTITIONS), LOG_LEVEL: 'error' },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      children.push(child);
      return child;
    },
    settled: async (sink, topic = TOPICS.traitEvents) => {
      const ends = await kafka.endOffsets(topic);
      await waitFor('the ledger at the end of the topic', () => {
        const positions = sink.positions().filter((at) => at.topic === topic);
        return ends.every((end, partition) =>
          positions.some((at) => at.partition === partition && (at.position ?? -1) >= end && at.state === 'running'),
        );
      });
    },
    rows: (query) => queryRows(client, query),
    close: async () => {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all([...running].map((sink) => sink.stop()));
      await producer.close();
      await client.command({ query: `DROP DATABASE IF EXISTS ${name}` });
      await Promise.all([kafka.close(), client.close()]);
    },
  };
}

export const traitEvent = (id: number, fields: Partial<TraitEvent> = {}): TraitEvent => ({
  event_id: id.toString(16).padStart(32, '0'),
  op: 'asserted',
  person_id: 1,
  cart_id: `cart-${id}`,
  trait: 'cart_status_updated',
  status: 'finished',
  occurred_at: Date.UTC(2026, 2, 1, 12),
  detected_at: Date.UTC(2026, 2, 1, 12, 0, 1),
  retracted_at: null,
  recovered_at: null,
  source: null,
  previous_status: null,
  reentered: false,
  anomaly: null,
  store_id: null,
  mode: null,
  amount: null,
  products: null,
  beyond_horizon: false,
  replaces: null,
  last_activity_at: null,
  cart_phone: null,
  cart_email: null,
  moved_from: null,
  ...fields,
});

export const person = (id: number, fields: Partial<Person> = {}): Person => ({
  person_id: id,
  anonymous: false,
  name: null,
  time_zone: null,
  first_at: Date.UTC(2026, 0, 1),
  last_at: Date.UTC(2026, 0, 2),
  identifiers: [],
  more_identifiers: [],
  ...fields,
});

/** A step of the run `r1` of the flow `f`. */
export const flowEvent = (fields: Partial<FlowEvent> = {}): FlowEvent => ({
  workspace: 'w0',
  flow_id: 'f',
  version: 1,
  run_id: 'r1',
  person_id: 1,
  cart_id: 'c',
  event_id: 'e1',
  node: '',
  what: 'started',
  reason: '',
  at: 1_800_000_000_000,
  input_offset: 0,
  ordinal: 0,
  due_at: null,
  channel: null,
  class: null,
  request_id: null,
  amount: null,
  address: null,
  text: null,
  ...fields,
});
