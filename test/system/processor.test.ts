import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
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
  kafka = createKafka({ brokers: config.kafkaBrokers, clientId: 'test', logger, clock: systemClock, topicPrefix });
  const registry = createRegistry({ url: config.registryUrl, topicPrefix, logger, clock: systemClock });
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
  const registry = createRegistry({ url: config.registryUrl, topicPrefix, logger, clock: systemClock });
  const tools = { kafka, logger, healthUrl: null, clock: systemClock };
  const horizonMs = 90 * 86_400_000;
  const specs = topicSpecs(config);
  running = await startTopologies({ names: ['carts', 'people'], specs, horizonMs, registry, tools });
}

/** The committed outcomes of a workspace from the start, until `enough` says so. Throws when it does not in time. */
async function outcomesOf(workspace: string, enough: (outcomes: Outcome[]) => boolean): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const deadlineMs = Date.now() + 60_000;
  await readOutcomes((read) => {
    outcomes.push(...read.filter((outcome) => outcome.workspace === workspace));
    if (!enough(outcomes) && Date.now() > deadlineMs) {
      throw new Error(`only ${outcomes.length} outcomes of ${workspace}, ${traitsOf(outcomes).length} of them traits`);
    }
    return enough(outcomes);
  });
  return outcomes;
}

/** Everything that is committed at all, once nobody writes any more. */
async function allOutcomesOf(workspace: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const ends = await kafka.endOffsets(TOPICS.traitEvents);
  await readOutcomes((read, positions) => {
    outcomes.push(...read.filter((outcome) => outcome.workspace === workspace));
    return ends.every((end, partition) => (positions[partition] ?? 0) >= end);
  });
  return outcomes;
}

/** Reads on until `done`, which gets what came and where reading stands by partition. */
async function readOutcomes(done: (read: Outcome[], positions: number[]) => boolean): Promise<void> {
  const reader = kafka.createReader({ isolation: 'read_committed' });
  const positions = [0, 0];
  reader.assign(positions.map((offset, partition) => ({ topic: TOPICS.traitEvents, partition, offset })));
  try {
    for (let read: Outcome[] = []; !done(read, positions);) {
      read = [];
      for (const { partition, records, nextOffset } of await reader.poll(200)) {
        await traitEvents.load(records.flatMap(({ value }) => value ?? []));
        read.push(...records.flatMap(({ value }) => (value === null ? [] : traitEvents.decode(value))));
        positions[partition] = nextOffset;
      }
    }
  } finally {
    await reader.close();
  }
}

const traitsOf = (outcomes: readonly Outcome[]): string[] =>
  outcomes.flatMap(({ trait }) =>
    trait === null ? [] : [`${trait.op} ${trait.cart_id} ${trait.trait} ${trait.status}`],
  );

/** The carts of each person, as a reader of the outcomes sees them. */
function partition(outcomes: readonly Outcome[]): string[][] {
  const aliases = new Map(outcomes.flatMap(({ merge }) => (merge === null ? [] : [[merge.loser, merge.winner]])));
  const owners = new Map(outcomes.flatMap(({ cart }) => (cart === null ? [] : [[cart.cart_id, cart.person_id]])));
  const people = new Map<number, string[]>();
  for (const [cart, id] of owners) {
    const person = aliases.get(id) ?? id;
    people.set(person, [...(people.get(person) ?? []), cart].sort());
  }
  return [...people.values()].sort();
}

describe('the processor on real engines', () => {
  it('makes trait events of deliveries, and one person of those who share an identifier', async () => {
    await start();
    const now = Date.now();
    const at = (minutes: number): Partial<CartEvent> => ({ occurred_at: now - 86_400_000 + minutes * 60_000 });
    const both = { email: 'a@x.io', phone: '+18085550143' };
    await send([
      delivery('first', 'c1', now, { ...at(0), kind: 'cart_activity', phone: both.phone, grace_ms: 0 }),
      delivery('first', 'c1', now, { ...at(45), status: 'verification' }),
      delivery('first', 'c2', now, { ...at(50), status: 'preparing', email: both.email }),
    ]);
    // Carts lie in several partitions: who is merged depends on whose event arrives first.
    const before = await outcomesOf('first', (all) => traitsOf(all).length >= 3);
    expect(partition(before)).toEqual([['c1'], ['c2']]);
    await send([delivery('first', 'c3', now, { ...at(55), status: 'delivery_arrived', ...both })]);
    const outcomes = await outcomesOf('first', (all) => traitsOf(all).length >= 4);
    expect(traitsOf(outcomes).sort()).toEqual([
      'asserted c1 cart_abandoned ',
      'asserted c1 cart_status_updated verification',
      'asserted c2 cart_status_updated preparing',
      'asserted c3 cart_status_updated delivery_arrived',
    ]);
    expect(outcomes.flatMap(({ merge }) => merge ?? [])).toMatchObject([{ loser: 2, winner: 1, dissolved: false }]);
    expect(partition(outcomes)).toEqual([['c1', 'c2', 'c3']]);
  });

  it('has the same people whichever partition is faster', async () => {
    await start();
    const now = Date.now();
    const both = { email: 'a@x.io', phone: '+18085550143' };
    for (let round = 0; round < 10; round++) {
      const workspace = `order-${round}`;
      await send([
        delivery(workspace, 'c1', now, { status: 'verification', phone: both.phone }),
        delivery(workspace, 'c2', now, { status: 'verification', email: both.email }),
        delivery(workspace, 'c3', now, { status: 'verification', ...both }),
      ]);
      const outcomes = await outcomesOf(workspace, (all) => traitsOf(all).length >= 3);
      expect(partition(outcomes)).toEqual([['c1', 'c2', 'c3']]);
    }
  });

  it('abandons a cart that goes quiet once its deadline has passed, with no other traffic', async () => {
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
    const carts = 6000;
    const statuses = ['verification', 'preparing', 'ready_for_pickup', 'finished'];
    const startMs = Date.now() - 86_400_000;
    const killedWith: number[] = [];
    let child = spawned();
    for (const [step, status] of statuses.entries()) {
      const events = Array.from({ length: carts }, (_, cart) => {
        const occurred_at = startMs + step * 60_000;
        return delivery('killed', `c${cart}`, Date.now(), { occurred_at, status, user_id: `u${cart % 300}` });
      });
      const sent = send(events);
      // Killed as soon as something of this wave is committed, and with it most likely in the middle of it.
      const seen = await outcomesOf('killed', (all) => traitsOf(all).length > step * carts);
      child.kill('SIGKILL');
      await Promise.all([once(child, 'exit'), sent]);
      killedWith.push(traitsOf(seen).length - step * carts);
      child = spawned();
      // All of it, before the next wave.
      await outcomesOf('killed', (all) => traitsOf(all).length >= (step + 1) * carts);
    }
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(Math.min(...killedWith), 'traits of the wave that were committed when it was killed').toBeLessThan(carts);
    // Nobody writes any more: everything that was emitted twice is there now.
    const outcomes = await allOutcomesOf('killed');
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
