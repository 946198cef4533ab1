import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, createApiClient, type ApiAnswer, type Schemas } from '../../lib/client/index.ts';
import { startBrowser, type Browser } from '../../scripts/console/browser.ts';
import { createWorkspace, postWebhook, preview, waitUntil, type Workspace } from '../harness/client.ts';
import type { Installation } from '../harness/installation.ts';
import { chromiumForTests, startConsoleWorld, type ConsoleWorld } from './console-world.ts';

/**
 * A simulated day on a real installation: what is counted is what the stories say, and what the console shows in
 * a real browser is what is counted.
 */
const executable = chromiumForTests();

let world: ConsoleWorld;
let installation: Installation;
let workspace: Workspace;

beforeAll(async () => {
  world = await startConsoleWorld();
  ({ installation, workspace } = world);
});

afterAll(async () => {
  await world.stop();
});

async function allTraitEvents(): Promise<Schemas['TraitEvent'][]> {
  const api = createApiClient({ baseUrl: installation.apiUrl, key: workspace.keys.read });
  const all: Schemas['TraitEvent'][] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) };
    const page: ApiAnswer<'/v1/trait-events', 'get'> = await bodyOf(api.GET('/v1/trait-events', { params: { query } }));
    all.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return all;
}

describe('a simulated day', () => {
  it('is counted as its stories say: every change, every abandonment, every person', async () => {
    const { endsAtMs } = world;
    const { expected } = world.day;
    // What falls due meanwhile is not the day's.
    const events = (await allTraitEvents()).filter(({ occurred_at }) => Date.parse(occurred_at) <= endsAtMs);
    const changes: Record<string, number> = {};
    for (const { trait, status } of events)
      if (trait === 'cart_status_updated') changes[status] = (changes[status] ?? 0) + 1;
    expect(changes).toEqual(expected.changes);
    expect(events.filter(({ trait }) => trait === 'cart_abandoned').length).toBe(expected.abandonments);
    expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(events.length);
    expect((await preview(installation, workspace, { everyone: true })).count).toBe(expected.people);
    const everyone = await preview(installation, workspace, { everyone: true }, { include_anonymous: true });
    expect(everyone.count).toBe(expected.people + expected.anonymousCarts);
    expect(everyone.reachable.sms).toBeGreaterThan(0);
  });
});

describe.skipIf(executable === undefined)('the console', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser(executable!);
  });
  afterAll(async () => {
    await browser.close();
  });

  const at = (fragment: string): string => `${installation.apiUrl}/${fragment}`;
  const figure = async (page: Page, testId: string): Promise<number> => {
    const text = await page.getByTestId(testId).locator('.figure').or(page.getByTestId(testId)).last().innerText();
    // A count that is not known yet shows no text.
    return text === '' ? NaN : Number(text.replaceAll(',', ''));
  };
  const shows = (page: Page, testId: string, value: number): Promise<boolean> =>
    waitUntil(`${testId} shows ${value}`, async () => (await figure(page, testId)) === value, { timeoutMs: 15_000 });

  it('shows the numbers that the API counts, and takes the key out of the address', async () => {
    const page = await browser.open(at(`#key=${workspace.keys.read}`));
    const statuses = ['pending', 'verification', 'preparing', 'finished', 'cancelled', 'delivery_arrived'];
    await page.getByText('7 days', { exact: true }).click();
    for (const status of statuses) {
      const time = { operator: 'in_last', amount: 7, unit: 'days' } as const;
      const { count } = await preview(installation, workspace, {
        trait: 'cart_status_updated',
        status: [status],
        time,
      });
      expect(count, status).toBeGreaterThan(0);
      await shows(page, `count-${status}`, count);
    }
    expect(await figure(page, 'abandoned-30-minutes')).toBeGreaterThan(0);
    expect(await page.getByTestId('events').locator('.event').count()).toBeGreaterThan(20);
    await page.locator('[data-testid=fresh][data-fresh=true]').waitFor();
    const stations = page.getByTestId('pipeline').locator('.station');
    expect(await stations.count()).toBe(5);
    await waitUntil('all stages run', async () => {
      const states = await stations.evaluateAll((all) => all.map((station) => station.getAttribute('data-state')));
      return states.every((state) => state === 'running');
    });
    expect(page.url()).not.toContain(workspace.keys.read);
    await page.reload();
    await page.getByTestId('abandoned-30-minutes').waitFor();
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });

  it('fits wide and narrow, light and dark, and is reached by keyboard', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      for (const [name, width, height] of [
        ['wide', 1440, 800],
        ['phone', 390, 844],
      ] as const) {
        const page = await browser.open(at(`#key=${workspace.keys.read}`), { width, height, scheme });
        await waitUntil('counts', async () => (await figure(page, 'count-finished')) > 0);
        const scrolls = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
        expect(scrolls, `${name} ${scheme} scrolls sideways`).toBe(false);
        const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        expect(ground).toBe(scheme === 'light' ? 'rgb(244, 242, 236)' : 'rgb(13, 20, 18)');
        await page.close();
      }
    }
    const page = await browser.open(at(`#key=${workspace.keys.read}`));
    await page.getByTestId('abandoned-30-minutes').waitFor();
    const reached: string[] = [];
    for (let n = 0; n < 10; n += 1) {
      await page.keyboard.press('Tab');
      reached.push(await page.evaluate(() => document.activeElement?.textContent ?? ''));
    }
    for (const name of ['Skip to the content', 'Subscriptions', 'Dead letters']) expect(reached).toContain(name);
    await page.close();
  });

  it('shows a long name of an audience whole on a phone, as one line of text', async () => {
    const page = await browser.open(at(`#key=${workspace.keys.read}`), { width: 390, height: 844 });
    await page.locator('#content h1').first().waitFor();
    await page.goto(at('#/audiences/new'));
    const name = page.getByTestId('name');
    await name.fill('Left a cart in the last three hours\nand has not returned to it, or to any other one');
    expect(await name.inputValue()).not.toContain('\n');
    const isCut = (field: HTMLElement | SVGElement): boolean =>
      field.scrollWidth > field.clientWidth || field.scrollHeight > field.clientHeight + 1;
    await expect.poll(() => name.evaluate(isCut)).toBe(false);
    await page.close();
  });

  it('moves by itself: a webhook is on the page within seconds', async () => {
    const page = await browser.open(at(`#key=${workspace.keys.read}`));
    await waitUntil('a count', async () => Number.isFinite(await figure(page, 'count-staff_member_review')));
    const before = await figure(page, 'count-staff_member_review');
    const cart = { id: 'fresh-1', status: 'staff_member_review', customer_name: 'Nia Osei', store_id: 68 };
    const answer = await postWebhook(world.statusSubscription, {
      cart: { ...cart, customer_phone_number: '+18085550177' },
    });
    expect(answer.status).toBe(202);
    await page.getByText('Nia Osei').waitFor({ timeout: 10_000 });
    await shows(page, 'count-staff_member_review', before + 1);
    await page.close();
  });

  it('asks for a key, says what is wrong with one, and lets an admin choose', async () => {
    const page = await browser.open(at(''));
    await page.getByTestId('key').fill('jt_read_nobody');
    await page.keyboard.press('Enter');
    await page.getByText('This key is unknown or was deleted').waitFor();
    await page.getByTestId('key').fill(workspace.keys.ingest);
    await page.keyboard.press('Enter');
    await page.getByText('This key can only send data').waitFor();
    await createWorkspace(installation, { id: 'northern-lights' });
    await page.getByTestId('key').fill(installation.adminKey);
    await page.keyboard.press('Enter');
    await page.getByPlaceholder('Choose one').click();
    await page.getByRole('option', { name: 'northern-lights' }).click();
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByText('No carts yet').waitFor();
    await page.getByRole('combobox', { name: 'Workspace' }).selectOption({ label: 'Pacific Leaf' });
    await waitUntil('counts of the other workspace', async () => (await figure(page, 'count-finished')) > 0);
    await page.getByRole('button', { name: 'Use another key' }).click();
    await page.getByTestId('key').waitFor();
    expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain(installation.adminKey);
    await page.close();
  });

  it('says what to do when the API is gone', async () => {
    const page = await browser.open(at(`#key=${workspace.keys.read}`));
    await page.getByTestId('abandoned-30-minutes').waitFor();
    await page.route('**/v1/**', (route) => route.abort());
    await page.getByRole('link', { name: 'Status', exact: true }).click();
    await page.getByText('The API does not answer').waitFor();
    await page.close();
  });
});
