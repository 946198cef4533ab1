import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { kafkajs, type KafkaJsProducer, type KafkaJsTransaction } from '../../lib/kafka/testing/kafkajs.ts';
import { createRandom } from './streams-random.ts';
import { brokers, freshKafka } from './streams-world.ts';

/**
 * What our reader yields of interleaved committed and aborted transactions is what Kafka's own consumer yields: offset
 * by offset, up to the same end.
 */

const SEEDS = 20;
const PRODUCERS = 4;
const STEPS = 60;

const kafka = freshKafka();
const topicOf = (seed: number): string => `interleaved-${seed}`;
const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1);

beforeAll(async () => {
  await kafka.ensureTopics(seeds.map((seed) => ({ topic: topicOf(seed), partitions: 1 })));
  for (const seed of seeds) await interleave(seed);
});

afterAll(() => kafka.close());

/** Transactions of several producers over one partition, begun, written to and ended in a seeded order. */
async function interleave(seed: number): Promise<void> {
  const random = createRandom(seed);
  const client = new kafkajs.Kafka({ brokers: brokers(), clientId: 'test', logLevel: kafkajs.logLevel.NOTHING });
  const topic = kafka.topicPrefix + topicOf(seed);
  const retry = { initialRetryTime: 5, retries: 20, factor: 0, multiplier: 1.5, maxRetryTime: 1_000 };
  const producers: KafkaJsProducer[] = Array.from({ length: PRODUCERS }, (_, i) =>
    client.producer({ transactionalId: `${topic}-${i}`, maxInFlightRequests: 1, retry }),
  );
  const plain = client.producer({ idempotent: seed % 2 === 0, maxInFlightRequests: 1 });
  await Promise.all([...producers, plain].map((p) => p.connect()));
  const open = new Map<number, KafkaJsTransaction>();
  for (let step = 0; step < STEPS; step++) {
    const who = Math.floor(random() * (PRODUCERS + 1));
    const messages = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, i) => ({ value: `${who}-${step}-${i}` }));
    if (who === PRODUCERS) {
      await plain.send({ topic, messages });
      continue;
    }
    const transaction = open.get(who) ?? (await producers[who]!.transaction());
    open.set(who, transaction);
    const what = random();
    if (what < 0.6) {
      await transaction.send({ topic, messages });
      continue;
    }
    open.delete(who);
    if (what < 0.8) await transaction.abort();
    else await transaction.commit();
  }
  for (const transaction of open.values()) await (random() < 0.5 ? transaction.abort() : transaction.commit());
  await Promise.all([...producers, plain].map((p) => p.disconnect()));
}

/** By topic, "offset value" of every record and "end position". */
async function byJava(isolation: string): Promise<Map<string, string[]>> {
  const target = join(import.meta.dirname, '../../deploy/engines/target');
  const [engines] = readdirSync(target).filter((name) => name.startsWith('engines'));
  const { stdout } = await promisify(execFile)(
    'java',
    [
      '-cp',
      join(target, engines!, 'kafka', '*'),
      join(import.meta.dirname, 'streams-java/ReadCommitted.java'),
      brokers()[0]!,
      isolation,
      ...seeds.map((seed) => kafka.topicPrefix + topicOf(seed)),
    ],
    { maxBuffer: 64 << 20 },
  );
  const result = new Map<string, string[]>();
  for (const line of stdout.trim().split('\n')) {
    const space = line.indexOf(' ');
    const topic = line.slice(kafka.topicPrefix.length, space);
    result.set(topic, [...(result.get(topic) ?? []), line.slice(space + 1)]);
  }
  return result;
}

async function byUs(
  topic: string,
  isolation: 'read_committed' | 'read_uncommitted',
  maxPartitionBytes: number,
): Promise<string[]> {
  const [end] = await kafka.endOffsets(topic);
  const reader = kafka.createReader({ isolation, maxPartitionBytes });
  reader.assign([{ topic, partition: 0, offset: 0 }]);
  const lines: string[] = [];
  let at = 0;
  while (at < end!) {
    for (const { records, nextOffset } of await reader.poll(500)) {
      for (const { offset, value } of records) lines.push(`${offset} ${String(value)}`);
      at = nextOffset;
    }
  }
  await reader.close();
  return [...lines, `end ${at}`];
}

it(`yields what the Java consumer yields, ${SEEDS} seeds`, async () => {
  const [committed, uncommitted] = [await byJava('read_committed'), await byJava('read_uncommitted')];
  let dropped = 0;
  for (const seed of seeds) {
    const topic = topicOf(seed);
    const java = committed.get(topic)!;
    // In one reply, and in many small ones, which cut transactions anywhere.
    for (const maxBytes of [1 << 20, 700, 200]) {
      expect(await byUs(topic, 'read_committed', maxBytes), `seed ${seed}, ${maxBytes} bytes`).toEqual(java);
    }
    expect(await byUs(topic, 'read_uncommitted', 700), `seed ${seed}`).toEqual(uncommitted.get(topic));
    dropped += uncommitted.get(topic)!.length - java.length;
  }
  // There was something to leave out.
  expect(dropped).toBeGreaterThan(SEEDS * 10);
});
