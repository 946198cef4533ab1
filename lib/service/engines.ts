/** Connections to the engines of an installation. Each is closed when the service stops. */
import { createRegistry, registryAuth, type Registry } from '../avro/index.ts';
import { createClickHouse, type ClickHouse, type ClickHouseOptions } from '../clickhouse/client.ts';
import { createKafka, type Kafka } from '../kafka/index.ts';
import type { Service } from './service.ts';

/** How long closing the connections to Kafka may take; an unavailable Kafka does not answer. */
const KAFKA_CLOSE_MS = 2_000;

/** A client of the installation's Kafka. It connects when it is first used. */
export function connectKafka({ name, config, logger, clock, onStop }: Service): Kafka {
  const kafka = createKafka({
    brokers: config.kafkaBrokers,
    security: config.kafkaSecurity,
    clientId: name,
    logger,
    clock,
    topicPrefix: config.topicPrefix,
  });
  onStop('Kafka', () => kafka.close(), KAFKA_CLOSE_MS);
  return kafka;
}

/** A client of the installation's schema registry. */
export function connectRegistry({ config, logger, clock }: Service): Registry {
  const { registryUrl: url, topicPrefix } = config;
  return createRegistry({ url, auth: registryAuth(config), topicPrefix, logger, clock });
}

/** A client of the installation's database in ClickHouse, which need not exist yet. */
export function connectClickHouse(
  { config, onStop }: Service,
  options: Pick<ClickHouseOptions, 'connectionsMax' | 'requestTimeoutMs'> = {},
): ClickHouse {
  const client = createClickHouse({
    url: config.clickhouseUrl,
    user: config.clickhouseUser,
    password: config.clickhousePassword,
    database: config.clickhouseDatabase,
    ...options,
  });
  onStop('ClickHouse', () => client.close());
  return client;
}
