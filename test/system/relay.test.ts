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
import { createLogger } from '../../lib/telemetry/index.ts';
import { TOPICS, topicSpecs } from '../../lib/topics.ts';
import type { Definition, PersonInput } from '../../schemas/types.ts';
import { PROCESSOR_CONFIG } from '../../services/processor/config.ts';

/** The relay on the real engines: changes of link rules into definitions, records out of person-inputs. */

const root = new URL('../..', import.meta.url).pathname;
const env = {
  ...process.env,
  ...inject('engines'),
  TOPIC_PREFIX: `relay-${randomBytes(4).toString('hex')}.`,
  PARTITIONS: '2',
  DATA_DIR: join(tmpdir(), 'relay-test'),
  PROCESSOR_TOPOLOGIES: 'relay',
  LOG_LEVEL: 'error',
};
const config = loadConfig(PROCESSOR_CONFIG, env, []);
const logger = createLogger('test', 'error');
const { topicPrefix } = config;
const outfile = join(root, 'node_modules/.cache/relay-test.mjs');

let kafka: Kafka;
let producer: Producer;
let definitions: Codec<Definition>;
let personInputs: Codec<PersonInput>;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  kafka = createKafka({ brokers: config.kafkaBrokers, clientId: 'test', logger, clock: systemClock, topicPrefix });
  const registry = createRegistry({ url: config.registryUrl, topicPrefix, logger, clock: systemClock });
  definitions = await registry.codec<Definition>(TOPICS.definitions);
  personInputs = await registry.codec<PersonInput>(TOPICS.personInputs);
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

function startRelay(): ChildProcess {
  const child = spawn(process.execPath, [outfile], { cwd: root, env, stdio: 'inherit' });
  children.add(child);
  return child;
}

const change = (expected_version: number, limit: number): Definition => ({
  record_id: `${expected_version}-${limit}`,
  entity: 'link_rules',
  workspace: 'acme',
  id: 'acme',
  expected_version,
  deleted: false,
  body: JSON.stringify({ limit, allow: [], deny: [] }),
  at: Date.now(),
});

const write = (records: readonly Definition[]): Promise<void> =>
  producer.send(
    records.map((record) => ({
      topic: TOPICS.definitions,
      key: `${record.entity}:${record.id}`,
      partition: 0,
      value: definitions.encode(record),
    })),
  );

/** Number and limit of every committed change, from the start, once there are at least `count`. */
async function forwarded(count: number): Promise<[number: number, limit: number][]> {
  const reader = kafka.createReader({ isolation: 'read_committed' });
  const found: [number, number][] = [];
  const deadlineMs = Date.now() + 60_000;
  reader.assign([0, 1].map((partition) => ({ topic: TOPICS.personInputs, partition, offset: 0 })));
  try {
    while (found.length < count) {
      if (Date.now() > deadlineMs) throw new Error(`only ${found.length} of ${count} changes were forwarded`);
      for (const { records } of await reader.poll(200)) {
        await personInputs.load(records.flatMap(({ value }) => value ?? []));
        for (const { value } of records) {
          const rules = value === null ? null : personInputs.decode(value).link_rules;
          if (rules) found.push([rules.number, rules.limit]);
        }
      }
    }
    return found;
  } finally {
    await reader.close();
  }
}

it('forwards every accepted change once and in order, when it is killed again and again', async () => {
  const changes = 2_000;
  const rounds = 3;
  const killedAt: number[] = [];
  let relay = startRelay();
  for (let round = 0; round < rounds; round++) {
    // Each version is written twice, as by two concurrent writers: the second one loses.
    const versions = Array.from({ length: changes }, (_, i) => round * changes + i);
    const sent = write(versions.flatMap((version) => [change(version, 1 + (version % 50)), change(version, 99)]));
    killedAt.push((await forwarded(round * changes + 1)).length - round * changes);
    relay.kill('SIGKILL');
    await Promise.all([once(relay, 'exit'), sent]);
    relay = startRelay();
    await forwarded((round + 1) * changes);
  }
  relay.kill('SIGTERM');
  expect(await once(relay, 'exit')).toEqual([0, null]);
  process.stderr.write(`killed after ${killedAt.join(', ')} of ${changes} changes\n`);
  expect(await forwarded(rounds * changes)).toEqual(
    Array.from({ length: rounds * changes }, (_, version) => [2 * version, 1 + (version % 50)]),
  );
}, 180_000);
