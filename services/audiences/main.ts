import { migrateWhenUp } from '../../lib/clickhouse/migrate.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { createDefinitions } from '../../lib/definitions/index.ts';
import { positionsBy, StageWatcher, SINK } from '../../lib/freshness/index.ts';
import { connectClickHouse, connectKafka, connectRegistry, runService } from '../../lib/service/index.ts';
import { changelogSpec } from '../../lib/streams/changelog.ts';
import { TOPICS, topicSpecs } from '../../lib/topics.ts';
import type { AudienceChange, Outcome } from '../../schemas/types.ts';
import { clickHousePeople } from './clickhouse-people.ts';
import { AUDIENCES_CONFIG } from './config.ts';
import { judgeAt } from './judge.ts';
import { liveDefinitions } from './live-definitions.ts';
import { startAudiences } from './service.ts';
import { STAGE } from './task.ts';

runService({
  name: 'audiences',
  config: AUDIENCES_CONFIG,
  clock: systemClock,
  start: async (service) => {
    const { config, clock, logger, metrics, healthUrl } = service;
    const clickhouse = connectClickHouse(service, { requestTimeoutMs: 30_000 });
    await migrateWhenUp(clickhouse, { logger, clock });
    const kafka = connectKafka(service);
    const registry = connectRegistry(service);
    const specs = topicSpecs(config);
    const { partitions } = config;
    await kafka.ensureTopics([
      specs[TOPICS.traitEvents],
      specs[TOPICS.audienceChanges],
      changelogSpec(STAGE, partitions),
    ]);
    const definitions = await createDefinitions({ kafka, registry, logger, clock });
    service.onStop('definitions', () => definitions.stop());
    const sink = new StageWatcher(SINK, { clock, kafka, positionsOf: positionsBy(clock) });
    const audiences = startAudiences({
      kafka,
      codecs: {
        outcomes: await registry.codec<Outcome>(TOPICS.traitEvents),
        changes: await registry.codec<AudienceChange>(TOPICS.audienceChanges),
      },
      definitions: liveDefinitions(definitions, partitions),
      people: clickHousePeople(clickhouse),
      judgeAt,
      untilStored: (partition, offset, signal) => sink.passOffset(partition, offset, signal),
      intervalMs: config.audiencesIntervalMs,
      logger,
      metrics,
      healthUrl,
      clock,
    });
    service.onStop('the audiences', () => audiences.stop());
    service.reportHealth(audiences);
  },
});
