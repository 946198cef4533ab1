import { describe, expect, it } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import { KafkaUnavailableError } from './errors.ts';
import { readToEnd } from './read-to-end.ts';
import type { Batch, KafkaRecord, PartitionOffset, Reader } from './types.ts';

const topic = 'things';
const IDLE_MAX_MS = 10_000;

/** A reader of `perBatch` offsets at a time; every second offset has a record, the others are markers. */
function world(lengths: readonly number[], perBatch = 3) {
  const clock = new ManualClock();
  const positions = new Map<number, number>();
  const read: string[] = [];
  let isClosed = false;
  let isHeld = false;
  const reader: Partial<Reader> = {
    assign: (all: readonly PartitionOffset[]) => all.forEach((at) => positions.set(at.partition, at.offset)),
    remove: (_, partition) => void positions.delete(partition),
    poll: async (maxWaitMs) => {
      const batches = isHeld ? [] : [...positions].flatMap(([partition, offset]) => next(partition, offset));
      if (batches.length === 0) await clock.sleep(maxWaitMs);
      return batches;
    },
    close: () => Promise.resolve(void (isClosed = true)),
  };
  function next(partition: number, offset: number): Batch[] {
    const end = lengths[partition] ?? 0;
    const nextOffset = Math.min(offset + perBatch, end);
    if (nextOffset === offset) return [];
    positions.set(partition, nextOffset);
    const records = Array.from({ length: nextOffset - offset }, (_, i) => offset + i)
      .filter((at) => at % 2 === 0)
      .map((at) => ({ offset: at }) as KafkaRecord);
    return [{ topic, partition, records, nextOffset, highWatermark: end, lastStableOffset: end }];
  }
  const run = async (beginnings: number[], ends: number[]): Promise<string[]> => {
    const kafka = { createReader: () => reader as Reader };
    const ranges = new Map(ends.map((end, partition) => [partition, { beginning: beginnings[partition] ?? 0, end }]));
    const options = { topic, ranges, clock, idleMaxMs: IDLE_MAX_MS, isolation: 'read_committed' as const };
    for await (const { partition, records } of readToEnd(kafka, options)) {
      read.push(...records.map(({ offset }) => `${partition}:${offset}`));
    }
    return read;
  };
  return { clock, run, read, isClosed: () => isClosed, hold: () => (isHeld = true) };
}

describe('reading to the end', () => {
  it('ends when all partitions have reached theirs, also at a transaction marker', async () => {
    const { run, isClosed } = world([4, 100, 0, 8]);
    expect(await run([0, 90, 0, 8], [4, 94, 0, 8])).toEqual(['0:0', '0:2', '1:90', '1:92', '1:94']);
    expect(isClosed()).toBe(true);
  });

  it('opens no reader when there is nothing to read', async () => {
    const { run, isClosed } = world([4]);
    expect(await run([4], [4])).toEqual([]);
    expect(isClosed()).toBe(false);
  });

  it('fails when Kafka yields nothing before the end', async () => {
    const { clock, run, hold, isClosed } = world([4]);
    hold();
    const failed = expect(run([0], [4])).rejects.toBeInstanceOf(KafkaUnavailableError);
    await clock.advance(IDLE_MAX_MS + 1_000);
    await failed;
    expect(isClosed()).toBe(true);
  });
});
