import type { Clock } from '../clock/index.ts';
import { KafkaUnavailableError } from './errors.ts';
import type { Batch, Kafka, OffsetRange, ReaderOptions } from './types.ts';

const POLL_MS = 500;

export interface ReadToEndOptions extends ReaderOptions {
  topic: string;
  /** What is read, by partition. */
  ranges: ReadonlyMap<number, OffsetRange>;
  clock: Clock;
  /** How long no batch may arrive. */
  idleMaxMs: number;
}

/**
 * Reads partitions of a topic from one offset to another, and ends. The last batch of a partition may hold records past
 * its end. Throws UnreadablePartitionError, and KafkaUnavailableError when no batch arrives for `idleMaxMs`.
 */
export async function* readToEnd(
  kafka: Pick<Kafka, 'createReader'>,
  { topic, ranges, clock, idleMaxMs, ...options }: ReadToEndOptions,
): AsyncGenerator<Batch, void, undefined> {
  const open = new Map([...ranges].filter(([, { beginning, end }]) => beginning < end));
  if (open.size === 0) return;
  const reader = kafka.createReader(options);
  try {
    reader.assign([...open].map(([partition, { beginning }]) => ({ topic, partition, offset: beginning })));
    let lastBatchAtMs = clock.elapsedMs();
    while (open.size > 0) {
      const batches = await reader.poll(POLL_MS);
      if (batches.length === 0 && clock.elapsedMs() - lastBatchAtMs > idleMaxMs) {
        throw new KafkaUnavailableError(`${topic}: no records arrived for ${idleMaxMs / 1_000} s before the end`);
      }
      for (const batch of batches) {
        const range = open.get(batch.partition);
        if (range === undefined) continue;
        yield batch;
        if (batch.nextOffset < range.end) continue;
        open.delete(batch.partition);
        reader.remove(topic, batch.partition);
      }
      // The time that the caller took does not count.
      if (batches.length > 0) lastBatchAtMs = clock.elapsedMs();
    }
  } finally {
    await reader.close();
  }
}
