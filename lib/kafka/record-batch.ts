import { gunzipSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import type { KafkaRecord } from './types.ts';

/*
 * Kafka's record batch, format 2. Offsets, timestamps and producer ids are 64-bit on the wire and plain numbers here:
 * exact up to 2^53.
 */

/** The bytes are not a record batch, or one in a format that is not supported. */
export class BadBatchError extends Error {
  override readonly name = 'BadBatchError';
}

const LENGTH_AT = 8;
/** Size of the base offset and length fields, which `length` does not include. */
const LOG_OVERHEAD = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const COUNT_AT = 57;
export const BATCH_HEADER_BYTES = 61;

const COMPRESSION_MASK = 0x07;
const GZIP = 1;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

const NO_HEADERS: Readonly<Record<string, Buffer | null>> = Object.freeze({});

export const readInt64 = (buf: Buffer, at: number): number =>
  buf.readInt32BE(at) * 0x1_0000_0000 + buf.readUInt32BE(at + 4);

/** The header of a batch. Its records are decoded only on demand. */
export interface RecordBatch {
  baseOffset: number;
  lastOffset: number;
  /** -1 when the producer is not idempotent. */
  producerId: number;
  transactional: boolean;
  /** Holds a transaction marker instead of records. */
  control: boolean;
  /** The whole batch. */
  buf: Buffer;
}

/**
 * The complete batches in the order of the log. A batch that is cut off at the end of the reply is left for the next
 * fetch.
 */
export function* batchesOf(records: Buffer): Generator<RecordBatch> {
  let at = 0;
  while (at + BATCH_HEADER_BYTES <= records.length) {
    const size = LOG_OVERHEAD + records.readInt32BE(at + LENGTH_AT);
    if (at + size > records.length) return;
    const buf = records.subarray(at, at + size);
    const magic = buf[MAGIC_AT];
    if (magic !== 2) throw new BadBatchError(`record batch has format ${magic}; only format 2 is supported`);
    if (crc32c(buf.subarray(ATTRIBUTES_AT)) !== buf.readUInt32BE(CRC_AT)) {
      throw new BadBatchError(`record batch at offset ${readInt64(buf, 0)} has a wrong checksum`);
    }
    const attributes = buf.readInt16BE(ATTRIBUTES_AT);
    const baseOffset = readInt64(buf, 0);
    yield {
      baseOffset,
      lastOffset: baseOffset + buf.readInt32BE(LAST_OFFSET_DELTA_AT),
      producerId: readInt64(buf, PRODUCER_ID_AT),
      transactional: (attributes & TRANSACTIONAL) !== 0,
      control: (attributes & CONTROL) !== 0,
      buf,
    };
    at += size;
  }
}

/** Reads variable-length integers and bytes one after another. */
class Cursor {
  at: number;
  constructor(
    readonly buf: Buffer,
    at: number,
  ) {
    this.at = at;
  }

  /** Zigzag, up to 53 bits. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.buf[this.at++];
      if (byte === undefined) throw new BadBatchError('record ends too early');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const from = this.at;
    this.at += length;
    if (this.at > this.buf.length) throw new BadBatchError('record ends too early');
    return this.buf.subarray(from, this.at);
  }
}

function readHeaders(cursor: Cursor): Readonly<Record<string, Buffer | null>> {
  const count = cursor.varint();
  if (count <= 0) return NO_HEADERS;
  const headers: [string, Buffer | null][] = [];
  for (let i = 0; i < count; i++) {
    const name = cursor.bytes()?.toString('utf8') ?? '';
    headers.push([name, cursor.bytes()]);
  }
  // Not by assignment: a header may be named __proto__.
  return Object.fromEntries(headers);
}

/** Appends the records of a batch from `fromOffset` on to `into`. */
export function decodeRecords(batch: RecordBatch, fromOffset: number, into: KafkaRecord[]): void {
  const { buf, baseOffset } = batch;
  const attributes = buf.readInt16BE(ATTRIBUTES_AT);
  const compression = attributes & COMPRESSION_MASK;
  if (compression > GZIP) throw new BadBatchError(`compression ${compression} is not supported: use none or gzip`);
  const appendTimeMs = (attributes & LOG_APPEND_TIME) !== 0 ? readInt64(buf, MAX_TIMESTAMP_AT) : undefined;
  const baseTimestampMs = readInt64(buf, BASE_TIMESTAMP_AT);
  const count = buf.readInt32BE(COUNT_AT);
  const cursor =
    compression === GZIP
      ? new Cursor(gunzipSync(buf.subarray(BATCH_HEADER_BYTES)), 0)
      : new Cursor(buf, BATCH_HEADER_BYTES);
  for (let i = 0; i < count; i++) {
    const length = cursor.varint();
    const end = cursor.at + length;
    cursor.at++; // attributes of the record: none are defined
    const timestampDeltaMs = cursor.varint();
    const offset = baseOffset + cursor.varint();
    if (offset >= fromOffset) {
      const key = cursor.bytes();
      const value = cursor.bytes();
      const headers = readHeaders(cursor);
      into.push({ offset, timestampMs: appendTimeMs ?? baseTimestampMs + timestampDeltaMs, key, value, headers });
    }
    cursor.at = end;
  }
}

const ABORT = 0;

/** Whether a control batch ends an aborted transaction (and not a committed one). */
export function isAbortMarker(batch: RecordBatch): boolean {
  if (!batch.control) return false;
  const markers: KafkaRecord[] = [];
  decodeRecords(batch, batch.baseOffset, markers);
  const key = markers[0]?.key;
  // Key of a marker: version, type (both 16 bits).
  return key !== undefined && key !== null && key.length >= 4 && key.readInt16BE(2) === ABORT;
}
