import { crc32 } from 'node:zlib';
import type { Clock } from '../clock/index.ts';
import { OffsetOutOfRangeError, UnreadablePartitionError } from './errors.ts';
import type { Kafka, KafkaRecord } from './types.ts';

/**
 * What distinguishes a record from any other that could be at its offset. A log that lost its end, or was created
 * again, assigns the same offsets to other records; offsets alone do not reveal that once the log has grown past its
 * former end.
 */
export interface Mark {
  offset: number;
  /** Unix milliseconds, as the log holds it. */
  timestampMs: number;
  /** CRC-32 of the value. */
  crc: number;
}

export const markOf = ({
  offset,
  timestampMs,
  value,
}: Pick<KafkaRecord, 'offset' | 'timestampMs' | 'value'>): Mark => ({
  offset,
  timestampMs,
  crc: value === null ? 0 : crc32(value),
});

export const markText = ({ offset, timestampMs, crc }: Mark): string => `${offset} ${timestampMs} ${crc}`;

/** Undefined for text that says none, as where a release wrote that knew of no marks. Throws on what is not ours. */
export function parseMark(text: string): Mark | undefined {
  if (text === '') return undefined;
  const [offset, timestampMs, crc, ...rest] = text.split(' ').map(Number);
  if (
    offset === undefined ||
    timestampMs === undefined ||
    crc === undefined ||
    rest.length > 0 ||
    isNaN(offset + crc)
  ) {
    throw new Error(`not the mark of a record: ${text}`);
  }
  return { offset, timestampMs, crc };
}

const POLL_MS = 500;
const WITHIN_MS = 15_000;

/**
 * Looks for marked records, at most one a partition, and returns those partitions in which another record, or none,
 * stands at the mark's offset. A mark before its partition's beginning shows nothing any more: retention took it.
 * Throws an Error when Kafka does not answer in time.
 */
export async function findBroken(
  kafka: Pick<Kafka, 'createReader' | 'beginningOffsets'>,
  topic: string,
  marks: ReadonlyMap<number, Mark>,
  beginnings: readonly number[],
  clock: Clock,
): Promise<Set<number>> {
  const broken = new Set<number>();
  const open = new Map([...marks].filter(([partition, { offset }]) => offset >= (beginnings[partition] ?? 0)));
  if (open.size === 0) return broken;
  // Uncommitted too: what stands there now may belong to a transaction that is still open.
  const reader = kafka.createReader({ isolation: 'read_uncommitted', maxPartitionBytes: 64 << 10 });
  const settle = (partition: number, isSame: boolean): void => {
    if (!isSame) broken.add(partition);
    open.delete(partition);
    reader.remove(topic, partition);
  };
  const deadline = clock.elapsedMs() + WITHIN_MS;
  try {
    reader.assign([...open].map(([partition, { offset }]) => ({ topic, partition, offset })));
    while (open.size > 0) {
      if (clock.elapsedMs() > deadline) throw new Error(`${topic}: cannot check the records that were read last`);
      try {
        for (const { partition, records, nextOffset } of await reader.poll(POLL_MS)) {
          const mark = open.get(partition);
          if (mark === undefined || nextOffset <= mark.offset) continue;
          const found = records[0];
          settle(partition, found !== undefined && markText(markOf(found)) === markText(mark));
        }
      } catch (error) {
        if (!(error instanceof UnreadablePartitionError)) throw error;
        const { partition, offset } = error;
        // A damaged record is found, and reported, by reading on.
        const isSame =
          !(error instanceof OffsetOutOfRangeError) || (await isBeforeBeginning(kafka, topic, partition, offset));
        settle(partition, isSame);
      }
    }
  } finally {
    await reader.close();
  }
  return broken;
}

/** Whether retention has taken an offset since the beginnings were read. */
async function isBeforeBeginning(
  kafka: Pick<Kafka, 'beginningOffsets'>,
  topic: string,
  partition: number,
  offset: number,
): Promise<boolean> {
  const beginnings = await kafka.beginningOffsets(topic);
  return offset < (beginnings[partition] ?? 0);
}
