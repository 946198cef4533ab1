/**
 * Where events are on their way: by the append times that Kafka put on the records of each topic, read after the
 * fact, so that looking costs nothing while it is measured; and by the metrics of the processes.
 */
import { systemClock } from '../../lib/clock/index.ts';
import { bodyOf, createApiClient } from '../../lib/client/index.ts';
import { createRegistry } from '../../lib/avro/index.ts';
import { createKafka, type Kafka } from '../../lib/kafka/index.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { TOPICS, type TopicName } from '../../lib/topics.ts';
import type { CartEvent, Outcome, PersonInput } from '../../schemas/types.ts';
import type { BenchInstallation } from './installation.ts';

/** Records appended, markers of transactions not counted. */
export interface StageTotals {
  cartEvents: number;
  personInputs: number;
  traitEvents: number;
  /** Of each topology, and the mean time that one took to commit, milliseconds. */
  transactions: Record<'carts' | 'people', { count: number; meanMs: number }>;
  /** Blocks of the sink, and the mean time of one insert by table, milliseconds. */
  blocks: number;
  insertMs: Record<string, number>;
}

/** When a change of status was appended to each topic: Unix milliseconds, by `cart status`. */
export interface AppendTimes {
  cartEvents: Map<string, number>;
  personInputs: Map<string, number>;
  traitEvents: Map<string, number>;
}

export interface Stages {
  /** Since `readStages`. */
  totals(): Promise<StageTotals>;
  appendTimes(workspace: string): Promise<AppendTimes>;
}

const WAYS = [TOPICS.cartEvents, TOPICS.personInputs, TOPICS.traitEvents] as const;

/** Remembers where the topics and the counters stand now. */
export async function readStages(installation: BenchInstallation): Promise<Stages> {
  const ends = await withKafka(installation, (kafka) => Promise.all(WAYS.map((topic) => kafka.endOffsets(topic))));
  const before = await counters(installation);
  return {
    async totals() {
      const after = await counters(installation);
      const since = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
      const meanMs = (name: string, labels: string): number =>
        Math.round((since(`${name}_sum{${labels}}`) / since(`${name}_count{${labels}}`)) * 10_000) / 10;
      const transactions = (topology: 'carts' | 'people') => ({
        count: since(`streams_transactions_total{topology="${topology}"}`),
        meanMs: meanMs('streams_transaction_seconds', `topology="${topology}"`),
      });
      const tables = [...after.keys()].flatMap(
        (key) => /^sink_insert_seconds_count\{table="(\w+)"\}/.exec(key)?.[1] ?? [],
      );
      return {
        cartEvents: since('streams_records_total{topology="carts"}'),
        personInputs: since('streams_records_total{topology="people"}'),
        traitEvents: since(`sink_records_total{topic="${TOPICS.traitEvents}"}`),
        transactions: { carts: transactions('carts'), people: transactions('people') },
        blocks: since(`sink_blocks_total{topic="${TOPICS.traitEvents}"}`),
        insertMs: Object.fromEntries(tables.map((table) => [table, meanMs('sink_insert_seconds', `table="${table}"`)])),
      };
    },
    appendTimes: (workspace) =>
      withKafka(installation, async (kafka, logger) => {
        const registry = createRegistry({ url: installation.registryUrl, topicPrefix: '', logger, clock: systemClock });
        const [cartEvents, personInputs, traitEvents] = [
          await registry.codec<CartEvent>(TOPICS.cartEvents),
          await registry.codec<PersonInput>(TOPICS.personInputs),
          await registry.codec<Outcome>(TOPICS.traitEvents),
        ];
        const read = (way: number, keysOf: (value: Buffer) => string[]): Promise<Map<string, number>> =>
          firstAppends(kafka, WAYS[way]!, ends[way]!, keysOf);
        return {
          cartEvents: await read(0, (value) => {
            const event = cartEvents.decode(value);
            return event.workspace === workspace ? [keyOf(event.cart_id, event.status ?? '')] : [];
          }),
          personInputs: await read(1, (value) => {
            const { workspace: its, cart } = personInputs.decode(value);
            return its === workspace && cart ? cart.changes.map(({ status }) => keyOf(cart.cart_id, status)) : [];
          }),
          traitEvents: await read(2, (value) => {
            const { workspace: its, trait } = traitEvents.decode(value);
            return its === workspace && trait ? [keyOf(trait.cart_id, trait.status)] : [];
          }),
        };
      }),
  };
}

export const keyOf = (cartId: string, status: string): string => `${cartId} ${status}`;

/** Connects to Kafka for as long as the work takes. */
export async function withKafka<T>(
  { kafkaBrokers }: BenchInstallation,
  work: (kafka: Kafka, logger: ReturnType<typeof createLogger>) => Promise<T>,
): Promise<T> {
  const logger = createLogger('bench', 'warn');
  const kafka = createKafka({ brokers: kafkaBrokers, clientId: 'bench', logger, clock: systemClock, topicPrefix: '' });
  try {
    return await work(kafka, logger);
  } finally {
    await kafka.close();
  }
}

/** The append time of the first record that says each key, of a topic from some offsets to its end now. */
async function firstAppends(
  kafka: Kafka,
  topic: TopicName,
  from: readonly number[],
  keysOf: (value: Buffer) => string[],
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  await readSince(kafka, topic, from, (value, timestampMs) => {
    for (const key of keysOf(value)) if (!found.has(key)) found.set(key, timestampMs);
  });
  return found;
}

/** Reads the records of a topic from some offsets to its end now, each with its append time. */
export async function readSince(
  kafka: Kafka,
  topic: TopicName,
  from: readonly number[],
  take: (value: Buffer, timestampMs: number) => void,
): Promise<void> {
  const ends = await kafka.endOffsets(topic);
  const open = new Set(ends.flatMap((end, partition) => (end > (from[partition] ?? 0) ? [partition] : [])));
  const reader = kafka.createReader({ isolation: 'read_committed' });
  reader.assign([...open].map((partition) => ({ topic, partition, offset: from[partition] ?? 0 })));
  while (open.size > 0) {
    for (const batch of await reader.poll(1_000)) {
      for (const { value, timestampMs } of batch.records) if (value !== null) take(value, timestampMs);
      if (batch.nextOffset >= (ends[batch.partition] ?? 0)) open.delete(batch.partition);
    }
  }
  await reader.close();
}

/**
 * Every counter of every process that publishes metrics, by its name with labels. Connections are not kept: the next
 * question comes long after the server has closed them.
 */
async function counters({ apiUrl, adminKey }: BenchInstallation): Promise<Map<string, number>> {
  const { stages } = await bodyOf(createApiClient({ baseUrl: apiUrl, key: adminKey }).GET('/v1/status'));
  const urls = new Set(stages.filter(({ stage }) => stage !== 'ingest').flatMap((stage) => stage.urls));
  const found = new Map<string, number>();
  for (const url of urls) {
    const text = await (await fetch(`${url}/metrics`, { headers: { connection: 'close' } })).text();
    for (const line of text.split('\n')) {
      const match = /^(\w+(?:\{[^}]*\})?) ([\d.e+-]+)$/.exec(line);
      if (match) found.set(match[1]!, Number(match[2]));
    }
  }
  return found;
}
