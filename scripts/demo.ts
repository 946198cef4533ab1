/** Starts everything, sends a simulated day that ends now to a new workspace, prints the counts, and keeps serving. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ApiError,
  bodyOf,
  createApiClient,
  createIngestClient,
  ndjson,
  type ApiClient,
  type Schemas,
} from '../lib/client/index.ts';
import { systemClock } from '../lib/clock/index.ts';
import {
  storeTimeZone,
  simulateDay,
  simulateLive,
  type SimulatedDay,
  type WebhookEvent,
} from '../lib/simulate/index.ts';
import { sendWebhooks, type Target } from '../lib/webhook-client/index.ts';
import { publishTemplates, sayWhatFlowsDid } from './demo/flows.ts';
import { runInstallation } from './installation/installation.ts';

const CARTS = 2_000;
const SEED = 1;
const EVENTS: readonly WebhookEvent[] = ['cart_status', 'cart_activity', 'cart_abandoned'];
const FRESH_TIMEOUT_MS = 120_000;
/** A day passes in seconds here, so a cart settles after seconds too, not after the usual minute. */
const GRACE_SECONDS = 5;
/** Afterwards shoppers continue in real time: about one webhook per second. */
const LIVE_CARTS_PER_HOUR = 480;

type Say = (message: string) => void;

interface DemoWorkspace {
  id: string;
  keys: { read: string; write: string };
}

/** Creates `demo`, or at a later run `demo-2`, `demo-3` …: keys are shown once, so an earlier workspace cannot be reused. */
async function createWorkspace(admin: ApiClient, timeZone: string): Promise<DemoWorkspace> {
  for (let run = 1; ; run++) {
    const id = run === 1 ? 'demo' : `demo-${run}`;
    try {
      const body = { id, name: run === 1 ? 'Demo' : `Demo ${run}`, time_zone: timeZone, grace_seconds: GRACE_SECONDS };
      const { keys } = await bodyOf(admin.POST('/v1/workspaces', { body }));
      return { id, keys };
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) throw error;
    }
  }
}

async function subscribe(api: ApiClient): Promise<Record<WebhookEvent, Target>> {
  const targets: Partial<Record<WebhookEvent, Target>> = {};
  for (const event of EVENTS) {
    const made = await bodyOf(api.POST('/v1/subscriptions', { body: { event } }));
    targets[event] = { url: made.url, bearerToken: made.bearer_token, signingSecret: made.signing_secret };
  }
  return targets as Record<WebhookEvent, Target>;
}

/** Sends consents that the shoppers gave in earlier months: without them nobody may be contacted by SMS. */
async function sendConsents(day: SimulatedDay, baseUrl: string, workspace: DemoWorkspace): Promise<void> {
  const ingest = createIngestClient({ baseUrl, key: workspace.keys.write });
  await bodyOf(ingest.POST('/v1/people', ndjson(day.people)));
}

const count = (value: number): string => value.toLocaleString('en-US');

async function play(day: SimulatedDay, targets: Record<WebhookEvent, Target>, say: Say): Promise<void> {
  const total = day.webhooks.length;
  const terminal = process.stderr.isTTY;
  let shownMs = 0;
  const result = await sendWebhooks({
    clock: systemClock,
    webhooks: day.webhooks,
    targets,
    concurrency: 32,
    onProgress({ done, elapsedMs }) {
      if (elapsedMs - shownMs < (terminal ? 100 : 2_000)) return;
      shownMs = elapsedMs;
      const filled = Math.floor((done / total) * 30);
      const bar = `${'█'.repeat(filled)}${'░'.repeat(30 - filled)} ${count(done)} of ${count(total)} webhooks`;
      if (terminal) process.stderr.write(`\r\u001b[K${bar}`);
      else say(bar);
    },
  });
  if (terminal) process.stderr.write('\r\u001b[K');
  const perSecond = Math.round((result.accepted * 1000) / result.elapsedMs);
  say(`demo: ${count(result.accepted)} webhooks accepted, ${count(perSecond)} per second`);
  if (result.failed > 0) throw new Error(`${result.failed} webhooks were not accepted`);
}

/** The counts of the API, once they include everything that was sent. */
async function counted(api: ApiClient, sentAtMs: number): Promise<Record<string, number>> {
  const preview = (audience: Schemas['Audience']): Promise<Schemas['Preview']> =>
    bodyOf(api.POST('/v1/audiences/preview', { body: { audience } }));
  const deadline = Date.now() + FRESH_TIMEOUT_MS;
  for (;;) {
    const { fresh_through } = await preview({ everyone: true });
    if (fresh_through !== null && Date.parse(fresh_through) >= sentAtMs) break;
    if (Date.now() > deadline) throw new Error('the webhooks were not counted in time; see the logs in DATA_DIR/logs');
    await sleep(100);
  }
  const last = (amount: number, unit: 'minutes' | 'days') => ({ time: { operator: 'in_last', amount, unit } }) as const;
  const audiences: Record<string, Schemas['Audience']> = {
    people: { everyone: true },
    'abandoned a cart in the last 7 days': { trait: 'cart_abandoned', ...last(7, 'days') },
    'abandoned a cart in the last 30 minutes': { trait: 'cart_abandoned', ...last(30, 'minutes') },
    'returned to a cart that they had abandoned': { trait: 'cart_abandoned', recovered: true },
    'had an order ready for pickup': {
      trait: 'cart_status_updated',
      status: ['ready_for_pickup'],
      ...last(7, 'days'),
    },
    'had an order cancelled or dismissed': {
      trait: 'cart_status_updated',
      status: ['cancelled', 'dismissed'],
      ...last(7, 'days'),
    },
    'bought and have not left a review': {
      and: [
        { trait: 'cart_status_updated', status: ['finished'], ...last(7, 'days') },
        { not: { trait: 'cart_status_updated', status: ['with_review'] } },
      ],
    },
  };
  const entries = Object.entries(audiences).map(
    async ([label, audience]) => [label, (await preview(audience)).count] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

await runInstallation('demo', async ({ config, say, stopping }) => {
  const base = `http://127.0.0.1:${config.apiPort}`;
  const endsAtMs = Date.now();
  const timeZone = storeTimeZone(endsAtMs);
  const workspace = await createWorkspace(createApiClient({ baseUrl: base, key: config.adminKey }), timeZone);
  const api = createApiClient({ baseUrl: base, key: workspace.keys.write });
  const targets = await subscribe(api);
  const flows = await publishTemplates(api);
  say(`demo: workspace ${workspace.id}: published ${flows.length} flows from templates`);
  const day = simulateDay({ seed: SEED, endsAtMs, carts: CARTS, timeZone });
  say(
    `demo: workspace ${workspace.id}: sending a day of ${count(CARTS)} carts (${timeZone}) that ends now, as signed webhooks`,
  );
  // Before their orders: flows look at consents when they send.
  await sendConsents(day, new URL(targets.cart_status.url).origin, workspace);
  await play(day, targets, say);
  say(`demo: waiting ${GRACE_SECONDS} s for the last carts to settle`);
  await sleep(GRACE_SECONDS * 1000 + 500);
  for (const [label, people] of Object.entries(await counted(api, Date.now()))) {
    say(`  ${count(people).padStart(8)}  ${label}`);
  }
  await sayWhatFlowsDid(api, flows, say);
  process.stdout.write(
    `ready ${base}\n\nOpen the console:  ${base}/#key=${workspace.keys.write}\nPress Ctrl-C to stop.\n`,
  );
  const webhooks = simulateLive({
    seed: SEED,
    startsAtMs: Date.now(),
    cartsPerHour: LIVE_CARTS_PER_HOUR,
    upcoming: day.upcoming,
  });
  await sendWebhooks({ clock: systemClock, webhooks, targets, concurrency: 8, live: true, signal: stopping });
});
