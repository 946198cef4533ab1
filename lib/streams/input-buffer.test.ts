import { expect, it } from 'vitest';
import type { Batch, KafkaRecord, Reader } from '../kafka/types.ts';
import { InputBuffer } from './input-buffer.ts';

const REPLY_BYTES = 1 << 20;

/** A batch of one record, of which key, value and header are views into a whole reply of a broker. */
function batchOf(offset: number, owner: object): Batch {
  const reply = Buffer.alloc(REPLY_BYTES, offset);
  const record: KafkaRecord = {
    ...{ offset, timestampMs: 0, key: reply.subarray(0, 4), value: reply.subarray(4, 20) },
    headers: { name: reply.subarray(20, 24), empty: null },
  };
  const ends = { nextOffset: offset + 1, highWatermark: 9, lastStableOffset: 9 };
  return { topic: 't', partition: 0, records: [record], owner, ...ends };
}

/** The bytes that stay in memory for a batch. */
function pinnedBytes({ records }: Batch): number {
  const buffers = records.flatMap(({ key, value, headers }) => [key, value, ...Object.values(headers)]);
  const memory = new Set(buffers.flatMap((buffer) => (buffer === null ? [] : [buffer.buffer])));
  return [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

it('keeps only its records of a reply when they wait behind others, with the same content', () => {
  const owner = {};
  const reader = { seek: () => undefined } as unknown as Reader;
  const buffer = new InputBuffer({ reader, topic: 't', partition: 0 }, owner);
  buffer.start(0);
  for (const offset of [0, 1, 2]) buffer.offer(batchOf(offset, owner));
  const kept: Batch[] = [];
  for (let batch = buffer.first(); batch !== undefined; batch = buffer.first()) {
    kept.push(batch);
    buffer.shift();
  }
  expect(kept).toEqual([0, 1, 2].map((offset) => batchOf(offset, owner)));
  expect(kept.slice(1).map(pinnedBytes)).toEqual([24, 24]);
});
