import { byArrival, createCartMaker, deliveriesOf, type SimulatedWebhook } from './day.ts';
import { createRandom } from './random.ts';
import { createStores } from './world.ts';

export interface LiveOptions {
  seed: number;
  /** Unix milliseconds. */
  startsAtMs: number;
  /** New carts, on average. */
  cartsPerHour: number;
  stores?: number;
  /** Later deliveries about earlier carts; merged in. */
  upcoming?: readonly SimulatedWebhook[];
}

const HOUR_MS = 3_600_000;
/** How long before the start the first cart is created, so that the rate is constant from the start on. */
const RUN_UP_MS = 45 * 60_000;
/** Carts of a day with the same seed have the ids before; its customers are the same people. */
const AFTER_A_DAY = 500_000;

/** Endless trade: deliveries in order, from `startsAtMs` on. Some carts began before. Pure: it never waits. */
export function* simulateLive(options: LiveOptions): Generator<SimulatedWebhook, never> {
  const random = createRandom(options.seed);
  const make = createCartMaker(random, {
    seed: options.seed,
    stores: createStores(options.stores ?? 5),
    skip: AFTER_A_DAY,
  });
  const gapMs = HOUR_MS / options.cartsPerHour;
  let pending = [...(options.upcoming ?? [])].sort(byArrival);
  let nextCartMs = options.startsAtMs - RUN_UP_MS;
  for (;;) {
    // No cart sends a webhook before the second in which it was created, so everything until then is complete.
    let settled = 0;
    while (settled < pending.length && pending[settled]!.atMs <= nextCartMs - 1_000) settled += 1;
    for (const webhook of pending.slice(0, settled)) if (webhook.atMs >= options.startsAtMs) yield webhook;
    // Several at once: sorting for each single cart would cost more than creating it.
    const fresh: SimulatedWebhook[] = [];
    for (let n = 0; n < 1 + Math.floor(options.cartsPerHour / 36_000); n += 1) {
      fresh.push(...deliveriesOf(make(nextCartMs, 'any')));
      nextCartMs += random.exponential(gapMs);
    }
    pending = [...pending.slice(settled), ...fresh].sort(byArrival);
  }
}
