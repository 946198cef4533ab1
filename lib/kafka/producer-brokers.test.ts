import type Cluster from 'kafkajs/src/cluster/index.js';
import { beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import type { ConnectionOptions } from './cluster.ts';
import { KafkaUnavailableError } from './errors.ts';
import type { PartitionRecords } from './produce.ts';
import { BatchingProducer, type Session } from './producer.ts';

/** Partition n is led by broker n. What a broker is sent waits until the test lets it answer. */
const brokers = {
  sent: [] as { partition: number; values: string[]; producerId: number; answer: (error?: Error) => void }[],
  producerIds: 0,
  sessions: 0,
};
class TestSession implements Session {
  identity = { producerId: -1, producerEpoch: -1 };
  constructor() {
    brokers.sessions++;
  }
  begin(identity: { producerId: number; producerEpoch: number }): void {
    this.identity = identity;
  }
  connected(): Promise<Cluster> {
    return Promise.resolve({
      refreshMetadataIfNecessary: () => Promise.resolve(),
      findControllerBroker: () =>
        Promise.resolve({
          initProducerId: () => Promise.resolve({ producerId: String(++brokers.producerIds), producerEpoch: 0 }),
        }),
    } as unknown as Cluster);
  }
  learn(): Promise<void> {
    return Promise.resolve();
  }
  leaderOf(_: string, partition: number): number {
    return partition;
  }
  async produce(groups: readonly PartitionRecords[]): Promise<void> {
    await Promise.all(
      groups.map(
        ({ partition, records }) =>
          new Promise<void>((resolve, reject) => {
            const values = records.map(({ value }) => String(value));
            const answer = (error?: Error): void => (error ? reject(error) : resolve());
            brokers.sent.push({ partition, values, producerId: this.identity.producerId, answer });
          }),
      ),
    );
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

const [ALIVE, DEAD] = [0, 1];
const clock = new ManualClock();
let producer: BatchingProducer;
beforeEach(() => {
  Object.assign(brokers, { sent: [], producerIds: 0, sessions: 0 });
  const connection = { clock, logger: { warn: () => undefined } } as unknown as ConnectionOptions;
  const options = { deliveryTimeoutMs: 1_000 };
  producer = new BatchingProducer(
    connection,
    '',
    () => Promise.resolve(2),
    options,
    () => new TestSession(),
  );
});

const send = (value: string, partition: number): Promise<void> =>
  producer.send({ topic: 't', key: 'k', partition, value: Buffer.from(value) });
/** Takes the next requests of a broker as they come. */
async function sentTo(partition: number) {
  await clock.advance(0);
  await clock.advance(0);
  const found = brokers.sent.filter((one) => one.partition === partition);
  brokers.sent = brokers.sent.filter((one) => one.partition !== partition);
  return found;
}

it('delivers to other brokers while one does not answer, also what was sent together with records for that one', async () => {
  const dead = send('x', DEAD);
  const first = send('a', ALIVE);
  const [request] = await sentTo(ALIVE);
  request!.answer();
  await first;
  for (const value of ['b', 'c', 'd']) {
    const sent = send(value, ALIVE);
    (await sentTo(ALIVE)).forEach(({ answer }) => answer());
    await sent;
  }
  const [lost] = await sentTo(DEAD);
  expect(lost!.values).toEqual(['x']);
  lost!.answer();
  await dead;
});

it('sends a partition its next records only once the earlier ones have an answer, all that came meanwhile together', async () => {
  const sends = [send('a', ALIVE)];
  const [first] = await sentTo(ALIVE);
  sends.push(send('b', ALIVE), send('c', ALIVE));
  expect(await sentTo(ALIVE)).toEqual([]);
  first!.answer();
  const [second] = await sentTo(ALIVE);
  expect(second!.values).toEqual(['b', 'c']);
  second!.answer();
  await Promise.all(sends);
});

it('continues with another producer id after an error, which does not touch what is under way elsewhere', async () => {
  const failing = send('x', DEAD);
  const kept = send('a', ALIVE);
  const [alive] = await sentTo(ALIVE);
  const [dead] = await sentTo(DEAD);
  dead!.answer(new Error('no answer'));
  await expect(failing).rejects.toBeInstanceOf(KafkaUnavailableError);
  const later = send('y', DEAD);
  const [retried] = await sentTo(DEAD);
  expect(retried!.producerId).not.toBe(dead!.producerId);
  expect(brokers.sessions).toBe(1);
  retried!.answer();
  alive!.answer();
  await Promise.all([later, kept]);
});
