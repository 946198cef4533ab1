import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { describe as describeTopology } from '../../lib/streams/index.ts';
import { TestDriver } from '../../lib/streams/test-driver.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { CartEvent, Outcome } from '../../schemas/types.ts';
import { carts, codecs, delivery, flows, HORIZON_MS, MINUTE_MS, people, Pipeline, relay } from './testing.ts';

const T0 = Date.UTC(2026, 2, 17, 12);
const minute = (n: number): number => T0 + n * MINUTE_MS;

const traitsOf = (outcomes: readonly Outcome[]): string[] =>
  outcomes.flatMap(({ trait }) =>
    trait === null
      ? []
      : [`${trait.op} ${trait.cart_id} ${trait.trait} ${trait.status} +${(trait.occurred_at - T0) / MINUTE_MS}`],
  );

describe('the topologies', () => {
  it('are what the golden text says', () => {
    const text = readFileSync(new URL('topologies.txt', import.meta.url), 'utf8');
    const described = [carts(), people(), relay(), flows()].map((topology) => describeTopology(topology as never));
    expect(described.join('\n')).toBe(text);
  });
});

describe('topology carts', () => {
  it('tells people of every accepted event: whose, when, what follows, and how the cart stands', () => {
    const pipeline = new Pipeline();
    const event = delivery('shop', '7:469', minute(0), {
      status: 'verification',
      phone: '+18085550143',
      external_source: 'pos',
      external_id: '9',
      name: 'Ada',
      amount: 41.8,
    });
    pipeline.deliver(event);
    expect(pipeline.personInputs()).toMatchObject([
      {
        kind: 'cart',
        workspace: 'shop',
        log_time: minute(0),
        received_at: minute(0),
        cart: {
          cart_id: '7:469',
          occurred_at: minute(0),
          name: 'Ada',
          identifiers: [
            { kind: 'external', value: 'pos 9' },
            { kind: 'phone', value: '+18085550143' },
          ],
          changes: [{ op: 'asserted', trait: 'cart_status_updated', status: 'verification', amount: 41.8 }],
          snapshot: { status: 'verification', status_since: minute(0), amount: 41.8 },
        },
      },
    ]);
    expect([...pipeline.carts.state().keys()]).toEqual(['shop:7:469']);
    expect(pipeline.carts.outputs(TOPICS.personInputs)[0]?.key).toBe('shop');
  });

  it('tells nothing of a repeat', () => {
    const pipeline = new Pipeline();
    const event = delivery('shop', 'c', minute(0), { status: 'verification' });
    for (let i = 0; i < 5; i++) pipeline.deliver({ ...event, received_at: minute(i) });
    expect(pipeline.personInputs()).toHaveLength(1);
  });

  it('concludes an abandonment at its deadline, by a tick as well as by another cart’s event', () => {
    for (const wake of [
      (pipeline: Pipeline): void => pipeline.tick(minute(30) + 1),
      (pipeline: Pipeline): void => pipeline.deliver(delivery('shop', 'other', minute(31), { status: 'preparing' })),
    ]) {
      const pipeline = new Pipeline();
      pipeline.deliver(delivery('shop', 'a:b', minute(0), { kind: 'cart_activity', email: 'a@x.io' }));
      pipeline.tick(minute(30));
      expect(traitsOf(pipeline.outcomes())).toEqual([]);
      wake(pipeline);
      expect(traitsOf(pipeline.outcomes())[0]).toBe('asserted a:b cart_abandoned  +30');
      const told = pipeline.personInputs()[1];
      expect(told).toMatchObject({ workspace: 'shop', cart: { cart_id: 'a:b', occurred_at: null, identifiers: [] } });
      expect(told?.cart?.snapshot).toMatchObject({ abandoned_at: minute(30), due_at: null });
    }
  });

  it('keeps the cart’s facts when its horizon has passed at the same time as its deadline', () => {
    const pipeline = new Pipeline();
    pipeline.deliver(delivery('shop', 'c', minute(0), { kind: 'cart_activity', store_id: '68' }));
    pipeline.tick(minute(0) + 2 * HORIZON_MS);
    const told = pipeline.personInputs().filter(({ cart }) => cart?.occurred_at === null);
    expect(told).toHaveLength(1);
    expect(told[0]?.cart?.snapshot).toMatchObject({ store_id: '68', abandoned_at: minute(30), due_at: null });
    pipeline.deliver(delivery('shop', 'c', minute(1) + 2 * HORIZON_MS, { status: 'preparing' }));
    expect(
      pipeline
        .outcomes()
        .flatMap(({ trait }) => trait ?? [])
        .at(-1)?.beyond_horizon,
    ).toBe(true);
  });

  it('makes a dead letter of what comes after 2,000 events, the same one however often it comes', () => {
    const pipeline = new Pipeline();
    for (let i = 0; i < 2000; i++) pipeline.deliver(delivery('shop', 'c', T0 + i, { kind: 'cart_activity' }));
    const late = delivery('shop', 'c', T0 + 2000, { status: 'finished', subscription_id: 's1', source: 'webhook' });
    pipeline.deliver(late);
    pipeline.deliver(late);
    expect(pipeline.personInputs()).toHaveLength(2000);
    const [first, second] = pipeline.deadLetters();
    const from = { workspace: 'shop', source: 'webhook', subscription_id: 's1' };
    expect(first).toMatchObject({ reason: 'cart_overfull', ...from, request_at: late.request_at });
    expect(first?.body).toEqual(late.body);
    expect(first?.dead_letter_id).toMatch(/^[0-9a-f]{32}$/);
    expect(second).toEqual(first);
    pipeline.deliver({ ...late, source: 'line', subscription_id: null, event_key: Buffer.alloc(16, 7) });
    expect(pipeline.deadLetters().at(-1)).toMatchObject({ reason: 'cart_overfull', source: 'events' });
    expect(pipeline.carts.outputs(TOPICS.deadLetters).map(({ key }) => key)).toEqual(['s1', 's1', 'events']);
  });

  it('makes ticks that every reader of the topic can decode and that are about no cart', () => {
    const driver = new TestDriver(carts());
    driver.advance(minute(5));
    expect(driver.logTimeMs).toBe(minute(5));
    expect(driver.state().size).toBe(0);
    const tick = carts().tick?.encode(minute(5));
    expect(codecs.cartEvents.decode(tick?.value as Buffer)).toMatchObject({ kind: 'tick', workspace: '' });
  });

  it('abandons nobody because one clock is an hour fast', () => {
    const pipeline = new Pipeline();
    pipeline.deliver(delivery('shop', 'c', minute(0), { kind: 'cart_activity' }));
    pipeline.deliver(delivery('shop', 'd', minute(1), { kind: 'cart_activity' }), minute(61));
    expect(pipeline.carts.logTimeMs).toBe(minute(2));
    expect(traitsOf(pipeline.outcomes())).toEqual([]);
  });
});

describe('both topologies', () => {
  const day = (): CartEvent[] => [
    delivery('shop', 'c1', minute(0), { kind: 'cart_activity', phone: '+18085550143' }),
    delivery('shop', 'c2', minute(1), { kind: 'cart_activity', email: 'a@x.io' }),
    delivery('shop', 'c1', minute(40), { status: 'verification' }),
    delivery('shop', 'c3', minute(41), { status: 'preparing', phone: '+18085550143', email: 'a@x.io' }),
    delivery('shop', 'c1', minute(55), { status: 'cancelled' }),
  ];

  it('tell a day as a marketer would', () => {
    const pipeline = new Pipeline();
    for (const event of day()) pipeline.deliver(event);
    pipeline.tick(minute(90));
    expect(traitsOf(pipeline.outcomes())).toEqual([
      'asserted c1 cart_abandoned  +30',
      'asserted c2 cart_abandoned  +31',
      'updated c1 cart_abandoned  +30',
      'asserted c1 cart_status_updated verification +40',
      'asserted c3 cart_status_updated preparing +41',
      'asserted c1 cart_status_updated cancelled +55',
    ]);
    const merges = pipeline.outcomes().flatMap(({ merge }) => merge ?? []);
    expect(merges).toMatchObject([{ loser: 2, winner: 1, dissolved: false }]);
  });

  it('say the same bytes after a restart from any snapshot', () => {
    const whole = new Pipeline();
    for (const event of day()) whole.deliver(event);
    for (let cut = 0; cut <= day().length; cut++) {
      const pipeline = new Pipeline();
      day().forEach((event, i) => {
        if (i === cut) {
          pipeline.carts.restore(pipeline.carts.snapshot());
          pipeline.people.restore(pipeline.people.snapshot());
        }
        pipeline.deliver(event);
      });
      expect(pipeline.people.outputs(TOPICS.traitEvents)).toEqual(whole.people.outputs(TOPICS.traitEvents));
    }
  });

  it('conclude 100,000 carts that are due in the same second, in order, in level memory', { timeout: 60_000 }, () => {
    const CARTS = 100_000;
    const driver = new TestDriver(carts());
    const due: { dueMs: number; cartId: string }[] = [];
    for (let i = 0; i < CARTS; i++) {
      // A hundred carts share each millisecond.
      const at = T0 + (i % 1000);
      const event = delivery('shop', `c${i}`, at, { kind: 'cart_activity', grace_ms: 0 });
      driver.pipe('', event, { appendTimeMs: at, take: () => undefined });
      due.push({ dueMs: at + 30 * MINUTE_MS, cartId: `c${i}` });
    }
    due.sort((a, b) => a.dueMs - b.dueMs || (a.cartId < b.cartId ? -1 : 1));

    const before = usedBytes();
    let peak = 0;
    let told = 0;
    let takes = 0;
    driver.advance(minute(31), (outputs) => {
      for (const { value } of outputs) {
        const { cart } = codecs.personInputs.decode(value);
        const wanted = due[told++];
        if (cart?.cart_id !== wanted?.cartId || cart?.changes[0]?.occurred_at !== wanted?.dueMs) {
          expect(cart).toMatchObject({ cart_id: wanted?.cartId, changes: [{ occurred_at: wanted?.dueMs }] });
        }
      }
      if (takes++ % 20 === 0) peak = Math.max(peak, usedBytes());
    });
    expect(told).toBe(CARTS);
    expect(takes).toBeGreaterThan(100);
    expect(driver.earliestDueMs).toBeGreaterThan(minute(31));
    // The state itself is written again: about 7 MB, until the store compacts.
    expect(Math.max(peak, usedBytes()) - before).toBeLessThan(10 * 1024 * 1024);
  });
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is alive, within the heap and outside of it. The buffers of the first collection are released by the second. */
function usedBytes(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
