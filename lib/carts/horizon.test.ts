import { describe, expect, it } from 'vitest';
import { VERSION } from './format.ts';
import { DEFAULT_HORIZON_MS, concludeDue, decodeState, dueOf, foldCart, snapshotOf } from './index.ts';
import { TestCart } from './testing/cart.ts';
import { MINUTE, cartEvent, minute } from './testing/events.ts';

const HOUR = 60 * MINUTE;
const HORIZON = 24 * HOUR;
const status = (name: string, at: number): ReturnType<typeof cartEvent> =>
  cartEvent({ kind: 'cart_status', status: name, occurred_at: minute(at) });

describe('deadlines', () => {
  const openCart = (): Buffer =>
    foldCart(undefined, cartEvent({ occurred_at: minute(0), store_id: '68' }), minute(2)).state;

  it('are those of the open episode, or of the grace after its last arrival', () => {
    const open = openCart();
    expect(dueOf(open)).toBe(minute(30));
    const late = foldCart(undefined, cartEvent({ occurred_at: minute(0), grace_ms: 5 * MINUTE }), minute(40)).state;
    expect(dueOf(late)).toBe(minute(45));
  });

  it('have passed when log time is past them, not at them', () => {
    const open = openCart();
    expect(concludeDue(open, minute(30))).toEqual({ state: open, changes: [] });
    expect(concludeDue(open, minute(30)).state).toBe(open);
    const { state, changes } = concludeDue(open, minute(30) + 1);
    expect(changes).toEqual([
      {
        op: 'asserted',
        trait: 'cart_abandoned',
        status: '',
        occurred_at: minute(30),
        detected_at: minute(30) + 1,
        retracted_at: null,
        recovered_at: null,
        last_activity_at: minute(0),
        source: 'timer',
        previous_status: null,
        reentered: false,
        anomaly: null,
        store_id: '68',
        mode: null,
        amount: null,
        products: null,
        beyond_horizon: false,
        replaces: null,
      },
    ]);
    expect(snapshotOf(state)).toMatchObject({ due_at: null, abandoned_at: minute(30) });
    expect(concludeDue(state, minute(99)).changes).toEqual([]);
  });

  it('several at once are concluded in order, each with the values that hold for it', () => {
    const cart = new TestCart();
    cart.deliver(cartEvent({ occurred_at: minute(100), store_id: '3' }), minute(200));
    cart.deliver(cartEvent({ occurred_at: minute(0), store_id: '1' }), minute(200));
    cart.deliver(cartEvent({ occurred_at: minute(50), store_id: '2' }), minute(200));
    expect(cart.due()).toBe(minute(201));
    expect(cart.tick(minute(202)).map((c) => [c.occurred_at, c.store_id, c.detected_at])).toEqual([
      [minute(30), '1', minute(202)],
      [minute(80), '2', minute(202)],
      [minute(130), '3', minute(202)],
    ]);
  });

  it('ended episodes and the open one are due each in its time', () => {
    const cart = new TestCart();
    cart.deliver(cartEvent({ occurred_at: minute(0), grace_ms: 50 * MINUTE }), minute(40));
    cart.deliver(cartEvent({ occurred_at: minute(40) }), minute(40));
    cart.deliver(cartEvent({ occurred_at: minute(45) }), minute(45));
    expect(cart.due()).toBe(minute(75));
    expect(cart.tick(minute(76)).map((c) => c.occurred_at)).toEqual([minute(75)]);
    expect(cart.due()).toBe(minute(90));
    expect(cart.tick(minute(91)).map((c) => c.occurred_at)).toEqual([minute(30)]);
    expect(cart.snapshot().abandoned_at).toBe(minute(75));
  });
});

describe('deadlines of several episodes', () => {
  it('are passed each by itself: one that is only reached waits', () => {
    const cart = new TestCart();
    // Both have ended; their grace runs until minutes 70 and 80.
    cart.deliver(cartEvent({ occurred_at: minute(0), grace_ms: 70 * MINUTE }), minute(0));
    cart.deliver(cartEvent({ occurred_at: minute(40), grace_ms: 79 * MINUTE }), minute(1));
    cart.deliver(cartEvent({ occurred_at: minute(200) }), minute(1));
    expect(cart.tick(minute(80)).map((c) => c.occurred_at)).toEqual([minute(30)]);
    expect(cart.due()).toBe(minute(80));
    expect(cart.tick(minute(80) + 1).map((c) => c.occurred_at)).toEqual([minute(70)]);
  });
});

describe('the horizon', () => {
  const orderedCart = (): Buffer => foldCart(undefined, status('verification', 0), minute(61)).state;

  it('is 90 days unless it is given', () => {
    const ordered = orderedCart();
    expect(DEFAULT_HORIZON_MS).toBe(90 * 24 * HOUR);
    expect(dueOf(ordered)).toBe(minute(120) + DEFAULT_HORIZON_MS);
  });

  it('has a timer at the next full hour', () => {
    const ordered = orderedCart();
    expect(dueOf(ordered, HORIZON)).toBe(minute(120) + HORIZON);
    const onTheHour = foldCart(undefined, status('verification', 0), minute(60)).state;
    expect(dueOf(onTheHour, HORIZON)).toBe(minute(60) + HORIZON);
  });

  it('leaves two bytes, and no deadline', () => {
    const ordered = orderedCart();
    expect(concludeDue(ordered, minute(61) + HORIZON, HORIZON).state).toBe(ordered);
    const { state, changes } = concludeDue(ordered, minute(61) + HORIZON + 1, HORIZON);
    expect(changes).toEqual([]);
    expect([...state]).toEqual([VERSION, 2]);
    expect(dueOf(state, HORIZON)).toBeUndefined();
    expect(concludeDue(state, minute(0) + 9 * HORIZON, HORIZON).state).toBe(state);
    const snapshot = snapshotOf(state);
    expect(Object.keys(snapshot)).toEqual(Object.keys(snapshotOf(ordered)));
    const { statuses, ...single } = snapshot;
    expect(statuses).toEqual([]);
    expect(Object.values(single).every((value) => value === null)).toBe(true);
    expect(decodeState(state)).toMatchObject({ forgotten: true, lastArrival: null, events: [], decisions: [] });
    const sizes = { summary: 2, decisions: 0, products: 0, index: 0, records: 0, keys: 0 };
    expect(decodeState(state).sizes).toEqual(sizes);
  });

  it.each([
    ['whose timer has fired', true],
    ['whose timer has not', false],
  ])('a later event starts its life anew, of a cart %s', (_name, fired) => {
    const ordered = orderedCart();
    const past = minute(61) + HORIZON + 1;
    const before = fired ? concludeDue(ordered, past, HORIZON).state : ordered;
    const { state, result, changes } = foldCart(before, status('verification', 0), past, HORIZON);
    expect(result).toBe('event');
    expect(changes.map((c) => [c.op, c.status, c.previous_status, c.reentered, c.beyond_horizon])).toEqual([
      ['asserted', 'verification', null, false, true],
    ]);
    const next = foldCart(state, status('preparing', 9), past, HORIZON);
    expect(next.changes.map((c) => [c.status, c.beyond_horizon])).toEqual([['preparing', true]]);
    expect(decodeState(next.state)).toMatchObject({ beyondHorizon: true, forgotten: false });
    // The long way knows too.
    const late = foldCart(next.state, status('staff_member_review', 4), past, HORIZON);
    expect(late.changes.map((c) => [c.op, c.status, c.beyond_horizon])).toEqual([
      ['asserted', 'staff_member_review', true],
      ['updated', 'preparing', true],
    ]);
  });

  it('of a forgotten cart the log time is its own, whatever cart came before', () => {
    const forgotten = concludeDue(orderedCart(), minute(61) + HORIZON + 1, HORIZON).state;
    // In one process several partitions fold, each by a clock of its own.
    const elsewhere = foldCart(undefined, status('verification', 0), minute(999) + HORIZON, HORIZON).state;
    dueOf(elsewhere, HORIZON);
    const now = minute(100) + HORIZON;
    const { state, changes } = foldCart(forgotten, status('preparing', 9), now, HORIZON);
    expect(changes.map((c) => c.detected_at)).toEqual([now]);
    expect(decodeState(state).lastArrival).toBe(now);
  });

  it('an event at the very horizon still belongs', () => {
    const ordered = orderedCart();
    const { changes } = foldCart(ordered, status('preparing', 9), minute(61) + HORIZON, HORIZON);
    expect(changes.map((c) => [c.status, c.previous_status, c.beyond_horizon])).toEqual([
      ['preparing', 'verification', false],
    ]);
  });

  it('is counted from the last arrival of an event, not of a repeat', () => {
    const ordered = orderedCart();
    const repeated = foldCart(ordered, status('verification', 0), minute(600), HORIZON);
    expect(repeated.result).toBe('repeat');
    expect(dueOf(repeated.state, HORIZON)).toBe(minute(120) + HORIZON);
  });

  it('what is due before it is concluded, what would be due after it never is', () => {
    const cart = foldCart(undefined, cartEvent({ occurred_at: minute(0) }), minute(0), HORIZON).state;
    const past = minute(61) + HORIZON;
    const concluded = concludeDue(cart, past, HORIZON);
    expect(concluded.changes.map((c) => c.occurred_at)).toEqual([minute(30)]);
    // The state still says how the cart stands; the next call, which the hour's timer brings, forgets it.
    expect(snapshotOf(concluded.state)).toMatchObject({ abandoned_at: minute(30), due_at: null });
    expect(dueOf(concluded.state, HORIZON)).toBe(minute(0) + HORIZON);
    const forgotten = concludeDue(concluded.state, past, HORIZON);
    expect(forgotten.changes).toEqual([]);
    expect(forgotten.state).toHaveLength(2);
    const short = 10 * MINUTE;
    expect(dueOf(cart, short)).toBe(minute(60));
    expect(concludeDue(cart, minute(600), short)).toEqual({ state: forgotten.state, changes: [] });
    // Nor is what would be due at the very horizon, so the timer is the hour's.
    expect(dueOf(cart, 30 * MINUTE)).toBe(minute(60));
    expect(foldCart(cart, status('verification', 40), minute(40), short).changes.map((c) => c.trait)).toEqual([
      'cart_status_updated',
    ]);
  });

  it('what was due before it is told when the first event after it comes', () => {
    const cart = foldCart(undefined, cartEvent({ occurred_at: minute(0) }), minute(0), HORIZON).state;
    const { changes } = foldCart(cart, status('verification', 2000), minute(2000), HORIZON);
    expect(changes.map((c) => [c.trait, c.recovered_at, c.beyond_horizon])).toEqual([
      ['cart_abandoned', null, false],
      ['cart_status_updated', null, true],
    ]);
  });
});
