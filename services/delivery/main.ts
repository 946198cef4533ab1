import { queryRows } from '../../lib/clickhouse/client.ts';
import { migrateWhenUp } from '../../lib/clickhouse/migrate.ts';
import { readPersonFacts } from '../../lib/clickhouse/person-facts.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { createDefinitions } from '../../lib/definitions/index.ts';
import { positionsBy, SINK, StageWatcher } from '../../lib/freshness/index.ts';
import { createRenderer } from '../../lib/rendering/index.ts';
import { connectClickHouse, connectKafka, connectRegistry, runService } from '../../lib/service/index.ts';
import { changelogSpec } from '../../lib/streams/changelog.ts';
import { TOPICS, topicSpecs } from '../../lib/topics.ts';
import type { FlowInput, Outcome, SendRequest } from '../../schemas/types.ts';
import { workspaceChannels } from './channels.ts';
import { DELIVERY_CONFIG } from './config.ts';
import { startDelivery } from './service.ts';
import { STAGE } from './stage.ts';
import { upstreamStages } from './upstream.ts';

runService({
  name: 'delivery',
  config: DELIVERY_CONFIG,
  clock: systemClock,
  start: async (service) => {
    const { config, clock, logger, metrics, healthUrl } = service;
    const clickhouse = connectClickHouse(service, { requestTimeoutMs: 30_000 });
    await migrateWhenUp(clickhouse, { logger, clock });
    const kafka = connectKafka(service);
    const registry = connectRegistry(service);
    const specs = topicSpecs(config);
    await kafka.ensureTopics([
      specs[TOPICS.traitEvents],
      specs[TOPICS.flowInputs],
      specs[TOPICS.sendRequests],
      changelogSpec(STAGE, config.partitions),
    ]);
    const definitions = await createDefinitions({ kafka, registry, logger, clock });
    service.onStop('definitions', () => definitions.stop());
    const renderer = createRenderer({
      // Where the build puts it, seen from this program's bundle.
      workerUrl: new URL('../../lib/rendering/worker.js', import.meta.url),
      clock,
    });
    service.onStop('the rendering thread', () => renderer.close());
    const watching = { clock, kafka, positionsOf: positionsBy(clock) };
    const sink = new StageWatcher(SINK, watching);
    const producer = kafka.createProducer();
    service.onStop('the producer', () => producer.close());
    const delivery = startDelivery({
      ...{ kafka, producer },
      codecs: {
        requests: await registry.codec<SendRequest>(TOPICS.sendRequests),
        inputs: await registry.codec<FlowInput>(TOPICS.flowInputs),
        outcomes: await registry.codec<Outcome>(TOPICS.traitEvents),
      },
      renderer,
      ...workspaceChannels(definitions, config.secretKey),
      untilStored: (partition, offset, signal) => sink.passOffset(partition, offset, signal),
      facts: (workspace, ids, needed, signal) =>
        readPersonFacts((query, params) => queryRows(clickhouse, query, params, {}, signal), workspace, ids, {
          needed,
        }),
      upstream: upstreamStages(watching),
      logger,
      metrics,
      healthUrl,
      clock,
    });
    service.onStop('delivery', () => delivery.stop());
    service.reportHealth(delivery);
  },
});
