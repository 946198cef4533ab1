import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, createApiClient, type ApiClient } from '../../lib/client/index.ts';
import { createWorkspace, postLines, waitFresh, waitUntil, type Workspace } from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { startBrowser, type Browser, type PageOptions } from '../../scripts/console/browser.ts';
import { enter, visit } from '../../scripts/console/walk.ts';
import { chromiumForTests } from './console-world.ts';

/** The console's pages about people, in a real browser on a real installation. */

const MINUTE = 60_000;
const ZONE = 'America/Los_Angeles';
const STORE = { store_id: 68, store_name: 'Pacific Leaf Venice', reservation_mode: 'pickup' };
const NIA = {
  customer_email_address: 'nia.osei@example.com',
  customer_phone_number: '(808) 555-0177',
  customer_name: 'Nia Osei',
};
/** The store's own phone, which every walk-in order carries. */
const DESK = '+18085550199';

const executable = chromiumForTests();

describe.skipIf(executable === undefined)('people', () => {
  let installation: Installation;
  let workspace: Workspace;
  let browser: Browser;
  let api: ApiClient;
  const startMs = Math.floor(Date.now() / MINUTE) * MINUTE - 600 * MINUTE;
  const line = (type: string, minutes: number, id: string, cart: Record<string, unknown>) => ({
    type,
    occurred_at: new Date(startMs + minutes * MINUTE).toISOString(),
    cart: { id, ...STORE, ...cart },
  });
  const send = async (...lines: unknown[]): Promise<void> => {
    await postLines(installation, workspace, 'events', lines);
    await waitFresh(installation, workspace);
  };

  beforeAll(async () => {
    installation = await startInstallation();
    workspace = await createWorkspace(installation, { id: 'pacific-leaf', time_zone: ZONE, grace_seconds: 0 });
    api = createApiClient({ baseUrl: installation.apiUrl, key: workspace.keys.write });
    const products = [
      { product_id: 'gummies-10', count: 2, price: 18 },
      { product_id: 'preroll', count: 1, price: 9.5 },
    ];
    await send(
      line('cart_activity', 0, 'order-1', {
        customer_email_address: NIA.customer_email_address,
        products,
        amount: 45.5,
      }),
      line('cart_status', 0, 'guest-1', {
        status: 'verification',
        external_user_id: 'c-9',
        external_user_source: 'crm',
      }),
      ...Array.from({ length: 26 }, (_, i) =>
        line('cart_status', 5, `walk-in-${i}`, {
          status: 'finished',
          customer_phone_number: DESK,
          customer_email_address: `guest-${i}@example.com`,
        }),
      ),
    );
    // She was active longer than was known: the abandonment at 30 minutes is retracted for one at 50.
    await send(line('cart_activity', 20, 'order-1', { customer_email_address: NIA.customer_email_address }));
    await send(
      line('cart_status', 90, 'order-1', { ...NIA, status: 'verification', amount: 45.5 }),
      line('cart_status', 95, 'order-1', { ...NIA, status: 'preparing' }),
      line('cart_status', 120, 'order-1', { ...NIA, status: 'finished' }),
      line('cart_status', 130, 'order-1', { ...NIA, status: 'preparing' }),
    );
    // This joins the guest of the first order to her.
    await send(
      line('cart_status', 200, 'order-2', {
        ...NIA,
        status: 'pending',
        external_user_id: 'c-9',
        external_user_source: 'crm',
      }),
    );
    await postLines(installation, workspace, 'people', [
      { occurred_at: new Date(startMs).toISOString(), phone: '+18085550177', consent: { sms: 'opted_in' } },
      {
        occurred_at: new Date(startMs).toISOString(),
        email: NIA.customer_email_address,
        consent: { email: 'opted_out' },
      },
    ]);
    await waitFresh(installation, workspace);
    const finished = { trait: 'cart_status_updated' as const, status: ['finished'] };
    for (const body of [
      { name: 'Finished an order', audience: finished, live: true },
      { name: 'Never finished an order', audience: { not: finished } },
    ])
      await bodyOf(api.POST('/v1/audiences', { body }));
    browser = await startBrowser(executable!);
  });
  afterAll(async () => {
    await browser?.close();
    await removeInstallation(installation);
  });

  const at = (path: string): string => `${installation.apiUrl}/#${path}`;
  /** Opens a page of the console with a key. */
  async function open(path: string, key = workspace.keys.read, options: PageOptions = {}): Promise<Page> {
    const page = await enter(browser, { url: installation.apiUrl, key, workspace: workspace.id }, options);
    await visit(page, path);
    return page;
  }
  const find = async (email: string): Promise<string | undefined> =>
    (await bodyOf(api.GET('/v1/people', { params: { query: { email } } }))).items[0]?.person_id;
  const search = (page: Page) => page.getByLabel('Phone, email or id');

  it('finds a person by any identifier, recognised or chosen', async () => {
    const id = await find(NIA.customer_email_address);
    const page = await open('/people');
    await page.getByTestId('recent-people').getByText('Nia Osei').waitFor();
    for (const [text, kind] of [
      [' Nia.Osei@Example.com', 'Email (recognised)'],
      ['808 555 0177', 'Phone (recognised)'],
    ] as const) {
      await page.goto(at('/people'));
      await search(page).fill(text);
      expect(await page.getByRole('combobox', { name: 'Search as' }).inputValue()).toBe(kind);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Nia Osei' }).waitFor();
      expect(page.url()).toBe(at(`/people/${id}`));
    }
    // An external id with its source is chosen; the search can be linked to.
    await page.goto(at('/people?q=c-9'));
    await page.getByText('Nobody has this user id').waitFor();
    await page.getByRole('combobox', { name: 'Search as' }).click();
    await page.getByRole('option', { name: 'External id', exact: true }).click();
    await page.getByLabel('Source').fill('crm');
    await page.getByRole('button', { name: 'Search', exact: true }).click();
    await page.getByRole('heading', { name: 'Nia Osei' }).waitFor();
    await page.goBack();
    await page.getByRole('link', { name: /Nia Osei/ }).waitFor();
    expect(page.url()).toContain('kind=external_user_id');
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });

  it('says what it looked for, and what the text may be instead', async () => {
    const page = await open('/people?q=nobody@example.com');
    await page.getByText('Nobody has this email').waitFor();
    const id = await find(NIA.customer_email_address);
    await page.goto(at(`/people?q=${id}`));
    await page.getByText('Nobody has this user id').waitFor();
    await page
      .getByRole('region', { name: 'Found as Person id' })
      .getByRole('link', { name: /Nia Osei/ })
      .click();
    await page.getByRole('heading', { name: 'Nia Osei' }).waitFor();
    await page.goto(at('/people/4294967'));
    await page.getByText('No such person').waitFor();
    await page.close();
  });

  it('shows what happened to each cart, in the zone of the workspace', async () => {
    const page = await open(`/people/${await find(NIA.customer_email_address)}?cart=order-1`);
    const order = page.getByTestId('cart-order-1');
    await order.waitFor();
    const time = (minutes: number): string =>
      new Intl.DateTimeFormat('en-US', {
        timeZone: ZONE,
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        hourCycle: 'h23',
        timeZoneName: 'short',
      }).format(startMs + minutes * MINUTE);
    const steps = await order.locator('.step').allInnerTexts();
    expect(steps.map((text) => text.split('\n')[0])).toEqual([
      'Abandoned',
      'Abandoned',
      'Verification',
      'Preparing',
      'Finished',
      'Preparing',
    ]);
    for (const [i, minutes] of [30, 50, 90, 95, 120, 130].entries()) expect(steps[i]).toContain(time(minutes));
    expect(steps[0]).toContain('later input showed otherwise; replaced by Abandoned at');
    expect(steps[1]).toContain('ordered afterwards');
    expect(steps[3]).toContain('for 25 min');
    expect(steps[5]).toContain('unexpected: after the order had ended');
    await order.getByText('2 products').click();
    await order.getByText('gummies-10').waitFor();
    expect(await order.innerText()).toContain('Pacific Leaf Venice · Pickup');
    expect(await order.innerText()).toContain('$45.50');
    const identifiers = await page.getByTestId('identifiers').innerText();
    for (const text of ['+1 808 555 0177', 'SMS: opted in', 'nia.osei@example.com', 'email: opted out', 'c-9', 'crm'])
      expect(identifiers).toContain(text);
    await page.getByRole('button', { name: 'Hide 1 retracted event' }).click();
    expect(await order.locator('.step').count()).toBe(5);
    await page.close();
  });

  it('knows who was merged into a person; their ids lead to it', async () => {
    const id = await find(NIA.customer_email_address);
    const { merged } = await bodyOf(api.GET('/v1/people/{id}', { params: { path: { id: id! } } }));
    expect(merged).toHaveLength(1);
    const page = await open(`/people/${merged[0]!.person_id}`);
    await page.getByText(`Person ${merged[0]!.person_id} is now person ${id}`).waitFor();
    await page.getByTestId('merges').getByText(`Person ${merged[0]!.person_id}`).waitFor();
    await page.close();
  });

  it('shows live audiences, and links to why the person is in a saved one or not', async () => {
    const id = await find(NIA.customer_email_address);
    const page = await open(`/people/${id}`);
    await page.getByTestId('live-audiences').getByText('Finished an order').waitFor({ timeout: 20_000 });
    await page.getByRole('button', { name: 'Check all saved audiences' }).click();
    await page.getByText('In 1 of 2 audiences.').waitFor();
    const audiences = page.getByTestId('saved-audiences').getByRole('listitem');
    expect(await audiences.filter({ hasText: 'Never finished' }).getByText('not in').count()).toBe(1);
    await audiences.getByRole('link', { name: 'Never finished an order' }).click();
    expect(page.url()).toMatch(new RegExp(`#/audiences/[^?]+\\?.*person=.*${id}`));
    await page.close();
  });

  it('follows: a new status appears without a reload', async () => {
    const page = await open(`/people/${await find('guest-3@example.com')}`);
    await page.getByTestId('cart-walk-in-3').waitFor();
    await send(
      line('cart_status', 300, 'late-3', { status: 'ready_for_pickup', customer_email_address: 'guest-3@example.com' }),
    );
    await page.getByTestId('cart-late-3').getByText('Ready for pickup').first().waitFor({ timeout: 15_000 });
    await page.close();
  });

  it('reports junk identifiers, and changes the rules unless somebody else has', async () => {
    const page = await open('/people/links', workspace.keys.write);
    const row = page.getByTestId('link-report').getByRole('row').filter({ hasText: '+1 808 555 0199' });
    await row.getByText('junk').waitFor();
    expect(await row.innerText()).toContain('26 emails');
    const limit = page.getByLabel('Limit');
    await limit.fill('30');
    await page.getByText('1 identifier would join people again').waitFor();
    const other = await bodyOf(
      api.PUT('/v1/link-rules', { body: { limit: 25, deny: [{ kind: 'email', value: 'desk@example.com' }] } }),
    );
    await page.getByRole('button', { name: 'Save rules' }).click();
    await page.getByText('Somebody else has changed these rules').waitFor();
    await page.getByRole('button', { name: 'Load the current rules' }).click();
    await page.getByText('desk@example.com').waitFor();
    await limit.fill('30');
    await page.getByRole('button', { name: 'Save rules' }).click();
    await page.getByText('Link rules saved').waitFor();
    const rules = await bodyOf(api.GET('/v1/link-rules', {}));
    expect(rules).toMatchObject({ limit: 30, deny: [{ kind: 'email', value: 'desk@example.com' }] });
    expect(rules.version).toBe(other.version + 1);
    await row.getByText('joins').waitFor({ timeout: 20_000 });
    expect(browser.complaints()).toEqual([]);
    await page.close();
    const reader = await open('/people/links');
    await reader.getByText('This key can only read').first().waitFor();
    expect(await reader.getByLabel('Limit').isDisabled()).toBe(true);
    await reader.close();
  });

  it('erases a person after a typed confirmation, with a write key only', async () => {
    await send(
      line('cart_status', 310, 'gone-1', {
        status: 'finished',
        customer_email_address: 'gone@example.com',
        customer_name: 'Gone Girl',
      }),
    );
    const id = await find('gone@example.com');
    const reader = await open(`/people/${id}`);
    const refused = reader.getByRole('button', { name: 'Erase…' });
    await refused.focus();
    await reader.getByText('This key can only read').waitFor();
    await refused.click({ force: true });
    expect(await reader.getByRole('dialog').count()).toBe(0);
    await reader.close();
    const other = await open(`/people/${id}`);
    await other.getByTestId('cart-gone-1').waitFor();
    const page = await open(`/people/${id}`, workspace.keys.write);
    await page.getByRole('button', { name: 'Erase…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('LOG_RETENTION_DAYS').waitFor();
    const erase = dialog.getByRole('button', { name: 'Erase', exact: true });
    expect(await erase.isDisabled()).toBe(true);
    await dialog.getByRole('textbox').fill(`erase ${id}`);
    await erase.click();
    await page.getByText('No query shows person').waitFor({ timeout: 40_000 });
    expect(page.url()).toBe(at('/people'));
    expect(await find('gone@example.com')).toBeUndefined();
    await page.goto(at(`/people/${id}`));
    await page.getByText('No such person').waitFor();
    // Who looks at them meanwhile sees them no longer, either.
    await other.getByText('No such person').waitFor({ timeout: 15_000 });
    await other.close();
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });

  it('fits a phone, in both schemes', async () => {
    const id = await find(NIA.customer_email_address);
    for (const scheme of ['light', 'dark'] as const) {
      const page = await open(`/people/${id}`, workspace.keys.read, { width: 390, height: 844, scheme });
      for (const [name, path, text] of [
        ['person', `/people/${id}`, 'Carts and orders'],
        ['people', '/people', 'Active recently'],
        ['people-links', '/people/links', 'Link report'],
      ] as const) {
        await page.goto(at(path));
        await page.getByRole('heading', { name: text }).waitFor();
        await waitUntil('data', async () => (await page.locator('[aria-busy=true]').count()) === 0);
        const scrolls = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
        expect(scrolls, `${name} ${scheme} scrolls sideways`).toBe(false);
      }
      await page.close();
    }
  });

  it('says so when the API does not answer', async () => {
    const page = await open('/people');
    await page.getByTestId('recent-people').waitFor();
    await page.route('**/v1/**', (route) => route.abort());
    await search(page).fill('somebody@example.com');
    await page.keyboard.press('Enter');
    await page.getByText('The API does not answer').waitFor();
    await page.close();
  });
});
