import { describe, expect, it } from 'vitest';
import { localCodec } from '../../lib/avro/testing.ts';
import { ManualClock } from '../../lib/clock/testing.ts';
import type { Definitions } from '../../lib/definitions/index.ts';
import type { OutgoingRecord } from '../../lib/kafka/index.ts';
import { BodyTooLargeError, createReplayer } from './replayer.ts';

const workspace = { id: 'acme', default_country: 'US', abandonment_window_minutes: 30, grace_seconds: 60 };
const subscription = { id: 's', event: 'cart_status', store_ids: null, time_zone: 'UTC' };
const sent: OutgoingRecord[] = [];
const replayer = await createReplayer({
  definitions: {
    workspace: () => ({ ...workspace, retry_horizon_minutes: 15 }),
    subscription: () => subscription,
  } as unknown as Definitions,
  producer: {
    send: (records) => Promise.resolve(void sent.push(...(Array.isArray(records) ? records : [records]))),
    queuedBytes: 0,
    close: () => Promise.resolve(),
  },
  registry: { codec: (topic) => Promise.resolve(localCodec(topic)) },
  clock: new ManualClock(Date.parse('2026-03-17T12:00:00Z')),
});

const letter = { dead_letter_id: 'd', workspace: 'acme', request_at: null };
const webhook = { ...letter, source: 'webhook', subscription_id: 's' } as const;
const line = { ...letter, source: 'events', subscription_id: null } as const;

/** A body of exactly this size. */
const sized = (start: string, bytes: number): Buffer => Buffer.from(start.padEnd(bytes - 1) + '}');
const cart = '{"cart":{"id":1,"status":"pending"}';
const told = '{"type":"cart_activity","occurred_at":"2026-03-17T12:00:00Z","cart":{"id":1}';

describe('a replayed body', () => {
  it('over the limit of webhooks is refused', async () => {
    expect(await replayer.replay(webhook, sized(cart, 256 * 1024))).toMatch(/./);
    sent.length = 0;
    await expect(replayer.replay(webhook, sized(cart, 256 * 1024 + 1))).rejects.toBeInstanceOf(BodyTooLargeError);
    expect(sent).toEqual([]);
  });

  it('over the limit of lines, of events or people, is refused, as ingest does', async () => {
    expect(await replayer.replay(line, sized(told, 1024 * 1024))).toMatch(/./);
    sent.length = 0;
    for (const source of ['events', 'people'] as const) {
      const replayed = replayer.replay({ ...line, source }, sized(told, 1024 * 1024 + 1));
      await expect(replayed).rejects.toMatchObject({ name: 'UnusableBodyError', deadLetterId: 'd', path: '' });
    }
    expect(sent).toEqual([]);
  });
});
