import { batchesOf, decodeRecords, isAbortMarker } from './record-batch.ts';
import type { KafkaRecord } from './types.ts';

export interface AbortedTransaction {
  producerId: number;
  /** Offset of the transaction's first record. */
  firstOffset: number;
}

export interface ReadResult {
  records: KafkaRecord[];
  nextOffset: number;
}

/**
 * The records from `fromOffset` on in the reply for one partition, and the offset to fetch next. Records of aborted
 * transactions are left out (read_committed); `aborted` is null for read_uncommitted. The rule is that of Kafka's Java
 * client: a transaction takes effect at the first batch that reaches its first offset, and from there on the records of
 * its producer are dropped until the abort marker. The transactions are sorted here, because the broker lists them in
 * the order of their markers. Throws BadBatchError when the first batch is unreadable; when a later one is, the records
 * before it are returned, and the next call throws.
 */
export function readRecords(
  records: Buffer,
  fromOffset: number,
  aborted: readonly AbortedTransaction[] | null,
): ReadResult {
  const waiting = aborted === null ? [] : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const aborting = new Set<number>();
  const result: ReadResult = { records: [], nextOffset: fromOffset };
  let next = 0;
  let decoded = 0;
  try {
    for (const batch of batchesOf(records)) {
      if (aborted !== null && batch.producerId >= 0) {
        for (; next < waiting.length && waiting[next]!.firstOffset <= batch.lastOffset; next++) {
          aborting.add(waiting[next]!.producerId);
        }
        if (isAbortMarker(batch)) aborting.delete(batch.producerId);
      }
      const dropped = batch.control || (batch.transactional && aborting.has(batch.producerId));
      if (!dropped && batch.lastOffset >= fromOffset) decodeRecords(batch, fromOffset, result.records);
      result.nextOffset = Math.max(result.nextOffset, batch.lastOffset + 1);
      decoded = result.records.length;
    }
  } catch (error) {
    if (result.nextOffset === fromOffset) throw error;
    result.records.length = decoded;
  }
  return result;
}
