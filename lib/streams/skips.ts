import type { Logger } from 'pino';
import type { Clock } from '../clock/index.ts';
import { decodeEach, followTopic } from '../kafka/follow.ts';
import type { Kafka, KafkaRecord, OutgoingRecord, TopicSpec } from '../kafka/types.ts';
import { TOPICS } from '../topics.ts';
import type { FailingPart } from '../telemetry/index.ts';
import type { StreamMetrics } from './metrics.ts';
import type { OutputRecord, Skipping } from './task-core.ts';
import type { SkippedRecord, Topology } from './topology.ts';

/**
 * The records that operators have ordered to skip. They are kept forever, so that every later run over the input skips
 * them too.
 */
export const SKIPS_TOPIC = 'skipped-records';

export const SKIPS_TOPIC_SPEC: TopicSpec = {
  topic: SKIPS_TOPIC,
  partitions: 1,
  config: { 'cleanup.policy': 'compact', 'retention.ms': '-1' },
};

/**
 * How much of a record is skipped.
 *
 * - record: the record is not folded. An entry whose deadline fails at it is removed.
 * - deadlines: the record is folded; only an entry whose deadline fails at it is removed.
 */
export type SkipScope = 'record' | 'deadlines';

/** An operator's order to skip one record of an input topic. */
export interface Skip {
  topic: string;
  partition: number;
  offset: number;
  scope: SkipScope;
  /** In the operator's words. */
  reason: string;
}

/** Whether a topology that fails on this part of the record continues with the skip. */
export const covers = ({ scope }: Skip, part: FailingPart): boolean => scope === 'record' || part === 'deadline';

/** The record of a skip: JSON, keyed by the record that it names. `skippedAtMs` is Unix milliseconds. */
export function encodeSkip(skip: Skip, skippedAtMs: number): OutgoingRecord {
  const { topic, partition, offset } = skip;
  const value = Buffer.from(JSON.stringify({ ...skip, skipped_at: new Date(skippedAtMs).toISOString() }), 'utf8');
  return { topic: SKIPS_TOPIC, partition: 0, key: `${topic}/${partition}/${offset}`, value };
}

/** Throws an Error for bytes that are not the record of a skip. Skips of earlier releases have no scope. */
export function decodeSkip(value: Buffer): Skip {
  const skip = JSON.parse(value.toString('utf8')) as Partial<Skip> | null;
  const { topic, partition, offset, reason, scope = 'record' } = skip ?? {};
  if (typeof topic !== 'string' || !Number.isInteger(partition) || !Number.isInteger(offset)) {
    throw new Error('the record of a skip has no valid topic, partition and offset');
  }
  if (scope !== 'record' && scope !== 'deadlines') throw new Error(`a skip has the unknown scope ${String(scope)}`);
  return { topic, partition: partition!, offset: offset!, scope, reason: typeof reason === 'string' ? reason : '' };
}

const KNOWN_WITHIN_MS = 15_000;

/** All skips, as they are ordered. */
export interface Skips {
  find(topic: string, partition: number, offset: number): Skip | undefined;
  /** Resolves once all skips that were ordered before are known. Throws an Error when Kafka does not answer in time. */
  known(): Promise<void>;
  stop(): Promise<void>;
}

/** Follows the topic of skips, which must exist. A record of it that cannot be decoded is logged and has no effect. */
export function followSkips(options: { kafka: Kafka; clock: Clock; logger: Pick<Logger, 'warn'> }): Skips {
  const skips = new Map<string, Skip>();
  const keyOf = (topic: string, partition: number, offset: number): string => `${topic}/${partition}/${offset}`;
  const onBatch = decodeEach({
    codec: { decode: decodeSkip },
    onRecord: (skip) => {
      if (skip !== null) skips.set(keyOf(skip.topic, skip.partition, skip.offset), skip);
    },
    logger: options.logger,
  });
  const follower = followTopic({ ...options, topic: SKIPS_TOPIC, onBatch });
  return {
    find: (topic, partition, offset) => (skips.size === 0 ? undefined : skips.get(keyOf(topic, partition, offset))),
    known: () => follower.caughtUp(KNOWN_WITHIN_MS),
    stop: () => follower.stop(),
  };
}

/** What a task needs to carry out a skip. */
export interface SkipDeps<I> {
  topology: Topology<I>;
  logger: Logger;
  metrics: StreamMetrics;
}

/** Carries out a skip: logs it, and makes the dead letters. */
export function skippingOf<I>(
  record: KafkaRecord,
  { reason, scope }: Skip,
  partition: number,
  { topology, logger, metrics }: SkipDeps<I>,
): Skipping {
  const { offset, value, timestampMs: appendTimeMs } = record;
  const where = { topology: topology.name, partition, offset, reason };
  const key = record.key?.toString('utf8') ?? '';
  const skipped: SkippedRecord = { topic: topology.input.topic, partition, offset, key, value, appendTimeMs };
  const deadLetter = (of: SkippedRecord): OutputRecord[] => {
    metrics.skipped.inc({ topology: topology.name });
    const letter = topology.deadLetter?.(of, reason);
    return letter === undefined ? [] : [{ topic: TOPICS.deadLetters, ...letter }];
  };
  const wholeRecord = (): OutputRecord[] => {
    logger.warn(where, 'skipping a record at the request of an operator');
    return deadLetter(skipped);
  };
  return {
    record: scope === 'record' ? wholeRecord() : null,
    ofEntry(entryKey, entryValue) {
      // The entry's key is not logged: it may be personal data.
      logger.warn(where, 'removing an entry whose deadline fails at a record that an operator has skipped');
      return deadLetter({ ...skipped, entry: { key: entryKey, value: entryValue } });
    },
  };
}
