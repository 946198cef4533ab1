import { resolve } from 'node:path';
import { systemClock } from '../../lib/clock/index.ts';
import { createRegistry, registryAuth } from '../../lib/avro/index.ts';
import { createClickHouse } from '../../lib/clickhouse/client.ts';
import { createDefinitions } from '../../lib/definitions/index.ts';
import { serve } from '../../lib/http/index.ts';
import { createKafka } from '../../lib/kafka/index.ts';
import { runMain, serveHealth } from '../../lib/telemetry/index.ts';
import { TOPICS, topicSpecs } from '../../lib/topics.ts';
import type { AudienceChange } from '../../schemas/types.ts';
import { createActivityReader } from './activity.ts';
import { createApiApp } from './app.ts';
import { apiConfig } from './config.ts';
import { createDatabase, QUERIES_MAX } from './database.ts';
import { Freshness } from '../../lib/freshness/index.ts';
import { activityOf, positionsOf } from './peers.ts';
import { createReplayer } from './replayer.ts';
import { waitForTables } from './tables.ts';

runMain({
  name: 'api',
  config: apiConfig,
  start: async ({ config, logger, metrics }) => {
    const { host, topicPrefix } = config;
    let serving = false;
    const ready = (): boolean => serving;
    const { advertisedHost, healthPort } = config;
    const health = await serveHealth({ host, advertisedHost, port: healthPort, logger, metrics, ready });
    const kafka = createKafka({
      brokers: config.kafkaBrokers,
      security: config.kafkaSecurity,
      clientId: 'api',
      logger,
      clock: systemClock,
      topicPrefix,
    });
    const registry = createRegistry({ url: config.registryUrl, auth: registryAuth(config), topicPrefix, logger });
    await kafka.ensureTopics(Object.values(topicSpecs(config)));
    // Nothing writes it yet; readers find the topic and its schema all the same.
    await registry.codec<AudienceChange>(TOPICS.audienceChanges);
    const definitions = await createDefinitions({
      kafka,
      registry,
      logger,
      secretKey: config.secretKey,
      clock: systemClock,
    });
    const clickhouse = createClickHouse({
      url: config.clickhouseUrl,
      user: config.clickhouseUser,
      password: config.clickhousePassword,
      database: config.clickhouseDatabase,
      // One more than queries: whether ClickHouse is there is asked beside them.
      connectionsMax: QUERIES_MAX + 1,
    });
    const database = createDatabase(clickhouse);
    await waitForTables(database, logger);
    const producer = kafka.createProducer();
    const freshness = new Freshness({ kafka, positionsOf, logger });
    const app = createApiApp({
      definitions,
      database,
      kafka,
      freshness,
      replayer: await createReplayer({ definitions, producer, registry, now: Date.now }),
      logger,
      adminKey: config.adminKey,
      secretKey: config.secretKey,
      ingestUrl: config.ingestUrl,
      ingestInternalUrl: config.ingestInternalUrl,
      registryUrl: config.registryUrl,
      registryAuth: registryAuth(config),
      healthUrl: health.url,
      consoleDir: resolve(config.consoleDir),
      now: Date.now,
      activity: createActivityReader({
        database,
        fromIngest: () => activityOf(config.ingestInternalUrl, config.adminKey),
      }),
    });
    const http = await serve(app, { host, port: config.apiPort, portVariable: 'API_PORT' });
    serving = true;
    logger.info({ url: http.url }, 'api listens');
    return {
      stop: async () => {
        serving = false;
        await http.close();
        freshness.stop();
        await producer.close();
        await definitions.stop();
        await kafka.close();
        await clickhouse.close();
        await health.close();
      },
    };
  },
});
