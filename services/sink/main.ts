import { createRegistry, registryAuth } from '../../lib/avro/index.ts';
import { createClickHouse } from '../../lib/clickhouse/client.ts';
import { migrateWhenUp } from '../../lib/clickhouse/migrate.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { createKafka } from '../../lib/kafka/index.ts';
import { runMain, serveHealth } from '../../lib/telemetry/index.ts';
import { TOPICS, topicSpecs } from '../../lib/topics.ts';
import type { DeadLetter, Outcome } from '../../schemas/types.ts';
import { SINK_CONFIG } from './config.ts';
import { clickHouseDatabase } from './database.ts';
import { createSinkMetrics } from './metrics.ts';
import { startSink, type Sink } from './sink.ts';

runMain({
  name: 'sink',
  config: SINK_CONFIG,
  start: async ({ config, logger, metrics }) => {
    // Health is served while the sink still waits for its engines.
    const started: { sink?: Sink } = {};
    const health = await serveHealth({
      host: config.host,
      advertisedHost: config.advertisedHost,
      port: config.healthPort,
      logger,
      metrics,
      ready: () => started.sink?.ready() ?? false,
      positions: () => started.sink?.positions() ?? [],
    });
    const client = createClickHouse({
      url: config.clickhouseUrl,
      user: config.clickhouseUser,
      password: config.clickhousePassword,
      database: config.clickhouseDatabase,
      requestTimeoutMs: 30_000,
    });
    const ran = await migrateWhenUp(client, logger);
    if (ran.length > 0) logger.info({ database: config.clickhouseDatabase, migrations: ran }, 'database migrated');

    const { topicPrefix } = config;
    const kafka = createKafka({
      brokers: config.kafkaBrokers,
      security: config.kafkaSecurity,
      clientId: 'sink',
      logger,
      clock: systemClock,
      topicPrefix,
    });
    const specs = topicSpecs(config);
    await kafka.ensureTopics([specs[TOPICS.traitEvents], specs[TOPICS.deadLetters]]);
    const registry = createRegistry({ url: config.registryUrl, auth: registryAuth(config), topicPrefix, logger });
    const codecs = {
      outcomes: await registry.codec<Outcome>(TOPICS.traitEvents),
      deadLetters: await registry.codec<DeadLetter>(TOPICS.deadLetters),
    };
    const sink = startSink({
      kafka,
      database: clickHouseDatabase(client),
      codecs,
      url: health.url,
      settings: {
        blockIntervalMs: config.sinkBlockIntervalMs,
        blockRecordsMax: config.sinkBlockRecordsMax,
        blockBytesMax: config.sinkBlockBytesMax,
        acceptLost: config.sinkAcceptLost,
      },
      logger,
      metrics: createSinkMetrics(metrics),
      clock: systemClock,
    });
    started.sink = sink;
    return {
      stop: async () => {
        await sink.stop();
        await Promise.all([kafka.close(), client.close(), health.close()]);
      },
    };
  },
});
