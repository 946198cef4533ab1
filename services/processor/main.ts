import { systemClock } from '../../lib/clock/index.ts';
import { createRegistry, registryAuth } from '../../lib/avro/index.ts';
import { createKafka } from '../../lib/kafka/index.ts';
import type { RunningTopology } from '../../lib/streams/index.ts';
import { runMain, serveHealth } from '../../lib/telemetry/index.ts';
import { topicSpecs } from '../../lib/topics.ts';
import { PROCESSOR_CONFIG } from './config.ts';
import { startTopologies } from './topologies.ts';

const DAY_MS = 86_400_000;

runMain({
  name: 'processor',
  config: PROCESSOR_CONFIG,
  start: async ({ config, logger, metrics }) => {
    // Health is served while the processor still waits for its engines.
    let running: RunningTopology[] = [];
    const health = await serveHealth({
      host: config.host,
      advertisedHost: config.advertisedHost,
      port: config.healthPort,
      logger,
      metrics,
      ready: () => running.length > 0 && running.every((topology) => topology.ready()),
      positions: () => running.flatMap((topology) => topology.positions()),
    });
    const { topicPrefix } = config;
    const kafka = createKafka({
      brokers: config.kafkaBrokers,
      security: config.kafkaSecurity,
      clientId: 'processor',
      logger,
      clock: systemClock,
      topicPrefix,
    });
    const registry = createRegistry({ url: config.registryUrl, auth: registryAuth(config), topicPrefix, logger });
    running = await startTopologies({
      names: config.processorTopologies,
      specs: topicSpecs(config),
      horizonMs: config.logRetentionDays * DAY_MS,
      registry,
      tools: { kafka, logger, metrics, healthUrl: health.url, clock: systemClock },
    });
    return {
      stop: async () => {
        await Promise.all(running.map((topology) => topology.stop()));
        await Promise.all([kafka.close(), health.close()]);
      },
    };
  },
});
