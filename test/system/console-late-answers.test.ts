import type { Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, createApiClient, type ApiClient } from '../../lib/client/index.ts';
import { startBrowser, type Browser } from '../../scripts/console/browser.ts';
import {
  createSubscription,
  createWorkspace,
  postWebhook,
  waitFresh,
  type Audience,
  type Workspace,
} from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { chromiumForTests } from './console-world.ts';

/** What the console shows while an answer is late, and that it does not show the answer to another question. */
const executable = chromiumForTests();

const ANN = { name: 'Ann Lee', phone: '+18085550101', email: 'ann@example.com' };
const BEN = { name: 'Ben Ito', phone: '+18085550102', email: 'ben@example.com' };
const PREPARING: Audience = { trait: 'cart_status_updated', status: ['preparing'] };

let installation: Installation;
let workspace: Workspace;
let api: ApiClient;
let browser: Browser;

beforeAll(async () => {
  if (executable === undefined) return;
  installation = await startInstallation();
  workspace = await createWorkspace(installation, { id: 'pacific-leaf', time_zone: 'Pacific/Honolulu' });
  api = createApiClient({ baseUrl: installation.apiUrl, key: workspace.keys.write });
  const statuses = await createSubscription(installation, workspace, { event: 'cart_status' });
  for (const [id, status, { name, phone, email }] of [
    ['ann-1', 'preparing', ANN],
    ['ben-1', 'finished', BEN],
  ] as const) {
    const customer = { customer_name: name, customer_phone_number: phone, customer_email_address: email };
    const cart = { id, status, store_id: 68, store_name: 'Pacific Leaf Kailua', ...customer };
    expect((await postWebhook(statuses, { cart })).status).toBe(202);
  }
  await waitFresh(installation, workspace, Date.now(), 60_000);
  browser = await startBrowser(executable);
});
afterAll(async () => {
  if (executable === undefined) return;
  await browser.close();
  await removeInstallation(installation);
});

async function open(path: string): Promise<Page> {
  const page = await browser.open(`${installation.apiUrl}/#key=${workspace.keys.write}`);
  await page.getByRole('navigation', { name: 'Pages' }).first().waitFor();
  await go(page, path);
  return page;
}

/** Without loading the console again: what it has asked before stays known. */
const go = (page: Page, path: string): Promise<void> =>
  page.evaluate((fragment) => {
    location.hash = fragment;
  }, path);

/** Holds the requests to a path back until they are let through. */
async function holdBack(page: Page, path: RegExp): Promise<{ asked: Promise<void>; letThrough(): Promise<void> }> {
  const held: Route[] = [];
  let isHeld = true;
  let wake: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (wake = resolve));
  await page.route(path, async (route) => {
    if (!isHeld) return route.continue();
    held.push(route);
    wake();
  });
  return {
    asked,
    async letThrough() {
      isHeld = false;
      // The console may have given the question up.
      await Promise.all(held.map((route) => route.continue().catch(() => undefined)));
    },
  };
}

const save = async (name = 'Being prepared'): Promise<string> =>
  (await bodyOf(api.POST('/v1/audiences', { body: { name, audience: PREPARING } }))).id;

async function check(page: Page, address: string): Promise<void> {
  await page.getByLabel('Phone number or email address of a person').fill(address);
  await page.keyboard.press('Enter');
}

describe.skipIf(executable === undefined)('answers of the console that are late', () => {
  it('are read by the question that asked for them: stores are on the board and in the builder', async () => {
    const page = await open('/analytics/board');
    await page.getByPlaceholder('All stores').click();
    await page.getByRole('option', { name: 'Pacific Leaf Kailua (68)' }).waitFor();
    await go(page, '/audiences/new?text=cart_abandoned%20at%20store%2068');
    await page.getByRole('button', { name: 'Store: Pacific Leaf Kailua (68)' }).waitFor();
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });

  it('about one person are not shown as those about another', async () => {
    const page = await open(`/audiences/${await save()}?tab=check`);
    const verdict = page.getByTestId('verdict');
    await check(page, ANN.email);
    await verdict.getByText(`${ANN.name} is in this audience`).waitFor();
    const explanations = await holdBack(page, /\/v1\/audiences\/explain$/);
    await check(page, BEN.email);
    await explanations.asked;
    await expect.poll(() => verdict.count()).toBe(0);
    await explanations.letThrough();
    await verdict.getByText(`${BEN.name} is not in this audience`).waitFor();
    await page.close();
  });

  it('do not bring back a page that was left', async () => {
    const page = await open(`/audiences/${await save()}?tab=check`);
    const searches = await holdBack(page, /\/v1\/people\?/);
    await check(page, ANN.email);
    await searches.asked;
    await page.getByRole('tab', { name: 'Members' }).click();
    await page.getByTestId('members').getByText(ANN.name).waitFor();
    await searches.letThrough();
    await page.waitForTimeout(1_000);
    expect(await page.getByRole('tab', { name: 'Members' }).getAttribute('aria-selected')).toBe('true');
    await page.close();
  });

  it('are not edited as another audience, when the history leads from one to the other', async () => {
    const [first, second] = [await save(), await save('Another')];
    const page = await open(`/audiences/${first}/edit`);
    await expect.poll(() => page.getByTestId('name').inputValue()).toBe('Being prepared');
    await go(page, `/audiences/${second}/edit`);
    await expect.poll(() => page.getByTestId('name').inputValue()).toBe('Another');
    await page.close();
  });

  it('about a wrong text are gone once it is corrected', async () => {
    const page = await open('/audiences/new?text=cart_abandoned%20at%20store%2068');
    await page.getByText('Text', { exact: true }).click();
    const text = page.getByTestId('text');
    const valid = await text.inputValue();
    await text.fill(`${valid} and`);
    await page.getByRole('alert').waitFor();
    await text.fill(valid);
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await page.close();
  });

  it('do not show a person who was erased meanwhile', async () => {
    const id = await save();
    const page = await open(`/audiences/${id}?tab=members`);
    await page.getByTestId('members').getByRole('link', { name: ANN.name }).click();
    await page.getByRole('button', { name: 'Erase…' }).click();
    const dialog = page.getByRole('dialog');
    const [, person = ''] = /\/people\/(\d+)/.exec(page.url()) ?? [];
    await dialog.getByRole('textbox').fill(`erase ${person}`);
    await dialog.getByRole('button', { name: 'Erase' }).click();
    await page.getByText(`No query shows person ${person} any more.`).waitFor();
    const members = await holdBack(page, /\/members\?/);
    await go(page, `/audiences/${id}?tab=members`);
    await members.asked;
    expect(await page.getByText(ANN.name).count()).toBe(0);
    await members.letThrough();
    await page.getByText('Nobody is in this audience now').waitFor();
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });
});
