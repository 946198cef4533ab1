import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { createRegistry, type Codec } from '../../lib/avro/index.ts';
import { loadConfig } from '../../lib/config/index.ts';
import { createKafka, type Kafka, type Producer } from '../../lib/kafka/index.ts';
import type { RunningTopology } from '../../lib/streams/index.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { cartKey, TOPICS, topicSpecs } from '../../lib/topics.ts';
import type { CartEvent, Outcome } from '../../schemas/types.ts';
import { PROCESSOR_CONFIG } from '../../services/processor/config.ts';
import { delivery } from '../../services/processor/testing.ts';
import { startTopologies } from '../../services/processor/topologies.ts';

/** The processor on the real engines: deliveries into cart-events, outcomes out of trait-events. */

const root = new URL('../..', import.meta.url).pathname;
const env = {
  ...process.env,
  ...inject('engines'),
  TOPIC_PREFIX: `processor-${randomBytes(4).toString('hex')}.`,
  PARTITIONS: '2',
  DATA_DIR: join(tmpdir(), 'processor-test'),
};
const config = loadConfig(PROCESSOR_CONFIG, env, []);
const logger = createLogger('test', 'error');
const { topicPrefix } = config;

let kafka: Kafka;
let producer: Producer;
let cartEvents: Codec<CartEvent>;
let traitEvents: Codec<Outcome>;
let running: RunningTopology[] = [];
const children = new Set<ChildProcess>();

beforeAll(async () => {
  kafka = createKafka({ brokers: config.kafkaBrokers, clientId: 'test', logger, topicPrefix });
  const registry = createRegistry({ url: config.registryUrl, topicPrefix, logger });
  cartEvents = await registry.codec<CartEvent>(TOPICS.cartEvents);
  traitEvents = await registry.codec<Outcome>(TOPICS.traitEvents);
  await kafka.ensureTopics(Object.values(topicSpecs(config)));
  producer = kafka.createProducer();
});

afterEach(async () => {
  await Promise.all(running.map((topology) => topology.stop()));
  running = [];
  for (const child of children) child.kill('SIGKILL');
});

afterAll(async () => {
  await producer.close();
  await kafka.close();
});

const send = (events: readonly CartEvent[]): Promise<void> =>
  producer.send(
    events.map((event) => ({
      topic: TOPICS.cartEvents,
      key: cartKey(event.workspace, event.cart_id),
      value: cartEvents.encode(event),
    })),
  );

async function start(): Promise<void> {
  const registry = createRegistry({ url: config.registryUrl, topicPrefix, logger });
  const tools = { kafka, logger, healthUrl: null, clock: Date.now };
  const horizonMs = 90 * 86_400_000;
  const specs = topicSpecs(config);
  running = await startTopologies({ names: ['carts', 'people'], specs, horizonMs, registry, tools });
}

/** Every committed outcome of a workspace, until `enough` says so. */
async function outcomesOf(
  workspace: string,
  enough: (outcomes: Outcome[]) => boolean,
  timeoutMs = 60_000,
): Promise<Outcome[]> {
  const reader = kafka.createReader({ isolation: 'read_committed' });
  reader.assign([0, 1].map((partition) => ({ topic: TOPICS.traitEvents, partition, offset: 0 })));
  const outcomes: Outcome[] = [];
  const deadline = Date.now() + timeoutMs;
  while (!enough(outcomes) && Date.now() < deadline) {
    for (const { records } of await reader.poll(200)) {
      await traitEvents.load(records.flatMap(({ value }) => value ?? []));
      const read = records.flatMap(({ value }) => (value === null ? [] : traitEvents.decode(value)));
      outcomes.push(...read.filter((outcome) => outcome.workspace === workspace));
    }
  }
  await reader.close();
  return outcomes;
}

const traitsOf = (outcomes: readonly Outcome[]): string[] =>
  outcomes.flatMap(({ trait }) =>
    trait === null ? [] : [`${trait.op} ${trait.cart_id} ${trait.trait} ${trait.status}`],
  );

describe('the processor on real engines', () => {
  it('makes trait events of deliveries, and one person of those who share an identifier', async () => {
    await start();
    const now = Date.now();
    const at = (minutes: number): Partial<CartEvent> => ({ occurred_at: now - 86_400_000 + minutes * 60_000 });
    await send([
      delivery('first', 'c1', now, { ...at(0), kind: 'cart_activity', phone: '+18085550143', grace_ms: 0 }),
      delivery('first', 'c1', now, { ...at(45), status: 'verification' }),
      delivery('first', 'c2', now, { ...at(50), status: 'preparing', email: 'a@x.io' }),
      delivery('first', 'c3', now, { ...at(55), status: 'delivery_arrived', email: 'a@x.io', phone: '+18085550143' }),
    ]);
    const outcomes = await outcomesOf('first', (all) => traitsOf(all).length >= 4);
    expect(traitsOf(outcomes).sort()).toEqual([
      'asserted c1 cart_abandoned ',
      'asserted c1 cart_status_updated verification',
      'asserted c2 cart_status_updated preparing',
      'asserted c3 cart_status_updated delivery_arrived',
    ]);
    const merges = outcomes.flatMap(({ merge }) => merge ?? []);
    expect(merges).toEqual([{ loser: 2, winner: 1 }]);
  });

  it('abandons a cart that goes quiet within two seconds of its deadline, with no other traffic', async () => {
    await start();
    const now = Date.now();
    const quiet = { kind: 'cart_activity' as const, abandonment_window_ms: 3000, grace_ms: 0 };
    await send([delivery('quiet', 'c', now, quiet), delivery('quiet', 'saved', now, quiet)]);
    await send([delivery('quiet', 'saved', now + 1000, { status: 'verification' })]);
    const outcomes = await outcomesOf('quiet', (all) => traitsOf(all).length >= 2);
    const elapsedMs = Date.now() - now;
    expect(traitsOf(outcomes).sort()).toEqual([
      'asserted c cart_abandoned ',
      'asserted saved cart_status_updated verification',
    ]);
    expect(elapsedMs).toBeGreaterThan(3000);
    expect(elapsedMs).toBeLessThan(5000);
  });

  it('loses nothing and says nothing twice when it is killed in the middle, again and again', async () => {
    const outfile = join(root, 'node_modules/.cache/processor-test.mjs');
    const entryPoints = [join(root, 'services/processor/main.ts')];
    await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', packages: 'external' });
    const spawned = (): ChildProcess => {
      const child = spawn(process.execPath, [outfile], {
        cwd: root,
        env: { ...env, LOG_LEVEL: 'error' },
        stdio: 'inherit',
      });
      children.add(child);
      return child;
    };
    const carts = 1500;
    const statuses = ['verification', 'preparing', 'ready_for_pickup', 'finished'];
    const startMs = Date.now() - 86_400_000;
    let child = spawned();
    for (const [step, status] of statuses.entries()) {
      for (let from = 0; from < carts; from += 500) {
        const events = Array.from({ length: 500 }, (_, i) => {
          const cart = `c${from + i}`;
          const occurred_at = startMs + step * 60_000;
          return delivery('killed', cart, Date.now(), { occurred_at, status, user_id: `u${(from + i) % 300}` });
        });
        await send(events);
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      child.kill('SIGKILL');
      await once(child, 'exit');
      child = spawned();
    }
    const outcomes = await outcomesOf('killed', (all) => traitsOf(all).length >= carts * statuses.length, 90_000);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    const traits = traitsOf(outcomes);
    expect(traits.length).toBe(carts * statuses.length);
    expect(new Set(traits).size).toBe(carts * statuses.length);
    const people = new Set(outcomes.flatMap(({ person }) => person?.person_id ?? []));
    expect([...people].sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    // Orders of the same shopper are the same person's.
    const personOf = new Map(outcomes.flatMap(({ cart }) => (cart === null ? [] : [[cart.cart_id, cart.person_id]])));
    for (let i = 0; i < carts; i++) expect(personOf.get(`c${i}`)).toBe(personOf.get(`c${i % 300}`));
  }, 180_000);
});
