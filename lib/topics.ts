/** The only definition of topic names, cleanup policies and keys. */

import type { TopicSpec } from './kafka/types.ts';

/** Topics that other programs may read; values are Avro in the Confluent wire format, keys UTF-8. */
export const TOPICS = {
  cartEvents: 'cart-events',
  personInputs: 'person-inputs',
  traitEvents: 'trait-events',
  audienceChanges: 'audience-changes',
  deadLetters: 'dead-letters',
  definitions: 'definitions',
  flowInputs: 'flow-inputs',
  flowEvents: 'flow-events',
  sendRequests: 'send-requests',
} as const;

export type TopicName = (typeof TOPICS)[keyof typeof TOPICS];

/** The schema subject of a topic's values. The prefix of an installation is part of the topic's full name. */
export const subjectOf = (topic: string): string => `${topic}-value`;

/** The compacted topic that holds the state of a topology. */
export const changelogOf = (topology: string): string => `${topology}-changelog`;

/** The key of a cart's records: the whole cart stays in one partition, in order. */
export const cartKey = (workspace: string, cartId: string): string => `${workspace}:${cartId}`;

const DAY_MS = 86_400_000;

const kept = (days: number): Record<string, string> => ({
  'cleanup.policy': 'delete',
  'retention.ms': days < 0 ? '-1' : String(days * DAY_MS),
  'retention.bytes': '-1',
  // Timestamps are the broker's (LogAppendTime): with the time of the event, retention would delete an import of old
  // events at once.
  'message.timestamp.type': 'LogAppendTime',
});

/** The settings of the public topics: partitions, cleanup, retention. Any service may create them when it starts. */
export function topicSpecs(options: { partitions: number; logRetentionDays: number }): Record<TopicName, TopicSpec> {
  const { partitions, logRetentionDays } = options;
  const spec = (topic: TopicName, count: number, days: number): TopicSpec => ({
    topic,
    partitions: count,
    config: kept(days),
  });
  return {
    [TOPICS.cartEvents]: spec(TOPICS.cartEvents, partitions, logRetentionDays),
    [TOPICS.personInputs]: spec(TOPICS.personInputs, partitions, logRetentionDays),
    [TOPICS.traitEvents]: spec(TOPICS.traitEvents, partitions, logRetentionDays),
    [TOPICS.audienceChanges]: spec(TOPICS.audienceChanges, partitions, logRetentionDays),
    [TOPICS.deadLetters]: spec(TOPICS.deadLetters, partitions, 30),
    [TOPICS.flowInputs]: spec(TOPICS.flowInputs, partitions, logRetentionDays),
    [TOPICS.flowEvents]: spec(TOPICS.flowEvents, partitions, logRetentionDays),
    [TOPICS.sendRequests]: spec(TOPICS.sendRequests, partitions, logRetentionDays),
    // One partition, because versions depend on the order of all records.
    [TOPICS.definitions]: spec(TOPICS.definitions, 1, -1),
  };
}
