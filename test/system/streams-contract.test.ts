import { systemClock } from '../../lib/clock/index.ts';
import { changelogOf } from '../../lib/topics.ts';
import { decodeChange } from '../../lib/streams/changelog.ts';
import { runTopology } from '../../lib/streams/index.ts';
import { TEST_INPUT, TEST_OUTPUT, decodeState, encodeEvent, testTopology } from '../../lib/streams/testing.ts';
import { contractSuite } from './streams-contract-suite.ts';
import { freshKafka, quiet, readAll, until } from './streams-world.ts';

/** The same contract as on the TestDriver, on a real broker: one partition, so that there is one order. */
contractSuite('a real Kafka', async () => {
  const kafka = freshKafka();
  // Times here are small numbers: a deadline of theirs is long due by any real clock, and nothing may tick for it.
  const { tick: _, ...topology } = testTopology('contract');
  await kafka.ensureTopics([TEST_INPUT, TEST_OUTPUT].map((topic) => ({ topic, partitions: 1 })));
  const producer = kafka.createProducer();
  const start = () => runTopology({ topology, kafka, logger: quiet, clock: systemClock, healthUrl: null });
  let running = await start();
  const settled = async (): Promise<void> => {
    const [end] = await kafka.endOffsets(TEST_INPUT);
    await until('all handled', () => running.ready() && running.positions()[0]?.position === end);
  };
  return {
    pipe: (key, event) => producer.send({ topic: TEST_INPUT, key, value: encodeEvent(event) }),
    async outputs() {
      await settled();
      return (await readAll(kafka, TEST_OUTPUT)).map(({ key, value }) => ({
        key: String(key),
        value: JSON.parse(String(value)) as Record<string, unknown>,
      }));
    },
    async state() {
      await settled();
      const state = new Map();
      for (const record of await readAll(kafka, changelogOf(topology.name))) {
        const { key, value } = decodeChange(record);
        if (value === null) state.delete(key);
        else state.set(key, decodeState(value));
      }
      return state;
    },
    async restart() {
      await settled();
      await running.stop();
      running = await start();
    },
    async close() {
      await running.stop();
      await producer.close();
      await kafka.close();
    },
  };
});
