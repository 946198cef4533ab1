import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Kafka, KafkaRecord, Producer } from '../../lib/kafka/index.ts';
import { NoAnswerError, within } from '../../lib/kafka/within.ts';
import type { Logger } from '../../lib/telemetry/index.ts';
import { sumActivity, type Activity, type SubscriptionActivity } from './activity.ts';

/**
 * Own topic of ingest: what each process has counted for each subscription, as JSON. Key: process and
 * subscription; the last record of a key counts.
 */
export const ACTIVITY_TOPIC = 'ingest-activity';

const KEPT_MS = 30 * 86_400_000;
/**
 * How often the counts that the topic has let go are let go here too, and those of this process are written again:
 * while it runs they are not to grow old, there and with the others.
 */
const RENEW_INTERVAL_MS = 3_600_000;
export const activityTopic = {
  topic: ACTIVITY_TOPIC,
  partitions: 1,
  // A process that is gone writes no more: its counts are let go after a while, as dead letters are.
  config: { 'cleanup.policy': 'compact,delete', 'retention.ms': String(KEPT_MS), 'segment.ms': '3600000' },
};

const schema = z.object({
  subscription_id: z.string(),
  workspace: z.string(),
  received: z.number(),
  last_received_at: z.number().nullable(),
  refused: z.record(z.string(), z.number()),
});

export interface ActivityLog {
  /** Of all processes, those that are gone included; others' counts are seconds old at most. */
  all(): SubscriptionActivity[];
  stop(): Promise<void>;
}

export interface ActivityLogOptions {
  kafka: Kafka;
  producer: Producer;
  activity: Activity;
  logger: Logger;
  /** How often what has changed is written. */
  intervalMs?: number;
  now?: () => number;
  /** How long the last counts may take to be written when it stops; after that they are let go. */
  stopTimeoutMs?: number;
}

/**
 * Shares the counts of this process through Kafka, and follows those of the others. A crash forgets the last
 * interval; without Kafka the counts stay in memory and are written later.
 */
export function startActivityLog(options: ActivityLogOptions): ActivityLog {
  const { kafka, producer, activity, logger, intervalMs = 5_000, stopTimeoutMs = 3_000, now = Date.now } = options;
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
      logger.debug({ err: error }, 'the activity of subscriptions could not be written; trying again');
    }
  };
  let renewedAtMs = now();
  const renew = (): void => {
    if (now() < renewedAtMs + RENEW_INTERVAL_MS) return;
    renewedAtMs = now();
    for (const own of activity.all()) unwritten.add(own);
    for (const [key, { atMs }] of others) if (atMs < now() - KEPT_MS) others.delete(key);
  };
  const writing = (async () => {
    while (!stopping.signal.aborted) {
      await sleep(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      renew();
      await write();
    }
  })();
  const reading = follow(kafka, logger, stopping.signal, (record) => {
    const key = record.key?.toString() ?? '';
    if (key.startsWith(self)) return;
    const read = record.value === null ? undefined : parse(record.value);
    if (read === undefined) others.delete(key);
    else others.set(key, { activity: read, atMs: record.timestampMs });
  });
  return {
    all: () => sumActivity([...activity.all(), ...[...others.values()].map((other) => other.activity)]),
    stop: async () => {
      stopping.abort();
      await within(Promise.all([writing, reading]), stopTimeoutMs).catch((error: unknown) => {
        if (!(error instanceof NoAnswerError)) throw error;
        logger.warn('Kafka does not answer: the last counts of activity are let go');
      });
    },
  };
}

const RETRY_MS = 1_000;
const POLL_MS = 500;

async function follow(
  kafka: Kafka,
  logger: Logger,
  signal: AbortSignal,
  take: (record: KafkaRecord) => void,
): Promise<void> {
  while (!signal.aborted) {
    const reader = kafka.createReader({ isolation: 'read_committed' });
    try {
      const [offset = 0] = await kafka.beginningOffsets(ACTIVITY_TOPIC);
      reader.assign([{ topic: ACTIVITY_TOPIC, partition: 0, offset }]);
      while (!signal.aborted)
        for (const batch of await reader.poll(POLL_MS)) for (const record of batch.records) take(record);
    } catch (error) {
      logger.warn({ err: error }, 'the activity of other processes cannot be read; trying again');
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    } finally {
      await reader.close();
    }
  }
}

function parse(value: Buffer): SubscriptionActivity | undefined {
  try {
    return schema.parse(JSON.parse(value.toString()));
  } catch {
    return undefined;
  }
}
