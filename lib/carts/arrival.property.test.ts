import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { CartEvent } from '../../schemas/types.ts';
import { agree } from './testing/against-oracle.ts';
import { MINUTE, cartEvent, keyOf, minute } from './testing/events.ts';
import type { Step } from './testing/histories.ts';

/** Set JT_RUNS=20000 for the full proof, JT_SEED and the printed path to see a counterexample again. */
const RUNS = Number(process.env['JT_RUNS'] ?? 5000);
const SEED = Number(process.env['JT_SEED'] ?? Date.now() % 2 ** 31);
const PATH = process.env['JT_PATH'];

/** Few values, close to each other, so that they meet. */
const MOMENTS = fc.integer({ min: 0, max: 24 }).map((n) => n * 5);
const WINDOWS = fc.constantFrom(30, 10, 60);
const GRACES = fc.constantFrom(1, 0, 20);

const what = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Partial<CartEvent>>({ kind: 'cart_activity' }) },
  { weight: 1, arbitrary: fc.constant<Partial<CartEvent>>({ kind: 'cart_activity', emptying: true }) },
  { weight: 1, arbitrary: fc.constant<Partial<CartEvent>>({ kind: 'cart_abandoned' }) },
  {
    weight: 3,
    arbitrary: fc
      .record({
        status: fc.constantFrom(
          ...['pending', 'verification', 'preparing', 'ready_for_pickup', 'delivery_started', 'finished'],
          ...['with_review', 'finished_without_review', 'cancelled', 'dismissed', 'delivery_arrived', 'on_hold'],
        ),
        emptying: fc.boolean(),
      })
      .map(({ status, emptying }): Partial<CartEvent> => ({ kind: 'cart_status', status, emptying })),
  },
);

const delivery = fc.record({
  what,
  moment: MOMENTS,
  window: WINDOWS,
  grace: GRACES,
  store: fc.constantFrom(null, '68', '70'),
  amount: fc.constantFrom(null, 0, 41.8),
  mode: fc.constantFrom(null, 'delivery', 'pickup'),
  pause: fc.constantFrom(0, 0, 1, 5, 31, 120),
  /** Minutes until a tick, none when 0. */
  tick: fc.constantFrom(0, 0, 1, 11, 31, 61),
  /** How many deliveries back the repeated one is; 0: no repeat. */
  again: fc.constantFrom(0, 0, 0, 1, 3),
});

type Delivery = typeof delivery extends fc.Arbitrary<infer T> ? T : never;

function stepsOf(deliveries: readonly Delivery[]): Step[] {
  const steps: Step[] = [];
  const events: CartEvent[] = [];
  let clock = 0;
  for (const [index, d] of deliveries.entries()) {
    clock += d.pause;
    const event = cartEvent({
      ...d.what,
      event_key: keyOf(`event ${index}`),
      occurred_at: minute(d.moment),
      abandonment_window_ms: d.window * MINUTE,
      grace_ms: d.grace * MINUTE,
      store_id: d.store,
      amount: d.amount,
      mode: d.mode,
    });
    events.push(event);
    steps.push({ logTime: minute(clock), event });
    if (d.again > 0) steps.push({ logTime: minute(clock), event: events.at(-d.again) ?? event });
    if (d.tick > 0) steps.push({ logTime: minute((clock += d.tick)), event: null });
  }
  return steps;
}

describe(`arrival sequences (JT_RUNS=${RUNS}, JT_SEED=${SEED})`, () => {
  it(
    'at every point, what is asserted minus what is retracted is the function of the events so far',
    {
      timeout: 3_600_000,
    },
    () => {
      fc.assert(
        fc.property(fc.array(delivery, { minLength: 1, maxLength: 12 }), (deliveries) => {
          agree(stepsOf(deliveries), true);
        }),
        { numRuns: RUNS, seed: SEED, ...(PATH === undefined ? {} : { path: PATH }) },
      );
    },
  );
});
