import type { Logger } from 'pino';
import type { Codec } from '../../lib/avro/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import type { Kafka } from '../../lib/kafka/types.ts';
import type { Moved, StagePosition } from '../../lib/telemetry/index.ts';
import type { AudienceChange, DeadLetter, FlowEvent, Outcome } from '../../schemas/types.ts';
import { AUDIENCE_CHANGES, DEAD_LETTERS, FLOW_EVENTS, GROUPS, OUTCOMES } from './content.ts';
import type { SinkDatabase } from './database.ts';
import { Ledger } from './ledger.ts';
import type { SinkMetrics } from './metrics.ts';
import { SINK_RULES, type SinkRules } from './rules.ts';
import type { SinkSettings, TopicContent } from './topic-consumer-options.ts';
import { TopicConsumer } from './topic-consumer.ts';
import { BlockWriter } from './writer.ts';

export interface SinkOptions {
  kafka: Kafka;
  database: SinkDatabase;
  codecs: {
    outcomes: Codec<Outcome>;
    deadLetters: Codec<DeadLetter>;
    audienceChanges: Codec<AudienceChange>;
    flowEvents: Codec<FlowEvent>;
  };
  /** Base URL of this process's health server. */
  url: string | null;
  settings: SinkSettings;
  logger: Logger;
  metrics: SinkMetrics;
  clock: Clock;
  /** Default: SINK_RULES. */
  rules?: SinkRules;
}

export interface Sink {
  positions(): StagePosition[];
  /** From now on, calls `moved` whenever one of them has moved. */
  onMoved(moved: Moved): void;
  ready(): boolean;
  stop(): Promise<void>;
}

/** Starts the consumers of all topics. The database must have been migrated, the topics must exist. */
export function startSink(options: SinkOptions): Sink {
  const consumers = [
    createConsumer(options, OUTCOMES, options.codecs.outcomes, GROUPS.outcomes),
    createConsumer(options, DEAD_LETTERS, options.codecs.deadLetters, GROUPS.deadLetters),
    createConsumer(options, AUDIENCE_CHANGES, options.codecs.audienceChanges, GROUPS.audienceChanges),
    createConsumer(options, FLOW_EVENTS, options.codecs.flowEvents, GROUPS.flowEvents),
  ];
  for (const consumer of consumers) consumer.start();
  return {
    positions: () => consumers.flatMap((consumer) => consumer.positions()),
    onMoved: (moved) => consumers.forEach((consumer) => consumer.onMoved(moved)),
    ready: () => consumers.every((consumer) => consumer.ready()),
    stop: async () => {
      await Promise.all(consumers.map((consumer) => consumer.stop()));
    },
  };
}

/** One topic's consumer with its ledger and its writer; not started. */
export function createConsumer<M>(
  { kafka, database, url, settings, logger, metrics, clock, rules = SINK_RULES }: Omit<SinkOptions, 'codecs'>,
  content: TopicContent<M>,
  codec: Codec<M>,
  groupId: string,
): TopicConsumer<M> {
  const { topic } = content;
  const givingUp = new AbortController();
  const { signal } = givingUp;
  const ledger = new Ledger({ database, topic, clock, signal, rules });
  const writer = new BlockWriter({ database, ledger, logger, metrics, topic, clock, signal });
  return new TopicConsumer({
    content,
    kafka,
    codec,
    groupId,
    url,
    ledger,
    writer,
    givingUp,
    settings,
    logger,
    metrics,
    clock,
  });
}
