/** The Kafka and the schema registry of an installation, for tests that read or write its topics. */
import { createRegistry, type Registry } from '../../lib/avro/index.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { createKafka, type Kafka } from '../../lib/kafka/index.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import type { Installation } from './installation.ts';

export interface KafkaOfInstallation {
  /** Close it. */
  kafka: Kafka;
  registry: Registry;
}

export function kafkaOf({ env }: Installation): KafkaOfInstallation {
  const { KAFKA_BROKERS, KAFKA_PORT, REGISTRY_URL, REGISTRY_PORT, TOPIC_PREFIX: topicPrefix = '' } = env;
  const logger = createLogger('test', 'silent');
  const clock = systemClock;
  const brokers = (KAFKA_BROKERS || `127.0.0.1:${KAFKA_PORT}`).split(',');
  const url = REGISTRY_URL || `http://127.0.0.1:${REGISTRY_PORT}/apis/ccompat/v7`;
  return {
    kafka: createKafka({ brokers, clientId: 'test', logger, clock, topicPrefix }),
    registry: createRegistry({ url, topicPrefix, logger, clock }),
  };
}
