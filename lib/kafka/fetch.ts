import Encoder from 'kafkajs/src/protocol/encoder.js';
import type { Broker } from 'kafkajs-internals';
import { readInt64 } from './record-batch.ts';
import type { AbortedTransaction } from './read-committed.ts';

const FETCH = 1;
const VERSION = 11;
const CONSUMER = -1;
const NO_SESSION = { id: 0, epoch: -1 };
const MIN_BYTES = 1;

export interface FetchPartition {
  topic: string;
  partition: number;
  offset: number;
}

export interface FetchedPartition {
  topic: string;
  partition: number;
  errorCode: number;
  highWatermark: number;
  lastStableOffset: number;
  aborted: AbortedTransaction[];
  /** Record batches, encoded as in the log. */
  records: Buffer;
}

export interface FetchOptions {
  committedOnly: boolean;
  maxWaitMs: number;
  maxBytes: number;
  maxPartitionBytes: number;
  partitions: readonly FetchPartition[];
}

function encodeRequest(options: FetchOptions): Encoder {
  const byTopic = new Map<string, FetchPartition[]>();
  for (const p of options.partitions) {
    const known = byTopic.get(p.topic);
    if (known === undefined) byTopic.set(p.topic, [p]);
    else known.push(p);
  }
  const topics = [...byTopic].map(([topic, partitions]) =>
    new Encoder().writeString(topic).writeArray(
      partitions.map((p) =>
        new Encoder()
          .writeInt32(p.partition)
          .writeInt32(-1) // leader epoch: not checked
          .writeInt64(p.offset)
          .writeInt64(-1) // log start offset: used by followers only
          .writeInt32(options.maxPartitionBytes),
      ),
    ),
  );
  return new Encoder()
    .writeInt32(CONSUMER)
    .writeInt32(options.maxWaitMs)
    .writeInt32(MIN_BYTES)
    .writeInt32(options.maxBytes)
    .writeInt8(options.committedOnly ? 1 : 0)
    .writeInt32(NO_SESSION.id)
    .writeInt32(NO_SESSION.epoch)
    .writeArray(topics)
    .writeArray([]) // forgotten topics of a session
    .writeString(''); // rack
}

function readString(buf: Buffer, at: number): string {
  return buf.toString('utf8', at + 2, at + 2 + buf.readInt16BE(at));
}

/** Decodes the reply to a fetch, but not the record batches in it. */
export function decodeResponse(buf: Buffer): { errorCode: number; partitions: FetchedPartition[] } {
  const partitions: FetchedPartition[] = [];
  const errorCode = buf.readInt16BE(4);
  let at = 10; // throttle time, error code, session id
  const topicCount = buf.readInt32BE(at);
  at += 4;
  for (let t = 0; t < topicCount; t++) {
    const topic = readString(buf, at);
    at += 2 + buf.readInt16BE(at);
    const partitionCount = buf.readInt32BE(at);
    at += 4;
    for (let p = 0; p < partitionCount; p++) {
      const fetched = {
        topic,
        partition: buf.readInt32BE(at),
        errorCode: buf.readInt16BE(at + 4),
        highWatermark: readInt64(buf, at + 6),
        lastStableOffset: readInt64(buf, at + 14),
      };
      at += 30; // …, log start offset
      const abortedCount = buf.readInt32BE(at);
      at += 4;
      const aborted: AbortedTransaction[] = [];
      for (let a = 0; a < abortedCount; a++, at += 16) {
        aborted.push({ producerId: readInt64(buf, at), firstOffset: readInt64(buf, at + 8) });
      }
      at += 4; // preferred read replica
      const size = Math.max(0, buf.readInt32BE(at));
      at += 4;
      partitions.push({ ...fetched, aborted, records: buf.subarray(at, at + size) });
      at += size;
    }
  }
  return { errorCode, partitions };
}

/** Sends one fetch to one broker, which answers when it has records, at the latest after `maxWaitMs`. */
export async function fetchFrom(broker: Broker, options: FetchOptions): Promise<FetchedPartition[]> {
  const reply = await broker.connectionPool.send({
    request: {
      apiKey: FETCH,
      apiVersion: VERSION,
      apiName: 'Fetch',
      encode: () => Promise.resolve(encodeRequest(options)),
    },
    response: {
      decode: (payload) => Promise.resolve(decodeResponse(payload)),
      parse: (data) => Promise.resolve(data),
    },
    logResponseError: false,
  });
  return reply.partitions;
}
