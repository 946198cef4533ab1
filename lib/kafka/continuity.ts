import { crc32 } from 'node:zlib';
import type { Clock } from '../clock/index.ts';
import { OffsetOutOfRangeError, UnreadablePartitionError } from './errors.ts';
import type { Kafka, KafkaRecord } from './types.ts';

/**
 * Identifies a record, to detect that another one has taken its offset. A log that lost its end, or was created again,
 * assigns the same offsets to other records. Offsets alone do not reveal that once the log has grown past its former
 * end.
 */
export interface Mark {
  offset: number;
  /** Unix milliseconds, as stored in the log. */
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

/**
 * Parses the result of `markText`. Undefined for the empty text, which stands for a missing mark: earlier releases did
 * not write marks. Throws an Error for any other text.
 */
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
    throw new Error(`"${text}" is not the mark of a record: offset, timestamp and CRC-32 are expected`);
  }
  return { offset, timestampMs, crc };
}

const POLL_MS = 500;
const WITHIN_MS = 15_000;

/**
 * Compares marks, at most one per partition, with the log. Returns the partitions that have another record, or no
 * record, at the offset of the mark. A mark before the beginning of its partition is skipped, because retention has
 * deleted the record. Throws an Error when Kafka does not answer in time.
 */
export async function findBroken(
  kafka: Pick<Kafka, 'createReader' | 'rangeOf'>,
  topic: string,
  marks: ReadonlyMap<number, Mark>,
  beginnings: ReadonlyMap<number, number>,
  clock: Clock,
): Promise<Set<number>> {
  const broken = new Set<number>();
  const open = new Map([...marks].filter(([partition, { offset }]) => offset >= (beginnings.get(partition) ?? 0)));
  if (open.size === 0) return broken;
  // Reads uncommitted records too: the record at the offset may belong to a transaction that is still open.
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
        // A damaged record is not reported here: the consumer reports it when it reads that far.
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

/** Whether retention has deleted an offset since the beginnings were read. */
async function isBeforeBeginning(
  kafka: Pick<Kafka, 'rangeOf'>,
  topic: string,
  partition: number,
  offset: number,
): Promise<boolean> {
  const { beginning } = await kafka.rangeOf(topic, partition);
  return offset < beginning;
}
