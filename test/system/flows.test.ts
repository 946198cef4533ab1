/** The use cases of flows on real engines, from webhooks to messages on the channel `test`, with kill -9 of delivery. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { readToEnd } from '../../lib/kafka/index.ts';
import { decodeChange } from '../../lib/streams/changelog.ts';
import { changelogOf } from '../../lib/topics.ts';
import {
  createSubscription,
  createWorkspace,
  postLines,
  postWebhook,
  request,
  waitUntil,
  type Subscription,
  type Workspace,
} from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { kafkaOf } from '../harness/kafka.ts';

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

let installation: Installation;
beforeAll(async () => {
  installation = await startInstallation();
});
afterAll(async () => {
  await removeInstallation(installation);
});

/** A workspace of the test, with its webhooks. */
class Shop {
  readonly flows = new Map<string, string>();

  private constructor(
    readonly workspace: Workspace,
    private readonly webhooks: Subscription,
  ) {}

  static async open(): Promise<Shop> {
    const workspace = await createWorkspace(installation, { abandonment_window_minutes: 1, grace_seconds: 0 });
    const shop = new Shop(workspace, await createSubscription(installation, workspace, { event: 'cart_status' }));
    // Messages leave at any hour, so that the test may run at any.
    await shop.ask('PATCH', `/v1/workspaces/${workspace.id}`, {
      quiet_hours: { from: '08:00', to: '21:00', channels: [] },
    });
    return shop;
  }

  /** Asks the API; throws for a status other than 2xx. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const key = this.workspace.keys.write;
    const answer = await request<T>(installation.apiUrl + path, { method, key, body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async publish(name: string, flow: object): Promise<string> {
    const { id } = await this.ask<{ id: string }>('POST', '/v1/flows', { name, ...flow });
    await this.ask('POST', `/v1/flows/${id}/publish`);
    await waitUntil(`${name} is live`, async () => {
      return (await this.ask<{ state: string }>('GET', `/v1/flows/${id}`)).state === 'live';
    });
    this.flows.set(name, id);
    return id;
  }

  /** Sends a status of a cart as Jane does; resolves with the time of its 2xx. */
  async send(cart: number, status: string, more: object = {}): Promise<number> {
    const body = {
      cart: {
        id: cart,
        status,
        customer_name: 'Ann Lee',
        ...contactOf(cart),
        store_id: 68,
        store_name: 'North',
        ...more,
      },
    };
    const answer = await postWebhook(this.webhooks, body);
    expect(answer.status).toBe(202);
    return Date.now();
  }

  async consent(carts: readonly number[]): Promise<void> {
    const occurred_at = new Date().toISOString();
    const lines = carts.map((cart) => {
      const { customer_phone_number: phone, customer_email_address: email } = contactOf(cart);
      return { occurred_at, phone, email, consent: { sms: 'opted_in', email: 'opted_in' } };
    });
    await postLines(installation, this.workspace, 'people', lines);
  }

  async messages(name: string): Promise<Message[]> {
    const id = this.flows.get(name)!;
    return (await this.ask<Page<Message>>('GET', `/v1/messages?flow_id=${id}&limit=1000`)).items;
  }

  /** Waits until exactly these carts have a message of the node with an outcome. */
  async untilSent(name: string, node: string, carts: readonly number[], timeoutMs = 120_000): Promise<Message[]> {
    const expected = carts.map(String).sort();
    const found = async (): Promise<Message[]> =>
      (await this.messages(name)).filter((message) => message.node === node && message.outcome !== null);
    return waitUntil(
      `${name}: ${node} for ${expected.join()}`,
      async () => {
        const messages = await found();
        const own = messages
          .map(({ cart_id }) => cart_id)
          .sort()
          .join();
        if (own === expected.join()) return messages;
        throw new Error(
          `only for ${own}; ${JSON.stringify(await this.ask('GET', `/v1/flows/${this.flows.get(name)!}/report`))}`,
        );
      },
      { timeoutMs, everyMs: 300 },
    );
  }
}

const contactOf = (cart: number) => ({
  customer_phone_number: `+1612555${String(1000 + cart)}`,
  customer_email_address: `shopper${cart}@example.com`,
});

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
      const shop = await Shop.open();
      const name = 'Recovery';
      await shop.publish(name, {
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
      await shop.consent([...quiet, ...early, ...late]);
      for (const cart of [...quiet, ...early, ...late]) await shop.send(cart, 'pending');
      for (const cart of early) await shop.send(cart, 'verification');
      const reminded = await shop.untilSent(name, 'remind', [...quiet, ...late]);
      // Their carts are bought before the offer is due, which is not before 15 s after the reminder.
      const dueMs = Math.min(...reminded.map(({ sent_at }) => Date.parse(sent_at!))) + 15_000;
      const boughtMs = await Promise.all(late.map((cart) => shop.send(cart, 'verification')));
      const inTime = late.filter((_, i) => boughtMs[i]! < dueMs);
      const offered = await shop.untilSent(name, 'offer', [...quiet, ...late.filter((cart) => !inTime.includes(cart))]);
      expect(outcomesOf([...reminded, ...offered])).toEqual({ sent: reminded.length + offered.length });
      const sample = reminded.find(({ cart_id }) => cart_id === '1')!;
      expect(sample.content).toMatchObject({ text: expect.stringContaining('Ann, your cart waits') as string });
      expect(sample.address).toBe('+16125551001');
      expect(offered.find(({ cart_id }) => cart_id === '1')?.content).toMatchObject({ subject: '10 % off' });
      // Nothing more follows.
      await sleep(3_000);
      expect(await shop.messages(name)).toHaveLength(reminded.length + offered.length);
      expect(inTime.length).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});

describe('order lifecycle messages', () => {
  it(
    'tell each customer of each status once, while delivery is killed again and again',
    async () => {
      const shop = await Shop.open();
      const tell = (status: string) => ({
        triggers: [{ trait: 'cart_status_updated', status: [status] }],
        reentry: { rule: 'once', per: 'cart' },
        exit_on: [{ event: { trait: 'cart_status_updated' }, of: 'cart' }],
        start: 'tell',
        nodes: { tell: { type: 'sms', class: 'transactional', text: `Your order is ${status}.`, next: null } },
      });
      const pickup = ['verification', 'preparing', 'ready_for_pickup'];
      const delivery = ['verification', 'preparing', 'delivery_started', 'delivery_finished'];
      for (const status of new Set([...pickup, ...delivery])) await shop.publish(status, tell(status));
      const carts = { pickup: range(101, 15), delivery: range(121, 15) };
      const all: Message[] = [];
      for (let step = 0; step < 4; step++) {
        const expected = new Map<string, number[]>();
        for (const mode of ['pickup', 'delivery'] as const) {
          const status = (mode === 'pickup' ? pickup : delivery)[step];
          if (status === undefined) continue;
          expected.set(status, [...(expected.get(status) ?? []), ...carts[mode]]);
          for (const cart of carts[mode]) await shop.send(cart, status, { reservation_mode: mode });
        }
        await sleep(step * 200);
        // After the last kill it may still be starting.
        await waitUntil('delivery is killed', () => installation.kill9('delivery').then(() => true));
        for (const [status, of] of expected) all.push(...(await shop.untilSent(status, 'tell', of)));
      }
      // A process that dies during a call leaves it unknown whether the message was sent: it is never sent again.
      const { sent = 0, unknown = 0, ...others } = outcomesOf(all);
      expect(others).toEqual({});
      expect(sent + unknown).toBe(4 * 15 + 3 * 15);
      expect(sent).toBeGreaterThan(unknown);
      process.stderr.write(`with delivery killed four times: ${sent} sent, ${unknown} unknown\n`);
      const steps = await clickHouse(
        `SELECT count() AS steps, uniqExact(request_id) AS messages FROM flow_events FINAL
       WHERE workspace = '${shop.workspace.id}' AND what IN ('sent', 'skipped', 'failed', 'unknown') FORMAT JSON`,
      );
      expect(steps).toEqual([{ steps: all.length, messages: all.length }]);
      // Nothing is called without an intent of its own, and nothing had two.
      expect(await intents()).toEqual(new Map(all.map(({ request_id }) => [`m:${request_id}`, 1])));
    },
    TIMEOUT_MS,
  );
});

describe('cancelled order recovery', () => {
  it(
    'offers a discount or help after a while, and nothing to somebody who ordered again meanwhile',
    async () => {
      const shop = await Shop.open();
      const name = 'Winback';
      await shop.publish(name, {
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
      await shop.consent([...cancelled, ...dismissed, ...again]);
      for (const cart of [...cancelled, ...dismissed, ...again]) await shop.send(cart, 'verification');
      const begunMs = Date.now();
      for (const cart of [...cancelled, ...again]) await shop.send(cart, 'cancelled');
      for (const cart of dismissed) await shop.send(cart, 'dismissed');
      // Carts are processed side by side: a checkout sent right after the cancellation of another cart may be asserted
      // before it, and ends nothing then.
      const id = shop.flows.get(name)!;
      await waitUntil('every cancelled order has a run', async () => {
        return (await shop.ask<{ entered: number }>('GET', `/v1/flows/${id}/report`)).entered === 12;
      });
      // Another cart of the same person.
      for (const cart of again) await shop.send(cart + 1_000, 'verification', contactOf(cart));
      expect(Date.now() - begunMs).toBeLessThan(30_000);
      const offered = await shop.untilSent(name, 'offer', cancelled);
      const helped = await shop.untilSent(name, 'support', dismissed);
      expect(outcomesOf([...offered, ...helped])).toEqual({ sent: 8 });
      await waitUntil('the report shows who has left', async () => {
        const report = await shop.ask<{ exited: Record<string, number>; live: number }>(
          'GET',
          `/v1/flows/${id}/report`,
        );
        return report.exited['checkout'] === again.length && report.live === 0;
      });
      expect(await shop.messages(name)).toHaveLength(8);
    },
    TIMEOUT_MS,
  );
});

/** How often an intent was stored for each order message so far, by its key in the changelog of delivery. */
async function intents(): Promise<Map<string, number>> {
  const { kafka } = kafkaOf(installation);
  const topic = changelogOf('delivery');
  const counts = new Map<string, number>();
  try {
    const [beginnings, ends] = [await kafka.beginningOffsets(topic), await kafka.endOffsets(topic)];
    const ranges = new Map(ends.map((end, partition) => [partition, { beginning: beginnings[partition]!, end }]));
    const reading = { topic, ranges, clock: systemClock, idleMaxMs: 30_000, isolation: 'read_committed' } as const;
    for await (const { records } of readToEnd(kafka, reading)) {
      for (const { key, value } of records.map(decodeChange)) {
        if (!key.startsWith('m:') || value === null) continue;
        const stored = JSON.parse(value.toString('utf8')) as { state?: { name: string }; request?: { node: string } };
        if (stored.state?.name !== 'intended' || stored.request?.node !== 'tell') continue;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
  } finally {
    await kafka.close();
  }
  return counts;
}

async function clickHouse(query: string): Promise<unknown[]> {
  const { CLICKHOUSE_URL, CLICKHOUSE_DATABASE } = installation.env;
  const url = `${CLICKHOUSE_URL!}/?database=${CLICKHOUSE_DATABASE!}`;
  const answer = (await (await fetch(url, { method: 'POST', body: query })).json()) as { data: unknown[] };
  return answer.data;
}
