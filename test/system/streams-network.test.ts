import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { BackpressureError, KafkaUnavailableError, createKafka, type Kafka } from '../../lib/kafka/index.ts';
import { runTopology } from '../../lib/streams/index.ts';
import { TEST_INPUT, TEST_OUTPUT } from '../../lib/streams/testing.ts';
import { once } from './streams-once.ts';
import { createRandom } from './streams-random.ts';
import { brittleKafka, freshKafka, losingKafka, quiet, quietingKafka, readAll, until } from './streams-world.ts';
import { LOSABLE_NAMES } from '../harness/reply-dropper.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function topics(kafka: Kafka): Promise<void> {
  closing.push(() => kafka.close());
  await kafka.ensureTopics([TEST_INPUT, TEST_OUTPUT].map((topic) => ({ topic, partitions: 2 })));
}

describe('over connections that break all the time', () => {
  it('a producer writes in order, once, what it says it wrote, and nothing twice', async () => {
    const kafka = freshKafka();
    await topics(kafka);
    const brittle = brittleKafka(kafka.topicPrefix, createRandom(1), 100);
    closing.push(() => brittle.close());
    const producer = brittle.createProducer({ deliveryTimeoutMs: 10_000 });
    closing.push(() => producer.close());
    const written: string[] = [];
    let refused = 0;
    for (let i = 0; i < 1_000; i++) {
      const sends = [0, 1, 2, 3].map(async (n) => {
        const key = `id-${i}-${n}`;
        await producer.send({ topic: TEST_INPUT, key, partition: 0, value: Buffer.alloc(2_000) }).then(
          () => written.push(key),
          (error: unknown) => {
            expect(error).toBeInstanceOf(KafkaUnavailableError);
            refused++;
          },
        );
      });
      await Promise.all(sends);
    }
    const found = (await readAll(kafka, TEST_INPUT)).map(({ key }) => String(key));
    expect(new Set(found).size).toBe(found.length);
    const all = new Set(found);
    expect(written.filter((key) => !all.has(key))).toEqual([]);
    expect(found.filter((key) => written.includes(key))).toEqual(written);
    expect(written.length).toBeGreaterThan(3_000);
    expect(refused).toBeLessThan(400);
  }, 120_000);

  it('a topology emits everything once', async () => {
    const kafka = freshKafka();
    await topics(kafka);
    const brittle = brittleKafka(kafka.topicPrefix, createRandom(2), 1_500);
    const producer = kafka.createProducer();
    closing.push(() => producer.close());
    const running = await runTopology({
      topology: once,
      kafka: brittle,
      logger: quiet,
      clock: systemClock,
      healthUrl: null,
    });
    const COUNT = 3_000;
    for (let i = 0; i < COUNT; i += 20) {
      const records = Array.from({ length: 20 }, (_, n) => ({
        topic: TEST_INPUT,
        key: `id-${i + n}`,
        value: Buffer.from(String(i + n)),
      }));
      await producer.send([...records, ...records]);
      await sleep(30);
    }
    await running.stop();
    await brittle.close();
    // The rest uses sound connections.
    const sound = await runTopology({ topology: once, kafka, logger: quiet, clock: systemClock, healthUrl: null });
    closing.push(() => sound.stop());
    const ends = await kafka.endOffsets(TEST_INPUT);
    await until(
      'all handled',
      () => sound.ready() && sound.positions().every((p) => (p.position ?? -1) >= ends[p.partition]!),
    );
    const emitted = (await readAll(kafka, TEST_OUTPUT)).map(({ key }) => String(key));
    expect(emitted.length).toBe(COUNT);
    expect(new Set(emitted).size).toBe(COUNT);
  }, 120_000);
});

describe('over connections that lose replies', () => {
  /** The long form, with all services: test/chaos/replies.test.ts. */
  it('a topology emits everything once, whichever reply of a transaction is lost', async () => {
    const kafka = freshKafka();
    await topics(kafka);
    const net = await losingKafka(kafka.topicPrefix);
    closing.push(net.close);
    const producer = net.kafka.createProducer();
    closing.push(() => producer.close());
    const options = { topology: once, kafka: net.kafka, logger: quiet, clock: systemClock, healthUrl: null };
    const running = await runTopology(options);
    closing.push(() => running.stop());
    await until('runs', () => running.ready());
    let sent = 0;
    const { dropper } = net;
    const isDone = async (): Promise<boolean> => {
      const ends = await kafka.endOffsets(TEST_INPUT);
      return running.ready() && running.positions().every((p) => (p.position ?? -1) >= ends[p.partition]!);
    };
    for (const request of LOSABLE_NAMES) {
      const before = dropper.lost[request];
      dropper.lose(request, 'cut');
      // A producer is initialised only after something has failed.
      if (request === 'InitProducerId') dropper.lose('EndTxn', 'cut');
      for (let tries = 0; dropper.lost[request] === before && tries < 100; tries++) {
        const keys = Array.from({ length: 20 }, () => `id-${sent++}`);
        await producer.send(keys.map((key) => ({ topic: TEST_INPUT, key, value: Buffer.from('1') })));
        await sleep(50);
      }
      await until(`handled after a lost reply to ${request}`, isDone, 30_000);
    }
    expect(Math.min(...Object.values(dropper.lost))).toBeGreaterThan(0);
    const emitted = (await readAll(kafka, TEST_OUTPUT)).map(({ key }) => String(key));
    expect([emitted.length, new Set(emitted).size]).toEqual([sent, sent]);
  }, 120_000);
});

describe('when the brokers fall silent', () => {
  it('a topology stops in time all the same, and goes on elsewhere where it was', async () => {
    const kafka = freshKafka();
    await topics(kafka);
    const net = await quietingKafka(kafka.topicPrefix);
    closing.push(net.close);
    const producer = kafka.createProducer();
    closing.push(() => producer.close());
    const send = (from: number) =>
      producer.send(
        Array.from({ length: 500 }, (_, n) => ({ topic: TEST_INPUT, key: `id-${from + n}`, value: Buffer.from('1') })),
      );
    let isSilent = false;
    const topology: typeof once = {
      ...once,
      process(record, context) {
        once.process(record, context);
        if (record.key !== 'id-500' || isSilent) return;
        // Before the transaction that it goes into is written.
        isSilent = true;
        net.fallSilent();
      },
    };
    const running = await runTopology({
      topology,
      kafka: net.kafka,
      logger: quiet,
      clock: systemClock,
      healthUrl: null,
    });
    await until('runs', () => running.ready());
    await send(0);
    await until('works', () => running.positions().some((p) => (p.position ?? 0) > 0));
    await send(500);
    await until('silent', () => isSilent);
    const startedAt = performance.now();
    await running.stop();
    // A process has 20 s to stop.
    expect(performance.now() - startedAt).toBeLessThan(12_000);
    const other = await runTopology({ topology: once, kafka, logger: quiet, clock: systemClock, healthUrl: null });
    closing.push(() => other.stop());
    const ends = await kafka.endOffsets(TEST_INPUT);
    const isDone = () => other.ready() && other.positions().every((p) => (p.position ?? -1) >= ends[p.partition]!);
    await until('all handled', isDone, 30_000);
    const emitted = (await readAll(kafka, TEST_OUTPUT)).map(({ key }) => String(key));
    expect([emitted.length, new Set(emitted).size]).toEqual([1_000, 1_000]);
  });
});

describe('without a broker', () => {
  it('a producer gives up in time, and takes no more than it may keep', async () => {
    const kafka = createKafka({
      brokers: ['127.0.0.1:1'],
      clientId: 'away',
      logger: quiet,
      clock: systemClock,
      topicPrefix: '',
    });
    closing.push(() => kafka.close());
    const producer = kafka.createProducer({ deliveryTimeoutMs: 1_000, maxQueuedBytes: 5_000 });
    const record = { topic: 't', key: 'k', partition: 0, value: Buffer.alloc(4_000) };
    const startedAt = performance.now();
    const first = producer.send(record);
    first.catch(() => undefined);
    await expect(producer.send(record)).rejects.toBeInstanceOf(BackpressureError);
    await expect(first).rejects.toBeInstanceOf(KafkaUnavailableError);
    const elapsedMs = performance.now() - startedAt;
    expect(elapsedMs).toBeGreaterThan(500);
    expect(elapsedMs).toBeLessThan(10_000);
    await until('nothing is kept', () => producer.queuedBytes === 0, 500);
    await producer.close();
  });
});
