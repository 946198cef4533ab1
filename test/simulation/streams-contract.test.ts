import { EventLoop } from '../../lib/kafka/testing/event-loop.ts';
import { changelogOf } from '../../lib/topics.ts';
import { randomFrom } from '../../lib/carts/testing/random.ts';
import { SimulatedBroker } from '../../lib/kafka/testing/broker.ts';
import { Network } from '../../lib/kafka/testing/network.ts';
import { simulatedKafka } from '../../lib/kafka/testing/simulated-kafka.ts';
import { decodeChange } from '../../lib/streams/changelog.ts';
import { runTopology } from '../../lib/streams/index.ts';
import { TEST_INPUT, TEST_OUTPUT, decodeState, encodeEvent, testTopology } from '../../lib/streams/testing.ts';
import pino from 'pino';
import { contractSuite } from '../system/streams-contract-suite.ts';

const WITHIN_MS = 60_000;

/** The contract that holds on the real Kafka holds on the simulated one. */
contractSuite('a simulated Kafka', async () => {
  const loop = new EventLoop();
  const random = randomFrom(1);
  const broker = new SimulatedBroker({ loop, random });
  const process = loop.process('runtime');
  const kafka = simulatedKafka({ process, broker, random, network: new Network({ loop, random }) });
  const finished = <T>(work: Promise<T>): Promise<T> => loop.finished(work, WITHIN_MS);
  const { tick: _, ...topology } = testTopology('contract');
  broker.createTopic(TEST_INPUT, 1);
  broker.createTopic(TEST_OUTPUT, 1);
  const logger = pino({ level: 'silent' });
  const start = () => finished(runTopology({ topology, kafka, logger, healthUrl: null, clock: process.clock }));
  let running = await start();
  const input = broker.log(TEST_INPUT, 0);
  const settled = async (): Promise<void> => {
    const isDecided = (topic: string) => {
      const { lastStableOffset, highWatermark } = broker.log(topic, 0);
      return lastStableOffset === highWatermark;
    };
    const isSettled = () =>
      running.ready() &&
      running.positions()[0]?.position === input.highWatermark &&
      [TEST_OUTPUT, changelogOf(topology.name)].every(isDecided);
    if (!(await loop.runUntil(isSettled, WITHIN_MS))) throw new Error('not all was handled');
  };
  const committed = (topic: string) => {
    const log = broker.log(topic, 0);
    return log.read(log.beginning, 'read_committed', Infinity).records;
  };
  let sequence = 0;
  return {
    pipe: (key, event) => {
      broker.produce(0, sequence++, [{ topic: TEST_INPUT, partition: 0, key, value: encodeEvent(event) }]);
      return Promise.resolve();
    },
    async outputs() {
      await settled();
      return committed(TEST_OUTPUT).map(({ key, value }) => ({
        key: String(key),
        value: JSON.parse(String(value)) as Record<string, unknown>,
      }));
    },
    async state() {
      await settled();
      const state = new Map();
      for (const record of committed(changelogOf(topology.name))) {
        const { key, value } = decodeChange(record);
        if (value === null) state.delete(key);
        else state.set(key, decodeState(value));
      }
      return state;
    },
    async restart() {
      await settled();
      await finished(running.stop());
      running = await start();
    },
    async close() {
      await finished(running.stop());
    },
  };
});
