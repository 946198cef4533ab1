import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { NoAnswerError, within, type Clock } from '../../lib/clock/index.ts';
import { decodeEach, followTopic, type FollowOptions } from '../../lib/kafka/follow.ts';
import type { Producer } from '../../lib/kafka/index.ts';
import type { Logger } from '../../lib/telemetry/index.ts';
import { sumActivity, type Activity, type SubscriptionActivity } from './activity.ts';

/**
 * A topic that only ingest uses: the counts of each process for each subscription, as JSON. The key is process and
 * subscription; the last record of a key is valid.
 */
export const ACTIVITY_TOPIC = 'ingest-activity';

const KEPT_MS = 30 * 86_400_000;
/**
 * How often counts older than the topic's retention are dropped here too, and those of this process are written again,
 * so that they do not expire while it runs.
 */
const RENEW_INTERVAL_MS = 3_600_000;
/** How long the last write may take at a stop; the counts are lost after that. */
const STOP_TIMEOUT_MS = 3_000;

export const activityTopic = {
  topic: ACTIVITY_TOPIC,
  partitions: 1,
  // A process that has ended writes no more: its counts expire after a while, as dead letters do.
  config: { 'cleanup.policy': 'compact,delete', 'retention.ms': String(KEPT_MS), 'segment.ms': '3600000' },
};

const schema = z.object({
  subscription_id: z.string(),
  workspace: z.string(),
  received: z.number(),
  last_received_at: z.number().nullable(),
  refused: z.record(z.string(), z.number()),
});

const codec = {
  decode: (value: Buffer): SubscriptionActivity => schema.parse(JSON.parse(value.toString())),
};

export interface ActivityLog {
  /** The counts of all processes, including ended ones; those of other processes are at most seconds old. */
  all(): SubscriptionActivity[];
  stop(): Promise<void>;
}

export interface ActivityLogOptions {
  kafka: FollowOptions['kafka'];
  producer: Producer;
  activity: Activity;
  logger: Logger;
  clock: Clock;
  /** How often changed counts are written. */
  intervalMs?: number;
}

/**
 * Shares the counts of this process through Kafka, and follows those of the others. A crash loses the last interval;
 * while Kafka is unavailable the counts stay in memory and are written later.
 */
export function startActivityLog(options: ActivityLogOptions): ActivityLog {
  const { kafka, producer, activity, logger, intervalMs = 5_000, clock } = options;
  const self = randomUUID();
  const others = new Map<string, { activity: SubscriptionActivity; atMs: number }>();
  const stopping = new AbortController();
  let unwritten = new Set<SubscriptionActivity>();

  const write = async (): Promise<void> => {
    for (const changed of activity.takeChanged()) unwritten.add(changed);
    if (unwritten.size === 0) return;
    const batch = [...unwritten];
    unwritten = new Set();
    try {
      await producer.send(
        batch.map((one) => ({
          topic: ACTIVITY_TOPIC,
          key: `${self}:${one.subscription_id}`,
          value: Buffer.from(JSON.stringify(one)),
        })),
      );
    } catch (error) {
      for (const one of batch) unwritten.add(one);
      logger.debug({ err: error }, 'cannot write the activity of subscriptions; retrying');
    }
  };
  let renewedAtMs = clock.wallMs();
  const renew = (): void => {
    if (clock.wallMs() < renewedAtMs + RENEW_INTERVAL_MS) return;
    renewedAtMs = clock.wallMs();
    for (const own of activity.all()) unwritten.add(own);
    for (const [key, { atMs }] of others) if (atMs < clock.wallMs() - KEPT_MS) others.delete(key);
  };
  const writing = (async () => {
    while (!stopping.signal.aborted) {
      await clock.sleep(intervalMs, stopping.signal);
      renew();
      await write();
    }
    // What was counted during the last write.
    await write();
  })();
  const onBatch = decodeEach<SubscriptionActivity>({
    codec,
    onRecord: (read, { key, timestampMs }) => {
      const name = key?.toString() ?? '';
      if (name.startsWith(self)) return;
      if (read === null) others.delete(name);
      else others.set(name, { activity: read, atMs: timestampMs });
    },
    logger,
  });
  const follower = followTopic({ kafka, topic: ACTIVITY_TOPIC, onBatch, logger, clock });
  return {
    all: () => sumActivity([...activity.all(), ...[...others.values()].map((other) => other.activity)]),
    stop: async () => {
      stopping.abort();
      await within(Promise.all([writing, follower.stop()]), STOP_TIMEOUT_MS, clock).catch((error: unknown) => {
        if (!(error instanceof NoAnswerError)) throw error;
        logger.warn('Kafka does not answer; the last activity counts are lost');
      });
    },
  };
}
