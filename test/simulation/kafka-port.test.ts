import { randomFrom } from '../../lib/carts/testing/random.ts';
import { SimulatedBroker } from '../../lib/kafka/testing/broker.ts';
import { EventLoop } from '../../lib/kafka/testing/event-loop.ts';
import { Network } from '../../lib/kafka/testing/network.ts';
import { simulatedKafka } from '../../lib/kafka/testing/simulated-kafka.ts';
import { kafkaPortSuite } from '../system/kafka-port-suite.ts';

const WITHIN_MS = 60_000;

kafkaPortSuite('a simulated Kafka', () => {
  const loop = new EventLoop();
  const random = randomFrom(1);
  const network = new Network({ loop, random });
  const kafka = simulatedKafka({
    process: loop.process('client'),
    broker: new SimulatedBroker({ loop, random }),
    ...{ network, random },
  });
  return Promise.resolve({
    kafka,
    finished: (work) => loop.finished(work, WITHIN_MS),
    async until(what, holds) {
      if (!(await loop.runUntil(holds, WITHIN_MS))) throw new Error(`${what}: not within ${WITHIN_MS} ms`);
    },
    close: () => kafka.close(),
  });
});
