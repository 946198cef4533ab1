import { resolve } from 'node:path';
import { registryAuth } from '../../lib/avro/index.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { createDefinitions } from '../../lib/definitions/index.ts';
import {
  AUDIENCES,
  CHAIN,
  DEAD_LETTERS,
  DELIVERY,
  FLOWS,
  Freshness,
  positionsBy,
  RELAY,
  StageWatcher,
} from '../../lib/freshness/index.ts';
import { createRenderer } from '../../lib/rendering/index.ts';
import { connectClickHouse, connectKafka, connectRegistry, runService } from '../../lib/service/index.ts';
import { topicSpecs } from '../../lib/topics.ts';
import { createActivityReader } from './activity.ts';
import { createApiApp } from './app.ts';
import { createSizes } from './audience-feed.ts';
import { BacktestThreads, startBacktestThread } from './backtest-threads.ts';
import { createCanceller } from './canceller.ts';
import { apiConfig } from './config.ts';
import { createDatabase, QUERIES_MAX, STREAMS_MAX } from './database.ts';
import { createEraser } from './eraser.ts';
import { activityOf } from './peers.ts';
import { Publishing } from './publishing.ts';
import { createReplayer } from './replayer.ts';
import { waitForTables } from './tables.ts';

/** Kinds of definitions whose versions the API shows. */
const VERSIONED = ['audience', 'flow'] as const;

runService({
  name: 'api',
  config: apiConfig,
  clock: systemClock,
  start: async (service) => {
    const { config, clock, logger, healthUrl } = service;
    const { adminKey, secretKey, ingestUrl, ingestInternalUrl, registryUrl } = config;
    const kafka = connectKafka(service);
    const registry = connectRegistry(service);
    await kafka.ensureTopics(Object.values(topicSpecs(config)));
    // One connection more than queries and streams run at once, for the check whether ClickHouse answers.
    const clickhouse = connectClickHouse(service, { connectionsMax: QUERIES_MAX + STREAMS_MAX + 1 });
    const definitions = await createDefinitions({ kafka, registry, logger, secretKey, clock, versionsOf: VERSIONED });
    service.onStop('definitions', () => definitions.stop());
    const database = createDatabase(clickhouse, clock, { memoryMaxBytes: config.queryMemoryMaxMb * 1_000_000 });
    await waitForTables(database, clock, logger);
    const producer = kafka.createProducer();
    service.onStop('the producer', () => producer.close());
    const positionsOf = positionsBy(clock);
    const freshness = new Freshness({ clock, kafka, positionsOf, logger });
    service.onStop('freshness', () => freshness.stop());
    const audiences = new Freshness({ clock, kafka, positionsOf, logger, chain: [...CHAIN, AUDIENCES] });
    service.onStop('freshness of audiences', () => audiences.stop());
    const relay = new StageWatcher(RELAY, { clock, kafka, positionsOf });
    const publishing = new Publishing({ clock, kafka, relay, freshness, logger });
    service.onStop('publishing', () => publishing.stop());
    const renderer = createRenderer({
      // Where the build puts it, seen from this program's bundle.
      workerUrl: new URL('../../lib/rendering/worker.js', import.meta.url),
      clock,
    });
    service.onStop('the rendering thread', () => renderer.close());
    const threadUrl = new URL('./backtest-worker.js', import.meta.url);
    const backtests = new BacktestThreads({ clock, start: () => startBacktestThread(threadUrl) });
    service.onStop('the threads of back-tests', () => backtests.close());
    const app = createApiApp({
      definitions,
      database,
      kafka,
      freshness,
      relay,
      publishing,
      flows: [FLOWS, DELIVERY].map((stage) => new StageWatcher(stage, { clock, kafka, positionsOf })),
      renderer,
      backtests,
      audiences,
      eraser: await createEraser({
        registry,
        producer,
        kafka,
        freshness,
        deadLetters: new StageWatcher(DEAD_LETTERS, { clock, kafka, positionsOf }),
        database,
        clickhouse,
        clock,
      }),
      canceller: await createCanceller({ registry, producer, clock }),
      replayer: await createReplayer({ definitions, producer, registry, clock }),
      logger,
      adminKey,
      secretKey,
      logRetentionDays: config.logRetentionDays,
      ingestUrl,
      ingestInternalUrl,
      registryUrl,
      registryAuth: registryAuth(config),
      healthUrl,
      consoleDir: resolve(config.consoleDir),
      clock,
      sizes: createSizes(database),
      activity: createActivityReader({ database, fromIngest: () => activityOf(ingestInternalUrl, adminKey, clock) }),
    });
    await service.serveHttp(app, config.apiPort, 'API_PORT');
  },
});
