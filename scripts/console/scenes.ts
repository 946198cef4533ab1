/** What the pictures in docs/pictures show. */
import type { Page } from 'playwright-core';
import type { Schemas } from '../../lib/client/index.ts';
import type { PageOptions } from './browser.ts';
import { STOPS, complete, visit, type Places, type Stop } from './walk.ts';

export interface Picture extends Pick<Stop, 'path' | 'shows'> {
  /** The name of the file begins with it. */
  name: string;
  /** The role of the key; `write` if left out. */
  needs?: 'write' | 'admin';
  /** What is done on the page before the picture. */
  act?(page: Page): Promise<void>;
}

const ADMIN = new Set(['keys', 'workspaces', 'workspace']);

/** A person's flows are asked for once their panel is in view. */
async function awaitFlowsInView(page: Page): Promise<void> {
  const box = await page.getByRole('heading', { name: 'Flows and messages' }).boundingBox();
  const height = page.viewportSize()?.height ?? 0;
  if (box === null || box.y >= height) return;
  const panel = page.getByRole('region', { name: 'Flows and messages' });
  await panel
    .getByTestId('person-flows')
    .or(panel.getByText(/^Without a run/))
    .first()
    .waitFor();
}

/** Every page as it opens. */
const pages: readonly Picture[] = STOPS.filter(({ leadsTo }) => leadsTo === undefined).map(({ name, path, shows }) => ({
  name,
  path,
  ...(shows === undefined ? {} : { shows }),
  ...(name === 'person' ? { act: awaitFlowsInView } : {}),
  ...(ADMIN.has(name) ? { needs: 'admin' as const } : {}),
}));

/** What a subscription is answered with in pictures: nothing is created, and no real secret is shown. */
const SECRETS: Schemas['SubscriptionSecrets'] = {
  id: 'sub_8f2k1m',
  url: 'https://hooks.example.com/v1/webhooks/jane/sub_8f2k1m',
  event: 'cart_status',
  store_ids: null,
  time_zone: 'UTC',
  verify: 'both',
  version: 1,
  created_at: '2026-03-17T12:00:00.000Z',
  updated_at: '2026-03-17T12:00:00.000Z',
  bearer_token: 'jt_token_3vXqJ0cNnBf0hQ1u9yLw5d',
  signing_secret: 'jt_secret_Zk7mT2rPe8sVxG4oYb6iRw',
};

const NEW_KEY: Schemas['NewKey'] = {
  id: 'key_4d1p9x',
  role: 'read',
  created_at: '2026-03-17T12:00:00.000Z',
  key: 'jt_read_q7HnW2xVfL0sKc5aTz8bJm',
};

/** Answers POST requests of a path without sending them. */
async function answerPost(page: Page, path: string, body: unknown): Promise<void> {
  await page.route(`**${path}`, (route) =>
    route.request().method() === 'POST' ? route.fulfill({ status: 201, json: body }) : route.continue(),
  );
}

/** The status as it is, but the topology carts fails on a record in one of its partitions. */
async function stopPartition(page: Page): Promise<void> {
  await page.route('**/v1/status', async (route) => {
    const answer = await route.fetch();
    const status = (await answer.json()) as Schemas['Status'];
    const carts = status.stages.find(({ stage }) => stage === 'carts');
    const partition = carts?.partitions.at(-1);
    if (carts && partition) {
      Object.assign(carts, { state: 'stopped', lag: 1_840, behind_ms: 95_000 });
      Object.assign(partition, { state: 'stopped', position: 1_207, end: 3_047, lag: 1_840 });
      partition.problem = { reason: 'failing_record', offset: 1_207, part: 'record', detail: null };
    }
    await route.fulfill({ response: answer, json: status });
  });
}

const scenes: readonly Picture[] = [
  {
    name: 'audience-text',
    path: () => '/audiences/new',
    async act(page) {
      await page.getByText('Text', { exact: true }).click();
      await page.getByTestId('text').fill('cart_abandoned in last 3 years');
      await page.getByText('Possible here').waitFor();
    },
  },
  {
    name: 'audience-check',
    path: ({ audience, person }) => `/audiences/${audience}?tab=check&person=${person}`,
    shows: '[data-testid=explanation]',
  },
  {
    name: 'audience-members',
    path: ({ audience }) => `/audiences/${audience}?tab=members`,
    shows: '[data-testid=members]',
  },
  {
    name: 'audience-versions',
    path: ({ audience }) => `/audiences/${audience}?tab=versions`,
    shows: '[data-testid=versions]',
  },
  {
    name: 'flow-template',
    path: () => '/flows/new?template=abandoned_cart_recovery',
    shows: '[data-testid=definition]',
  },
  {
    name: 'flow-pause',
    path: ({ flow }) => `/flows/${flow}`,
    async act(page) {
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.getByRole('dialog').getByText('Nothing starts and nothing is sent').waitFor();
    },
  },
  {
    name: 'flow-runs',
    path: ({ flow }) => `/flows/${flow}?tab=runs`,
    shows: '[data-testid=runs]',
  },
  {
    name: 'flow-check',
    path: ({ flow, runPerson }) => `/flows/${flow}?tab=check&person=${runPerson}`,
    shows: '[data-testid=decisions]',
  },
  {
    name: 'flow-messages',
    path: ({ flow }) => `/flows/${flow}?tab=messages`,
    shows: '[data-testid=messages]',
  },
  {
    name: 'flow-backtest',
    path: ({ flow }) => `/flows/${flow}?tab=backtest&days=1`,
    async act(page) {
      await page.getByRole('button', { name: 'Run the back-test' }).click();
      await page.getByTestId('backtest').waitFor({ timeout: 60_000 });
    },
  },
  {
    name: 'person-flows',
    path: ({ runPerson }) => `/people/${runPerson}`,
    async act(page) {
      await page.getByRole('heading', { name: 'Flows and messages' }).scrollIntoViewIfNeeded();
      await page.getByTestId('person-flows').getByRole('link').first().waitFor();
    },
  },
  {
    name: 'people-nobody',
    path: () => '/people?q=nobody@example.com',
    async act(page) {
      await page.getByText('Nobody has this email').waitFor();
    },
  },
  {
    name: 'person-audiences',
    path: ({ person }) => `/people/${person}`,
    async act(page) {
      await page.getByRole('button', { name: 'Check all saved audiences' }).click();
      await page.getByText(/^In \d+ of \d+ audiences/).waitFor();
    },
  },
  {
    name: 'person-erase',
    path: ({ person }) => `/people/${person}`,
    async act(page) {
      await page.getByRole('button', { name: 'Erase…' }).click();
      await page.getByRole('dialog').getByText('LOG_RETENTION_DAYS').waitFor();
    },
  },
  {
    name: 'analytics-abandonment-table',
    path: () => '/analytics/abandonment?range=7d',
    async act(page) {
      await page.getByTestId('abandonment-carts').getByRole('button', { name: 'Show as table' }).click();
    },
  },
  {
    name: 'analytics-board-orders',
    path: () => '/analytics/board?over=1&status=preparing',
    shows: '[data-testid=late-orders] tbody tr',
  },
  {
    name: 'paste-into-jane',
    path: () => '/operate/subscriptions',
    async act(page) {
      await answerPost(page, '/v1/subscriptions', SECRETS);
      await page.getByRole('button', { name: 'New subscription' }).click();
      await page.getByRole('button', { name: 'Create subscription' }).click();
      await page.getByText('Paste this into Jane').waitFor();
    },
  },
  {
    name: 'new-key',
    path: () => '/operate/keys',
    needs: 'admin',
    async act(page) {
      await answerPost(page, '/v1/keys', NEW_KEY);
      await page.getByRole('button', { name: 'New key' }).click();
      await page.getByRole('button', { name: 'Create key' }).click();
      await page.getByText('Copy this key now').waitFor();
    },
  },
  {
    name: 'new-workspace',
    path: () => '/operate/workspaces',
    needs: 'admin',
    async act(page) {
      await page.getByRole('button', { name: 'New workspace' }).click();
      await page.getByLabel('Name').fill('Green Leaf');
    },
  },
  {
    name: 'status-stopped',
    path: () => '/operate/status',
    async act(page) {
      await stopPartition(page);
      await page.getByTestId('attention').waitFor();
      await page.getByLabel('Reason').fill('fails since release 0.2');
    },
  },
  {
    name: 'dead-letter',
    path: () => '/operate/dead-letters',
    async act(page) {
      await page.locator('.letter-open').first().click();
      await page.getByRole('textbox', { name: 'Body' }).waitFor();
    },
  },
  {
    name: 'status-partitions',
    path: () => '/operate/status?stage=carts',
    shows: '[data-testid=partitions]',
  },
];

/** A picture is taken in each of these. */
export const LOOKS: readonly { name: string; options: PageOptions }[] = [
  { name: 'wide', options: { width: 1440, height: 900, scheme: 'light' } },
  { name: 'dark', options: { width: 1440, height: 900, scheme: 'dark' } },
  { name: 'phone', options: { width: 390, height: 844, scheme: 'light' } },
];

export const PICTURES: readonly Picture[] = [...pages, ...scenes];

/** Opens what the picture shows; call `leave` afterwards. */
export async function show(page: Page, picture: Picture, places: Places): Promise<void> {
  await visit(page, picture.path(places), picture.shows);
  await picture.act?.(page);
  await complete(page);
}

/** Requests are answered by the API again. */
export const leave = (page: Page): Promise<void> => page.unrouteAll({ behavior: 'ignoreErrors' });
