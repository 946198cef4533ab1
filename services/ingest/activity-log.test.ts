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
