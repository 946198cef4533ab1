import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, createApiClient } from '../../lib/client/index.ts';
import { startBrowser, type Browser } from '../../scripts/console/browser.ts';
import { enter, visit } from '../../scripts/console/walk.ts';
import { postWebhook, waitUntil, type Subscription } from '../harness/client.ts';
import { chromiumForTests, startConsoleWorld, type ConsoleWorld } from './console-world.ts';

/** What operators do in the console, in a real browser on a real installation. */
const executable = chromiumForTests();

describe.skipIf(executable === undefined)('the console for operators', () => {
  let world: ConsoleWorld;
  let browser: Browser;
  beforeAll(async () => {
    world = await startConsoleWorld();
    browser = await startBrowser(executable!);
  });
  afterAll(async () => {
    await browser.close();
    await world.stop();
  });

  const keyOf = (role: 'read' | 'write' | 'admin'): string =>
    role === 'admin' ? world.installation.adminKey : world.workspace.keys[role];

  /** Opens a page of the console with a key of this role. */
  async function openAt(path: string, role: 'read' | 'write' | 'admin'): Promise<Page> {
    const { installation, workspace } = world;
    const page = await enter(browser, { url: installation.apiUrl, key: keyOf(role), workspace: workspace.id });
    await visit(page, path);
    return page;
  }

  async function done(page: Page): Promise<void> {
    expect(browser.complaints()).toEqual([]);
    await page.close();
  }

  const settingsOf = (id: string) =>
    bodyOf(
      createApiClient({ baseUrl: world.installation.apiUrl, key: keyOf('admin') }).GET('/v1/workspaces/{id}', {
        params: { path: { id } },
      }),
    );
  /** The status that a key is answered with. */
  const answerOf = async (key: string): Promise<number> =>
    (await fetch(`${world.installation.apiUrl}/v1/traits`, { headers: { authorization: `Bearer ${key}` } })).status;

  it('creates a subscription that works with what it shows, changes it and deletes it', async () => {
    const page = await openAt('/operate/subscriptions', 'write');
    await waitUntil('three subscriptions', async () => (await page.locator('.card').count()) === 3);
    await page.getByRole('button', { name: 'New subscription' }).click();
    await page.getByRole('button', { name: 'Create subscription' }).click();
    await page.getByText('Paste this into Jane').waitFor();
    // What is shown only once is not closed by accident.
    await page.keyboard.press('Escape');
    const [url = '', bearer_token = '', signing_secret = ''] = await page
      .getByRole('dialog')
      .locator('.copy-line code')
      .allInnerTexts();
    const made: Subscription = { id: '', url, bearer_token, signing_secret };
    const good = await postWebhook(made, { cart: { id: 'pasted-1', status: 'pending', store_id: 1 } });
    expect(good.status).toBe(202);
    await page.getByRole('button', { name: 'I have copied them' }).click();

    const card = page.locator('.card').filter({ hasText: url });
    await card.getByRole('button', { name: 'Change' }).click();
    await page.getByRole('combobox', { name: 'Stores' }).fill('68');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Save changes' }).click();
    await card.getByText('68', { exact: true }).waitFor();
    await waitUntil('other stores are refused', async () => {
      const other = await postWebhook(made, { cart: { id: 'pasted-2', status: 'pending', store_id: 1 } });
      return other.status === 422;
    });

    await card.getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await waitUntil('three subscriptions again', async () => (await page.locator('.card').count()) === 3);
    await done(page);
  });

  it('shows when the last webhook of a subscription came, and why others were refused', async () => {
    const { statusSubscription } = world;
    const forged: Subscription = { ...statusSubscription, signing_secret: 'another' };
    const bad = await postWebhook(forged, { cart: { id: 'forged-1', status: 'pending' } });
    expect(bad.status).toBe(401);
    const page = await openAt('/operate/subscriptions', 'write');
    const card = page.locator('.card').filter({ hasText: statusSubscription.url });
    await card.getByText(/receiving now|last received/).waitFor({ timeout: 15_000 });
    await card.getByText(/Refused:.*1 × wrong signature/).waitFor({ timeout: 15_000 });
    await done(page);
  });

  it('corrects a dead letter and replays it; its address can be sent to somebody', async () => {
    const body = '{"cart":{"status":"dismissed","customer_name":"Mo Bell"}}';
    const refused = await postWebhook(world.statusSubscription, body);
    expect(refused.status).toBe(422);
    const page = await openAt('/operate/dead-letters?source=webhook', 'write');
    await page.locator('.letter-open').first().click({ timeout: 20_000 });
    const text = page.getByRole('textbox', { name: 'Body' });
    await text.waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Replay unchanged' }).click();
    await page.getByText('It still cannot be used').waitFor();
    await text.fill('{"cart":{"id":"corrected-1","status":"dismissed","customer_name":"Mo Bell"}}');
    await page.getByRole('button', { name: 'Replay edited' }).click();
    await page.getByText('It is being processed.').waitFor();
    await page.getByRole('link', { name: 'Live', exact: true }).click();
    await page.getByTestId('events').getByText('Dismissed').first().waitFor();
    await done(page);
  });

  it('creates a key that works at once, and revokes it', async () => {
    const page = await openAt('/operate/keys', 'admin');
    await page.getByRole('button', { name: 'New key' }).click();
    await page.getByRole('radio', { name: 'Read' }).check();
    await page.getByRole('button', { name: 'Create key' }).click();
    await page.getByText('shown only once').waitFor();
    const [key = '', link = ''] = await page.getByRole('dialog').locator('.copy-line code').allInnerTexts();
    expect(await answerOf(key)).toBe(200);
    expect(link).toBe(`${world.installation.apiUrl}/#key=${key}`);
    await page.getByRole('button', { name: 'I have copied it' }).click();
    expect(await page.content()).not.toContain(key);

    const rows = page.getByRole('row');
    const before = await rows.count();
    await page
      .getByRole('button', { name: /^Revoke/ })
      .first()
      .click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await waitUntil('one key fewer', async () => (await rows.count()) === before - 1);
    await waitUntil('the newest key is unknown', async () => (await answerOf(key)) === 401);
    await done(page);
  });

  it('changes the settings of a workspace: shows what changes, and does not overwrite the change of somebody else', async () => {
    const { id } = world.workspace;
    const page = await openAt(`/operate/workspaces/${id}`, 'admin');
    const grace = page.getByRole('textbox', { name: 'Grace' });
    await grace.fill('99999');
    await page.getByText('A whole number from 0 to 3,600.').waitFor();
    expect(await page.getByRole('button', { name: 'Save changes' }).isDisabled()).toBe(true);
    await grace.fill('7');
    await page.getByText('0 seconds').waitFor();
    await page.getByRole('button', { name: 'Save changes' }).click();
    await waitUntil('saved', async () => (await settingsOf(id)).grace_seconds === 7);

    await waitUntil('the form shows it', async () => (await grace.inputValue()) === '7');
    const admin = createApiClient({ baseUrl: world.installation.apiUrl, key: keyOf('admin') });
    await page.getByRole('textbox', { name: 'Retry horizon' }).fill('20');
    const params = { path: { id } };
    await bodyOf(admin.PATCH('/v1/workspaces/{id}', { params, body: { grace_seconds: 0 } }));
    await page.getByRole('button', { name: 'Save changes' }).click();
    await page.getByText('Somebody else has changed these settings').waitFor();
    expect((await settingsOf(id)).retry_horizon_minutes).toBe(15);
    await page.getByRole('button', { name: 'Load them' }).click();
    await waitUntil('the form shows the current ones', async () => (await grace.inputValue()) === '0');
    await done(page);
  });

  it('creates a workspace, shows its keys once, and opens it', async () => {
    const page = await openAt('/operate/workspaces', 'admin');
    await page.getByRole('button', { name: 'New workspace' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('Green Leaf!');
    expect(await page.getByRole('textbox', { name: 'Id' }).inputValue()).toBe('green-leaf');
    await page.getByRole('button', { name: 'Create workspace' }).click();
    await page.getByText('shown only once').waitFor();
    const keys = await page.getByRole('dialog').locator('.copy-line code').allInnerTexts();
    expect(keys.slice(0, 3).map((key) => key.split('_')[1])).toEqual(['write', 'read', 'ingest']);
    await page.getByRole('button', { name: 'show the workspace' }).click();
    await page.getByText('shown now').waitFor();
    const shown = page.getByRole('combobox', { name: 'Workspace' }).locator('option:checked');
    expect(await shown.innerText()).toBe('Green Leaf!');
    await done(page);
  });

  it('shows every stage with its partitions, and what to do when one is stopped', async () => {
    const page = await openAt('/operate/status', 'read');
    await page.getByText('Everything is running').waitFor({ timeout: 20_000 });
    for (const stage of ['ingest', 'carts', 'people', 'sink', 'audiences', 'relay', 'api'])
      await page.getByTestId(`stage-${stage}`).waitFor();
    await page.getByRole('button', { name: /^Carts/ }).click();
    await page.getByTestId('partitions').waitFor();
    expect(page.url()).toContain('stage=carts');
    await page.reload();
    await page.getByTestId('partitions').waitFor();

    // The page asks every few seconds: the processor is killed until it has asked while nothing ran.
    const advice = page.getByText(/No process works on this partition|opens again by itself|reading its state/).first();
    await waitUntil(
      'the page says what to do',
      async () => {
        await world.installation.kill9('processor').catch(() => undefined);
        return advice.isVisible();
      },
      { timeoutMs: 30_000, everyMs: 250 },
    );
    await world.installation.waitReady();
    await page.getByText('Everything is running').waitFor({ timeout: 30_000 });
    await done(page);
  });

  it('says with a key that can only read what needs another one', async () => {
    const page = await openAt('/operate/subscriptions', 'read');
    await page.getByText('Subscriptions need a write key').waitFor();
    await page.getByRole('link', { name: 'Keys', exact: true }).click();
    await page.getByText('Keys are managed with an admin key').waitFor();
    await visit(page, `/operate/workspaces/${world.workspace.id}`);
    await page.getByText('Only an admin key can change these settings.').waitFor();
    await page.route('**/v1/**', (route) => route.abort());
    await page.getByRole('link', { name: 'Status', exact: true }).click();
    await page.getByText('The API does not answer').waitFor();
    await page.close();
  });
});
