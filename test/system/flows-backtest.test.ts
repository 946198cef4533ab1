/** A back-test of a flow that was live: it plays the same trait events, and every run takes the same steps. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRandom } from '../../lib/simulate/random.ts';
import { cartOf, Retailer } from '../flows/retailer.ts';
import { FlowWorld } from '../flows/world.ts';
import { waitFresh, waitUntil } from '../harness/client.ts';

const TIMEOUT_MS = 400_000;
const WINDOW_MS = 60_000;
const WAIT_S = 14;
/**
 * Webhooks are sent at multiples of this time only. Then no abandonment and no wake is due within three seconds of one,
 * and being late on a busy machine decides nothing.
 */
const SLOT_MS = 11_000;
const SLOTS = 6;
/** Carts that may be abandoned begin before this slot. */
const PENDING_SLOTS = 2;
/** The last run may begin when a cart of the last of these slots is abandoned. */
const LAST_WAKE_MS = (PENDING_SLOTS - 1) * SLOT_MS + WINDOW_MS + WAIT_S * 1_000;
const PEOPLE = 36;

interface Step {
  what: string;
  node: string | null;
  reason: string | null;
}
interface Run {
  id: string;
  cart_id: string;
  event_id: string;
  state: string;
  reason: string | null;
  steps: Step[];
}
interface Report {
  entered: number;
  live: number;
  completed: number;
  refused: Record<string, number>;
  exited: Record<string, number>;
  nodes: Record<string, object>;
  runs: Run[];
  not_played: string[];
}

const FLOW = {
  name: 'Compared',
  triggers: [{ trait: 'cart_abandoned' }, { trait: 'cart_status_updated', status: ['cancelled', 'dismissed'] }],
  reentry: { rule: 'after_exit', per: 'person' },
  while: { not: { trait: 'cart_status_updated', status: ['with_review'] } },
  exit_on: [{ checkout: 'person' }],
  goal: { checkout: 'person', within: { amount: 1, unit: 'hours' } },
  start: 'remind',
  nodes: {
    remind: { type: 'sms', text: 'Reply STOP to opt out.', next: 'pause' },
    pause: { type: 'wait', for: { amount: WAIT_S, unit: 'seconds' }, next: 'who' },
    who: { type: 'split', trigger: { trait: 'cart_abandoned' }, then: 'regular', else: 'sorry' },
    regular: {
      type: 'split',
      if: { trait: 'cart_status_updated', status: ['finished'], at_least: 1 },
      then: 'offer',
      else: 'half',
    },
    half: { type: 'split', percent: 50, then: 'offer', else: null },
    offer: { type: 'email', subject: '10 % off', html: '<a href="{{ unsubscribe_url }}">unsubscribe</a>', next: null },
    sorry: { type: 'email', subject: 'Sorry', html: '<a href="{{ unsubscribe_url }}">unsubscribe</a>', next: null },
  },
};

interface Webhook {
  slot: number;
  cart: object;
}

/** Histories that reach every outcome, of the first people: by slot, the statuses of their two carts. */
const CERTAIN: readonly (readonly [first: string, second: string])[][] = [
  // Abandoned after an order: offered.
  ...Array.from({ length: 4 }, (): [string, string][] => [
    ['verification', ''],
    ['finished', 'pending'],
  ]),
  // Cancelled.
  [
    ['verification', ''],
    ['cancelled', ''],
  ],
  // Cancelled, and ordered again before the wait is over.
  [
    ['verification', ''],
    ['cancelled', ''],
    ['', 'verification'],
  ],
];

/** What each person does: two carts that are left, bought, cancelled or finished. */
function historiesOf(seed: number): Webhook[] {
  const random = createRandom(seed);
  const webhooks: Webhook[] = [];
  const send = (slot: number, cart: number, person: number, status: string): void => {
    if (slot < SLOTS && status !== '') webhooks.push({ slot, cart: { ...cartOf(cart, person), status } });
  };
  for (let person = 1; person <= PEOPLE; person++) {
    const certain = CERTAIN[person - 1];
    certain?.forEach((statuses, slot) => {
      statuses.forEach((status, i) => send(slot, person + 1_000 * i, person, status));
    });
    if (certain !== undefined) continue;
    for (let slot = 0, cart = person; slot < SLOTS && cart <= person + 1_000; cart += 1_000) {
      const story = random.pick([
        ...(slot < PENDING_SLOTS ? [['pending'], ['pending', '', 'verification']] : []),
        ['verification', 'cancelled'],
        ['verification', 'dismissed', '', '', '', ''],
        ['verification', 'finished'],
        ['verification', 'with_review'],
      ]);
      for (const status of story) send(slot++, cart, person, status);
    }
  }
  return webhooks;
}

let world: FlowWorld;
beforeAll(async () => {
  world = await FlowWorld.open({ ownEngines: false });
});
afterAll(() => world.close());

/** The steps that say what was decided. */
const taken = (steps: readonly Step[]): string[] => steps.map(({ what, node, reason }) => `${what} ${node} ${reason}`);
const shown = (runs: readonly Run[]): object[] =>
  runs
    .map(({ id, cart_id, event_id, state, reason, steps }) => {
      return { id, cart_id, event_id, state, reason, steps: taken(steps) };
    })
    .sort((a, b) => (a.event_id < b.event_id ? -1 : 1));

it(
  'equals the live run over the same events, run by run',
  async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    process.stderr.write(`SEED=${seed}\n`);
    const retailer = await Retailer.open(world.installation, { abandonment_window_minutes: WINDOW_MS / 60_000 });
    const everybody = Array.from({ length: PEOPLE }, (_, i) => i + 1);
    // Every third person has not opted in to SMS: their reminders are skipped.
    await retailer.consent(everybody.filter((person) => person % 3 !== 0));
    const id = await retailer.publish(FLOW);
    const fromMs = Date.now();
    const webhooks = historiesOf(seed);
    for (let slot = 0; slot < SLOTS; slot++) {
      const due = webhooks.filter((webhook) => webhook.slot === slot);
      await sleep(Math.max(0, fromMs + slot * SLOT_MS - Date.now()));
      for (const { cart } of due) await retailer.send('cart_status', cart);
    }
    await sleep(fromMs + LAST_WAKE_MS - Date.now());
    const report = (): Promise<Report> => retailer.ask('GET', `/v1/flows/${id}/report`);
    const live = await waitUntil(
      'every run has ended',
      async () => {
        const found = await report();
        if (found.live === 0) return found;
        throw new Error(`${found.live} are live`);
      },
      { timeoutMs: 120_000, everyMs: 500 },
    );
    await waitFresh(world.installation, retailer.workspace);
    const { items } = await retailer.ask<{ items: { id: string }[] }>('GET', `/v1/flows/${id}/runs?limit=1000`);
    const runs = await Promise.all(items.map((run) => retailer.ask<Run>('GET', `/v1/runs/${run.id}`)));

    const [from, to] = [fromMs, Date.now()].map((ms) => new Date(ms).toISOString());
    const played = await retailer.ask<Report>('POST', '/v1/flows/backtest', { id, from, to });
    expect(played.not_played).toEqual([]);
    expect(shown(played.runs)).toEqual(shown(runs));
    const { entered, refused, completed, exited, nodes } = live;
    expect(played).toMatchObject({ entered, refused, live: 0, completed, exited, nodes });
    // The histories reach what is compared.
    const outcomes = new Set(runs.flatMap(({ steps }) => taken(steps)));
    const reached = ['sent remind null', 'sent offer null', 'sent sorry null', 'skipped remind no_consent'];
    for (const outcome of reached) expect([...outcomes]).toContain(outcome);
    expect(exited['checkout']).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
