import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createSubscription,
  createWorkspace,
  postLines,
  postWebhook,
  freshMsOf,
  preview,
  waitUntil,
  type Audience,
  type Preview,
  type Subscription,
  type Workspace,
} from '../harness/client.ts';
import { bodyOf, createApiClient } from '../../lib/client/index.ts';
import { partitionFor } from '../../lib/kafka/murmur2.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';

/** What `fresh_through` promises, on a real installation: idle, busy, and while parts of it are down. */

let installation: Installation;
let workspace: Workspace;
let subscription: Subscription;

beforeAll(async () => {
  installation = await startInstallation({ env: { PARTITIONS: '4' } });
  workspace = await createWorkspace(installation, { abandonment_window_minutes: 1, grace_seconds: 0 });
  subscription = await createSubscription(installation, workspace, { event: 'cart_status' });
});
afterAll(() => removeInstallation(installation));

/** A new workspace whose records are in another partition of person-inputs and trait-events. */
async function workspaceElsewhere(): Promise<Workspace> {
  for (;;) {
    const other = await createWorkspace(installation);
    if (partitionFor(other.id, 4) !== partitionFor(workspace.id, 4)) return other;
  }
}

let carts = 0;
async function send(status: string): Promise<{ at: number; store: string }> {
  const store = `s${carts++}`;
  const cart = { id: `f-${store}`, status, store_id: store, customer_email_address: `${store}@example.com` };
  const { status: answered } = await postWebhook(subscription, { cart });
  if (answered !== 202) throw new Error(`webhook: ${answered}`);
  return { at: Date.now(), store };
}

const of = (store: string): Audience => ({ trait: 'cart_status_updated', store_id: [store] });

/** Every answer must keep the promise; returns the first that is fresh enough, and how long it took. */
async function untilCounted(at: number, store: string): Promise<{ answer: Preview; tookMs: number }> {
  return waitUntil(`fresh past ${at}`, async () => {
    const answer = await preview(installation, workspace, of(store));
    const fresh = freshMsOf(answer) > at;
    if (!fresh) return undefined;
    expect(answer.count, `${store}: fresh through ${answer.fresh_through}, sent ${at}`).toBe(1);
    return { answer, tookMs: Date.now() - at };
  });
}

describe('fresh_through', () => {
  it('is past every webhook that is counted, and every webhook before it is counted', async () => {
    const took: number[] = [];
    for (let i = 0; i < 25; i += 1) {
      const { at, store } = await send('verification');
      took.push((await untilCounted(at, store)).tookMs);
    }
    took.sort((a, b) => a - b);
    process.stderr.write(`webhook to counted: median ${took[12]} ms, longest ${took.at(-1)} ms\n`);
  });

  it('proves itself on an idle system, within the call', async () => {
    await sleep(4_000);
    const calledAt = Date.now();
    const answer = await preview(installation, workspace, { everyone: true });
    expect(freshMsOf(answer)).toBeGreaterThanOrEqual(calledAt);
  });

  it('keeps its promise while a bulk import goes through', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => ({
      type: 'cart_status',
      occurred_at: new Date(Date.now() - i * 1_000).toISOString(),
      cart: { id: `bulk-${i}`, status: 'finished', store_id: 'bulk', user_id: String(1 + (i % 5_000)) },
    }));
    let importing = true;
    const imported = postLines(installation, workspace, 'events', lines).finally(() => (importing = false));
    while (importing) {
      const { at, store } = await send('preparing');
      await untilCounted(at, store);
    }
    await imported;
    const at = Date.now();
    const answer = await waitUntil('all are counted', async () => {
      const found = await preview(installation, workspace, of('bulk'));
      return freshMsOf(found) > at && found;
    });
    expect(answer.count).toBe(5_000);
  });

  it('does not wait for the backlog of a workspace in another partition', async () => {
    const busy = await workspaceElsewhere();
    const lines = Array.from({ length: 60_000 }, (_, i) => ({
      occurred_at: new Date(Date.now() - i * 1_000).toISOString(),
      phone: `+1808555${String(i % 10_000).padStart(4, '0')}`,
      email: `p${i}@example.com`,
    }));
    let importing = true;
    const imported = postLines(installation, busy, 'people', lines).finally(() => (importing = false));
    const mine: number[] = [];
    const theirs: number[] = [];
    const age = async (of: Workspace): Promise<number> => {
      const askedAt = Date.now();
      return askedAt - freshMsOf(await preview(installation, of, { everyone: true }));
    };
    while (importing) {
      const { at, store } = await send('preparing');
      await untilCounted(at, store);
      mine.push(await age(workspace));
      theirs.push(await age(busy));
    }
    await imported;
    const at = Date.now();
    await waitUntil('the backlog is counted', async () => {
      theirs.push(await age(busy));
      mine.push(await age(workspace));
      return freshMsOf(await preview(installation, busy, { everyone: true })) > at;
    });
    const worst = { mine: Math.max(...mine), theirs: Math.max(...theirs) };
    process.stderr.write(`age of fresh_through during the backlog: ${JSON.stringify(worst)} ms\n`);
    expect(worst.mine).toBeLessThan(worst.theirs);
  }, 120_000);

  it('is not past an abandonment that was due and is not concluded', async () => {
    const { at, store } = await send('pending');
    const due = at + 60_000;
    const abandoned: Audience = { trait: 'cart_abandoned', store_id: [store] };
    const answers: { freshMs: number; count: number }[] = [];
    await waitUntil(
      'it is abandoned and fresh',
      async () => {
        const answer = await preview(installation, workspace, abandoned);
        answers.push({ freshMs: freshMsOf(answer), count: answer.count });
        return answer.count === 1 && freshMsOf(answer) > due;
      },
      { timeoutMs: 75_000, everyMs: 20 },
    );
    expect(answers.filter(({ freshMs, count }) => freshMs > due && count === 0)).toEqual([]);
    expect(answers.filter(({ freshMs, count }) => freshMs < due - 2_000 && count === 1)).toEqual([]);
  }, 90_000);

  it('stands still while the processor or the sink is down, and goes on after', async () => {
    for (const name of ['processor', 'sink']) {
      await installation.kill9(name);
      const { at, store } = await send('verification');
      const { answer, tookMs } = await untilCounted(at, store);
      process.stderr.write(`${name} killed: counted after ${tookMs} ms, fresh through ${answer.fresh_through}\n`);
      const api = createApiClient({ baseUrl: installation.apiUrl, key: workspace.keys.read });
      // The partition of this workspace may run before others do.
      await waitUntil('all stages run', async () => (await bodyOf(api.GET('/v1/status'))).state === 'running');
    }
  });
});
