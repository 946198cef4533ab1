import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import type { Kafka } from '../../lib/kafka/index.ts';
import { runTopology, type RunningTopology, type Shadow, type Topology } from '../../lib/streams/index.ts';
import { TEST_INPUT, TEST_OUTPUT, encodeEvent, testTopology, type TestEvent } from '../../lib/streams/testing.ts';
import { SkipRefusedError, skipRecord } from '../../services/processor/skip-record.ts';
import { APPEND_TIME, freshKafka, quiet, readAll, until } from './streams-world.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const DEAD_LETTERS = 'dead-letters';
const URL = 'http://here';
const BROKEN = 3;
const RECORDS = 6;

/** Fails on one record, and writes to dead letters what is skipped. */
const broken: Topology<TestEvent> = {
  ...testTopology('skipping'),
  outputs: [TEST_OUTPUT, DEAD_LETTERS],
  deadLetter: ({ key, offset }, reason) => ({ key, value: Buffer.from(JSON.stringify({ offset, reason })) }),
  process(record, context) {
    if (record.offset === BROKEN) throw new Error('broken');
    testTopology('skipping').process(record, context);
  },
};

interface World {
  kafka: Kafka;
  start(shadow?: Shadow): Promise<RunningTopology>;
  skip(offset: number, force?: boolean): Promise<boolean>;
  texts(topic: string): Promise<string[]>;
}

async function world(): Promise<World> {
  const kafka = freshKafka();
  closing.push(() => kafka.close());
  const topics = [TEST_INPUT, TEST_OUTPUT, DEAD_LETTERS, `again-${TEST_OUTPUT}`, `again-${DEAD_LETTERS}`];
  await kafka.ensureTopics(topics.map((topic) => ({ topic, partitions: 1, config: APPEND_TIME })));
  const producer = kafka.createProducer();
  closing.push(() => producer.close());
  for (let at = 0; at < RECORDS; at++) {
    await producer.send({ topic: TEST_INPUT, key: `k${at % 2}`, value: encodeEvent({ at: at + 1, op: 'count' }) });
  }
  let running: RunningTopology | null = null;
  return {
    kafka,
    async start(shadow) {
      const options = { topology: broken, kafka, logger: quiet, clock: systemClock, healthUrl: URL };
      const started = await runTopology({ ...options, ...(shadow === undefined ? {} : { shadow }) });
      running = started;
      closing.push(() => started.stop());
      return started;
    },
    skip: (offset, force = false) =>
      skipRecord({
        kafka,
        clock: systemClock,
        groupId: broken.name,
        skip: { topic: TEST_INPUT, partition: 0, offset, reason: 'known to be damaged' },
        force,
        logger: quiet,
        positionsOf: (url) => Promise.resolve(url === URL ? (running?.positions() ?? []) : []),
      }),
    texts: async (topic) => (await readAll(kafka, topic)).map(({ key, value }) => `${String(key)} ${String(value)}`),
  };
}

describe('a record on which a topology fails every time', () => {
  it('is skipped by an operator: its partition continues, and a replay into an empty group skips it too', async () => {
    const w = await world();
    const running = await w.start();
    await until('stopped', () => running.positions()[0]?.state === 'stopped');
    expect(running.positions()[0]).toMatchObject({ failingOffset: BROKEN });
    await expect(w.skip(BROKEN - 1)).rejects.toThrow(`has stopped on offset ${BROKEN}`);
    expect(await w.skip(BROKEN)).toBe(true);
    await until('continues', () => running.positions()[0]?.position === RECORDS);
    expect(running.positions()[0]).toMatchObject({ state: 'running' });
    const [outputs, letters] = [await w.texts(TEST_OUTPUT), await w.texts(DEAD_LETTERS)];
    expect(outputs).toHaveLength(RECORDS - 1);
    expect(letters).toEqual([`k1 {"offset":${BROKEN},"reason":"known to be damaged"}`]);
    await expect(w.skip(BROKEN, true)).rejects.toThrow('is skipped already');

    const replay = await w.start({ name: 'again', outputOf: (topic) => `again-${topic}` });
    await until('replayed', () => replay.positions()[0]?.position === RECORDS);
    expect(await w.texts(`again-${TEST_OUTPUT}`)).toEqual(outputs);
    expect(await w.texts(`again-${DEAD_LETTERS}`)).toEqual(letters);
  });

  it('is not skipped when no task has stopped on it, unless that is forced', async () => {
    const w = await world();
    await expect(w.skip(BROKEN)).rejects.toThrow(SkipRefusedError);
    await expect(w.skip(RECORDS, true)).rejects.toThrow('is not in the log');
    const forced = w.skip(BROKEN, true);
    await until('recorded', async () => (await w.kafka.endOffsets('skipped-records'))[0] === 1);
    const running = await w.start();
    expect(await forced).toBe(true);
    await until('handled', () => running.positions()[0]?.position === RECORDS);
    await expect(w.skip(BROKEN - 1)).rejects.toThrow('was handled already');
  });
});
