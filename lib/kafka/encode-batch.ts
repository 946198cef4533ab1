import { crc32c } from '@node-rs/crc32';
import { BATCH_HEADER_BYTES } from './record-batch.ts';
import type { OutgoingRecord } from './types.ts';

const MAGIC = 2;
const TRANSACTIONAL = 0x10;
const NO_LEADER_EPOCH = -1;

export interface BatchIdentity {
  producerId: number;
  producerEpoch: number;
  /** Sequence number of the batch's first record, counted by producer and partition. */
  baseSequence: number;
  transactional: boolean;
}

const zigzag = (value: number): number => (value << 1) ^ (value >> 31);

function varintSize(value: number): number {
  let rest = zigzag(value) >>> 0;
  let size = 1;
  while (rest > 0x7f) {
    rest >>>= 7;
    size++;
  }
  return size;
}

function writeVarint(buf: Buffer, at: number, value: number): number {
  let rest = zigzag(value) >>> 0;
  while (rest > 0x7f) {
    buf[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buf[at++] = rest;
  return at;
}

/** Writes a length (-1 for null) and the bytes. */
function writeBytes(buf: Buffer, at: number, bytes: Buffer | null): number {
  if (bytes === null) return writeVarint(buf, at, -1);
  at = writeVarint(buf, at, bytes.length);
  return at + bytes.copy(buf, at);
}

const bytesSize = (length: number): number => varintSize(length) + length;

function headersSize(headers: Record<string, Buffer>): number {
  let size = varintSize(Object.keys(headers).length);
  for (const [name, value] of Object.entries(headers)) {
    size += bytesSize(Buffer.byteLength(name)) + bytesSize(value.length);
  }
  return size;
}

/** Size of a record without its own length. */
function bodySize(record: OutgoingRecord, index: number, keyLength: number): number {
  const { value, headers } = record;
  return (
    2 + // attributes, timestamp delta 0
    varintSize(index) +
    (keyLength < 0 ? 1 : bytesSize(keyLength)) +
    (value === null ? 1 : bytesSize(value.length)) +
    (headers === undefined ? 1 : headersSize(headers))
  );
}

function writeRecord(
  buf: Buffer,
  at: number,
  record: OutgoingRecord,
  index: number,
  keyLength: number,
  size: number,
): number {
  const { key, value, headers } = record;
  at = writeVarint(buf, at, size);
  buf[at++] = 0;
  buf[at++] = 0;
  at = writeVarint(buf, at, index);
  at = writeVarint(buf, at, keyLength);
  if (keyLength > 0) at += buf.write(key!, at, keyLength, 'utf8');
  at = writeBytes(buf, at, value);
  const entries = headers === undefined ? [] : Object.entries(headers);
  at = writeVarint(buf, at, entries.length);
  for (const [name, content] of entries) {
    at = writeBytes(buf, at, Buffer.from(name, 'utf8'));
    at = writeBytes(buf, at, content);
  }
  return at;
}

/** A record batch of format 2, uncompressed, written once into one buffer. */
export function encodeBatch(records: readonly OutgoingRecord[], identity: BatchIdentity, timestampMs: number): Buffer {
  const count = records.length;
  const keyLengths = new Int32Array(count);
  const sizes = new Int32Array(count);
  let total = BATCH_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const record = records[i]!;
    keyLengths[i] = record.key === null ? -1 : Buffer.byteLength(record.key, 'utf8');
    sizes[i] = bodySize(record, i, keyLengths[i]!);
    total += varintSize(sizes[i]!) + sizes[i]!;
  }
  const buf = Buffer.allocUnsafe(total);
  const time = BigInt(timestampMs);
  buf.writeBigInt64BE(0n, 0); // base offset: assigned by the broker
  buf.writeInt32BE(total - 12, 8);
  buf.writeInt32BE(NO_LEADER_EPOCH, 12);
  buf.writeInt8(MAGIC, 16);
  buf.writeInt16BE(identity.transactional ? TRANSACTIONAL : 0, 21);
  buf.writeInt32BE(count - 1, 23);
  buf.writeBigInt64BE(time, 27);
  buf.writeBigInt64BE(time, 35);
  buf.writeBigInt64BE(BigInt(identity.producerId), 43);
  buf.writeInt16BE(identity.producerEpoch, 51);
  buf.writeInt32BE(identity.baseSequence, 53);
  buf.writeInt32BE(count, 57);
  let at = BATCH_HEADER_BYTES;
  for (let i = 0; i < count; i++) at = writeRecord(buf, at, records[i]!, i, keyLengths[i]!, sizes[i]!);
  buf.writeUInt32BE(crc32c(buf.subarray(21)), 17);
  return buf;
}
