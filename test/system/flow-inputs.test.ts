import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createRegistry, type Codec } from '../../lib/avro/index.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { loadConfig } from '../../lib/config/index.ts';
import { createKafka, type Kafka, type Producer } from '../../lib/kafka/index.ts';
import { cartInput, change } from '../../lib/people/testing.ts';
import { TestDriver } from '../../lib/streams/test-driver.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { TOPICS, topicSpecs, type TopicName } from '../../lib/topics.ts';
import type { Definition, FlowInput, PersonInput } from '../../schemas/types.ts';
import { PROCESSOR_CONFIG } from '../../services/processor/config.ts';
import { codecs, people } from '../../services/processor/testing.ts';

/**
 * What flows read, on the real engines: definitions pass the relay and people, which also emits the history of the first
 * publish and every change of carts. The processor is killed again and again meanwhile.
 */

const root = new URL('../..', import.meta.url).pathname;
const env = {
  ...process.env,
  ...inject('engines'),
  TOPIC_PREFIX: `flow-inputs-${randomBytes(4).toString('hex')}.`,
  PARTITIONS: '1',
  DATA_DIR: join(tmpdir(), 'flow-inputs-test'),
  PROCESSOR_TOPOLOGIES: 'relay,people',
  LOG_LEVEL: 'error',
};
const config = loadConfig(PROCESSOR_CONFIG, env, []);
const logger = createLogger('test', 'error');
const { topicPrefix } = config;
const outfile = join(root, 'node_modules/.cache/flow-inputs-test.mjs');

const WORKSPACE = 'acme';
const HISTORY_CARTS = 3_000;
const ROUNDS = 4;
const CARTS_PER_ROUND = 1_500;
const COMMANDS_PER_ROUND = 40;

let kafka: Kafka;
let producer: Producer;
let definitions: Codec<Definition>;
let personInputs: Codec<PersonInput>;
let flowInputs: Codec<FlowInput>;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  kafka = createKafka({ brokers: config.kafkaBrokers, clientId: 'test', logger, clock: systemClock, topicPrefix });
  const registry = createRegistry({ url: config.registryUrl, topicPrefix, logger, clock: systemClock });
  definitions = await registry.codec<Definition>(TOPICS.definitions);
  personInputs = await registry.codec<PersonInput>(TOPICS.personInputs);
  flowInputs = await registry.codec<FlowInput>(TOPICS.flowInputs);
  await kafka.ensureTopics(Object.values(topicSpecs(config)));
  producer = kafka.createProducer();
  const entryPoints = [join(root, 'services/processor/main.ts')];
  await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', packages: 'external' });
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await producer.close();
  await kafka.close();
});

function startProcessor(): ChildProcess {
  const child = spawn(process.execPath, [outfile], { cwd: root, env, stdio: 'inherit' });
  children.add(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

let carts = 0;
/** Carts of shoppers with three carts each, half of which have an order. */
function cartInputs(count: number): PersonInput[] {
  return Array.from({ length: count }, () => {
    const i = carts++;
    const at = Date.now();
    const identifiers = i % 5 === 0 ? [] : [`user_id:${Math.floor(i / 3)}`, `email:m${i % 500}@example.com`];
    const input = cartInput(`c${i % 4_000}`, identifiers, {
      at,
      changes: i % 2 === 0 ? [change(at, 'verification'), change(at + 1, 'preparing')] : [],
    });
    return { ...input, workspace: WORKSPACE, log_time: at, received_at: at };
  });
}

const writeInputs = (inputs: readonly PersonInput[]): Promise<void> =>
  producer.send(
    inputs.map((input) => ({
      topic: TOPICS.personInputs,
      key: WORKSPACE,
      partition: 0,
      value: personInputs.encode(input),
    })),
  );

let states = 0;
const define = (changes: readonly Partial<Definition>[]): Promise<void> =>
  producer.send(
    changes.map((more) => {
      const record: Definition = {
        record_id: randomBytes(8).toString('hex'),
        entity: 'flow_state',
        workspace: WORKSPACE,
        id: 'f',
        expected_version: more.entity === undefined ? states++ : 0,
        deleted: false,
        body: '',
        at: Date.now(),
        ...more,
      };
      return {
        topic: TOPICS.definitions,
        key: `${record.entity}:${record.id}`,
        partition: 0,
        value: definitions.encode(record),
      };
    }),
  );

const settings = {
  name: 'Acme',
  time_zone: 'UTC',
  frequency_cap: null,
  quiet_hours: { from: '08:00', to: '21:00', channels: ['sms'] },
};
const command = (what: 'publish' | 'pause' | 'resume'): Partial<Definition> => ({
  body: JSON.stringify({
    state: what === 'pause' ? 'paused' : 'live',
    live_version: 1,
    published_at: null,
    command: what === 'publish' ? { what, runs: 'finish', flow: { name: 'F' }, settings } : { what },
  }),
});

interface Read<T> {
  value: T;
  appendTimeMs: number;
}

/** Every committed record of a topic, once `isWhole` says so. */
async function readAll<T>(
  topic: TopicName,
  codec: Codec<T>,
  isWhole: (all: readonly Read<T>[]) => boolean,
): Promise<Read<T>[]> {
  const reader = kafka.createReader({ isolation: 'read_committed' });
  const found: Read<T>[] = [];
  const deadlineMs = Date.now() + 120_000;
  reader.assign([{ topic, partition: 0, offset: 0 }]);
  try {
    while (!isWhole(found)) {
      if (Date.now() > deadlineMs) throw new Error(`${topic}: ${found.length} records, and not what was expected`);
      for (const { records } of await reader.poll(200)) {
        await codec.load(records.flatMap(({ value }) => value ?? []));
        for (const { value, timestampMs } of records) {
          if (value !== null) found.push({ value: codec.decode(value), appendTimeMs: timestampMs });
        }
      }
    }
    return found;
  } finally {
    await reader.close();
  }
}

const commands = (all: readonly Read<FlowInput>[]): Read<FlowInput>[] =>
  all.filter(({ value }) => value.kind === 'command');
const atLeast = (count: number) => (all: readonly unknown[]) => all.length >= count;

it('has everything once and in order, when the processor is killed again and again', async () => {
  await writeInputs(cartInputs(HISTORY_CARTS));
  const batch = { name: 'ten', batch: 0, first: 0, count: 5, sealed: 'x' };
  await define([
    { entity: 'workspace', id: WORKSPACE, body: JSON.stringify(settings) },
    { entity: 'code_pool', id: `${WORKSPACE}:ten:0`, body: JSON.stringify(batch) },
    command('publish'),
  ]);
  let processor = startProcessor();
  const seen: number[] = [];
  // Within the history, which is several thousand records.
  for (const count of [300, 1_200]) {
    seen.push((await readAll(TOPICS.flowInputs, flowInputs, atLeast(count))).length);
    await kill(processor);
    processor = startProcessor();
  }
  let total = 1;
  for (let round = 0; round < ROUNDS; round++) {
    const sent = Promise.all([
      writeInputs(cartInputs(CARTS_PER_ROUND)),
      define(Array.from({ length: COMMANDS_PER_ROUND }, (_, i) => command(i % 2 === 0 ? 'pause' : 'resume'))),
    ]);
    const soFar = total;
    const found = await readAll(TOPICS.flowInputs, flowInputs, (all) => commands(all).length > soFar);
    seen.push(found.length);
    await kill(processor);
    await sent;
    total += COMMANDS_PER_ROUND;
    processor = startProcessor();
    await readAll(TOPICS.flowInputs, flowInputs, (all) => commands(all).length >= total);
  }
  const [input] = cartInputs(1);
  await writeInputs([{ ...input!, cart: { ...input!.cart!, cart_id: 'last' } }]);
  const isLast = ({ value }: Read<FlowInput>): boolean => value.changes?.cart_id === 'last';
  const written = await readAll(
    TOPICS.flowInputs,
    flowInputs,
    (all) => commands(all).length >= total && all.some(isLast),
  );
  processor.kill('SIGTERM');
  expect(await once(processor, 'exit')).toEqual([0, null]);
  process.stderr.write(`killed after ${seen.join(', ')} records of flow-inputs\n`);

  const numbers = commands(written).map(({ value }) => value.command!.number);
  expect(numbers).toEqual(Array.from({ length: total }, (_, i) => 2 + i));
  // The same log without a kill gives the same records.
  const log = await readAll(TOPICS.personInputs, personInputs, atLeast(carts + total + 2));
  expect(log).toHaveLength(carts + total + 2);
  const driver = new TestDriver(people());
  for (const { value, appendTimeMs } of log) driver.pipe(WORKSPACE, value, { appendTimeMs });
  const expected = driver.outputs(TOPICS.flowInputs).map(({ value }) => codecs.flowInputs.decode(value));
  const all = await readAll(TOPICS.flowInputs, flowInputs, atLeast(expected.length));
  expect(all.map(({ value }) => value)).toEqual(expected);
}, 300_000);
