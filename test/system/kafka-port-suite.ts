import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FencedError, OffsetOutOfRangeError, UnknownTopicError } from '../../lib/kafka/errors.ts';
import type { Batch, GroupOptions, Kafka, Member, OutgoingRecord, ReaderOptions } from '../../lib/kafka/types.ts';

/** A cluster with nothing in it, real or simulated. */
export interface PortHarness {
  kafka: Kafka;
  /** Lets time pass until the work is done. */
  finished<T>(work: Promise<T>): Promise<T>;
  /** Lets time pass until it holds. Throws when that takes too long. */
  until(what: string, holds: () => boolean): Promise<void>;
  close(): Promise<void>;
}

const TOPIC = 'cart-events';
const OTHER = 'trait-events';
const GROUP = 'group';

const record = (value: string, partition = 0, topic = TOPIC): OutgoingRecord => ({
  ...{ topic, partition, key: value, value: Buffer.from(value) },
});
const valuesOf = (batches: readonly Batch[]): string[] =>
  batches.flatMap(({ records }) => records.map(({ value }) => String(value)));

/** What clients of the port may rely on. It holds the simulated cluster equal to a real one. */
export function kafkaPortSuite(what: string, start: () => Promise<PortHarness>): void {
  describe(`the port on ${what}`, () => {
    let harness: PortHarness;
    let kafka: Kafka;
    let finished: PortHarness['finished'];
    beforeEach(async () => {
      harness = await start();
      ({ kafka, finished } = harness);
      await finished(kafka.ensureTopics([TOPIC, OTHER].map((topic) => ({ topic, partitions: 2 }))));
    });
    afterEach(() => harness.close());

    const send = async (...records: OutgoingRecord[]): Promise<void> => {
      const producer = kafka.createProducer();
      await finished(producer.send(records));
      await finished(producer.close());
    };

    /** Batches of a partition from an offset up to an end. */
    const read = async (
      isolation: ReaderOptions['isolation'],
      offset: number,
      end: number,
      topic = TOPIC,
    ): Promise<Batch[]> => {
      const reader = kafka.createReader({ isolation });
      const batches: Batch[] = [];
      reader.assign([{ topic, partition: 0, offset }]);
      while ((batches.at(-1)?.nextOffset ?? offset) < end) batches.push(...(await finished(reader.poll(200))));
      await finished(reader.close());
      return batches;
    };

    const transactional = async (id: string) => {
      const opened = kafka.transactional(id);
      await finished(opened.init());
      return opened;
    };

    const offsets = (offset: number) => ({
      groupId: GROUP,
      topic: TOPIC,
      partition: 0,
      offset,
      metadata: `at ${offset}`,
    });

    it('keeps records by partition, in order, and says where a partition begins and ends', async () => {
      await send(record('a'), record('b', 1), record('c'));
      const batches = await read('read_committed', 0, 2);
      expect(valuesOf(batches)).toEqual(['a', 'c']);
      expect(batches.at(-1)).toMatchObject({ nextOffset: 2, highWatermark: 2, lastStableOffset: 2 });
      expect(await finished(kafka.endOffsets(TOPIC))).toEqual([2, 1]);
      expect(await finished(kafka.beginningOffsets(TOPIC))).toEqual([0, 0]);
      expect(await finished(kafka.partitionsOf(TOPIC))).toBe(2);
    });

    it('knows no topic that nobody made', async () => {
      await expect(finished(kafka.partitionsOf('definitions'))).rejects.toBeInstanceOf(UnknownTopicError);
    });

    it('shows a transaction as a whole, with its offsets, once it is committed', async () => {
      const open = await transactional('id');
      await finished(open.send([record('a'), record('b', 0, OTHER)]));
      expect(valuesOf(await read('read_uncommitted', 0, 1))).toEqual(['a']);
      expect(await finished(kafka.committedOffsets(GROUP, TOPIC))).toEqual([null, null]);
      await finished(open.commit(offsets(7)));
      // The record and the marker behind it.
      expect(valuesOf(await read('read_committed', 0, 2))).toEqual(['a']);
      expect(valuesOf(await read('read_committed', 0, 2, OTHER))).toEqual(['b']);
      await finished(open.close());
      const again = await transactional('id');
      expect(await finished(kafka.committedOffsets(GROUP, TOPIC))).toEqual([{ offset: 7, metadata: 'at 7' }, null]);
      await finished(again.close());
    });

    it('commits records that come with the offsets, after those that were sent before', async () => {
      const open = await transactional('id');
      await finished(open.send([record('a')]));
      await finished(open.commit(offsets(5), [record('b'), record('c', 0, OTHER)]));
      expect(valuesOf(await read('read_committed', 0, 3))).toEqual(['a', 'b']);
      expect(valuesOf(await read('read_committed', 0, 2, OTHER))).toEqual(['c']);
      await finished(open.commit(offsets(6), [record('d')]));
      expect(valuesOf(await read('read_committed', 0, 5))).toEqual(['a', 'b', 'd']);
      await finished(open.close());
      await finished((await transactional('id')).close());
      expect(await finished(kafka.committedOffsets(GROUP, TOPIC))).toEqual([{ offset: 6, metadata: 'at 6' }, null]);
    });

    it('commits offsets without any record', async () => {
      const open = await transactional('id');
      await finished(open.commit(offsets(3)));
      await finished(open.close());
      await finished((await transactional('id')).close());
      expect(await finished(kafka.committedOffsets(GROUP, TOPIC))).toEqual([{ offset: 3, metadata: 'at 3' }, null]);
    });

    it('aborts what an earlier holder of an id left open, and fences it', async () => {
      const left = await transactional('id');
      await finished(left.send([record('left')]));
      const next = await transactional('id');
      await expect(finished(left.send([record('late')]))).rejects.toBeInstanceOf(FencedError);
      await expect(finished(left.commit(offsets(1)))).rejects.toBeInstanceOf(FencedError);
      await finished(next.send([record('next')]));
      await finished(next.commit(offsets(2)));
      expect(valuesOf(await read('read_committed', 0, 4))).toEqual(['next']);
      expect(valuesOf(await read('read_uncommitted', 0, 4))).toEqual(['left', 'next']);
      await finished(left.close());
      await finished(next.close());
      await finished((await transactional('id')).close());
      expect(await finished(kafka.committedOffsets(GROUP, TOPIC))).toEqual([{ offset: 2, metadata: 'at 2' }, null]);
    });

    it('fences an idle holder, too', async () => {
      const first = await transactional('id');
      const second = await transactional('id');
      await expect(finished(first.commit(offsets(1)))).rejects.toBeInstanceOf(FencedError);
      await finished(second.commit(offsets(2)));
      await finished(first.close());
      await finished(second.close());
    });

    it('lets an open transaction hold up readers of its partitions until it ends', async () => {
      const open = await transactional('id');
      await finished(open.send([record('open')]));
      await send(record('outside'));
      const reader = kafka.createReader({ isolation: 'read_committed' });
      reader.assign([{ topic: TOPIC, partition: 0, offset: 0 }]);
      const before = await finished(reader.poll(500));
      expect(valuesOf(before)).toEqual([]);
      await finished(open.commit(offsets(1)));
      const after: Batch[] = [];
      while (valuesOf(after).length < 2) after.push(...(await finished(reader.poll(500))));
      expect(valuesOf(after)).toEqual(['open', 'outside']);
      await finished(reader.close());
      await finished(open.close());
    });

    it('tells a reader when its offset is not in the log, and reads the other partitions', async () => {
      await send(record('a'), record('b', 1));
      const reader = kafka.createReader({ isolation: 'read_committed' });
      const owner = {};
      reader.assign([
        { topic: TOPIC, partition: 0, offset: 5 },
        { topic: TOPIC, partition: 1, offset: 0, owner },
      ]);
      const batches: Batch[] = [];
      const errors: unknown[] = [];
      while (batches.length === 0 || errors.length === 0) {
        try {
          batches.push(...(await finished(reader.poll(200))));
        } catch (error) {
          errors.push(error);
          reader.remove(TOPIC, 0);
        }
      }
      expect(errors[0]).toBeInstanceOf(OffsetOutOfRangeError);
      expect(errors[0]).toMatchObject({ topic: TOPIC, partition: 0, offset: 5 });
      expect(valuesOf(batches)).toEqual(['b']);
      expect(batches[0]?.owner).toBe(owner);
      await finished(reader.close());
    });

    it('reads every partition of a backlog, also when a reply has room for only some of them', async () => {
      const backlog = Array.from({ length: 12 }, (_, i) => i);
      // Each in a batch of its own, as a reply never splits one.
      for (const i of backlog) await send(record(`a${i}`.padEnd(500, '.')), record(`b${i}`.padEnd(500, '.'), 1));
      const reader = kafka.createReader({ isolation: 'read_committed', maxBytes: 600, maxPartitionBytes: 600 });
      reader.assign([0, 1].map((partition) => ({ topic: TOPIC, partition, offset: 0 })));
      const batches: Batch[] = [];
      while (valuesOf(batches).length < 4) batches.push(...(await finished(reader.poll(200))));
      expect(new Set(batches.map(({ partition }) => partition))).toEqual(new Set([0, 1]));
      while (valuesOf(batches).length < 2 * backlog.length) batches.push(...(await finished(reader.poll(200))));
      await finished(reader.close());
    });

    it('shares partitions among the members of a group, in ever newer generations', async () => {
      const calls: string[] = [];
      const join = (name: string): Member => {
        const options: GroupOptions = {
          ...{ groupId: GROUP, topic: TOPIC, url: `http://${name}`, heartbeatIntervalMs: 200 },
          onAssigned: (partitions) => calls.push(`${name} has ${partitions.join(' ')}`),
          onRevoked: (partitions) => calls.push(`${name} gives up ${partitions.join(' ')}`),
          onLost: () => calls.push(`${name} is lost`),
        };
        return kafka.joinGroup(options);
      };
      const first = join('first');
      await harness.until('the first has both', () => first.partitions.length === 2);
      const generation = first.generation;
      const second = join('second');
      await harness.until('they share', () => first.partitions.length === 1 && second.partitions.length === 1);
      expect(first.generation).toBe(second.generation);
      expect(first.generation).toBeGreaterThan(generation);
      const given = second.partitions[0];
      expect(calls.filter((call) => call.startsWith('first'))).toEqual([
        'first has 0 1',
        `first gives up ${given}`,
        `first has ${first.partitions[0]}`,
      ]);
      const { state, members } = await finished(kafka.describeGroup(GROUP));
      expect(state).toBe('Stable');
      expect(members.map(({ url }) => url).sort()).toEqual(['http://first', 'http://second']);
      await finished(second.leave());
      await harness.until('the first has both again', () => first.partitions.length === 2);
      await finished(first.leave());
      expect(calls).not.toContain('first is lost');
    });
  });
}
