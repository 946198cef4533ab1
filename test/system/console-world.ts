/** A simulated day on a real installation, for the tests of the console in a browser. */
import type { Locator } from 'playwright-core';
import { bodyOf, createApiClient } from '../../lib/client/index.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { simulateDay, storeTimeZone, type SimulatedDay, type WebhookEvent } from '../../lib/simulate/index.ts';
import { sendWebhooks, type Target } from '../../lib/webhook-client/index.ts';
import { findChromium } from '../../scripts/console/browser.ts';
import {
  createSubscription,
  createWorkspace,
  postLines,
  waitFresh,
  waitUntil,
  type Subscription,
  type Workspace,
} from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';

/** The browser; undefined without one, after saying so. With `CI` set it throws instead. */
export function chromiumForTests(): string | undefined {
  const executable = findChromium();
  if (executable !== undefined) return executable;
  if (process.env['CI']) throw new Error('No Chromium: install it (apt-get install chromium) or set CHROMIUM_PATH');
  process.stderr.write(
    'No Chromium or Chrome in the usual places: tests of the console are skipped. Set CHROMIUM_PATH to run them.\n',
  );
  return undefined;
}

/** Waits until an element, or one within it, has the focus: only then do keys reach it. */
export async function waitForFocus(element: Locator): Promise<void> {
  await element.waitFor();
  await waitUntil('the focus', () => element.evaluate((node) => node.contains(document.activeElement)));
}

const EVENTS: readonly WebhookEvent[] = ['cart_status', 'cart_activity', 'cart_abandoned'];

const targetOf = (made: Subscription): Target => ({
  url: made.url,
  bearerToken: made.bearer_token,
  signingSecret: made.signing_secret,
});

export interface ConsoleWorld {
  installation: Installation;
  /** "Pacific Leaf", with the day in it. */
  workspace: Workspace;
  /** The subscription of order status. */
  statusSubscription: Subscription;
  targets: Record<WebhookEvent, Target>;
  day: SimulatedDay;
  /** When the day ended, Unix milliseconds. */
  endsAtMs: number;
  stop(): Promise<void>;
}

/** Resolves when the whole day is counted. */
export async function startConsoleWorld(): Promise<ConsoleWorld> {
  const installation = await startInstallation();
  const endsAtMs = Date.now();
  const timeZone = storeTimeZone(endsAtMs);
  const workspace = await createWorkspace(installation, { id: 'pacific-leaf', time_zone: timeZone, grace_seconds: 0 });
  const admin = createApiClient({ baseUrl: installation.apiUrl, key: installation.adminKey });
  const params = { path: { id: workspace.id } };
  await bodyOf(admin.PATCH('/v1/workspaces/{id}', { params, body: { name: 'Pacific Leaf' } }));
  const day = simulateDay({ seed: 7, endsAtMs, carts: 400, timeZone });
  const made = await Promise.all(EVENTS.map((event) => createSubscription(installation, workspace, { event })));
  const targets = Object.fromEntries(EVENTS.map((event, index) => [event, targetOf(made[index]!)])) as Record<
    WebhookEvent,
    Target
  >;
  const sent = await sendWebhooks({ clock: systemClock, webhooks: day.webhooks, targets, concurrency: 24 });
  if (sent.failed > 0 || sent.accepted !== day.webhooks.length)
    throw new Error(`not accepted: ${JSON.stringify(sent)}`);
  // Consents last: records of people who are not there yet would make them.
  await postLines(installation, workspace, 'people', day.people);
  await waitFresh(installation, workspace, Date.now(), 60_000);
  return {
    ...{ installation, workspace, statusSubscription: made[0]!, targets, day, endsAtMs },
    stop: () => removeInstallation(installation),
  };
}
