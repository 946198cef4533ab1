import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, createApiClient, type ApiClient } from '../../lib/client/index.ts';
import { startBrowser, type Browser } from '../../scripts/console/browser.ts';
import {
  createSubscription,
  createWorkspace,
  postLines,
  postWebhook,
  preview,
  waitFresh,
  waitUntil,
  type Audience,
  type Subscription,
  type Workspace,
} from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { chromiumForTests, waitForFocus } from './console-world.ts';

/** The audiences of the console in a real browser on a real installation, as a marketer uses them. */
const executable = chromiumForTests();

/** A person of the tests: every webhook about them carries the same phone and email. */
interface Person {
  name: string;
  phone: string;
  email: string;
}
const personOf = (name: string, n: number): Person => ({
  name,
  phone: `+180855501${String(n).padStart(2, '0')}`,
  email: `${name.split(' ')[0]!.toLowerCase()}@example.com`,
});
const ANN = personOf('Ann Lee', 1);
const BEN = personOf('Ben Ito', 2);
const CAM = personOf('Cam Diaz', 3);
const DEE = personOf('Dee Moss', 4);

let installation: Installation;
let workspace: Workspace;
let api: ApiClient;
let statuses: Subscription;
let abandonments: Subscription;
let browser: Browser;
let carts = 0;

const cartOf = ({ name, phone, email }: Person, more: object) => ({
  cart: {
    id: `cart-${++carts}`,
    amount: 41.8,
    store_id: 68,
    store_name: 'Pacific Leaf Kailua',
    reservation_mode: 'pickup',
    customer_name: name,
    customer_phone_number: phone,
    customer_email_address: email,
    ...more,
  },
});

async function abandon(person: Person, more: object = {}): Promise<void> {
  expect((await postWebhook(abandonments, cartOf(person, more))).status).toBe(202);
}
async function order(person: Person, status: string, more: object = {}): Promise<void> {
  expect((await postWebhook(statuses, cartOf(person, { status, ...more }))).status).toBe(202);
}

beforeAll(async () => {
  if (executable === undefined) return;
  installation = await startInstallation();
  workspace = await createWorkspace(installation, {
    id: 'pacific-leaf',
    time_zone: 'Pacific/Honolulu',
    grace_seconds: 0,
  });
  api = createApiClient({ baseUrl: installation.apiUrl, key: workspace.keys.write });
  statuses = await createSubscription(installation, workspace, { event: 'cart_status' });
  abandonments = await createSubscription(installation, workspace, { event: 'cart_abandoned' });
  await abandon(ANN);
  await abandon(BEN, { store_id: 7, amount: 180 });
  await order(BEN, 'finished');
  await order(CAM, 'ready_for_pickup');
  await order(DEE, 'cancelled');
  const occurred_at = new Date().toISOString();
  await postLines(installation, workspace, 'people', [
    { occurred_at, phone: ANN.phone, consent: { sms: 'opted_in' } },
    { occurred_at, email: BEN.email, consent: { email: 'opted_out' } },
  ]);
  await waitFresh(installation, workspace, Date.now(), 60_000);
  browser = await startBrowser(executable);
});
afterAll(async () => {
  if (executable === undefined) return;
  await browser.close();
  await removeInstallation(installation);
});

const at = (fragment: string): string => `${installation.apiUrl}/${fragment}`;

/** Opens a page of the console with a key. */
async function open(path: string, key = workspace.keys.write): Promise<Page> {
  const page = await browser.open(at(`#key=${key}`));
  await page.getByRole('navigation', { name: 'Pages' }).first().waitFor();
  await page.goto(at(`#${path}`));
  return page;
}

async function figure(page: Page, testId: string): Promise<number> {
  const text = await page.getByTestId(testId).innerText();
  return text === '' ? NaN : Number(text.replaceAll(',', ''));
}
const shows = (page: Page, testId: string, value: number): Promise<unknown> =>
  waitUntil(`${testId} shows ${value}`, async () => (await figure(page, testId)) === value, { timeoutMs: 20_000 });

const condition = (page: Page, place: string) => page.getByRole('group', { name: `Condition ${place}`, exact: true });

/** The text form of what is built. */
async function textOf(page: Page): Promise<string> {
  await page.getByText('Text', { exact: true }).click();
  const text = await page.getByTestId('text').inputValue();
  await page.getByText('Builder', { exact: true }).click();
  return text;
}

const WIN_BACK: Audience = {
  and: [
    { trait: 'cart_abandoned', recovered: false, time: { operator: 'in_last', amount: 30, unit: 'minutes' } },
    {
      not: {
        trait: 'cart_status_updated',
        status: ['finished'],
        time: { operator: 'in_last', amount: 1, unit: 'days' },
      },
    },
  ],
};

describe.skipIf(executable === undefined)('audiences in the console', () => {
  it('builds "abandoned in the last 30 minutes and not bought today", and the count follows a webhook', async () => {
    const page = await open('/audiences');
    await page.getByRole('button', { name: 'New audience' }).click();
    await condition(page, '1').waitFor();
    await page.getByRole('button', { name: 'Add a condition', exact: true }).click();
    const second = condition(page, '2');
    await second.getByLabel('Have or have not').selectOption('have not');
    await second.getByLabel('Trait').selectOption('Cart Status Updated');
    await second.getByRole('button', { name: 'Status: any status' }).click();
    await page.getByRole('option', { name: /^Finished/ }).click();
    await page.keyboard.press('Escape');
    await second.getByLabel('When').selectOption('in last');
    await second.getByLabel('How many').fill('1');
    await second.getByLabel('Unit of time').selectOption('days');
    const sentence = page.getByTestId('sentence');
    await sentence.getByText('have not had an order change to finished in the last 1 day').waitFor();
    const { count } = await preview(installation, workspace, WIN_BACK);
    expect(count).toBe(1);
    await shows(page, 'count', count);
    await page.getByTestId('sample').getByText(ANN.name).waitFor();
    expect(await textOf(page)).toBe(
      'cart_abandoned in last 30 minutes not recovered and not cart_status_updated = finished in last 1 day',
    );
    await abandon(personOf('Eve Hall', 5));
    await shows(page, 'count', count + 1);
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });

  it('builds the other examples: statuses, stores, amounts, days and orders that wait', async () => {
    const page = await open('/audiences/new');
    const first = condition(page, '1');
    await first.getByLabel('Trait').selectOption('Cart Status Updated');
    await first.getByRole('button', { name: /^Status:/ }).click();
    for (const name of [/^Cancelled/, /^Dismissed/]) await page.getByRole('option', { name }).click();
    await page.keyboard.press('Escape');
    await first.getByLabel('When').selectOption('between');
    await first.getByLabel(/^First day, a day/).fill('2026-01-01');
    await first.getByLabel(/^Last day, a day/).fill('2199-12-31');
    await first.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByRole('menuitem', { name: /^Store/ }).click();
    await first.getByRole('button', { name: 'Store: any store' }).click();
    await page.getByRole('option', { name: /\(68\)/ }).click();
    await page.keyboard.press('Escape');
    await first.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByRole('menuitem', { name: /^Amount/ }).click();
    await first.getByLabel('Lowest amount').fill('40');
    await shows(page, 'count', 1);
    await page.getByTestId('sample').getByText(DEE.name).waitFor();
    expect(await textOf(page)).toBe(
      'cart_status_updated in (cancelled, dismissed) between 2026-01-01 and 2199-12-31 with amount from 40 at store 68',
    );
    await page.getByRole('button', { name: 'Add a group', exact: true }).click();
    await expect.poll(() => page.locator('[data-rule-id]').count()).toBe(2);
    await page.getByRole('button', { name: 'Undo' }).click();
    await expect.poll(() => page.locator('[data-rule-id]').count()).toBe(1);
    await page.getByRole('button', { name: 'Redo' }).click();
    await expect.poll(() => page.locator('[data-rule-id]').count()).toBe(2);
    await page.getByRole('button', { name: 'Undo' }).click();
    await shows(page, 'count', 1);
    await first.getByLabel('Trait').selectOption('Order in Status');
    await page
      .getByTestId('sentence')
      .getByText('that has been cancelled or dismissed for at least 45 minutes')
      .waitFor();
    await shows(page, 'count', 0);
    await page.close();
  });

  it('edits both ways: the text changes the builder, and says where it is wrong', async () => {
    const page = await open('/audiences/new');
    await condition(page, '1').waitFor();
    await page.getByText('Text', { exact: true }).click();
    const text = page.getByTestId('text');
    await text.fill('cart_status_updated = ready_for_pickup in last 2 years');
    await page.getByText('Possible here: minutes, hours, days, weeks, months').waitFor();
    await text.fill('cart_abandoned at store 7 or (cart_status_updated = ready_for_pickup and not recovered)');
    await page.getByRole('alert').waitFor();
    await text.fill('cart_abandoned at store 7 or not cart_status_updated in last 2 hours');
    await page.getByTestId('sentence').getByText('abandoned a cart at store 7').waitFor();
    await page.getByText('Builder', { exact: true }).click();
    await expect.poll(() => page.getByLabel('How many of the conditions must match').inputValue()).toBe('any');
    await condition(page, '1')
      .getByRole('button', { name: /^Store:/ })
      .waitFor();
    await expect.poll(() => condition(page, '2').getByLabel('Have or have not').inputValue()).toBe('not');
    // Dragged onto the second condition, the first one is behind it.
    await page.locator('.row-handle').first().dragTo(condition(page, '2'));
    await expect.poll(() => condition(page, '1').getByLabel('Have or have not').inputValue()).toBe('not');
    // The draft is in the address: it can be sent to a colleague.
    await expect.poll(() => decodeURIComponent(page.url()).replaceAll('+', ' ')).toContain('at store 7');
    await page.close();
  });

  it('explains why a person is not in it', async () => {
    const page = await open(
      '/audiences/new?text=cart_abandoned%20not%20recovered%20in%20last%2030%20minutes%20at%20store%2068',
    );
    await page.getByLabel('Phone number or email address of a person').fill(BEN.email);
    await page.keyboard.press('Enter');
    const verdict = page.getByTestId('verdict');
    await verdict.getByText('is not in this audience').waitFor();
    await verdict.getByText('Near misses:').waitFor();
    await verdict.getByText('another store').waitFor();
    await verdict.scrollIntoViewIfNeeded();
    await page.getByLabel('Phone number or email address of a person').fill('(808) 555-0101');
    await page.keyboard.press('Enter');
    await verdict.getByText('is in this audience').waitFor();
    await page.getByLabel('Phone number or email address of a person').fill('nobody@example.com');
    await page.keyboard.press('Enter');
    await page.getByText('Nobody has this phone number or address').waitFor();
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });

  it('saves, compares versions, lists members, exports and reads the file back, duplicates, deletes', async () => {
    const page = await open('/audiences/new?text=cart_abandoned%20in%20last%202%20hours');
    await condition(page, '1').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Give it a name to save it.').waitFor();
    await page.getByTestId('name').fill('Left a cart');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { level: 1, name: 'Left a cart' }).waitFor();
    await page.getByRole('button', { name: 'Edit' }).click();
    await condition(page, '1').getByLabel('How many').fill('3');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('tab', { name: 'Versions' }).click();
    const lines = page.locator('.version-lines');
    await lines.getByText('Have abandoned a cart in the last 2 hours').waitFor();
    await lines.getByText('Have abandoned a cart in the last 3 hours').waitFor();
    await expect.poll(() => page.getByTestId('versions').getByRole('listitem').count()).toBe(2);
    await page.getByRole('tab', { name: 'Members' }).click();
    await page.getByTestId('members').getByText(BEN.name).waitFor();
    await page.getByRole('button', { name: 'Export' }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('dialog').getByRole('button', { name: 'Export' }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/^left-a-cart-\d{4}-\d\d-\d\d\.csv$/);
    const rows = readFileSync(await download.path(), 'utf8')
      .trimEnd()
      .split('\r\n');
    expect(rows[0]).toBe('person_id,name,phone,email,user_id,sms_consent,email_consent,first_at,last_at');
    const expected = await preview(installation, workspace, {
      trait: 'cart_abandoned',
      time: { operator: 'in_last', amount: 3, unit: 'hours' },
    });
    expect(rows.length - 1).toBe(expected.count);
    expect(rows.find((line) => line.includes(BEN.phone))).toContain(BEN.name);
    await page.getByTestId('exported').waitFor();
    await page.getByRole('dialog').getByText('Close', { exact: true }).click();
    await page.getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Duplicate' }).click();
    await expect.poll(() => page.getByTestId('name').inputValue()).toBe('Copy of Left a cart');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { level: 1, name: 'Copy of Left a cart' }).waitFor();
    await page.getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByTestId('audiences').getByText('Left a cart').first().waitFor();
    await waitUntil(
      'one audience',
      async () => (await page.getByTestId('audiences').getByRole('listitem').count()) === 1,
    );
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });

  it('moves the chart of a live audience as people enter and leave', async () => {
    const audience: Audience = { trait: 'cart_status_updated', status: ['preparing'] };
    const { id } = await bodyOf(api.POST('/v1/audiences', { body: { name: 'Being prepared', audience } }));
    const page = await open(`/audiences/${id}`);
    await page.getByRole('switch', { name: 'Live' }).check({ force: true });
    await page.getByRole('heading', { name: 'Entered and left' }).waitFor();
    await shows(page, 'members-live', 0);
    await order(personOf('Fay Chu', 6), 'preparing');
    await shows(page, 'entered', 1);
    await shows(page, 'members-live', 1);
    const table = page.getByTestId('activity').locator('tbody tr').last();
    await waitUntil('the table beside the chart', async () => /\t1\t0\t1$/.test(await table.innerText()));
    await page.getByTestId('activity').locator('canvas').waitFor();
    await page.close();
  });

  it('is used by keyboard alone', async () => {
    const page = await open('/audiences/new');
    await condition(page, '1').waitFor();
    /** Presses Tab until what has the focus has this name. */
    const tabTo = async (name: RegExp, key = 'Tab'): Promise<void> => {
      for (let n = 0; n < 60; n += 1) {
        await page.keyboard.press(key);
        const focused = await page.evaluate(() => {
          const element = document.activeElement;
          return (element?.getAttribute('aria-label') ?? element?.textContent ?? '').trim();
        });
        if (name.test(focused)) return;
      }
      throw new Error(`nothing named ${String(name)} was reached with ${key}`);
    };
    await tabTo(/^Name of the audience$/);
    await page.keyboard.type('By keyboard');
    await tabTo(/^Trait$/);
    await page.keyboard.press('ArrowDown');
    await tabTo(/^Status: any status$/);
    await page.keyboard.press('Enter');
    await waitForFocus(page.getByRole('textbox', { name: 'Status: search' }));
    await page.keyboard.type('ready');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Status: Ready for pickup' }).waitFor();
    await tabTo(/^How many$/);
    await page.keyboard.press('Control+A');
    await page.keyboard.type('2');
    await tabTo(/^Unit of time$/);
    await page.keyboard.press('ArrowDown');
    await tabTo(/^Filter$/);
    await page.keyboard.press('Enter');
    await waitForFocus(page.getByRole('menu'));
    await page.getByRole('menuitem', { name: /^Mode/ }).waitFor();
    await page.keyboard.press('Escape');
    await tabTo(/^Add a condition$/);
    await page.keyboard.press('Enter');
    await condition(page, '2').waitFor();
    // The new condition has the focus; it moves to the first place, and back by undo.
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.closest('[role=group]')?.getAttribute('aria-label')))
      .toBe('Condition 2');
    await page.keyboard.press('Alt+ArrowUp');
    await expect.poll(() => condition(page, '1').getByLabel('Trait').inputValue()).toBe('cart_abandoned');
    await page.keyboard.press('Control+z');
    await expect.poll(() => condition(page, '1').getByLabel('Trait').inputValue()).toBe('cart_status_updated');
    await page.keyboard.press('Control+Shift+z');
    await expect.poll(() => condition(page, '1').getByLabel('Trait').inputValue()).toBe('cart_abandoned');
    await tabTo(/^Remove condition 1$/);
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('[data-rule-id]').count()).toBe(1);
    await page.getByTestId('sample').getByText(CAM.name).waitFor();
    await tabTo(/^Save$/, 'Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'By keyboard' }).waitFor();
    const { items } = await bodyOf(api.GET('/v1/audiences'));
    expect(items.find(({ name }) => name === 'By keyboard')?.audience).toEqual({
      trait: 'cart_status_updated',
      status: ['ready_for_pickup'],
      time: { operator: 'in_last', amount: 2, unit: 'hours' },
    });
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });

  it('lets a key that can only read look, count and check, and says why it cannot save', async () => {
    const page = await open('/audiences/new', workspace.keys.read);
    await condition(page, '1').waitFor();
    await waitUntil('a count', async () => Number.isFinite(await figure(page, 'count')));
    await page.getByTestId('name').fill('Not allowed');
    await page.getByTestId('name').press('Tab');
    await page.getByText('This key can only read').waitFor();
    await page.close();
  });
});
