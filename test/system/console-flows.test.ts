import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, createApiClient, type ApiClient } from '../../lib/client/index.ts';
import { startBrowser, type Browser, type PageOptions } from '../../scripts/console/browser.ts';
import { enter, visit } from '../../scripts/console/walk.ts';
import {
  createSubscription,
  createWorkspace,
  postWebhook,
  waitUntil,
  type Subscription,
  type Workspace,
} from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { chromiumForTests } from './console-world.ts';

/** The console's pages about flows, in a real browser on a real installation: from webhooks to messages. */

const executable = chromiumForTests();
/** A message passes several services. */
const SENT = { timeout: 60_000 };
/** Longer than a page on a busy machine takes to pause a flow. */
const WAIT_SECONDS = 20;

const contactOf = (cart: number) => ({
  customer_name: 'Nia Osei',
  customer_phone_number: `+1808555${String(1_000 + cart)}`,
});

describe.skipIf(executable === undefined)('flows', () => {
  let installation: Installation;
  let workspace: Workspace;
  let webhooks: Subscription;
  let browser: Browser;
  let api: ApiClient;

  beforeAll(async () => {
    installation = await startInstallation();
    workspace = await createWorkspace(installation, { id: 'pacific-leaf', grace_seconds: 0 });
    webhooks = await createSubscription(installation, workspace, { event: 'cart_status' });
    api = createApiClient({ baseUrl: installation.apiUrl, key: workspace.keys.write });
    browser = await startBrowser(executable!);
  });
  afterAll(async () => {
    await browser?.close();
    await removeInstallation(installation);
  });

  /** Opens a page of the console with a key. */
  async function open(path: string, key = workspace.keys.write, options: PageOptions = {}): Promise<Page> {
    const page = await enter(browser, { url: installation.apiUrl, key, workspace: workspace.id }, options);
    await visit(page, path);
    return page;
  }
  let sends = 0;
  /** Amounts differ, so that none of them is a repeat of another. */
  async function send(cart: number, status: string): Promise<void> {
    const amount = 45.5 + sends++;
    const answer = await postWebhook(webhooks, {
      cart: { id: cart, status, ...contactOf(cart), store_id: 68, store_name: 'Pacific Leaf Venice', amount },
    });
    expect(answer.status).toBe(202);
  }
  const personOf = (cart: number): Promise<string> =>
    waitUntil('the person is known', async () => {
      const query = { phone: contactOf(cart).customer_phone_number };
      const { items } = await bodyOf(api.GET('/v1/people', { params: { query } }));
      return items[0]?.person_id ?? false;
    });
  const stateOf = async (id: string) => (await bodyOf(api.GET('/v1/flows/{id}', { params: { path: { id } } }))).state;
  const runsOf = async (id: string) =>
    (await bodyOf(api.GET('/v1/flows/{id}/runs', { params: { path: { id } } }))).items;
  const messagesOf = async (id: string) =>
    (await bodyOf(api.GET('/v1/messages', { params: { query: { flow_id: id } } }))).items;
  const idIn = (page: Page): string => /#\/flows\/([^/?]+)/.exec(page.url())![1]!;
  const pill = (page: Page) => page.locator('.page-title .pill').first();

  it('are created from a template, published, and followed from the event to the message', async () => {
    const page = await open('/flows');
    await page.getByText('No flows yet').waitFor();
    await page.getByRole('button', { name: 'New flow' }).click();
    await page
      .getByTestId('templates')
      .getByRole('link', { name: /Order lifecycle: order accepted/ })
      .click();
    // The template is read before anything is saved.
    await page.getByTestId('node-tell').getByText('Sends an SMS, transactional').waitFor();
    await page.getByText('What it says').click();
    await page.getByText('your order was accepted').waitFor();
    await page.getByRole('textbox', { name: 'Name' }).fill('Order accepted');
    await page.getByRole('button', { name: 'Create draft' }).click();
    await page.getByRole('heading', { level: 1, name: 'Order accepted', exact: true }).waitFor();
    const id = idIn(page);
    expect(await pill(page).innerText()).toBe('Draft');
    expect(await stateOf(id)).toBe('draft');
    // A draft starts nothing.
    await send(1, 'preparing');
    await page.getByRole('button', { name: 'Publish' }).click();
    await page.getByRole('dialog').getByText('Earlier events start nothing').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Publish' }).click();
    await expect.poll(() => pill(page).innerText(), SENT).toBe('Live');
    await send(2, 'preparing');
    await expect.poll(() => page.getByTestId('sent').innerText(), SENT).toBe('1');
    expect(await page.getByTestId('node-tell').innerText()).toMatch(/reached\s+1\s+here now\s+0\s+sent\s+1/);
    // The message, as it was rendered.
    await page.getByRole('tab', { name: 'Messages' }).click();
    const message = page.getByTestId('messages').locator('tbody tr');
    await message.getByText('sent', { exact: true }).waitFor();
    expect(await message.count()).toBe(1);
    expect(await message.innerText()).toContain('Hi Nia, your order was accepted');
    expect(await message.innerText()).toContain(contactOf(2).customer_phone_number);
    // Its run, with every step.
    await page.getByRole('tab', { name: 'Runs' }).click();
    await page.locator('.flow-filters').getByText('Completed', { exact: true }).click();
    await page.getByTestId('runs').locator('tbody a').first().click();
    await page.getByTestId('steps').getByText('Message sent').waitFor();
    const steps = await page
      .getByTestId('steps')
      .locator('li')
      .evaluateAll((all) => all.map((one) => one.dataset['what']));
    expect(steps).toEqual(['started', 'reached', 'requested', 'sent', 'completed']);
    // From there to the person, and back to why.
    await page
      .locator('.flow-run-facts')
      .getByRole('link', { name: /Person/ })
      .click();
    await page.getByRole('heading', { level: 1, name: 'Nia Osei' }).waitFor();
    await page.getByTestId('person-messages').getByText('your order was accepted').waitFor();
    await page.getByTestId('person-flows').getByRole('link', { name: 'Order accepted' }).click();
    await page.getByTestId('decisions').getByText('started a run').waitFor();
    expect(page.url()).toContain('tab=check');
    expect(browser.complaints()).toEqual([]);
    await page.close();
  }, 180_000);

  it('say why a person did not get a message', async () => {
    const [flow] = (await bodyOf(api.GET('/v1/flows'))).items;
    const page = await open(`/flows/${flow!.id}?tab=check`);
    const find = page.getByLabel('Phone number or email address of a person');
    await find.fill('nobody@example.com');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('Nobody has this phone number or address').waitFor();
    // The first order was prepared before the flow was published.
    await find.fill(contactOf(1).customer_phone_number);
    await page.keyboard.press('Enter');
    await page.getByText('Nothing that happened to this person concerns this flow').waitFor();
    // The template runs once per cart.
    await send(2, 'ready_for_pickup');
    // Jane's timestamps have whole seconds, and within one a status does not go back.
    await sleep(1_100);
    await send(2, 'preparing');
    await page.goto(`${installation.apiUrl}/#/flows/${flow!.id}?tab=check&person=${await personOf(2)}`);
    await page.getByTestId('decisions').getByText('the flow runs only once').waitFor(SENT);
    expect(await page.getByTestId('decisions').locator('li').count()).toBe(2);
    await page.close();
  }, 120_000);

  it('send nothing while they are paused, and what fell due when they are resumed', async () => {
    const flow = {
      name: 'Thanks, later',
      triggers: [{ trait: 'cart_status_updated' as const, status: ['finished'] }],
      start: 'pause',
      nodes: {
        pause: { type: 'wait', for: { amount: WAIT_SECONDS, unit: 'seconds' }, next: 'thank' },
        thank: { type: 'sms', class: 'transactional', text: 'Thank you!', next: null },
      },
    };
    const { id } = await bodyOf(api.POST('/v1/flows', { body: flow }));
    await bodyOf(api.POST('/v1/flows/{id}/publish', { params: { path: { id } } }));
    await waitUntil('the flow is live', async () => (await stateOf(id)) === 'live');
    const page = await open(`/flows/${id}`);
    await send(11, 'finished');
    await expect.poll(() => page.getByTestId('live').innerText(), SENT).toBe('1');
    await page.getByRole('button', { name: 'Pause' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('1 live run keeps its place').waitFor();
    await dialog.getByText('Nothing starts and nothing is sent').waitFor();
    await dialog.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(() => pill(page).innerText(), SENT).toBe('Paused');
    const [paused] = await runsOf(id);
    expect(paused?.state).toBe('live');
    // It falls due, and nothing leaves; an order of somebody else starts nothing.
    await send(12, 'finished');
    await page.getByTestId('reasons').getByText('The flow was paused.').waitFor(SENT);
    const dueMs = Date.parse(paused!.started_at) + (WAIT_SECONDS + 3) * 1_000;
    await waitUntil('the wait is over', () => Date.now() > dueMs);
    expect(await messagesOf(id)).toEqual([]);
    expect(await page.getByTestId('sent').innerText()).toBe('0');
    await page.getByRole('button', { name: 'Resume' }).click();
    await dialog.getByText('What fell due during the pause proceeds now').waitFor();
    await dialog.getByRole('button', { name: 'Resume' }).click();
    await expect.poll(() => pill(page).innerText(), SENT).toBe('Live');
    await expect.poll(() => page.getByTestId('sent').innerText(), SENT).toBe('1');
    const sent = await messagesOf(id);
    expect(sent.map(({ cart_id, outcome }) => ({ cart_id, outcome }))).toEqual([{ cart_id: '11', outcome: 'sent' }]);
    expect(browser.complaints()).toEqual([]);
    await page.close();
  }, 180_000);

  it('can be played against the past, also with a key that can only read', async () => {
    const { items } = await bodyOf(api.GET('/v1/flows'));
    const { id } = items.find(({ flow }) => flow.name === 'Thanks, later')!;
    const page = await open(`/flows/${id}?tab=backtest&days=1`, workspace.keys.read);
    await page.getByRole('button', { name: 'Run the back-test' }).click();
    const result = page.getByTestId('backtest');
    await result.waitFor(SENT);
    // Without the pause both orders would have got the message.
    expect(await result.getByTestId('entered').innerText()).toBe('2');
    expect(await result.getByTestId('sent').innerText()).toBe('2');
    await result.locator('.flow-played summary').first().click();
    await result.getByText('Message sent Thank').first().waitFor();
    expect(await messagesOf(id)).toHaveLength(1);
    expect(browser.complaints()).toEqual([]);
    await page.close();
  }, 120_000);

  it('end a run, and are archived with the runs that are live', async () => {
    const flow = {
      name: 'Much later',
      triggers: [{ trait: 'cart_status_updated' as const, status: ['with_review'] }],
      start: 'pause',
      nodes: { pause: { type: 'wait', for: { amount: 3, unit: 'days' }, next: null } },
    };
    const { id } = await bodyOf(api.POST('/v1/flows', { body: flow }));
    await bodyOf(api.POST('/v1/flows/{id}/publish', { params: { path: { id } } }));
    await waitUntil('the flow is live', async () => (await stateOf(id)) === 'live');
    await send(21, 'with_review');
    await send(22, 'with_review');
    const runs = await waitUntil(
      'both have a run',
      async () => {
        const all = await runsOf(id);
        return all.length === 2 && all;
      },
      { timeoutMs: 60_000 },
    );
    const page = await open(`/flows/${id}/runs/${runs[0]!.id}`);
    await page.getByRole('button', { name: 'End this run…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'End the run' }).click();
    await page.getByTestId('steps').getByText('It was ended by hand.').waitFor(SENT);
    await expect.poll(() => pill(page).innerText(), SENT).toBe('exited: cancelled');
    await visit(page, `/flows/${id}`);
    await page.getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Archive…' }).click();
    await page.getByRole('dialog').getByText('1 live run of “Much later” ends').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Archive' }).click();
    await expect.poll(() => pill(page).innerText(), SENT).toBe('Archived');
    await page.getByTestId('reasons').getByText('The flow was archived.').waitFor(SENT);
    expect(await page.getByRole('button', { name: 'More actions' }).count()).toBe(0);
    await page.close();
  }, 180_000);

  it('show a key that can only read everything, and no button that changes anything', async () => {
    const { items } = await bodyOf(api.GET('/v1/flows'));
    const { id } = items.find(({ flow }) => flow.name === 'Thanks, later')!;
    const page = await open('/flows', workspace.keys.read);
    const rows = page.getByTestId('flows').locator('li');
    await expect
      .poll(() => rows.filter({ hasText: 'Thanks, later' }).innerText())
      .toMatch(/Live[\s\S]*1[\s\S]*0[\s\S]*1/);
    // Live ones first, archived ones last.
    expect(await rows.locator('.flow-name').allInnerTexts()).toEqual(['Order accepted', 'Thanks, later', 'Much later']);
    expect(await page.getByRole('button', { name: 'New flow' }).count()).toBe(0);
    await rows.getByRole('link', { name: 'Thanks, later' }).click();
    await page.getByText('This key can only read').waitFor();
    for (const name of ['Pause', 'Resume', 'Publish', 'More actions'])
      expect(await page.getByRole('button', { name }).count(), name).toBe(0);
    await visit(page, '/flows/new?template=order_preparing');
    await page.getByText('This key can only read').waitFor();
    expect(await page.getByRole('button', { name: 'Create draft' }).count()).toBe(0);
    // A link opens exactly what it names.
    await visit(page, `/flows/${id}?tab=runs&state=live`);
    await page.getByText('No run of this flow is in this selection').waitFor();
    await visit(page, '/flows/no-such-flow');
    await page.getByText('No such flow').waitFor();
    await visit(page, `/flows/${id}/runs/${'0'.repeat(32)}`);
    await page.getByText('No such run').waitFor();
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });
});
