import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Subscription } from '../../lib/definitions/index.ts';
import type { Kafka, Producer } from '../../lib/kafka/index.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { startActivityLog } from './activity-log.ts';
import { Activity } from './activity.ts';

describe('the activity log while Kafka does not answer', () => {
  it('stops in its time, and lets the last counts go', async () => {
    let asked = 0;
    const producer = { send: () => (asked++, new Promise<void>(() => undefined)) } as unknown as Producer;
    const reader = { assign: () => undefined, poll: () => sleep(5, []), close: () => Promise.resolve() };
    const kafka = { createReader: () => reader, beginningOffsets: () => Promise.resolve([0]) } as unknown as Kafka;
    const activity = new Activity();
    activity.received({ id: 'sub_1', workspace: 'shop' } as Subscription, 1);
    const logger = createLogger('test', 'silent');
    const log = startActivityLog({ kafka, producer, activity, logger, intervalMs: 5, stopTimeoutMs: 30 });
    await sleep(50);
    await log.stop();
    expect(asked).toBe(1);
    expect(log.all()).toMatchObject([{ subscription_id: 'sub_1', received: 1 }]);
  });
});

describe('the counts of other processes', () => {
  const DAY_MS = 86_400_000;

  it('are let go when the topic has let them go', async () => {
    let clock = 100 * DAY_MS;
    const record = (process: string, timestampMs: number, received: number) => ({
      offset: 0,
      timestampMs,
      key: Buffer.from(`${process}:sub_1`),
      value: Buffer.from(
        JSON.stringify({ subscription_id: 'sub_1', workspace: 'shop', received, last_received_at: null, refused: {} }),
      ),
      headers: {},
    });
    const batches = [[{ records: [record('gone', clock - 29 * DAY_MS, 1), record('there', clock, 10)] }]];
    const reader = {
      assign: () => undefined,
      poll: () => sleep(2, batches.shift() ?? []),
      close: () => Promise.resolve(),
    };
    const kafka = { createReader: () => reader, beginningOffsets: () => Promise.resolve([0]) } as unknown as Kafka;
    const log = startActivityLog({
      kafka,
      producer: { send: () => Promise.resolve() } as unknown as Producer,
      activity: new Activity(),
      logger: createLogger('test', 'silent'),
      intervalMs: 2,
      now: () => clock,
    });
    const received = (): number | undefined => log.all()[0]?.received;
    await expect.poll(received).toBe(11);
    clock += 2 * DAY_MS;
    await expect.poll(received).toBe(10);
    clock += 30 * DAY_MS;
    await expect.poll(received).toBeUndefined();
    await log.stop();
  });

  it('are kept while their process runs: it writes its own again', async () => {
    let clock = 100 * DAY_MS;
    const written: number[] = [];
    const reader = { assign: () => undefined, poll: () => sleep(2, []), close: () => Promise.resolve() };
    const kafka = { createReader: () => reader, beginningOffsets: () => Promise.resolve([0]) } as unknown as Kafka;
    const activity = new Activity();
    activity.received({ id: 'sub_1', workspace: 'shop' } as Subscription, clock);
    const log = startActivityLog({
      kafka,
      producer: {
        send: ({ length }: unknown[]) => (written.push(length), Promise.resolve()),
      } as unknown as Producer,
      activity,
      logger: createLogger('test', 'silent'),
      intervalMs: 2,
      now: () => clock,
    });
    await expect.poll(() => written).toEqual([1]);
    await sleep(20);
    expect(written).toEqual([1]);
    clock += DAY_MS;
    await expect.poll(() => written).toEqual([1, 1]);
    await log.stop();
  });
});
