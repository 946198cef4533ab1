import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock/testing.ts';
import type { Subscription } from '../../lib/definitions/index.ts';
import type { FollowOptions } from '../../lib/kafka/follow.ts';
import type { KafkaRecord, Producer } from '../../lib/kafka/index.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { ACTIVITY_TOPIC, startActivityLog } from './activity-log.ts';
import { Activity } from './activity.ts';

const DAY_MS = 86_400_000;
const logger = createLogger('test', 'silent');

/** A topic with these records, to which nothing is added. */
function topicWith(records: KafkaRecord[]): FollowOptions['kafka'] {
  let left = [...records];
  return {
    beginningOffsets: () => Promise.resolve([0]),
    endOffsets: () => Promise.resolve([records.length]),
    createReader: () => {
      let close: () => void = () => undefined;
      const closed = new Promise<void>((resolve) => (close = resolve));
      const end = records.length;
      return {
        assign: () => undefined,
        poll: async () => {
          const read = left;
          left = [];
          if (read.length === 0) await closed;
          const offsets = { nextOffset: end, highWatermark: end, lastStableOffset: end };
          return read.length === 0 ? [] : [{ topic: ACTIVITY_TOPIC, partition: 0, records: read, ...offsets }];
        },
        close: () => Promise.resolve(close()),
        seek: () => undefined,
        remove: () => undefined,
        pause: () => undefined,
        resume: () => undefined,
      };
    },
  };
}

const producerOf = (send: (records: readonly unknown[]) => Promise<void>): Producer =>
  ({ send }) as unknown as Producer;

function activityAt(atMs: number): Activity {
  const activity = new Activity();
  activity.received({ id: 'sub_1', workspace: 'acme' } as Subscription, atMs);
  return activity;
}

describe('the activity log while Kafka does not answer', () => {
  it('stops within its time, and loses the last counts', async () => {
    const clock = new ManualClock();
    let sent = 0;
    const producer = producerOf(() => (sent++, new Promise<void>(() => undefined)));
    const log = startActivityLog({ kafka: topicWith([]), producer, activity: activityAt(1), logger, clock });
    await clock.advance(5_000);
    const stopping = log.stop();
    await clock.advance(3_000);
    await stopping;
    expect(sent).toBe(1);
    expect(log.all()).toMatchObject([{ subscription_id: 'sub_1', received: 1 }]);
  });
});

describe('a stop during a write', () => {
  it('writes what was counted meanwhile', async () => {
    const clock = new ManualClock();
    const written: string[] = [];
    let finish: () => void = () => undefined;
    const producer = producerOf((records) => {
      written.push(JSON.stringify(records.map((record) => String((record as { value: Buffer }).value))));
      return new Promise<void>((resolve) => (finish = resolve));
    });
    const activity = activityAt(1);
    const log = startActivityLog({ kafka: topicWith([]), producer, activity, logger, clock });
    await clock.advance(5_000);
    activity.received({ id: 'sub_1', workspace: 'acme' } as Subscription, 2);
    const stopping = log.stop();
    finish();
    await clock.advance(0);
    finish();
    await clock.advance(3_000);
    await stopping;
    expect(written).toHaveLength(2);
    expect(written[1]).toContain('\\"received\\":2');
  });
});

describe('the counts of other processes', () => {
  it('expire when the retention of the topic has passed', async () => {
    const clock = new ManualClock(100 * DAY_MS);
    const record = (process: string, timestampMs: number, received: number): KafkaRecord => ({
      offset: 0,
      timestampMs,
      key: Buffer.from(`${process}:sub_1`),
      value: Buffer.from(
        JSON.stringify({ subscription_id: 'sub_1', workspace: 'acme', received, last_received_at: null, refused: {} }),
      ),
      headers: {},
    });
    const log = startActivityLog({
      kafka: topicWith([record('ended', 71 * DAY_MS, 1), record('running', 100 * DAY_MS, 10)]),
      producer: producerOf(() => Promise.resolve()),
      activity: new Activity(),
      logger,
      clock,
      intervalMs: DAY_MS,
    });
    const received = (): number | undefined => log.all()[0]?.received;
    await clock.advance(0);
    expect(received()).toBe(11);
    await clock.advance(2 * DAY_MS);
    expect(received()).toBe(10);
    await clock.advance(30 * DAY_MS);
    expect(received()).toBeUndefined();
    await log.stop();
  });

  it('are kept while their process runs: it writes its own counts again every hour', async () => {
    const clock = new ManualClock();
    const written: number[] = [];
    const producer = producerOf(({ length }) => (written.push(length), Promise.resolve()));
    const activity = activityAt(clock.wallMs());
    const log = startActivityLog({ kafka: topicWith([]), producer, activity, logger, clock, intervalMs: 60_000 });
    await clock.advance(60_000);
    expect(written).toEqual([1]);
    await clock.advance(58 * 60_000);
    expect(written).toEqual([1]);
    await clock.advance(60_000);
    expect(written).toEqual([1, 1]);
    await log.stop();
  });
});
