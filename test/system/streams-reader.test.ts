import { afterEach, expect, it } from 'vitest';
import { CorruptRecordError, type Batch, type Kafka, type Reader } from '../../lib/kafka/index.ts';
import { kafkajs } from '../../lib/kafka/testing/kafkajs.ts';
import { brokers, freshKafka, until } from './streams-world.ts';

const TOPIC = 'cart-events';
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface World {
  kafka: Kafka;
  reader: Reader;
  /** Appends records to partition 0, or another. */
  write(keys: readonly string[], partition?: number): Promise<void>;
  /** Polls until `holds` of all batches so far. */
  poll(holds: (batches: readonly Batch[]) => boolean): Promise<Batch[]>;
}

async function world(): Promise<World> {
  const kafka = freshKafka();
  closing.push(() => kafka.close());
  await kafka.ensureTopics([{ topic: TOPIC, partitions: 2 }]);
  const producer = kafka.createProducer();
  const reader = kafka.createReader({ isolation: 'read_committed' });
  closing.push(
    () => producer.close(),
    () => reader.close(),
  );
  return {
    kafka,
    reader,
    write: (keys, partition = 0) =>
      producer.send(keys.map((key) => ({ topic: TOPIC, key, partition, value: Buffer.from(key) }))),
    async poll(holds) {
      const batches: Batch[] = [];
      await until('read', async () => {
        batches.push(...(await reader.poll(200)));
        return holds(batches);
      });
      return batches;
    },
  };
}

const keysOf = (batches: readonly Batch[], partition = 0): string[] =>
  batches.filter((b) => b.partition === partition).flatMap((b) => b.records.map(({ key }) => String(key)));

it('tells for whom it reads, and stops only for that one', async () => {
  const { reader, write, poll } = await world();
  await write(['a', 'b']);
  const former = { name: 'former' };
  const present = { name: 'present' };
  reader.seek({ topic: TOPIC, partition: 0, offset: 0, owner: former });
  expect((await poll((b) => keysOf(b).length === 2)).every(({ owner }) => owner === former)).toBe(true);
  reader.seek({ topic: TOPIC, partition: 0, offset: 1, owner: present });
  reader.remove(TOPIC, 0, former);
  await write(['c']);
  const batches = await poll((b) => keysOf(b).length === 2);
  expect(keysOf(batches)).toEqual(['b', 'c']);
  expect(batches.every(({ owner }) => owner === present)).toBe(true);
  reader.remove(TOPIC, 0, present);
  await write(['d']);
  expect(await reader.poll(500)).toEqual([]);
});

it('reads up to what it cannot decompress, names the partition, and reads the others on', async () => {
  const { kafka, reader, write, poll } = await world();
  await write(['a', 'b']);
  await writeSnappy(kafka, 'compressed');
  await write(['behind']);
  await write(['x'], 1);
  reader.assign([0, 1].map((partition) => ({ topic: TOPIC, partition, offset: 0 })));
  const read: Batch[] = [];
  const errors: unknown[] = [];
  await until('found', async () => {
    await reader.poll(200).then(
      (batches) => read.push(...batches),
      (error: unknown) => errors.push(error),
    );
    return errors.length > 1 && keysOf(read, 1).length === 1;
  });
  expect(keysOf(read)).toEqual(['a', 'b']);
  expect(errors[0]).toBeInstanceOf(CorruptRecordError);
  expect(errors[0]).toMatchObject({ topic: TOPIC, partition: 0, offset: 2 });
  reader.remove(TOPIC, 0);
  await write(['y', 'z'], 1);
  expect(keysOf(await poll((b) => keysOf(b, 1).length === 2), 1)).toEqual(['y', 'z']);
});

/** A record under snappy, which no part of this system writes, but any other client may. */
async function writeSnappy(kafka: Kafka, key: string): Promise<void> {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(snappy(buffer)),
    decompress: () => Promise.reject(new Error('not of use here')),
  });
  const client = new kafkajs.Kafka({ brokers: brokers(), logLevel: kafkajs.logLevel.NOTHING });
  const producer = client.producer();
  await producer.connect();
  await producer.send({
    topic: kafka.topicPrefix + TOPIC,
    compression: CompressionTypes.Snappy,
    messages: [{ key, partition: 0, value: 'v' }],
  });
  await producer.disconnect();
}

/** Snappy as Java frames it, in one block of one literal: nothing is made smaller. */
function snappy(plain: Buffer): Buffer {
  const head = Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  const length = plain.length;
  const block = Buffer.concat([
    Buffer.from([(length & 0x7f) | 0x80, length >> 7, 61 << 2, (length - 1) & 0xff, (length - 1) >> 8]),
    plain,
  ]);
  const size = Buffer.alloc(4);
  size.writeInt32BE(block.length);
  return Buffer.concat([head, size, block]);
}
