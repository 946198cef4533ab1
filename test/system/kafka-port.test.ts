import { kafkaPortSuite } from './kafka-port-suite.ts';
import { freshKafka, until } from './streams-world.ts';

kafkaPortSuite('a real Kafka', () => {
  const kafka = freshKafka();
  return Promise.resolve({
    kafka,
    finished: (work) => work,
    until: (what, holds) => until(what, holds),
    close: () => kafka.close(),
  });
});
