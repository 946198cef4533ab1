/** The use cases of flows on real engines, from webhooks to messages on the channel `test`, with kill -9 of delivery. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cartOf, Retailer } from '../flows/retailer.ts';
import { FlowWorld } from '../flows/world.ts';
import { waitUntil } from '../harness/client.ts';

interface Message {
  request_id: string;
  flow_id: string;
  run_id: string;
  node: string;
  cart_id: string | null;
  channel: string;
  outcome: string | null;
  reason: string | null;
  sent_at: string | null;
  address: string | null;
  content: Record<string, string> | null;
}
type Page<T> = { items: T[]; next_cursor: string | null };

/** Waits of the flows included, on a busy machine. */
const TIMEOUT_MS = 300_000;

let world: FlowWorld;
beforeAll(async () => {
  world = await FlowWorld.open({ ownEngines: false });
});
afterAll(async () => {
  await world.close();
});

const openRetailer = (): Promise<Retailer> => Retailer.open(world.installation, { abandonment_window_minutes: 1 });

/** Sends a status of a cart; resolves with the time of its 202. */
const sendStatus = (retailer: Retailer, cart: number, status: string, more: object = {}): Promise<number> =>
  retailer.send('cart_status', { ...cartOf(cart), status, ...more });

const messagesOf = async (retailer: Retailer, flow: string): Promise<Message[]> =>
  (await retailer.ask<Page<Message>>('GET', `/v1/messages?flow_id=${flow}&limit=1000`)).items;

/** Waits until exactly these carts have a message of the node with an outcome. */
function untilSent(retailer: Retailer, flow: string, node: string, carts: readonly number[]): Promise<Message[]> {
  const expected = carts.map(String).sort().join();
  return waitUntil(
    `${node} for ${expected}`,
    async () => {
      const all = await messagesOf(retailer, flow);
      const messages = all.filter((message) => message.node === node && message.outcome !== null);
      const own = messages
        .map(({ cart_id }) => cart_id)
        .sort()
        .join();
      if (own === expected) return messages;
      throw new Error(`only for ${own}; ${JSON.stringify(await retailer.ask('GET', `/v1/flows/${flow}/report`))}`);
    },
    { timeoutMs: 120_000, everyMs: 300 },
  );
}

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
function outcomesOf(messages: readonly Message[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of messages) counts[outcome!] = (counts[outcome!] ?? 0) + 1;
  return counts;
}

const UNSUBSCRIBE = '<a href="{{ unsubscribe_url }}">unsubscribe</a>';
const seconds = (amount: number) => ({ type: 'wait', for: { amount, unit: 'seconds' } });

describe('abandoned cart recovery', () => {
  it(
    'reminds whoever left a cart, by SMS and then by email, and nobody who has bought before a message was due',
    async () => {
      const retailer = await openRetailer();
      const recovery = await retailer.publish({
        name: 'Recovery',
        triggers: [{ trait: 'cart_abandoned', time: { operator: 'in_last', amount: 30, unit: 'minutes' } }],
        start: 'remind',
        nodes: {
          remind: {
            type: 'sms',
            text: '{{ workspace.name }}: {{ person.first_name }}, your cart waits. Reply STOP to opt out.',
            next: 'pause',
          },
          pause: { ...seconds(15), next: 'offer' },
          offer: { type: 'email', subject: '10 % off', html: `{{ cart.store_name }} ${UNSUBSCRIBE}`, next: null },
        },
      });
      const [quiet, early, late] = [range(1, 6), range(11, 6), range(21, 6)];
      await retailer.consent([...quiet, ...early, ...late]);
      for (const cart of [...quiet, ...early, ...late]) await sendStatus(retailer, cart, 'pending');
      for (const cart of early) await sendStatus(retailer, cart, 'verification');
      const reminded = await untilSent(retailer, recovery, 'remind', [...quiet, ...late]);
      // Their carts are bought before the offer is due, which is not before 15 s after the reminder.
      const dueMs = Math.min(...reminded.map(({ sent_at }) => Date.parse(sent_at!))) + 15_000;
      const boughtMs = await Promise.all(late.map((cart) => sendStatus(retailer, cart, 'verification')));
      const inTime = late.filter((_, i) => boughtMs[i]! < dueMs);
      const offered = await untilSent(retailer, recovery, 'offer', [
        ...quiet,
        ...late.filter((cart) => !inTime.includes(cart)),
      ]);
      expect(outcomesOf([...reminded, ...offered])).toEqual({ sent: reminded.length + offered.length });
      const sample = reminded.find(({ cart_id }) => cart_id === '1')!;
      expect(sample.content).toMatchObject({ text: expect.stringContaining('Ann, your cart waits') as string });
      expect(sample.address).toBe('+16125550001');
      expect(offered.find(({ cart_id }) => cart_id === '1')?.content).toMatchObject({ subject: '10 % off' });
      // Nothing more follows.
      await sleep(3_000);
      expect(await messagesOf(retailer, recovery)).toHaveLength(reminded.length + offered.length);
      expect(inTime.length).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});

describe('order lifecycle messages', () => {
  it(
    'tell each customer of each status once, while delivery is killed again and again',
    async () => {
      const retailer = await openRetailer();
      const tell = (status: string) => ({
        name: status,
        triggers: [{ trait: 'cart_status_updated', status: [status] }],
        reentry: { rule: 'once', per: 'cart' },
        exit_on: [{ event: { trait: 'cart_status_updated' }, of: 'cart' }],
        start: 'tell',
        nodes: { tell: { type: 'sms', class: 'transactional', text: `Your order is ${status}.`, next: null } },
      });
      const pickup = ['verification', 'preparing', 'ready_for_pickup'];
      const delivery = ['verification', 'preparing', 'delivery_started', 'delivery_finished'];
      const flows = new Map<string, string>();
      for (const status of new Set([...pickup, ...delivery])) flows.set(status, await retailer.publish(tell(status)));
      const carts = { pickup: range(101, 15), delivery: range(121, 15) };
      const all: Message[] = [];
      for (let step = 0; step < 4; step++) {
        const expected = new Map<string, number[]>();
        for (const mode of ['pickup', 'delivery'] as const) {
          const status = (mode === 'pickup' ? pickup : delivery)[step];
          if (status === undefined) continue;
          expected.set(status, [...(expected.get(status) ?? []), ...carts[mode]]);
          for (const cart of carts[mode]) await sendStatus(retailer, cart, status, { reservation_mode: mode });
        }
        await sleep(step * 200);
        // After the last kill it may still be starting.
        await waitUntil('delivery is killed', () => world.installation.kill9('delivery').then(() => true));
        for (const [status, of] of expected) all.push(...(await untilSent(retailer, flows.get(status)!, 'tell', of)));
      }
      // A process that dies during a call leaves it unknown whether the message was sent: it is never sent again.
      const { sent = 0, unknown = 0, ...others } = outcomesOf(all);
      expect(others).toEqual({});
      expect(sent + unknown).toBe(4 * 15 + 3 * 15);
      expect(sent).toBeGreaterThan(unknown);
      process.stderr.write(`with delivery killed four times: ${sent} sent, ${unknown} unknown\n`);
      const steps = await clickHouse(
        `SELECT count() AS steps, uniqExact(request_id) AS messages FROM flow_events FINAL
       WHERE workspace = '${retailer.workspace.id}' AND what IN ('sent', 'skipped', 'failed', 'unknown') FORMAT JSON`,
      );
      expect(steps).toEqual([{ steps: all.length, messages: all.length }]);
      // Nothing is called without an intent of its own, and nothing had two.
      expect(await world.intents('tell')).toEqual(new Map(all.map(({ request_id }) => [request_id, 1])));
    },
    TIMEOUT_MS,
  );
});

describe('cancelled order recovery', () => {
  it(
    'offers a discount or help after a while, and nothing to somebody who ordered again meanwhile',
    async () => {
      const retailer = await openRetailer();
      const winback = await retailer.publish({
        name: 'Winback',
        triggers: [{ trait: 'cart_status_updated', status: ['cancelled', 'dismissed'] }],
        reentry: { rule: 'after_exit', per: 'person' },
        exit_on: [{ checkout: 'person' }],
        start: 'pause',
        nodes: {
          pause: { ...seconds(30), next: 'who' },
          who: {
            type: 'split',
            trigger: { trait: 'cart_status_updated', status: ['dismissed'] },
            then: 'support',
            else: 'offer',
          },
          support: { type: 'email', subject: 'We are sorry', html: UNSUBSCRIBE, next: null },
          offer: { type: 'email', subject: '10 % off', html: UNSUBSCRIBE, next: null },
        },
      });
      const [cancelled, dismissed, again] = [range(201, 4), range(211, 4), range(221, 4)];
      await retailer.consent([...cancelled, ...dismissed, ...again]);
      for (const cart of [...cancelled, ...dismissed, ...again]) await sendStatus(retailer, cart, 'verification');
      const begunMs = Date.now();
      for (const cart of [...cancelled, ...again]) await sendStatus(retailer, cart, 'cancelled');
      for (const cart of dismissed) await sendStatus(retailer, cart, 'dismissed');
      // Carts are processed side by side: a checkout sent right after the cancellation of another cart may be asserted
      // before it, and ends nothing then.
      await waitUntil('every cancelled order has a run', async () => {
        return (await retailer.ask<{ entered: number }>('GET', `/v1/flows/${winback}/report`)).entered === 12;
      });
      // Another cart of the same person.
      for (const cart of again)
        await retailer.send('cart_status', { ...cartOf(cart + 1_000, cart), status: 'verification' });
      expect(Date.now() - begunMs).toBeLessThan(30_000);
      const offered = await untilSent(retailer, winback, 'offer', cancelled);
      const helped = await untilSent(retailer, winback, 'support', dismissed);
      expect(outcomesOf([...offered, ...helped])).toEqual({ sent: 8 });
      await waitUntil('the report shows who has left', async () => {
        const report = await retailer.ask<{ exited: Record<string, number>; live: number }>(
          'GET',
          `/v1/flows/${winback}/report`,
        );
        return report.exited['checkout'] === again.length && report.live === 0;
      });
      expect(await messagesOf(retailer, winback)).toHaveLength(8);
    },
    TIMEOUT_MS,
  );
});

async function clickHouse(query: string): Promise<unknown[]> {
  const { CLICKHOUSE_URL, CLICKHOUSE_DATABASE } = world.installation.env;
  const url = `${CLICKHOUSE_URL!}/?database=${CLICKHOUSE_DATABASE!}`;
  const answer = (await (await fetch(url, { method: 'POST', body: query })).json()) as { data: unknown[] };
  return answer.data;
}
