import { migrateWhenUp } from '../../lib/clickhouse/migrate.ts';
import { applyRetention } from '../../lib/clickhouse/retention.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { connectClickHouse, connectKafka, connectRegistry, runService } from '../../lib/service/index.ts';
import { TOPICS, topicSpecs } from '../../lib/topics.ts';
import type { AudienceChange, DeadLetter, FlowEvent, Outcome } from '../../schemas/types.ts';
import { SINK_CONFIG } from './config.ts';
import { clickHouseDatabase } from './database.ts';
import { createSinkMetrics } from './metrics.ts';
import { startSink } from './sink.ts';
import { startSweeper } from './step-sweep.ts';

runService({
  name: 'sink',
  config: SINK_CONFIG,
  clock: systemClock,
  start: async (service) => {
    const { config, clock, logger, metrics, healthUrl } = service;
    const clickhouse = connectClickHouse(service, { requestTimeoutMs: 30_000 });
    await migrateWhenUp(clickhouse, { logger, clock });
    const { logRetentionDays } = config;
    if (await applyRetention(clickhouse, logRetentionDays)) {
      logger.info({ days: logRetentionDays }, 'changed how long the changes of live audiences are kept');
    }
    const kafka = connectKafka(service);
    const specs = topicSpecs(config);
    await kafka.ensureTopics([
      specs[TOPICS.traitEvents],
      specs[TOPICS.deadLetters],
      specs[TOPICS.audienceChanges],
      specs[TOPICS.flowEvents],
    ]);
    const registry = connectRegistry(service);
    const sink = startSink({
      kafka,
      database: clickHouseDatabase(clickhouse),
      codecs: {
        outcomes: await registry.codec<Outcome>(TOPICS.traitEvents),
        deadLetters: await registry.codec<DeadLetter>(TOPICS.deadLetters),
        audienceChanges: await registry.codec<AudienceChange>(TOPICS.audienceChanges),
        flowEvents: await registry.codec<FlowEvent>(TOPICS.flowEvents),
      },
      url: healthUrl,
      settings: {
        blockIntervalMs: config.sinkBlockIntervalMs,
        ledgerIntervalMs: config.sinkLedgerIntervalMs,
        blockRecordsMax: config.sinkBlockRecordsMax,
        blockBytesMax: config.sinkBlockBytesMax,
        acceptLost: config.sinkAcceptLost,
      },
      logger,
      metrics: createSinkMetrics(metrics),
      clock,
    });
    service.onStop('the sink', () => sink.stop());
    const sweeper = startSweeper({ client: clickhouse, logger, clock });
    service.onStop('the sweeper', () => sweeper.stop());
    service.reportHealth(sink);
  },
});
