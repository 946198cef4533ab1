import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, createApiClient, type ApiClient } from '../../lib/client/index.ts';
import { startOfDay } from '../../lib/time/index.ts';
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
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { startBrowser, type Browser, type PageOptions } from '../../scripts/console/browser.ts';
import { enter, visit } from '../../scripts/console/walk.ts';
import { chromiumForTests } from './console-world.ts';

/** The console's pages of analytics, in a real browser on a real installation: what they show is what the API counts. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ZONE = 'Asia/Tokyo';

const executable = chromiumForTests();

describe.skipIf(executable === undefined)('analytics', () => {
  let installation: Installation;
  let workspace: Workspace;
  let subscription: Subscription;
  let browser: Browser;
  let api: ApiClient;
  const nowMs = Date.now();
  const STORES = { 68: 'Harbour', 7: 'Old Town', 12: 'Station' } as const;
  const line = (type: string, atMs: number, id: string, store: keyof typeof STORES, cart: Record<string, unknown>) => ({
    type,
    occurred_at: new Date(atMs).toISOString(),
    cart: { id, store_id: store, store_name: STORES[store], reservation_mode: 'pickup', ...cart },
  });

  /** Orders of the last ten days; abandoned carts, of which every third was ordered an hour later; orders that wait. */
  function history(): unknown[] {
    const lines: unknown[] = [];
    for (let i = 0; i < 60; i++) {
      const store = ([68, 7, 12] as const)[i % 3]!;
      const startMs = nowMs - 10 * DAY + i * 3.5 * HOUR;
      const customer = { customer_email_address: `p${i}@example.com`, amount: 20 + i };
      if (i % 4 === 0) {
        lines.push(line('cart_activity', startMs - 2 * HOUR, `c${i}`, store, customer));
        if (i % 3 !== 0) continue;
      }
      lines.push(line('cart_status', startMs, `c${i}`, store, { ...customer, status: 'verification' }));
      if (i % 10 === 9) {
        lines.push(line('cart_status', startMs + 5 * MINUTE, `c${i}`, store, { ...customer, status: 'cancelled' }));
        continue;
      }
      lines.push(line('cart_status', startMs + 4 * MINUTE, `c${i}`, store, { ...customer, status: 'preparing' }));
      lines.push(line('cart_status', startMs + 29 * MINUTE, `c${i}`, store, { ...customer, status: 'finished' }));
    }
    for (let i = 0; i < 12; i++)
      lines.push(
        line('cart_status', nowMs - (50 + i) * MINUTE, `wait${i}`, ([68, 7, 12] as const)[i % 3]!, {
          status: 'preparing',
          customer_name: `Waiting ${i}`,
          customer_email_address: `wait${i}@example.com`,
          amount: 30,
        }),
      );
    for (let i = 0; i < 3; i++)
      lines.push(line('cart_status', nowMs - 10 * MINUTE, `new${i}`, 68, { status: 'preparing' }));
    return lines;
  }

  beforeAll(async () => {
    installation = await startInstallation();
    workspace = await createWorkspace(installation, { id: 'harbour-leaf', time_zone: ZONE, grace_seconds: 0 });
    subscription = await createSubscription(installation, workspace, { event: 'cart_status' });
    api = createApiClient({ baseUrl: installation.apiUrl, key: workspace.keys.read });
    await postLines(installation, workspace, 'events', history());
    await waitFresh(installation, workspace);
    browser = await startBrowser(executable!);
  });
  afterAll(async () => {
    await browser?.close();
    await removeInstallation(installation);
  });

  const at = (path: string): string => `${installation.apiUrl}/#${path}`;
  /** Opens a page of the console. */
  async function open(path: string, options: PageOptions = {}): Promise<Page> {
    const entrance = { url: installation.apiUrl, key: workspace.keys.read, workspace: workspace.id };
    const page = await enter(browser, entrance, options);
    await visit(page, path);
    return page;
  }
  const dayAgo = (days: number): string =>
    new Intl.DateTimeFormat('en-CA', { timeZone: ZONE }).format(nowMs - days * DAY);
  const rangeOf = (from: string, to: string) => ({
    from: new Date(startOfDay(from, ZONE)).toISOString(),
    to: new Date(startOfDay(to, ZONE, 1)).toISOString(),
  });

  it('the funnel has the orders and stays that the API counts, for a range and stores in the address', async () => {
    const [from, to] = [dayAgo(6), dayAgo(2)];
    const page = await open('/analytics');
    await page.getByRole('link', { name: 'Funnel' }).waitFor();
    const shown = async (status: string): Promise<string[]> =>
      (await page.getByTestId(`funnel-${status}`).innerText()).split(/\s*[\n\t]\s*/);
    await page.getByLabel('From', { exact: true }).fill(from);
    await page.getByLabel('To', { exact: true }).fill(to);
    const all = await bodyOf(api.POST('/v1/analytics/funnel', { body: rangeOf(from, to) }));
    expect(all.carts).toBeGreaterThan(20);
    await waitUntil(
      'the orders of these days',
      async () => (await page.getByTestId('funnel-orders').innerText()) === String(all.carts),
    );
    for (const { status, carts } of all.steps) expect(await shown(status)).toContain(String(carts));
    expect(await shown('verification')).toContain('4 min');
    expect(await shown('preparing')).toContain('25 min');
    await page.getByRole('combobox', { name: 'Stores' }).click();
    await page.getByRole('option', { name: 'Harbour (68)' }).click();
    await page.keyboard.press('Escape');
    const some = await bodyOf(api.POST('/v1/analytics/funnel', { body: { ...rangeOf(from, to), store_id: ['68'] } }));
    expect(some.carts).toBeLessThan(all.carts);
    await waitUntil(
      'the orders of one store',
      async () => (await page.getByTestId('funnel-orders').innerText()) === String(some.carts),
    );
    // The address alone gives the same page.
    const copy = await open(page.url().split('#')[1]!);
    await waitUntil(
      'the same',
      async () => (await copy.getByTestId('funnel-orders').innerText()) === String(some.carts),
    );
    expect(await copy.getByLabel('From', { exact: true }).inputValue()).toBe(from);
    expect(browser.complaints()).toEqual([]);
    await copy.close();
    await page.close();
  });

  it('abandonment shows what came back and its revenue, as charts and as tables', async () => {
    const page = await open('/analytics/abandonment?range=90d');
    const { buckets } = await bodyOf(
      api.POST('/v1/analytics/abandonment', {
        body: { ...rangeOf(dayAgo(89), dayAgo(0)), step: { amount: 1, unit: 'days' } },
      }),
    );
    const sum = (pick: (bucket: (typeof buckets)[number]) => number): number =>
      buckets.reduce((all, one) => all + pick(one), 0);
    const abandoned = sum((one) => one.abandoned);
    const recovered = sum((one) => one.recovered);
    expect(recovered).toBeGreaterThan(0);
    expect(recovered).toBeLessThan(abandoned);
    await waitUntil(
      'the abandoned carts',
      async () => (await page.getByTestId('abandoned').innerText()) === String(abandoned),
    );
    await page.getByText(`${recovered} of ${abandoned} were ordered afterwards`).waitFor();
    const revenue = sum((one) => one.recovered_amount).toLocaleString('en-US', { style: 'currency', currency: 'USD' });
    expect(await page.getByTestId('recovered-revenue').innerText()).toBe(revenue);
    const chart = page.getByTestId('abandonment-carts');
    await chart.locator('canvas').waitFor();
    await chart.getByRole('button', { name: 'Show as table' }).click();
    const rows = await chart.getByRole('row').allInnerTexts();
    const inTable = rows.slice(1).reduce((all, row) => all + Number(row.split('\t')[1]), 0);
    expect(inTable).toBe(abandoned);
    await page.getByText('Today', { exact: true }).click();
    await waitUntil('the range is in the address', () => page.url().includes('range=today'));
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });

  it('the board says how many orders wait for too long and at how many stores, lists them, and follows', async () => {
    const page = await open('/analytics/board');
    const late = page.getByTestId('late');
    await late.getByText('12 orders at 3 stores').waitFor();
    expect(await late.innerText()).toContain('Preparing for over 45 min');
    await late.getByRole('link', { name: '12 orders at 3 stores' }).click();
    const list = page.getByTestId('late-orders').getByRole('row');
    await waitUntil('twelve orders', async () => (await list.count()) === 13);
    expect(await list.nth(1).innerText()).toContain('wait11');
    await page.getByLabel('Too long is over').fill('55');
    await late.getByText('7 orders at 3 stores').waitFor();
    expect(page.url()).toContain('over=55');
    // One of them is ready: the number and the list follow.
    const answer = await postWebhook(subscription, {
      cart: { id: 'wait11', store_id: 12, status: 'ready_for_pickup' },
    });
    expect(answer.status).toBe(202);
    await late.getByText('6 orders at 3 stores').waitFor({ timeout: 15_000 });
    await page.getByTestId('board-ready_for_pickup').waitFor();
    await page.getByRole('combobox', { name: 'Stores' }).click();
    await page.getByRole('option', { name: 'Harbour (68)' }).click();
    await late.getByText(/orders? at 1 store$/).waitFor();
    await page.getByTestId('late-orders').getByRole('link', { name: 'Waiting 9' }).click();
    await page.getByRole('heading', { name: 'Waiting 9' }).waitFor();
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });

  it('says what to do where there is nothing, and when the API does not answer', async () => {
    const page = await open('/analytics/funnel?from=2020-01-01&to=2020-01-02');
    await page.getByText('No orders in this range').waitFor();
    await page.goto(at('/analytics/abandonment?from=2020-01-01&to=2020-01-02'));
    await page.getByText('No abandoned carts and no orders in this range').waitFor();
    await page.goto(at('/analytics/board?store=%5B%22nowhere%22%5D'));
    await page.getByText('No open orders').waitFor();
    await page.route('**/v1/**', (route) => route.abort());
    await page.goto(at('/analytics/funnel?range=7d'));
    await page.getByText('The API does not answer').waitFor();
    await page.close();
  });

  it('fits a phone, in both schemes', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      for (const [size, width, height] of [
        ['wide', 1440, 860],
        ['phone', 390, 844],
      ] as const) {
        const page = await open('/analytics', { width, height, scheme });
        for (const [name, testId] of [
          ['funnel', 'funnel'],
          ['abandonment', 'abandonment-revenue'],
          ['board', 'late'],
        ] as const) {
          await page.goto(at(`/analytics/${name}`));
          await page.getByTestId(testId).waitFor();
          const scrolls = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
          expect(scrolls, `${name} ${size} ${scheme} scrolls sideways`).toBe(false);
        }
        await page.close();
      }
    }
  });
});
