import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../lib/clock/index.ts';
import { kafkajs } from '../../lib/kafka/testing/kafkajs.ts';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import type { Kafka, Producer } from '../../lib/kafka/index.ts';
import { runTopology, type RunOptions, type RunningTopology } from '../../lib/streams/index.ts';
import { TEST_INPUT, TEST_OUTPUT, encodeEvent, testTopology, type TestEvent } from '../../lib/streams/testing.ts';
import { APPEND_TIME, brokers, freshKafka, quiet, readAll, until } from './streams-world.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface World {
  kafka: Kafka;
  producer: Producer;
  metrics: Registry;
  start(options?: Partial<RunOptions<TestEvent>>): Promise<RunningTopology>;
  pipe(key: string, event: TestEvent | Buffer): Promise<void>;
  outputs(topic?: string): Promise<Record<string, unknown>[]>;
}

/** One partition under LogAppendTime; events carry their producer's clock. */
async function world(): Promise<World> {
  const kafka = freshKafka();
  closing.push(() => kafka.close());
  await kafka.ensureTopics(
    [TEST_INPUT, TEST_OUTPUT, 'shadow-output'].map((topic) => ({ topic, partitions: 1, config: APPEND_TIME })),
  );
  const producer = kafka.createProducer();
  closing.push(() => producer.close());
  const metrics = new Registry();
  const topology = testTopology('runtime', 'producer');
  return {
    kafka,
    producer,
    metrics,
    async start(options = {}) {
      const running = await runTopology({
        topology,
        kafka,
        logger: quiet,
        clock: systemClock,
        metrics,
        healthUrl: 'http://here',
        ...options,
      });
      closing.push(() => running.stop());
      await until('running', () => running.ready() && running.positions().length === 1);
      return running;
    },
    pipe: (key, event) =>
      producer.send({ topic: TEST_INPUT, key, value: Buffer.isBuffer(event) ? event : encodeEvent(event) }),
    outputs: async (topic = TEST_OUTPUT) =>
      (await readAll(kafka, topic)).map(({ key, value, timestampMs }) => ({
        key: String(key),
        appendedAt: timestampMs,
        ...(JSON.parse(String(value)) as object),
      })),
  };
}

const count = (at: number, due?: number): TestEvent => ({ at, op: 'count', ...(due === undefined ? {} : { due }) });

async function value(metrics: Registry, name: string): Promise<number> {
  const metric = (await metrics.getMetricsAsJSON()).find((m) => m.name === name);
  return (metric?.values ?? []).reduce((sum, v) => sum + Number(v.value), 0);
}

describe('ticks', () => {
  it('conclude what is due in a quiet partition soon, and stop', async () => {
    const w = await world();
    const running = await w.start();
    const due = Date.now() + 1_500;
    await w.pipe('a', count(Date.now(), due));
    await until('seen', () => running.positions()[0]?.earliestDueMs === due);
    await until('concluded', async () => (await w.outputs()).length === 2);
    const [, concluded] = await w.outputs();
    expect(concluded).toMatchObject({ key: 'a', op: 'due', due });
    expect(concluded!['log_time']).toBeGreaterThan(due);
    process.stderr.write(`concluded ${(concluded!['appendedAt'] as number) - due} ms after it was due\n`);
    await sleep(1_000);
    expect(await w.kafka.endOffsets(TEST_INPUT)).toEqual([2]);
    expect(await value(w.metrics, 'streams_ticks_total')).toBe(1);
    expect(running.positions()[0]).toMatchObject({ position: 2, end: 2, earliestDueMs: null });
  });

  it('are sent after a restart for what had fallen due meanwhile', async () => {
    const w = await world();
    const first = await w.start();
    await w.pipe('a', count(Date.now(), Date.now() + 400));
    await until('handled', () => first.positions()[0]?.position === 1);
    await first.stop();
    await sleep(600);
    await w.start();
    await until('concluded', async () => (await w.outputs()).length === 2, 3_000);
  });

  it('never come from a shadow', async () => {
    const w = await world();
    const shadow = { name: 'shadow', outputOf: () => 'shadow-output' };
    const running = await w.start({ shadow });
    await w.pipe('a', count(Date.now(), Date.now() + 100));
    await sleep(1_000);
    expect(await w.kafka.endOffsets(TEST_INPUT)).toEqual([1]);
    expect(running.positions()[0]).toMatchObject({ position: 1 });
    await w.pipe('', { at: Date.now(), op: 'tick' });
    await until('goes by the ticks of others', async () => (await w.outputs('shadow-output')).length === 2);
    expect(await w.outputs()).toEqual([]);
    expect((await w.kafka.describeGroup('shadow')).members.map((m) => m.url)).toEqual(['http://here']);
  });

  it('become rare while the clock does not follow', async () => {
    const w = await world();
    const topology = testTopology('runtime', 'producer');
    const start = Date.now();
    // A process whose clock is half an hour fast: the broker's is not, so its deadline is not due in log time.
    await w.start({ topology, clock: { ...systemClock, wallMs: () => Date.now() + 1_800_000 } });
    await w.pipe('a', count(start, start + 1_700_000));
    await sleep(3_000);
    const [end] = await w.kafka.endOffsets(TEST_INPUT);
    expect(end).toBeGreaterThan(2);
    expect(end).toBeLessThan(7);
  });
});

describe('a rebuild', () => {
  it('gives the same bytes, ticks, restarts and all', async () => {
    const w = await world();
    let live = await w.start();
    for (let i = 0; i < 300; i++) {
      const now = Date.now();
      void w.pipe(`k${i % 17}`, count(now - (i % 3) * 100_000, now + ((i * 37) % 900)));
      await sleep(8);
      if (i % 120 === 100) {
        await live.stop();
        live = await w.start();
      }
    }
    await until('all concluded', () => live.positions()[0]?.earliestDueMs === null);
    await live.stop();
    expect(await value(w.metrics, 'streams_ticks_total')).toBeGreaterThan(0);
    await w.start({ shadow: { name: 'rebuild', outputOf: () => 'shadow-output' } });
    const written = async (topic: string): Promise<string[]> =>
      (await readAll(w.kafka, topic)).map(({ key, value }) => `${String(key)} ${String(value)}`);
    const expected = await written(TEST_OUTPUT);
    await until('rebuilt', async () => (await written('shadow-output')).length >= expected.length);
    expect(await written('shadow-output')).toEqual(expected);
  }, 60_000);
});

describe("the log's clock", () => {
  it('is the append time, but no more than a minute past the clock of the producer', async () => {
    const w = await world();
    await w.start();
    const start = Date.now();
    await w.pipe('a', count(start - 3_600_000));
    await w.pipe('a', count(start));
    await until('both', async () => (await w.outputs()).length === 2);
    const [slow, right] = await w.outputs();
    expect(slow!['log_time']).toBe(start - 3_600_000 + 60_000);
    expect(right!['log_time']).toBeGreaterThanOrEqual(start);
    expect(right!['log_time']).toBeLessThan(start + 5_000);
  });

  it('survives a restart', async () => {
    const w = await world();
    const first = await w.start();
    await w.pipe('a', count(Date.now()));
    await until('handled', () => first.positions()[0]?.position === 1);
    const { logTimeMs } = first.positions()[0]!;
    await first.stop();
    const second = await w.start();
    expect(second.positions()[0]).toMatchObject({ position: 1, logTimeMs });
  });

  it("stops a task when it would be two minutes ahead of the process's, and lets it go on when they agree", async () => {
    const w = await world();
    let slowMs = 300_000;
    const running = await w.start({ clock: { ...systemClock, wallMs: () => Date.now() - slowMs } });
    await w.pipe('a', count(Date.now()));
    await until('stopped', () => running.positions()[0]?.state === 'stopped');
    expect(running.positions()[0]).toMatchObject({ stopReason: 'clock_ahead' });
    // It is open but stopped: the metric reports that.
    expect(running.ready()).toBe(true);
    expect(await value(w.metrics, 'streams_task_stopped')).toBe(1);
    expect(await w.outputs()).toEqual([]);
    slowMs = 0;
    await until('goes on', () => running.positions()[0]?.position === 1);
    expect(running.positions()[0]).toMatchObject({ state: 'running' });
    expect(await w.outputs()).toHaveLength(1);
  });
});

describe('a task', () => {
  it('fails on an error of its topology and starts anew, while others of the process go on', async () => {
    const w = await world();
    const base = testTopology('runtime', 'producer');
    let broken = true;
    const running = await w.start({
      topology: {
        ...base,
        process(record, context) {
          base.process(record, context);
          if (broken && record.key === 'b') throw new Error('a bug');
        },
      },
    });
    await w.pipe('a', count(Date.now()));
    await w.pipe('b', count(Date.now()));
    await until('failed', async () => (await value(w.metrics, 'streams_task_failures_total')) > 1);
    broken = false;
    await until('runs again', () => running.positions()[0]?.position === 2);
    expect((await w.outputs()).map(({ key, count }) => [key, count])).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
  });

  it('takes a position of the past that retention took, and says so', async () => {
    const w = await world();
    const first = await w.start();
    await w.pipe('a', count(Date.now()));
    await until('handled', () => first.positions()[0]?.position === 1);
    await first.stop();
    for (const key of ['b', 'c', 'd']) await w.pipe(key, count(Date.now()));
    await deleteRecords(w.kafka, TEST_INPUT, 3);
    const second = await w.start();
    await until('goes on', () => second.positions()[0]?.position === 4);
    expect((await w.outputs()).map(({ key }) => key)).toEqual(['a', 'd']);
  });

  it('reports a position past the markers of transactions', async () => {
    const w = await world();
    const running = await w.start();
    const transactional = w.kafka.transactional('elsewhere');
    closing.push(() => transactional.close());
    await transactional.init();
    const offsets = { groupId: 'other', topic: TEST_OUTPUT, partition: 0, offset: 0, metadata: '' };
    for (let i = 0; i < 3; i++) {
      await transactional.send([{ topic: TEST_INPUT, key: 'a', value: encodeEvent(count(Date.now())) }]);
      await transactional.commit(offsets);
    }
    await until('at the end', async () => {
      const [end] = await w.kafka.endOffsets(TEST_INPUT);
      return end === 6 && running.positions()[0]?.position === 6;
    });
  });
});

async function deleteRecords(kafka: Kafka, topic: string, before: number): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: brokers(), logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  // kafkajs deletes only in topics that it has asked about before.
  await admin.fetchTopicOffsets(kafka.topicPrefix + topic);
  await admin.deleteTopicRecords({
    topic: kafka.topicPrefix + topic,
    partitions: [{ partition: 0, offset: String(before) }],
  });
  await admin.disconnect();
}
