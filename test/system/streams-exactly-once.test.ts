import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { runTopology, type RestoreRules } from '../../lib/streams/index.ts';
import { TEST_INPUT, TEST_OUTPUT } from '../../lib/streams/testing.ts';
import type { Kafka } from '../../lib/kafka/index.ts';
import { freeze } from '../harness/freeze.ts';
import { once } from './streams-once.ts';
import { brokers, cleanUp, freshKafka, quiet, readAll, startChild, until, type Child } from './streams-world.ts';

const PARTITIONS = 4;

async function world(): Promise<{ kafka: Kafka; env: Record<string, string> }> {
  const kafka = freshKafka();
  await kafka.ensureTopics([TEST_INPUT, TEST_OUTPUT].map((topic) => ({ topic, partitions: PARTITIONS })));
  return { kafka, env: { KAFKA_BROKERS: brokers().join(','), PREFIX: kafka.topicPrefix } };
}

/** Appends records of ids from…to-1, every one of them twice. */
async function append(kafka: Kafka, from: number, to: number): Promise<void> {
  const producer = kafka.createProducer();
  const records = Array.from({ length: to - from }, (_, i) => ({
    topic: TEST_INPUT,
    key: `id-${from + i}`,
    value: Buffer.from(String(from + i)),
  }));
  await producer.send([...records, ...records]);
  await producer.close();
}

async function emitted(kafka: Kafka): Promise<string[]> {
  return (await readAll(kafka, TEST_OUTPUT)).map(({ key }) => String(key)).sort();
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `id-${i}`).sort();

/** Runs the topology in this process until everything in the input is committed. */
async function finish(kafka: Kafka, restoreRules?: RestoreRules): Promise<void> {
  const running = await runTopology({
    topology: once,
    kafka,
    logger: quiet,
    clock: systemClock,
    healthUrl: null,
    ...(restoreRules === undefined ? {} : { restoreRules }),
  });
  const ends = await kafka.endOffsets(TEST_INPUT);
  const done = () =>
    running.ready() && running.positions().every(({ partition, position }) => (position ?? -1) >= ends[partition]!);
  await until('all handled', done, 60_000, () => running.positions());
  await running.stop();
}

const killed = async (child: Child): Promise<void> => expect(await child.exited).toBe('SIGKILL');

afterAll(cleanUp);

describe('a process killed between its changelog write and its commit', () => {
  const crash = async (): Promise<Kafka> => {
    const { kafka, env } = await world();
    await append(kafka, 0, 1_000);
    // Its first commits are kept, then one is sent and never committed.
    await killed(await startChild('streams-child.ts', { ...env, CRASH_AT: '3' }));
    return kafka;
  };

  it('loses nothing and repeats nothing', async () => {
    const kafka = await crash();
    await finish(kafka);
    expect(await emitted(kafka)).toEqual(ids(1_000));
    await kafka.close();
  });

  it('loses nothing by the restore rule alone, when uncommitted entries are read back', async () => {
    const kafka = await crash();
    await finish(kafka, { isolation: 'read_uncommitted', dropUnreflected: true });
    expect(await emitted(kafka)).toEqual(ids(1_000));
    await kafka.close();
  });

  it('would lose records without the rule', async () => {
    const kafka = await crash();
    await finish(kafka, { isolation: 'read_uncommitted', dropUnreflected: false });
    expect((await emitted(kafka)).length).toBeLessThan(1_000);
    await kafka.close();
  });
});

describe('a group', () => {
  it('emits everything once while members come, are killed and go', async () => {
    const { kafka, env } = await world();
    const COUNT = 20_000;
    const feeding = (async () => {
      for (let from = 0; from < COUNT; from += 500) {
        await append(kafka, from, from + 500);
        await sleep(300);
      }
    })();
    const first = await startChild('streams-child.ts', env);
    await until('first runs', () => first.lines.includes('task is running'));
    const second = await startChild('streams-child.ts', env);
    await until('second runs', () => second.lines.includes('task is running'));
    await sleep(1_000);
    first.process.kill('SIGKILL');
    await killed(first);
    const third = await startChild('streams-child.ts', env);
    await until('third runs', () => third.lines.includes('task is running'));
    third.process.kill('SIGTERM');
    expect(await third.exited).toBe('0');
    second.process.kill('SIGTERM');
    expect(await second.exited).toBe('0');
    await feeding;
    await finish(kafka);
    expect(await emitted(kafka)).toEqual(ids(COUNT));
    await kafka.close();
  }, 180_000);

  it('fences a process that was frozen and thaws, once, and lets it come back', async () => {
    const { kafka, env } = await world();
    const zombie = await startChild('streams-child.ts', env);
    await until('zombie runs', () => zombie.lines.filter((l) => l === 'task is running').length === PARTITIONS);
    await append(kafka, 0, 2_000);
    await freeze(zombie.process.pid!);
    const owner = await startChild('streams-child.ts', env);
    await until(
      'owner has all',
      () => owner.lines.filter((l) => l === 'task is running').length === PARTITIONS,
      30_000,
      () => owner.lines,
    );
    await append(kafka, 2_000, 4_000);
    zombie.process.kill('SIGCONT');
    // Thawed, it takes part again, as a new member with half of the partitions.
    await until(
      'both take part',
      async () => {
        const { members, state } = await kafka.describeGroup(once.name);
        return (
          state === 'Stable' && members.length === 2 && members.every((m) => m.partitions.length === PARTITIONS / 2)
        );
      },
      30_000,
    );
    await until(
      'zombie runs again',
      () => zombie.lines.filter((l) => l === 'task is running').length >= PARTITIONS + 2,
    );
    await append(kafka, 4_000, 6_000);
    await sleep(3_000);
    const troubles = (child: Child) => child.lines.filter((line) => /failed|closed|thrown/.test(line));
    // The owner was never disturbed.
    expect(troubles(owner)).toEqual([]);
    expect(troubles(zombie).length).toBeLessThanOrEqual(PARTITIONS + 1);
    for (const child of [zombie, owner]) {
      child.process.kill('SIGTERM');
      expect(await child.exited).toBe('0');
    }
    await finish(kafka);
    expect(await emitted(kafka)).toEqual(ids(6_000));
    await kafka.close();
  }, 180_000);
});
