import { systemClock } from '../../lib/clock/index.ts';
import { connectKafka, connectRegistry, runService } from '../../lib/service/index.ts';
import { topicSpecs } from '../../lib/topics.ts';
import { PROCESSOR_CONFIG } from './config.ts';
import { startTopologies } from './topologies.ts';

const DAY_MS = 86_400_000;

runService({
  name: 'processor',
  config: PROCESSOR_CONFIG,
  clock: systemClock,
  start: async (service) => {
    const { config, clock, logger, metrics, healthUrl } = service;
    const kafka = connectKafka(service);
    const registry = connectRegistry(service);
    const topologies = await startTopologies({
      names: config.processorTopologies,
      specs: topicSpecs(config),
      horizonMs: config.logRetentionDays * DAY_MS,
      registry,
      tools: { kafka, logger, metrics, healthUrl, clock },
    });
    service.onStop('the topologies', async () => {
      await Promise.all(topologies.map((topology) => topology.stop()));
    });
    service.reportHealth({
      ready: () => topologies.every((topology) => topology.ready()),
      positions: () => topologies.flatMap((topology) => topology.positions()),
      onMoved: (moved) => topologies.forEach((topology) => topology.onMoved(moved)),
    });
  },
});
