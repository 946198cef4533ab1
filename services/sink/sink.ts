import type { Logger } from 'pino';
import type { Codec } from '../../lib/avro/index.ts';
import type { ClickHouse } from '../../lib/clickhouse/client.ts';
import type { Kafka } from '../../lib/kafka/types.ts';
import type { StagePosition } from '../../lib/telemetry/index.ts';
import type { DeadLetter, Outcome } from '../../schemas/types.ts';
import { DEAD_LETTERS, GROUPS, OUTCOMES } from './content.ts';
import { Lane } from './lane.ts';
import type { LaneContent, LaneSettings } from './lane-options.ts';
import { Ledger } from './ledger.ts';
import type { SinkMetrics } from './metrics.ts';
import { BlockWriter } from './writer.ts';

export interface SinkOptions {
  kafka: Kafka;
  client: ClickHouse;
  codecs: { outcomes: Codec<Outcome>; deadLetters: Codec<DeadLetter> };
  /** Base URL of this process's health server. */
  url: string | null;
  settings: LaneSettings;
  logger: Logger;
  metrics: SinkMetrics;
  /** Unix milliseconds: what the ledger's rows are dated with. */
  clock: () => number;
  /** Milliseconds that pass evenly, which all waiting goes by (default performance.now). */
  elapsed?: () => number;
}

export interface Sink {
  positions(): StagePosition[];
  ready(): boolean;
  stop(): Promise<void>;
}

/** Starts both lanes. The database must have been migrated, the topics must exist. */
export const startSink = (options: SinkOptions): Sink => {
  const lanes = [
    laneOf(options, OUTCOMES, options.codecs.outcomes, GROUPS.outcomes),
    laneOf(options, DEAD_LETTERS, options.codecs.deadLetters, GROUPS.deadLetters),
  ];
  for (const lane of lanes) lane.start();
  return {
    positions: () => lanes.flatMap((lane) => lane.positions()),
    ready: () => lanes.every((lane) => lane.ready()),
    stop: async () => {
      await Promise.all(lanes.map((lane) => lane.stop()));
    },
  };
};

const laneOf = <M>(
  { kafka, client, url, settings, logger, metrics, clock, elapsed = () => performance.now() }: SinkOptions,
  content: LaneContent<M>,
  codec: Codec<M>,
  groupId: string,
): Lane<M> => {
  const { topic } = content;
  const givingUp = new AbortController();
  const { signal } = givingUp;
  const ledger = new Ledger(client, topic, clock, signal);
  const writer = new BlockWriter({ client, ledger, logger, metrics, topic, signal });
  return new Lane({
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
    elapsed,
  });
};
