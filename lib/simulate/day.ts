import { expectedOf, type Expected } from './expected.ts';
import { renderWebhook } from './payload.ts';
import { consentsOf, type PersonLine } from './people.ts';
import { createRandom, type Random } from './random.ts';
import { planCart, type CartPlan, type CartRequest, type Fate, type WebhookEvent } from './story.ts';
import { createShopper, createStores, type Shopper, type Store } from './world.ts';

/** One delivery, as Jane would send it. */
export interface SimulatedWebhook {
  /** When it comes: Unix milliseconds. */
  atMs: number;
  event: WebhookEvent;
  /** The exact JSON text, in Jane's documented form. Its `updated_at_time` carries when it happened. */
  body: string;
  /** The request timestamp that it bears when played at its own time: Unix milliseconds. */
  requestAtMs: number;
  /** The delivery that this one is a repeat of: the same body under the same request timestamp. */
  repeats?: SimulatedWebhook;
}

export interface DayOptions {
  /** A whole number; equal options give equal days, byte for byte. */
  seed: number;
  /** The day ends here: Unix milliseconds. */
  endsAtMs: number;
  /** How many carts are made in its 24 hours; at least 1. */
  carts: number;
  stores?: number;
  /** IANA zone in which the stores open and close. Default: `shopTimeZone(endsAtMs)`. */
  timeZone?: string;
}

export interface SimulatedDay {
  timeZone: string;
  stores: Store[];
  /** Everything that comes up to the end of the day, in the order in which it comes. */
  webhooks: SimulatedWebhook[];
  /** What the carts of this day still do after its end: to be played live. */
  upcoming: SimulatedWebhook[];
  /** Lines of `POST /v1/people`: consents that these shoppers gave in the months before. */
  people: PersonLine[];
  /** What `webhooks` amount to at rest. */
  expected: Expected;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Carts made by hour of the local day, relative to each other. The web never closes; the stores do. */
const TRADE_BY_HOUR = [
  0.5, 0.25, 0.15, 0.1, 0.1, 0.2, 0.5, 1, 2, 4, 6, 7, 8, 7, 6, 6, 7, 9, 10, 9, 7, 5, 3, 1.2,
] as const;
const BUSIEST = Math.max(...TRADE_BY_HOUR);

/** Zones of the stores of a demonstration, from east to west. */
const ZONES = [
  'America/New_York',
  'America/Chicago',
  'America/Denver',
  'America/Los_Angeles',
  'America/Anchorage',
  'Pacific/Honolulu',
];

function localHour(timeZone: string, atMs: number): number {
  const text = new Intl.DateTimeFormat('en-US', { timeZone, hour: 'numeric', hourCycle: 'h23' }).format(atMs);
  return Number(text) % 24;
}

/** The zone in which it is nearest to five in the afternoon: a day that ends there has a day behind it. */
export function shopTimeZone(atMs: number): string {
  const away = (zone: string): number => Math.abs(localHour(zone, atMs) - 17);
  return ZONES.reduce((best, zone) => (away(zone) < away(best) ? zone : best));
}

/** Deals ids (leaving out the first `skip` of this seed), stores and shoppers; a share of the shoppers come back. */
export function createCartMaker(
  random: Random,
  options: { seed: number; stores: Store[]; skip?: number },
): (createdAtMs: number, fate: Fate) => CartPlan {
  const shoppers: Shopper[] = [];
  // Seeds keep to their own numbers, so that several simulations can go to one workspace.
  const first = 1_000_000 + (Math.abs(options.seed) % 100_000) * 1_000_000 + (options.skip ?? 0);
  const shares = options.stores.map((store) => [store, store.share] as const);
  let made = 0;
  const shopper = (): Shopper => {
    if (shoppers.length > 0 && random.chance(0.3)) return random.pick(shoppers);
    const fresh = createShopper((Math.abs(options.seed) % 97) * 4_000 + shoppers.length);
    shoppers.push(fresh);
    return fresh;
  };
  return (createdAtMs, fate) => {
    made += 1;
    const request: CartRequest = {
      id: first + made,
      createdAtMs,
      store: random.weighted(shares),
      shopper: shopper(),
      fate,
    };
    return planCart(random, request);
  };
}

/** The deliveries of one cart, late ones and repeats included, in no order. */
export function deliveriesOf(plan: CartPlan): SimulatedWebhook[] {
  return plan.steps.flatMap((step) => {
    const atMs = step.atMs + step.delayMs;
    const first: SimulatedWebhook = { atMs, event: step.event, body: renderWebhook(plan, step), requestAtMs: atMs };
    const repeats = step.repeatsAfterMs.map((afterMs) => ({ ...first, atMs: atMs + afterMs, repeats: first }));
    return [first, ...repeats];
  });
}

/** Moves a plan in time so that its last step happens at `lastAtMs`. */
function endingAt(plan: CartPlan, lastAtMs: number): CartPlan {
  const last = plan.steps[plan.steps.length - 1]!;
  const shiftMs = Math.floor((lastAtMs - last.atMs) / 1_000) * 1_000;
  return {
    ...plan,
    createdAtMs: plan.createdAtMs + shiftMs,
    checkedOutAtMs: plan.checkedOutAtMs === null ? null : plan.checkedOutAtMs + shiftMs,
    steps: plan.steps.map((step) => ({ ...step, atMs: step.atMs + shiftMs, delayMs: Math.min(step.delayMs, 2_000) })),
  };
}

/** Scenes that a demonstration needs, added independent of chance. */
function stage(make: ReturnType<typeof createCartMaker>, random: Random, options: DayOptions): CartPlan[] {
  const { endsAtMs } = options;
  const scenes = Math.max(4, Math.min(40, Math.round(options.carts * 0.02)));
  const plans: CartPlan[] = [];
  for (let n = 0; n < scenes; n += 1) {
    const abandoned = make(endsAtMs, 'abandoned');
    abandoned.steps = abandoned.steps.filter((step) => step.event !== 'cart_abandoned' && step.products?.length !== 0);
    // Every other one falls due only after the end, one every twenty seconds: somebody can watch it happen.
    const lastAtMs =
      n % 2 === 0 ? endsAtMs - random.int(31, 55) * MINUTE_MS : endsAtMs - 30 * MINUTE_MS + (n + 1) * 10_000;
    plans.push(endingAt(abandoned, lastAtMs));
    if (n % 2 === 0) plans.push(endingAt(make(endsAtMs, 'finished'), endsAtMs - random.int(1, 12) * MINUTE_MS));
  }
  return plans;
}

function drawStart(random: Random, endsAtMs: number, hours: readonly number[]): number {
  // Some orders in the last eighty minutes at any hour: people look at what happens now.
  if (random.chance(0.1)) return endsAtMs - random.between(0, 80 * MINUTE_MS);
  for (;;) {
    const backMs = random.between(0, 24 * HOUR_MS);
    if (random.next() < TRADE_BY_HOUR[hours[Math.floor(backMs / HOUR_MS)]!]! / BUSIEST) return endsAtMs - backMs;
  }
}

export function byArrival(a: SimulatedWebhook, b: SimulatedWebhook): number {
  return a.atMs - b.atMs;
}

/**
 * A day of a retailer on Jane that ends at a given instant: stores and their hours, shoppers who come back by
 * phone, by email or by both, carts that are filled, left, emptied, ordered, called off, handed over and
 * reviewed; skipped, repeated, unknown and odd statuses; deliveries that come late or more than once.
 */
export function simulateDay(options: DayOptions): SimulatedDay {
  const { seed, endsAtMs } = options;
  const timeZone = options.timeZone ?? shopTimeZone(endsAtMs);
  const stores = createStores(options.stores ?? 5);
  const random = createRandom(seed);
  const make = createCartMaker(random, { seed, stores });
  const hours = Array.from({ length: 25 }, (_, back) => localHour(timeZone, endsAtMs - (back + 0.5) * HOUR_MS));
  const plans = stage(make, random, options).slice(0, Math.max(1, options.carts));
  while (plans.length < options.carts) plans.push(make(drawStart(random, endsAtMs, hours), 'any'));

  const all = plans.flatMap(deliveriesOf).sort(byArrival);
  return {
    timeZone,
    stores,
    webhooks: all.filter((webhook) => webhook.atMs <= endsAtMs),
    upcoming: all.filter((webhook) => webhook.atMs > endsAtMs),
    people: consentsOf(random, plans, endsAtMs),
    expected: expectedOf(plans, endsAtMs),
  };
}
