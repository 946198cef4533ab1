import { describe, expect, it } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import { OffsetOutOfRangeError } from './errors.ts';
import { decodeEach, followTopic, type FollowOptions } from './follow.ts';
import type { Batch, KafkaRecord, Reader } from './types.ts';

const TOPIC = 'things';
const recordAt = (offset: number, value: Buffer | null): KafkaRecord => ({
  offset,
  value,
  key: null,
  headers: {},
  timestampMs: 0,
});

/** A log in memory, read on a manual clock: a poll that finds nothing waits on it, or fails as `failures` says. */
class MemoryTopic {
  readonly clock = new ManualClock();
  readonly failures: Error[] = [];
  readonly beginnings: number[];
  readonly warnings: object[] = [];
  endsAsked = 0;
  readersOpen = 0;
  held = false;
  available = true;

  constructor(readonly logs: string[][]) {
    this.beginnings = logs.map(() => 0);
  }

  follow(onBatch: FollowOptions['onBatch'], from?: FollowOptions['from']) {
    const { clock } = this;
    const logger = { warn: (fields: object) => void this.warnings.push(fields) };
    return followTopic({ kafka: this, topic: TOPIC, onBatch, logger, clock, ...(from ? { from } : {}) });
  }

  endOffsets = (): Promise<number[]> => {
    this.endsAsked += 1;
    return Promise.resolve(this.logs.map((log) => log.length));
  };

  beginningOffsets = (): Promise<number[]> =>
    this.available ? Promise.resolve([...this.beginnings]) : Promise.reject(new Error('Kafka is away'));

  createReader = (): Reader => {
    this.readersOpen += 1;
    const positions: number[] = [];
    const closed = new AbortController();
    const unused = (): never => {
      throw new Error('not expected here');
    };
    return {
      assign: (partitions) => partitions.forEach(({ partition, offset }) => (positions[partition] = offset)),
      poll: async (maxWaitMs) => {
        const failure = this.failures.shift();
        if (failure !== undefined) throw failure;
        const batches = this.held ? [] : this.logs.flatMap((log, partition) => this.read(log, partition, positions));
        if (batches.length === 0) await this.clock.sleep(maxWaitMs, closed.signal);
        return batches;
      },
      close: () => {
        if (!closed.signal.aborted) this.readersOpen -= 1;
        closed.abort();
        return Promise.resolve();
      },
      seek: unused,
      remove: unused,
      pause: unused,
      resume: unused,
    };
  };

  private read(log: string[], partition: number, positions: number[]): Batch[] {
    const from = positions[partition]!;
    if (from < this.beginnings[partition]! || from > log.length) {
      throw new OffsetOutOfRangeError(TOPIC, partition, from);
    }
    if (from === log.length) return [];
    positions[partition] = log.length;
    const records = log.slice(from).map((value, i) => recordAt(from + i, Buffer.from(value)));
    const end = log.length;
    return [{ topic: TOPIC, partition, records, nextOffset: end, highWatermark: end, lastStableOffset: end }];
  }
}

const valuesInto =
  (values: string[]) =>
  ({ records }: Batch): void =>
    void values.push(...records.map(({ value }) => String(value)));

describe('followTopic', () => {
  it('reads every partition from its beginning, then what is appended, and knows when it has caught up', async () => {
    const topic = new MemoryTopic([['a', 'b'], ['c']]);
    const read: string[] = [];
    const follower = topic.follow(valuesInto(read));
    const first = follower.caughtUp(10_000);
    await topic.clock.advance(0);
    await first;
    expect([read, follower.positions]).toEqual([
      ['a', 'b', 'c'],
      [2, 1],
    ]);
    topic.logs[1]!.push('d');
    const second = follower.caughtUp(10_000);
    await topic.clock.advance(2_000);
    await second;
    expect(read).toEqual(['a', 'b', 'c', 'd']);
    await follower.stop();
    expect(topic.readersOpen).toBe(0);
  });

  it('begins at the given offsets', async () => {
    const topic = new MemoryTopic([['a', 'b'], ['c']]);
    const read: string[] = [];
    const follower = topic.follow(valuesInto(read), [1, undefined]);
    await topic.clock.advance(0);
    expect(read).toEqual(['b', 'c']);
    await follower.stop();
  });

  it('shares the question for the ends among calls, but never an answer that is older than a call', async () => {
    const topic = new MemoryTopic([['a']]);
    const follower = topic.follow(() => undefined);
    await topic.clock.advance(0);
    const calls = Array.from({ length: 100 }, () => follower.caughtUp(10_000));
    await topic.clock.advance(0);
    const later = follower.caughtUp(10_000);
    await topic.clock.advance(20);
    await Promise.all([...calls, later]);
    expect(topic.endsAsked).toBe(2);
    await follower.stop();
  });

  it('does not call itself caught up before the records have been handled, and gives up after the time', async () => {
    const topic = new MemoryTopic([['a']]);
    topic.held = true;
    const follower = topic.follow(() => undefined);
    const outcome = follower.caughtUp(3_000).catch((error: unknown) => error);
    await topic.clock.advance(3_000);
    expect(await outcome).toMatchObject({ name: 'NoAnswerError' });
    await follower.stop();
  });

  it('waits for an absent Kafka with growing pauses, and reads on when it is back', async () => {
    const topic = new MemoryTopic([['a']]);
    topic.available = false;
    const read: string[] = [];
    const follower = topic.follow(valuesInto(read));
    await topic.clock.advance(699);
    expect(topic.warnings.map((fields) => 'retryMs' in fields && fields.retryMs)).toEqual([100, 200, 400]);
    topic.available = true;
    await topic.clock.advance(1);
    expect([read, topic.readersOpen]).toEqual([['a'], 1]);
    await follower.stop();
  });

  it('delivers a batch again when handling it failed', async () => {
    const topic = new MemoryTopic([['a', 'b']]);
    const read: string[] = [];
    let failing = true;
    const follower = topic.follow(({ records }) => {
      if (failing) throw new Error('the registry is away');
      valuesInto(read)({ records } as Batch);
    });
    await topic.clock.advance(0);
    failing = false;
    await topic.clock.advance(100);
    expect(read).toEqual(['a', 'b']);
    await follower.stop();
  });

  it('continues at the beginning when retention removed what was to be read, or the topic was recreated', async () => {
    const topic = new MemoryTopic([['a', 'b', 'c'], ['d']]);
    topic.beginnings[0] = 2;
    const read: string[] = [];
    const follower = topic.follow(valuesInto(read), [0, 5]);
    await topic.clock.advance(1_000);
    expect(read).toEqual(['c', 'd']);
    await follower.stop();
  });

  it('stops at once, although a poll and a caller wait', async () => {
    const topic = new MemoryTopic([['a']]);
    topic.held = true;
    const follower = topic.follow(() => undefined);
    const outcome = follower.caughtUp(3_000).catch((error: unknown) => error);
    await topic.clock.advance(10);
    await follower.stop();
    expect(await outcome).toMatchObject({ name: 'NoAnswerError', message: 'things is no longer followed' });
    expect([topic.readersOpen, topic.clock.nextWakeMs]).toEqual([0, null]);
  });
});

describe('decodeEach', () => {
  it('loads what the codec needs, and skips what cannot be decoded', async () => {
    const loaded: number[] = [];
    const decoded: (number | null)[] = [];
    const warnings: object[] = [];
    const onBatch = decodeEach<number>({
      codec: {
        load: (values) => Promise.resolve(void loaded.push(values.length)),
        decode: (value) => JSON.parse(value.toString()) as number,
      },
      onRecord: (value) => decoded.push(value),
      logger: { warn: (fields) => warnings.push(fields) },
    });
    const records = [Buffer.from('1'), null, Buffer.from('?'), Buffer.from('2')].map((v, i) => recordAt(7 + i, v));
    const end = { nextOffset: 11, highWatermark: 11, lastStableOffset: 11 };
    await onBatch({ topic: TOPIC, partition: 3, records, ...end });
    expect([loaded, decoded]).toEqual([[3], [1, null, 2]]);
    expect(warnings).toMatchObject([{ topic: TOPIC, partition: 3, offset: 9 }]);
  });
});
