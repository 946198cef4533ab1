import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../lib/clock/index.ts';
import { createRegistry, registryAuth } from '../../lib/avro/index.ts';
import { createDefinitions } from '../../lib/definitions/index.ts';
import { serve } from '../../lib/http/index.ts';
import { createKafka } from '../../lib/kafka/index.ts';
import { runMain, serveHealth } from '../../lib/telemetry/index.ts';
import { TOPICS, topicSpecs } from '../../lib/topics.ts';
import { activityTopic, startActivityLog } from './activity-log.ts';
import { Activity } from './activity.ts';
import { createIngestApp } from './app.ts';
import { ingestConfig } from './config.ts';
import { ingestMetrics } from './metrics.ts';
import { Outbox } from './outbox.ts';

/** For what is left once HTTP is closed, which takes 10 s at most: a process that stops has 20 s. */
const LET_GO_TIMEOUT_MS = 7_000;

runMain({
  name: 'ingest',
  config: ingestConfig,
  start: async ({ config, logger, metrics }) => {
    const { host, topicPrefix } = config;
    let serving = false;
    const ready = (): boolean => serving;
    const { advertisedHost, healthPort } = config;
    const health = await serveHealth({ host, advertisedHost, port: healthPort, logger, metrics, ready });
    const kafka = createKafka({
      brokers: config.kafkaBrokers,
      security: config.kafkaSecurity,
      clientId: 'ingest',
      logger,
      clock: systemClock,
      topicPrefix,
    });
    const registry = createRegistry({ url: config.registryUrl, auth: registryAuth(config), topicPrefix, logger });
    const specs = topicSpecs(config);
    await kafka.ensureTopics([
      specs[TOPICS.cartEvents],
      specs[TOPICS.personInputs],
      specs[TOPICS.deadLetters],
      specs[TOPICS.definitions],
      activityTopic,
    ]);
    const definitions = await createDefinitions({
      kafka,
      registry,
      logger,
      secretKey: config.secretKey,
      clock: systemClock,
    });
    const producer = kafka.createProducer();
    const outbox = await Outbox.create(producer, registry);
    const activity = new Activity();
    const activityLog = startActivityLog({ kafka, producer, activity, logger, clock: systemClock });
    const ingest = createIngestApp({
      definitions,
      outbox,
      activity,
      allActivity: activityLog.all,
      metrics: ingestMetrics(metrics),
      allMetrics: metrics,
      logger,
      adminKey: config.adminKey,
      toleranceMs: config.replayToleranceSeconds * 1000,
      maxBulkBodies: config.maxBulkBodies,
      now: Date.now,
      ready,
    });
    const http = await serve(ingest, { host, port: config.ingestPort, portVariable: 'INGEST_PORT' });
    serving = true;
    logger.info({ url: http.url }, 'ingest listens');
    return {
      stop: async () => {
        serving = false;
        await http.close();
        // Every request has its answer. Without Kafka the rest would take longer than a process has to stop.
        const letGo = async (): Promise<void> => {
          await activityLog.stop();
          await producer.close();
          await definitions.stop();
          await kafka.close();
        };
        await Promise.race([letGo(), sleep(LET_GO_TIMEOUT_MS)]);
        await health.close();
      },
    };
  },
});
