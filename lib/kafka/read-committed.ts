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
 * The records of one partition's reply from `position` on. With a list of aborted transactions (read_committed) it
 * leaves their records out, by the rule of Kafka's Java client: transactions wait in the order of their first offsets
 * and start as soon as a batch reaches that far; a producer's records are dropped until its abort marker. (The broker
 * lists the transactions in the order of their markers, which differs.) Throws when nothing can be read; records before
 * an unreadable batch are returned first.
 */
export function readRecords(
  records: Buffer,
  position: number,
  aborted: readonly AbortedTransaction[] | null,
): ReadResult {
  const waiting = aborted === null ? [] : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const aborting = new Set<number>();
  const result: ReadResult = { records: [], nextOffset: position };
  let next = 0;
  let sound = 0;
  try {
    for (const batch of batchesOf(records)) {
      if (aborted !== null && batch.producerId >= 0) {
        for (; next < waiting.length && waiting[next]!.firstOffset <= batch.lastOffset; next++) {
          aborting.add(waiting[next]!.producerId);
        }
        if (isAbortMarker(batch)) aborting.delete(batch.producerId);
      }
      const dropped = batch.control || (batch.transactional && aborting.has(batch.producerId));
      if (!dropped && batch.lastOffset >= position) decodeRecords(batch, position, result.records);
      result.nextOffset = Math.max(result.nextOffset, batch.lastOffset + 1);
      sound = result.records.length;
    }
  } catch (error) {
    if (result.nextOffset === position) throw error;
    result.records.length = sound;
  }
  return result;
}
