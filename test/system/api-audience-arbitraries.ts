/** Random histories, trees and evaluations for tests of audiences on ClickHouse. */
import fc from 'fast-check';
import type { Audience, TimeCondition } from '../../lib/audiences/index.ts';
import { event, person, type Evaluation, type World } from './api-audience-world.ts';

export const DAY = 86_400_000;
export const NOW = Date.parse('2026-03-10T15:00:00.000Z');
const instants = fc.integer({ min: NOW - 40 * DAY, max: NOW + 2 * DAY });
const few = (...values: string[]) => fc.constantFrom(...values);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 2 });

export const STATUSES = ['finished', 'cancelled', 'über\'lauf\\"'];
export const STORES = ['68', "6'8", ''];
export const PRODUCTS = ['p1', 'p2'];

export const worlds: fc.Arbitrary<World> = fc
  .record({
    people: fc.array(
      fc.record({
        anonymous: fc.boolean(),
        first_at: instants,
        reachable_sms: fc.boolean(),
        reachable_email: fc.boolean(),
        merge: fc.nat(9),
      }),
      { minLength: 1, maxLength: 12 },
    ),
    events: fc.array(
      fc.record({
        trait: few('cart_abandoned', 'cart_status_updated'),
        status: few(...STATUSES),
        occurred_at: instants,
        lag: fc.integer({ min: 0, max: 3 * DAY }),
        person: fc.nat(11),
        store_id: maybe(few(...STORES)),
        mode: maybe(few('pickup', 'delivery')),
        amount: maybe(fc.constantFrom(0, 10, 41.8)),
        products: fc.array(fc.record({ product_id: few(...PRODUCTS), count: fc.constantFrom(-1, 0, 0.5, 2) }), {
          maxLength: 3,
        }),
        anomaly: maybe(few('backward', 'after_terminal')),
        recovered_at: maybe(instants),
        retracted_at: fc.option(instants, { nil: null, freq: 4 }),
      }),
      { minLength: 5, maxLength: 40 },
    ),
  })
  .map(({ people, events }) => ({
    people: people.map(({ merge, ...rest }, i) => {
      // Some are merged into one of the first two, who stay themselves: aliases are flat.
      const merged_into = i >= 2 && merge < 4 ? 1 + (merge % 2) : 0;
      const reachable = rest.anonymous ? { reachable_sms: false, reachable_email: false } : {};
      return person(i + 1, { ...rest, ...reachable, merged_into });
    }),
    events: events.map(({ lag, person: who, products, ...rest }, i) =>
      event({
        ...rest,
        status: rest.trait === 'cart_abandoned' ? '' : rest.status,
        anomaly: rest.trait === 'cart_abandoned' ? null : rest.anomaly,
        recovered_at: rest.trait === 'cart_abandoned' ? rest.recovered_at : null,
        cart_id: `c${i}`,
        person_id: 1 + (who % people.length),
        detected_at: rest.occurred_at + lag,
        products: products.map((line) => ({ ...line, price: null })),
      }),
    ),
  }));

const days = fc.integer({ min: -45, max: 3 }).map((n) => new Date(NOW + n * DAY).toISOString().slice(0, 10));
const moments = instants.map((ms) => new Date(ms).toISOString());
const unit = fc.constantFrom('minutes', 'hours', 'days', 'weeks', 'months');
export const times: fc.Arbitrary<TimeCondition> = fc.oneof(
  fc.record({ operator: fc.constantFrom('after', 'before'), date: fc.oneof(days, moments) }),
  fc.record({ operator: fc.constant('on' as const), date: days }),
  fc.oneof(fc.tuple(days, days), fc.tuple(moments, moments)).map(([a, b]) => ({
    operator: 'between' as const,
    from: a < b ? a : b,
    to: a < b ? b : a,
  })),
  fc.record({ operator: fc.constant('in_last' as const), amount: fc.integer({ min: 1, max: 60 }), unit }),
);

const common = {
  time: times,
  store_id: fc.subarray(STORES),
  at_least: fc.integer({ min: 1, max: 3 }),
  mode: fc.subarray(['pickup', 'delivery', 'kiosk']),
  amount: fc
    .record({ min: fc.constantFrom(0, 10), max: fc.constantFrom(10, 41.8) }, { requiredKeys: [] })
    .filter((bounds) => Object.keys(bounds).length > 0),
  product_id: fc.subarray(PRODUCTS),
};
/** Few conditions in one leaf, so that it has people in it. */
const leafOf = (trait: string, conditions: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Audience> =>
  fc
    .subarray(Object.keys(conditions), { maxLength: 3 })
    .chain((keys) => fc.record(Object.fromEntries(keys.map((key) => [key, conditions[key] ?? fc.constant(undefined)]))))
    .map((chosen) => ({ trait, ...chosen }) as Audience);

const leaves: fc.Arbitrary<Audience> = fc.oneof(
  { weight: 3, arbitrary: leafOf('cart_abandoned', { ...common, recovered: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: leafOf('cart_status_updated', {
      ...common,
      anomaly: fc.boolean(),
      status: fc.subarray([...STATUSES, ' Finished\n', 'CANCELLED', 'never']),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ everyone: true as const }) },
);
export const { tree: trees } = fc.letrec<{ tree: Audience }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaves,
    fc.record({ and: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ or: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie('tree') }),
  ),
}));

export const evaluations: fc.Arbitrary<Evaluation> = fc.record(
  { nowMs: fc.constantFrom(NOW, NOW - 5 * DAY), knownAtMs: instants, includeAnonymous: fc.boolean() },
  { requiredKeys: ['nowMs', 'includeAnonymous'] },
);
