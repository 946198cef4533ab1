import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createSubscription,
  createWorkspace,
  postLines,
  postWebhook,
  waitFresh,
  waitUntil,
  type Subscription,
  type Workspace,
} from '../harness/client.ts';
import { flowCommand, flowInput } from '../../lib/flows/testing/records.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { FlowInput } from '../../schemas/types.ts';
import { kafkaOf } from '../harness/kafka.ts';
import { openApi, type ApiWorld } from './api-world.ts';

/** What a replay takes in and answers, and what is listed, on a real installation. */

interface Letter {
  dead_letter_id: string;
  source: string;
  subscription_id: string | null;
  reason: string;
  received_at: string;
}
interface Page {
  items: Letter[];
  next_cursor: string | null;
}

let api: ApiWorld;
let shop: Workspace;
let subscription: Subscription;
let write: { key: string };

beforeAll(async () => {
  api = await openApi();
  shop = await createWorkspace(api.installation);
  subscription = await createSubscription(api.installation, shop, { event: 'cart_status' });
  write = { key: shop.keys.write };
});
afterAll(() => api.close());

const listed = async (query = ''): Promise<Letter[]> =>
  (await api.ask<Page>('GET', `/v1/dead-letters${query}`, write)).body.items;

async function refused(body: unknown): Promise<string> {
  const answer = await postWebhook(subscription, body);
  expect(answer.status).toBe(422);
  const id = answer.body.dead_letter_id ?? '';
  await waitUntil('it is listed', async () => (await listed()).some((letter) => letter.dead_letter_id === id));
  return id;
}

describe('a replay', () => {
  it('takes JSON letter by letter: long ids keep their digits', async () => {
    const id = await refused({ cart: { status: 'pending' } });
    const text = '{ "body": {"cart": {"id": 12345678901234567890, "status": "pending", "amount": 41.80}} }';
    const replayed = await api.ask<{ event_id: string }>('POST', `/v1/dead-letters/${id}/replay`, {
      ...write,
      body: text,
    });
    expect(replayed.status).toBe(202);
    const same = await postWebhook(
      subscription,
      '{"cart": {"id": 12345678901234567890, "status": "pending", "amount": 41.80}}',
    );
    expect(replayed.body.event_id).toBe(same.body.event_id);
    await waitFresh(api.installation, shop);
    const cart = await api.ask('GET', '/v1/carts/12345678901234567890', { key: shop.keys.read });
    expect(cart.body).toMatchObject({ cart_id: '12345678901234567890', status: 'pending' });
  });

  it('that is still not usable is refused as at first', async () => {
    const body = { cart: { status: 'pending' } };
    const first = await postWebhook(subscription, body);
    const id = await refused(body);
    for (const mended of [undefined, { body }]) {
      const again = await api.ask('POST', `/v1/dead-letters/${id}/replay`, { ...write, body: mended });
      expect(again.status).toBe(422);
      expect(again.body).toEqual(first.body);
    }
  });

  it('of what a full cart did not take is read as it came, and comes back', async () => {
    const lines = Array.from({ length: 2001 }, (_, i) => ({
      type: 'cart_activity',
      occurred_at: new Date(Date.UTC(2026, 0, 1, 0, 0, i)).toISOString(),
      event_id: `full-${i}`,
      cart: { id: 'full' },
    }));
    await postLines(api.installation, shop, 'events', lines);
    expect((await postWebhook(subscription, { cart: { id: 'full', status: 'preparing' } })).status).toBe(202);
    const letters = await waitUntil('both are listed', async () => {
      const items = await listed('?reason=cart_overfull');
      return items.length === 2 && items;
    });
    expect(letters.map(({ source, subscription_id }) => [source, subscription_id])).toEqual([
      ['webhook', subscription.id],
      ['events', null],
    ]);
    for (const { dead_letter_id } of letters) {
      const path = `/v1/dead-letters/${dead_letter_id}/replay`;
      expect((await api.ask('POST', path, write)).status).toBe(202);
    }
    const mended = { ...lines[2000], cart: { id: 'less-full' } };
    const path = `/v1/dead-letters/${letters[1]?.dead_letter_id ?? ''}/replay`;
    expect((await api.ask('POST', path, { ...write, body: { body: mended } })).body).toEqual({ event_id: 'full-2000' });
  }, 180_000);
});

describe('the list', () => {
  it('tells what was refused again once, the last time, on whatever page', async () => {
    const lines = Array.from({ length: 5 }, (_, i) => ({ occurred_at: '2026-01-01T00:00:00Z', name: `Nobody ${i}` }));
    const post = () => postLines(api.installation, shop, 'people', lines);
    const ids = (await post()).errors.map(({ dead_letter_id }) => dead_letter_id).sort();
    await waitUntil('they are listed', async () => (await listed('?source=people')).length === 5);
    const [before] = await listed('?source=people');
    expect((await post()).errors.map(({ dead_letter_id }) => dead_letter_id).sort()).toEqual(ids);
    await waitUntil('they are listed anew', async () => {
      const [newest] = await listed('?source=people&limit=1');
      return newest !== undefined && before !== undefined && newest.received_at > before.received_at;
    });
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Page = (
        await api.ask<Page>('GET', `/v1/dead-letters?source=people&limit=2${cursor ? `&cursor=${cursor}` : ''}`, write)
      ).body;
      seen.push(...page.items.map(({ dead_letter_id }) => dead_letter_id));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(seen.sort()).toEqual(ids);
  });
});

describe('a record of flows that an operator has skipped', () => {
  interface Status {
    stages: { stage: string; partitions: { partition: number; state: string; problem: { offset: number } | null }[] }[];
  }

  /** Where the topology flows is stopped, once it is. */
  const stopped = () =>
    waitUntil(
      'flows is stopped',
      async () => {
        const { body } = await api.ask<Status>('GET', '/v1/status', { key: api.installation.adminKey });
        const { partitions = [] } = body.stages.find(({ stage }) => stage === 'flows') ?? {};
        return partitions.find(({ state }) => state === 'stopped');
      },
      { timeoutMs: 60_000 },
    );

  it('is a dead letter that cannot be replayed, and flows continue behind it', async () => {
    const { kafka, registry } = kafkaOf(api.installation);
    const producer = kafka.createProducer();
    try {
      const codec = await registry.codec<FlowInput>(TOPICS.flowInputs);
      // A definition that cannot be parsed makes the topology fail.
      const command = flowCommand({ number: 1_000_000, what: 'publish', definition: '{' });
      const value = codec.encode(flowInput(Date.now(), { command }, shop.id));
      await producer.send({ topic: TOPICS.flowInputs, key: shop.id, value });
    } finally {
      await producer.close();
      await kafka.close();
    }
    const { partition, problem } = await stopped();
    const place = ['--partition', String(partition), '--offset', String(problem!.offset), '--reason', 'damaged'];
    const skip = ['scripts/run.mjs', 'skip-record', '--topic', TOPICS.flowInputs, ...place];
    const { stdout } = await promisify(execFile)(process.execPath, skip, {
      env: { ...process.env, ...api.installation.env },
    });
    expect(stdout).toContain('skipped');
    const [letter] = await waitUntil('it is listed', async () => {
      const items = await listed('?source=flows');
      return items.length > 0 && items;
    });
    expect(letter).toMatchObject({ reason: 'record_skipped', subscription_id: null });
    const whole = await api.ask<{ body: string }>('GET', `/v1/dead-letters/${letter!.dead_letter_id}`, write);
    expect(JSON.parse(whole.body.body)).toMatchObject({ kind: 'command', command: { definition: '{' } });
    for (const body of [undefined, { body: {} }]) {
      const path = `/v1/dead-letters/${letter!.dead_letter_id}/replay`;
      expect((await api.ask('POST', path, { ...write, body })).status).toBe(422);
    }
    const flow = { name: 'F', triggers: [{ trait: 'cart_abandoned' }], start: 'end', nodes: { end: { type: 'exit' } } };
    const { id } = (await api.ask<{ id: string }>('POST', '/v1/flows', { ...write, body: flow })).body;
    await api.ask('POST', `/v1/flows/${id}/publish`, write);
    await waitUntil('the flow is live', async () => {
      return (await api.ask<{ state: string }>('GET', `/v1/flows/${id}`, write)).body.state === 'live';
    });
  }, 180_000);
});
