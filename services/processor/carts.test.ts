import { describe, expect, it } from 'vitest';
import { randomFrom, shuffled } from '../../lib/carts/testing/random.ts';
import type { CartEvent, CartSnapshot, TraitEvent } from '../../schemas/types.ts';
import { delivery, MINUTE_MS, Pipeline } from './testing.ts';

const T0 = Date.UTC(2026, 2, 17, 12);
const DAY_MS = 24 * 60 * MINUTE_MS;
const minute = (n: number): number => T0 + n * MINUTE_MS;
const minutes = (time: number | null | undefined): number | null =>
  time === null || time === undefined ? null : (time - T0) / MINUTE_MS;

const event = (at: number, more: Partial<CartEvent> = {}): CartEvent =>
  delivery('shop', 'c', minute(at), { kind: 'cart_activity', ...more });
const status = (at: number, name: string, more: Partial<CartEvent> = {}): CartEvent =>
  delivery('shop', 'c', minute(at), { kind: 'cart_status', status: name, ...more });
const window = (length: number): Partial<CartEvent> => ({ abandonment_window_ms: length * MINUTE_MS });
const grace = (length: number): Partial<CartEvent> => ({ grace_ms: length * MINUTE_MS });

/** Delivers at this minute of the log, received then. */
function at(pipeline: Pipeline, logMinute: number, one: CartEvent): void {
  pipeline.deliver({ ...one, received_at: minute(logMinute) });
}

const nameOf = ({ trait, status: of, occurred_at }: TraitEvent): string =>
  `${trait === 'cart_abandoned' ? 'abandoned' : of} ${minutes(occurred_at)}`;

const traitsOf = (pipeline: Pipeline): TraitEvent[] => pipeline.outcomes().flatMap(({ trait }) => trait ?? []);

/** The emitted trait changes, in order. */
const said = (pipeline: Pipeline): string[] => traitsOf(pipeline).map((trait) => `${trait.op} ${nameOf(trait)}`);

/** What a reader of trait-events has in the end: the last record of each id. */
function standing(pipeline: Pipeline): TraitEvent[] {
  const rows = new Map<string, TraitEvent>();
  for (const trait of traitsOf(pipeline)) rows.set(trait.event_id, trait);
  return [...rows.values()]
    .filter(({ retracted_at }) => retracted_at === null)
    .sort((a, b) => a.occurred_at - b.occurred_at);
}

const lastSnapshot = (pipeline: Pipeline): CartSnapshot => pipeline.personInputs().at(-1)!.cart!.snapshot;

describe('a window that is changed midway', () => {
  it.each([
    ['shortened: the later activity’s own', [event(0, window(30)), event(5, window(10))], ['abandoned 15']],
    ['prolonged: the later activity’s own', [event(0, window(10)), event(5, window(60))], ['abandoned 65']],
    [
      'prolonged after the deadline of before: two visits',
      [event(0, window(10)), event(15, window(60))],
      ['abandoned 10', 'abandoned 75'],
    ],
  ])('%s', (_what, events, wanted) => {
    for (const order of [events, events.toReversed()]) {
      const pipeline = new Pipeline();
      for (const one of order) at(pipeline, 16, one);
      pipeline.tick(minute(100));
      expect(standing(pipeline).map(nameOf)).toEqual(wanted);
    }
  });
});

describe('clocks', () => {
  it('a T that was clamped to its receipt is that time', () => {
    const pipeline = new Pipeline();
    pipeline.deliver(event(3, { clamped: true }));
    pipeline.tick(minute(33));
    expect(said(pipeline)).toEqual([]);
    pipeline.tick(minute(33) + 1);
    expect(said(pipeline)).toEqual(['asserted abandoned 33']);
  });

  it('T by a clock that is an hour ahead is not waited for with that clock’s time, but with the log’s', () => {
    const pipeline = new Pipeline();
    pipeline.deliver(event(60, { clamped: true }), minute(0));
    expect(pipeline.carts.logTimeMs).toBe(minute(0));
    pipeline.tick(minute(90));
    expect(said(pipeline)).toEqual([]);
    pipeline.tick(minute(91));
    expect(standing(pipeline)).toMatchObject([{ occurred_at: minute(90), detected_at: minute(91) }]);
  });

  it('a tick of an earlier time changes nothing, and one tick serves all carts in the order of their deadlines', () => {
    const pipeline = new Pipeline();
    for (const [cart, from] of [
      ['b', 1],
      ['c', 0],
      ['a', 1],
    ] as const)
      pipeline.deliver(delivery('shop', cart, minute(from), { kind: 'cart_activity', received_at: minute(2) }));
    pipeline.tick(minute(40));
    pipeline.tick(minute(20));
    expect(pipeline.carts.logTimeMs).toBe(minute(40));
    expect(traitsOf(pipeline).map(({ cart_id, detected_at }) => [cart_id, minutes(detected_at)])).toEqual([
      ['c', 40],
      ['a', 40],
      ['b', 40],
    ]);
  });
});

describe('history in bulk', () => {
  const HISTORY = [
    event(-40_000, { store_id: '68' }),
    event(-39_990, { store_id: '69' }),
    event(-39_000, window(10)),
    status(-38_000, 'pending'),
    event(-37_990, { emptying: true, products: [] }),
    delivery('shop', 'c', minute(-37_000), { kind: 'cart_abandoned' }),
    status(-36_000, 'verification'),
    status(-35_999, 'on_hold'),
    status(-35_998, 'preparing', { mode: 'pickup' }),
    status(-35_997, 'delivery_arrived', { mode: 'pickup' }),
    status(-35_996, 'verification'),
    status(-35_000, 'finished'),
    event(-34_000),
  ];
  const WANTED = [
    ['abandoned -39960', -36_000],
    ['abandoned -38990', -36_000],
    ['pending -38000', null],
    ['abandoned -37000', -36_000],
    ['verification -36000', null],
    ['on_hold -35999', null],
    ['preparing -35998', null],
    ['delivery_arrived -35997', null],
    ['verification -35996', null],
    ['finished -35000', null],
  ];
  const play = (events: readonly CartEvent[]): Pipeline => {
    const pipeline = new Pipeline();
    for (const one of events) at(pipeline, 0, one);
    pipeline.tick(minute(2));
    return pipeline;
  };
  /** Without when it was found out. */
  const undated = (pipeline: Pipeline): unknown[] =>
    standing(pipeline).map(({ op: _op, detected_at: _detected, replaces: _replaces, ...rest }) => rest);

  it('yields what it would have yielded live, found out now', () => {
    const pipeline = play(HISTORY);
    const traits = standing(pipeline);
    expect(traits.map((trait) => [nameOf(trait), minutes(trait.recovered_at)])).toEqual(WANTED);
    expect(traits.map(({ detected_at }) => minutes(detected_at)).filter((found) => found !== 0)).toEqual([2, 2]);
    expect(traits.flatMap(({ source }) => source ?? [])).toEqual(['timer', 'timer', 'jane']);
    expect(traits.map(({ anomaly }) => anomaly)).toMatchObject({ 7: 'wrong_mode', 8: 'backward', 9: null });
    expect(traits.filter(({ reentered }) => reentered).map(nameOf)).toEqual(['verification -35996']);
    expect(traits[0]?.store_id).toBe('69');
    expect(lastSnapshot(pipeline)).toMatchObject({
      status: 'finished',
      abandoned_at: minute(-37_000),
      recovered_at: minute(-36_000),
      due_at: null,
      last_activity_at: minute(-34_000),
    });

    const live = new Pipeline();
    for (const one of HISTORY) live.deliver({ ...one, received_at: one.occurred_at });
    live.tick(minute(2));
    expect(undated(live)).toEqual(undated(pipeline));
  });

  it('in any order yields the same, and so do repeats', () => {
    const wanted = undated(play(HISTORY));
    for (let seed = 0; seed < 50; seed++) {
      const pipeline = play(shuffled([...HISTORY, ...HISTORY], randomFrom(seed)));
      expect(undated(pipeline)).toEqual(wanted);
      // One record for each event, none for repeats, and conclusions.
      const told = pipeline.personInputs().filter(({ cart }) => cart?.occurred_at !== null);
      expect(told).toHaveLength(HISTORY.length);
    }
  });
});

describe('what comes late', () => {
  it('takes back what counted, and says it again as the same trait event', () => {
    const pipeline = new Pipeline();
    at(pipeline, 0, event(0));
    pipeline.tick(minute(31));
    at(pipeline, 40, event(20));
    expect(said(pipeline)).toEqual(['asserted abandoned 30', 'retracted abandoned 30']);
    pipeline.tick(minute(51));
    at(pipeline, 60, event(25, { emptying: true, products: [] }));
    expect(said(pipeline).slice(2)).toEqual(['asserted abandoned 50', 'retracted abandoned 50']);
    const [first, back, moved, gone] = traitsOf(pipeline);
    expect(back).toMatchObject({ event_id: first?.event_id, retracted_at: minute(40), detected_at: minute(31) });
    expect(moved).toMatchObject({ replaces: first?.event_id, detected_at: minute(51) });
    expect(gone).toMatchObject({ event_id: moved?.event_id, retracted_at: minute(60) });
    expect(standing(pipeline)).toEqual([]);
  });

  it('a checkout in time saves the cart, though it comes after the conclusion', () => {
    const pipeline = new Pipeline();
    at(pipeline, 0, event(0));
    pipeline.tick(minute(31));
    at(pipeline, 35, status(30, 'verification'));
    expect(said(pipeline)).toEqual(['asserted abandoned 30', 'retracted abandoned 30', 'asserted verification 30']);
    expect(lastSnapshot(pipeline)).toMatchObject({ abandoned_at: null, recovered_at: null, status: 'verification' });
    at(pipeline, 36, status(30, 'verification'));
    expect(pipeline.personInputs()).toHaveLength(3);
  });
});

describe('what takes the place of what', () => {
  /** What each abandonment that was asserted replaces. */
  const replaced = (pipeline: Pipeline): [number | null, number | null][] => {
    const byId = new Map(traitsOf(pipeline).map((trait) => [trait.event_id, minutes(trait.occurred_at)]));
    return traitsOf(pipeline)
      .filter(({ op }) => op === 'asserted')
      .map(({ occurred_at, replaces }) => [minutes(occurred_at), byId.get(replaces ?? '') ?? null]);
  };
  const abandonedAt30 = (): Pipeline => {
    const pipeline = new Pipeline();
    at(pipeline, 0, event(0));
    pipeline.tick(minute(31));
    return pipeline;
  };

  it('one that is asserted again replaces what took its place', () => {
    const pipeline = abandonedAt30();
    at(pipeline, 40, event(20));
    pipeline.tick(minute(51));
    at(pipeline, 52, event(29, window(1)));
    pipeline.tick(minute(54));
    expect(replaced(pipeline)).toEqual([
      [30, null],
      [50, 30],
      [30, 50],
    ]);
    expect(standing(pipeline)).toMatchObject([
      { occurred_at: minute(30), detected_at: minute(54), retracted_at: null },
    ]);
  });

  // The one thing about a trait event that depends on arrival: it refers to what a reader has seen before.
  it.each([
    ['after', [event(25, { emptying: true, products: [] }), event(27)], null],
    ['before', [event(27), event(25, { emptying: true, products: [] })], 30],
  ])('a visit that comes %s the emptying that took the one before away', (_when, late, wanted) => {
    const pipeline = abandonedAt30();
    for (const one of late) at(pipeline, 40, one);
    pipeline.tick(minute(60));
    expect(replaced(pipeline)).toEqual([
      [30, null],
      [57, wanted],
    ]);
    expect(standing(pipeline).map(nameOf)).toEqual(['abandoned 57']);
  });
});

describe('a conclusion at the time when the cart is forgotten', () => {
  it('says the recovery that came with it', () => {
    const pipeline = new Pipeline(DAY_MS);
    at(pipeline, 100, event(0, grace(60)));
    at(pipeline, 100, status(45, 'verification'));
    pipeline.tick(minute(100) + 2 * DAY_MS);
    const [trait] = standing(pipeline);
    expect(trait).toMatchObject({ occurred_at: minute(30), recovered_at: minute(45) });
    expect(lastSnapshot(pipeline)).toMatchObject({ abandoned_at: minute(30), recovered_at: minute(45) });
  });

  it.each([1, 90])('leaves the latest abandonment the latest, with a horizon of %s days', (days) => {
    const pipeline = new Pipeline(days * DAY_MS);
    at(pipeline, 0, event(0, grace(60)));
    at(pipeline, 32, event(5, grace(60)));
    at(pipeline, 40, event(40, grace(0)));
    pipeline.tick(minute(71));
    pipeline.tick(minute(100) + 2 * DAY_MS);
    expect(said(pipeline)).toEqual(['asserted abandoned 70', 'asserted abandoned 35']);
    expect(lastSnapshot(pipeline)).toMatchObject({ abandoned_at: minute(70), due_at: null });
    expect([...pipeline.carts.state().values()].map(({ length }) => length === 2)).toEqual([days === 1]);
  });

  it('forgets it all the same, and a later event begins anew', () => {
    const pipeline = new Pipeline(DAY_MS);
    at(pipeline, 0, event(0));
    pipeline.tick(minute(0) + 2 * DAY_MS);
    expect(pipeline.carts.state().get('shop:c')).toHaveLength(2);
    expect(pipeline.carts.earliestDueMs).toBeUndefined();
    const told = pipeline.personInputs().length;
    at(pipeline, 3 * 24 * 60, status(3 * 24 * 60, 'preparing'));
    expect(pipeline.personInputs()).toHaveLength(told + 1);
    expect(traitsOf(pipeline).at(-1)).toMatchObject({ status: 'preparing', beyond_horizon: true });
  });
});

describe('dead letters', () => {
  const products = (round: number): CartEvent['products'] =>
    Array.from({ length: 1000 }, (_, i) => ({ product_id: `${round} ${i} `.padEnd(790, 'x'), count: 1, price: null }));

  it('say which limit the cart would have passed', () => {
    const pipeline = new Pipeline();
    for (let i = 0; i < 5; i++) pipeline.deliver(event(i, { products: products(i) }));
    const [letter] = pipeline.deadLetters();
    expect(letter).toMatchObject({ reason: 'cart_overfull' });
    expect(letter?.message).toMatch(/^Cart c has named more different products/);
    expect(letter?.message).not.toContain('2,000');
    // What names nothing new still fits.
    const told = pipeline.personInputs().length;
    pipeline.deliver(event(9, { products: products(0) }));
    pipeline.deliver(status(10, 'verification'));
    expect(pipeline.personInputs()).toHaveLength(told + 2);
  });
});
