import { describe, expect, it } from 'vitest';
import { randomFrom } from '../../carts/testing/random.ts';
import { FencedError, TransactionError } from '../errors.ts';
import type { Kafka, OutgoingRecord } from '../types.ts';
import { SimulatedBroker } from './broker.ts';
import { EventLoop, type SimulatedProcess } from './event-loop.ts';
import { Network, type RequestFault, type RequestKind } from './network.ts';
import { TRANSACTION_TIMEOUT_MS } from './producers.ts';
import { simulatedKafka } from './simulated-kafka.ts';

const TOPIC = 'cart-events';
const WITHIN_MS = 60_000;

function world() {
  const loop = new EventLoop();
  const random = randomFrom(7);
  const broker = new SimulatedBroker({ loop, random });
  broker.createTopic(TOPIC, 2);
  /** By kind: what the next request of it meets. */
  const faults = new Map<RequestKind, RequestFault>();
  const network = new Network({
    ...{ loop, random },
    faultOf: (_, kind) => {
      const fault = faults.get(kind) ?? null;
      faults.delete(kind);
      return fault;
    },
  });
  const start = (name: string): { process: SimulatedProcess; kafka: Kafka } => {
    const process = loop.process(name);
    return { process, kafka: simulatedKafka({ process, broker, network, random }) };
  };
  const finished = <T>(work: Promise<T>): Promise<T> => loop.finished(work, WITHIN_MS);
  return { loop, broker, network, faults, start, finished };
}

const record = (value: string): OutgoingRecord => ({
  topic: TOPIC,
  partition: 0,
  key: value,
  value: Buffer.from(value),
});
const offsets = { groupId: 'group', topic: TOPIC, partition: 0, offset: 5, metadata: '' };

describe('a process', () => {
  it('that is killed never runs again, but what it has sent arrives', async () => {
    const { loop, broker, start } = world();
    const { process, kafka } = start('a');
    let isAcknowledged = false;
    void kafka
      .createProducer()
      .send(record('sent'))
      .then(() => (isAcknowledged = true));
    // The id of the producer has come, and the record is on its way.
    while (loop.steps < 2) await loop.step();
    process.kill();
    await loop.run(1_000);
    expect(broker.log(TOPIC, 0).highWatermark).toBe(1);
    expect(isAcknowledged).toBe(false);
  });

  it('that is frozen does what it would have done once it thaws, in the same order', async () => {
    const { loop, start } = world();
    const { process } = start('a');
    const woken: string[] = [];
    for (const ms of [20, 10]) void process.clock.sleep(ms).then(() => woken.push(`${ms} at ${loop.nowMs}`));
    process.freeze();
    await loop.run(500);
    expect(woken).toEqual([]);
    process.thaw();
    await loop.run(0);
    expect(woken).toEqual(['10 at 500', '20 at 500']);
  });
});

describe('a transaction', () => {
  it('whose last reply is lost is committed, and its producer does not know it', async () => {
    const { broker, faults, start, finished } = world();
    const open = start('a').kafka.transactional('id');
    await finished(open.init());
    await finished(open.send([record('a')]));
    faults.set('end transaction', { kind: 'lose reply', silent: false });
    await expect(finished(open.commit(offsets))).rejects.toBeInstanceOf(TransactionError);
    await finished(start('b').kafka.transactional('id').init());
    expect(broker.committedOffsets('group', TOPIC)[0]?.offset).toBe(5);
  });

  it('takes a batch once whose reply was lost', async () => {
    const { broker, faults, start, finished } = world();
    const open = start('a').kafka.transactional('id');
    await finished(open.init());
    faults.set('produce', { kind: 'lose reply', silent: false });
    await finished(open.send([record('a')]));
    await finished(open.commit(offsets));
    expect(broker.log(TOPIC, 0).read(0, 'read_uncommitted', 10).records).toHaveLength(1);
  });

  it('is aborted when it has taken too long, and its producer is fenced', async () => {
    const { loop, broker, start, finished } = world();
    const open = start('a').kafka.transactional('id');
    await finished(open.init());
    await finished(open.send([record('a')]));
    const log = broker.log(TOPIC, 0);
    await loop.run(TRANSACTION_TIMEOUT_MS - 100);
    expect(log.lastStableOffset).toBe(0);
    await loop.run(200);
    expect(log.lastStableOffset).toBe(log.highWatermark);
    expect(log.read(0, 'read_committed', 10).records).toEqual([]);
    await expect(finished(open.commit(offsets))).rejects.toBeInstanceOf(FencedError);
  });

  it('is fenced also by a request that comes after its process has given it up', async () => {
    const { broker, faults, start, finished, loop } = world();
    const late = start('a').kafka.transactional('id');
    await finished(late.init());
    faults.set('add partitions', { kind: 'delay', ms: 8_000 });
    await expect(finished(late.send([record('late')]))).rejects.toBeInstanceOf(TransactionError);
    const next = start('b').kafka.transactional('id');
    await finished(next.init());
    await loop.run(10_000);
    await finished(next.send([record('next')]));
    await finished(next.commit(offsets));
    await loop.run(100);
    const { records } = broker.log(TOPIC, 0).read(0, 'read_committed', 10);
    expect(records.map(({ value }) => String(value))).toEqual(['next']);
  });
});

describe('a group', () => {
  it('goes on without a member that is not heard of, which learns it when it asks', async () => {
    const { loop, start } = world();
    const lost: string[] = [];
    const join = (name: string) => {
      const { process, kafka } = start(name);
      const member = kafka.joinGroup({
        ...{ groupId: 'group', topic: TOPIC, url: null, onAssigned: () => undefined, onRevoked: () => undefined },
        onLost: () => lost.push(name),
      });
      return { process, member };
    };
    const [a, b] = [join('a'), join('b')];
    await loop.run(3_000);
    expect([a.member.partitions.length, b.member.partitions.length]).toEqual([1, 1]);
    a.process.freeze();
    await loop.run(12_000);
    expect(b.member.partitions).toHaveLength(2);
    expect(lost).toEqual([]);
    a.process.thaw();
    await loop.run(5_000);
    expect(lost).toEqual(['a']);
    expect([a.member.partitions.length, b.member.partitions.length]).toEqual([1, 1]);
  });
});

describe('a log', () => {
  it('keeps the last committed record of each key when it is compacted', async () => {
    const { broker, start, finished, loop } = world();
    const { kafka } = start('a');
    const producer = kafka.createProducer();
    for (const value of ['a', 'b', 'a']) await finished(producer.send(record(value)));
    const aborted = kafka.transactional('id');
    await finished(aborted.init());
    await finished(aborted.send([record('b')]));
    await finished(kafka.transactional('id').init());
    await loop.run(100);
    const log = broker.log(TOPIC, 0);
    const end = log.highWatermark;
    log.compact();
    const { records, nextOffset } = log.read(0, 'read_uncommitted', 10);
    expect(records.map(({ offset, key }) => `${offset} ${String(key)}`)).toEqual(['1 b', '2 a']);
    expect(nextOffset).toBe(end);
  });
});
