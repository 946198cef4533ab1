import { systemClock } from '../../lib/clock/index.ts';
import { createDefinitions } from '../../lib/definitions/index.ts';
import { CHAIN, positionsBy, StageWatcher } from '../../lib/freshness/index.ts';
import { connectKafka, connectRegistry, runService } from '../../lib/service/index.ts';
import { TOPICS, topicSpecs } from '../../lib/topics.ts';
import { activityTopic, startActivityLog } from './activity-log.ts';
import { Activity } from './activity.ts';
import { createIngestApp } from './app.ts';
import { ingestConfig } from './config.ts';
import { ImportPacer } from './import-pacer.ts';
import { ingestMetrics } from './metrics.ts';
import { Outbox } from './outbox.ts';

/** Without Kafka, closing takes longer than a process has to stop; every request has its answer by then. */
const CLOSE_LIMIT_MS = 2_000;

runService({
  name: 'ingest',
  config: ingestConfig,
  clock: systemClock,
  start: async (service) => {
    const { config, clock, logger, metrics } = service;
    const { adminKey, secretKey } = config;
    const kafka = connectKafka(service);
    const registry = connectRegistry(service);
    const specs = topicSpecs(config);
    await kafka.ensureTopics([
      specs[TOPICS.cartEvents],
      specs[TOPICS.personInputs],
      specs[TOPICS.deadLetters],
      specs[TOPICS.definitions],
      activityTopic,
    ]);
    const definitions = await createDefinitions({ kafka, registry, logger, secretKey, clock });
    service.onStop('definitions', () => definitions.stop(), CLOSE_LIMIT_MS);
    const producer = kafka.createProducer();
    service.onStop('the producer', () => producer.close(), CLOSE_LIMIT_MS);
    const outbox = await Outbox.create(producer, registry);
    const activity = new Activity();
    const activityLog = startActivityLog({ kafka, producer, activity, logger, clock });
    service.onStop('the activity log', () => activityLog.stop());
    const counters = ingestMetrics(metrics);
    const positionsOf = positionsBy(clock);
    const pacer = new ImportPacer({
      stages: CHAIN.map((stage) => new StageWatcher(stage, { clock, kafka, positionsOf })),
      endOffsets: (topic) => kafka.endOffsets(topic),
      targetDelayMs: config.importDelayMs,
      metrics: counters,
      logger,
      clock,
    });
    const app = createIngestApp({
      definitions,
      outbox,
      activity,
      allActivity: activityLog.all,
      metrics: counters,
      allMetrics: metrics,
      logger,
      adminKey,
      toleranceMs: config.replayToleranceSeconds * 1000,
      maxBulkBodies: config.maxBulkBodies,
      pacer: config.importDelayMs > 0 ? pacer : undefined,
      clock,
      ready: service.ready,
    });
    await service.serveHttp(app, config.ingestPort, 'INGEST_PORT');
  },
});
