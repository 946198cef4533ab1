import type { KafkaRecord, OutgoingRecord, TopicSpec } from '../kafka/types.ts';
import { changelogOf } from '../topics.ts';
import type { Change } from './task-core.ts';
import { isBefore, type Position } from './position.ts';

/*
 * A changelog value: version (1 byte), input offset (8), step (4), then the state's own bytes. A tombstone has no value;
 * its offset and step are in a header.
 */
const VERSION = 1;
const HEADER_BYTES = 13;
const POSITION_HEADER = 'position';

function writePosition(buf: Buffer, { offset, step }: Position): void {
  buf[0] = VERSION;
  buf.writeBigInt64BE(BigInt(offset), 1);
  buf.writeInt32BE(step, 9);
}

function readPosition(buf: Buffer): Position {
  if (buf.length < HEADER_BYTES || buf[0] !== VERSION)
    throw new Error(`changelog entry is truncated or has version ${buf[0]}; only version ${VERSION} is supported`);
  return { offset: Number(buf.readBigInt64BE(1)), step: buf.readInt32BE(9) };
}

export function encodeChange(topic: string, partition: number, key: string, change: Change): OutgoingRecord {
  const { value, position } = change;
  const buf = Buffer.allocUnsafe(HEADER_BYTES + (value?.length ?? 0));
  writePosition(buf, position);
  if (value === null) return { topic, partition, key, value: null, headers: { [POSITION_HEADER]: buf } };
  value.copy(buf, HEADER_BYTES);
  return { topic, partition, key, value: buf };
}

/** The changelog of a group, as a topic: partitioned as its input. */
export const changelogSpec = (group: string, partitions: number): TopicSpec => ({
  topic: changelogOf(group),
  partitions,
  config: {
    'cleanup.policy': 'compact',
    // Superseded entries are compacted away soon, because a restart reads the whole changelog.
    'segment.ms': '3600000',
    'min.cleanable.dirty.ratio': '0.2',
    'max.compaction.lag.ms': '86400000',
  },
});

export interface ChangelogEntry {
  key: string;
  /** A view into the record; null when the key was deleted. */
  value: Buffer | null;
  position: Position;
}

export function decodeChange(record: KafkaRecord): ChangelogEntry {
  const { value, headers } = record;
  const key = record.key?.toString('utf8') ?? '';
  if (value !== null) return { key, value: value.subarray(HEADER_BYTES), position: readPosition(value) };
  const header = headers[POSITION_HEADER];
  if (header === undefined || header === null)
    throw new Error(`changelog tombstone has no header "${POSITION_HEADER}"`);
  return { key, value: null, position: readPosition(header) };
}

/**
 * The restore rule: an entry counts only if the input that it reflects lies before what was committed. An entry at or
 * past it belongs to a transaction that was not committed, and will be written again.
 */
export const isReflected = (entry: ChangelogEntry, committed: Position): boolean => isBefore(entry.position, committed);
