import type { Logger } from 'pino';
import type { Clock } from '../clock/index.ts';
import type { Kafka, KafkaRecord, OutgoingRecord, TopicSpec } from '../kafka/types.ts';
import { TOPICS } from '../topics.ts';
import type { StreamMetrics } from './metrics.ts';
import type { OutputRecord } from './task-core.ts';
import type { Topology } from './topology.ts';

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

/** An operator's order to skip one record of an input topic. */
export interface Skip {
  topic: string;
  partition: number;
  offset: number;
  /** In the operator's words. */
  reason: string;
}

/** The record of a skip: JSON, keyed by the record that it names. `skippedAtMs` is Unix milliseconds. */
export function encodeSkip(skip: Skip, skippedAtMs: number): OutgoingRecord {
  const { topic, partition, offset } = skip;
  const value = Buffer.from(JSON.stringify({ ...skip, skipped_at: new Date(skippedAtMs).toISOString() }), 'utf8');
  return { topic: SKIPS_TOPIC, partition: 0, key: `${topic}/${partition}/${offset}`, value };
}

/** Throws an Error for bytes that are not the record of a skip. */
export function decodeSkip(value: Buffer): Skip {
  const skip = JSON.parse(value.toString('utf8')) as Partial<Skip>;
  const { topic, partition, offset, reason } = skip;
  if (typeof topic !== 'string' || !Number.isInteger(partition) || !Number.isInteger(offset)) {
    throw new Error(`a record of ${SKIPS_TOPIC} has no valid topic, partition and offset: ${value.toString('utf8')}`);
  }
  return { topic, partition: partition!, offset: offset!, reason: typeof reason === 'string' ? reason : '' };
}

const POLL_MS = 500;
const WITHIN_MS = 15_000;

/** The skips of one partition by offset. Throws an Error when Kafka does not answer in time. */
export async function readSkips(
  kafka: Kafka,
  clock: Clock,
  topic: string,
  partition: number,
): Promise<Map<number, Skip>> {
  const skips = new Map<number, Skip>();
  const [end = 0] = await kafka.endOffsets(SKIPS_TOPIC);
  let [position = 0] = await kafka.beginningOffsets(SKIPS_TOPIC);
  if (position >= end) return skips;
  const reader = kafka.createReader({ isolation: 'read_committed' });
  const deadlineMs = clock.elapsedMs() + WITHIN_MS;
  try {
    reader.assign([{ topic: SKIPS_TOPIC, partition: 0, offset: position }]);
    while (position < end) {
      if (clock.elapsedMs() > deadlineMs) throw new Error(`cannot read ${SKIPS_TOPIC}: Kafka did not answer in time`);
      for (const { records, nextOffset } of await reader.poll(POLL_MS)) {
        position = nextOffset;
        for (const { value } of records) {
          if (value === null) continue;
          const skip = decodeSkip(value);
          if (skip.topic === topic && skip.partition === partition) skips.set(skip.offset, skip);
        }
      }
    }
  } finally {
    await reader.close();
  }
  return skips;
}

/** What is written in place of a record that an operator has skipped; logs the skip. */
export function substituteOf<I>(
  record: KafkaRecord,
  { reason }: Skip,
  partition: number,
  deps: { topology: Topology<I>; logger: Logger; metrics: StreamMetrics },
): OutputRecord[] {
  const { topology, logger, metrics } = deps;
  const { offset, value, timestampMs: appendTimeMs } = record;
  logger.warn({ topology: topology.name, partition, offset, reason }, 'skipping a record, as ordered by an operator');
  metrics.skipped.inc({ topology: topology.name });
  const key = record.key?.toString('utf8') ?? '';
  const letter = topology.deadLetter?.(
    { topic: topology.input.topic, partition, offset, key, value, appendTimeMs },
    reason,
  );
  return letter === undefined ? [] : [{ topic: TOPICS.deadLetters, ...letter }];
}
