import { expectedOf, type Expected } from './expected.ts';
import { renderWebhook } from './payload.ts';
import { consentsOf, type PersonLine } from './people.ts';
import { createRandom, type Random } from './random.ts';
import { planCart, type CartPlan, type CartRequest, type Fate, type WebhookEvent } from './story.ts';
import { createShopper, createStores, type Shopper, type Store } from './world.ts';

/** One delivery, as Jane would send it. */
export interface SimulatedWebhook {
  /** When it is delivered, Unix milliseconds. */
  atMs: number;
  event: WebhookEvent;
  /** The exact JSON text, in Jane's documented form. Its `updated_at_time` carries when it happened. */
  body: string;
  /** Its request timestamp when it is sent at its own time, Unix milliseconds. */
  requestAtMs: number;
  /** The delivery that this one repeats, with the same body and the same request timestamp. */
  repeats?: SimulatedWebhook;
}

export interface DayOptions {
  /** An integer; equal options give equal days, byte for byte. */
  seed: number;
  /** The end of the day, Unix milliseconds. */
  endsAtMs: number;
  /** Carts created within the 24 hours; at least 1. */
  carts: number;
  stores?: number;
  /** IANA zone in which the stores open and close. Default: `storeTimeZone(endsAtMs)`. */
  timeZone?: string;
}

export interface SimulatedDay {
  timeZone: string;
  stores: Store[];
  /** Everything delivered by the end of the day, in order of delivery. */
  webhooks: SimulatedWebhook[];
  /** Later deliveries about the carts of this day, to be played live. */
  upcoming: SimulatedWebhook[];
  /** Lines of `POST /v1/people`: consents that these customers gave in the months before. */
  people: PersonLine[];
  /** The expected result of `webhooks`, at rest. */
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

/** The zone where it is closest to 5 p.m., so that a day that ends now contains a day of trade. */
export function storeTimeZone(atMs: number): string {
  const away = (zone: string): number => Math.abs(localHour(zone, atMs) - 17);
  return ZONES.reduce((best, zone) => (away(zone) < away(best) ? zone : best));
}

/** Assigns ids (after the first `skip` of this seed), stores and customers; some customers return. */
export function createCartMaker(
  random: Random,
  options: { seed: number; stores: Store[]; skip?: number },
): (createdAtMs: number, fate: Fate) => CartPlan {
  const shoppers: Shopper[] = [];
  // Each seed has its own range of ids, so that one workspace can receive several simulations.
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

/** The deliveries of one cart, including late ones and repeats, in no particular order. */
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
    // Every other one falls due after the end, one every twenty seconds, so that it can be watched.
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
 * A day of a retailer on Jane that ends at a given instant: stores and their hours; customers who return with their
 * phone, their email or both; carts that are filled, abandoned, emptied, ordered, cancelled, handed over and reviewed;
 * skipped, repeated, unknown and anomalous statuses; deliveries that are late or repeated.
 */
export function simulateDay(options: DayOptions): SimulatedDay {
  const { seed, endsAtMs } = options;
  const timeZone = options.timeZone ?? storeTimeZone(endsAtMs);
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
