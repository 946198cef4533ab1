import { describe, expect, it } from 'vitest';
import type { TraitChange } from '../../schemas/types.ts';
import { VERSION, VERSION_ORDERED_BY_KEY } from './format.ts';
import { decodeState, dueOf, foldCart, snapshotOf } from './index.ts';
import { TestCart } from './testing/cart.ts';
import { MINUTE, cartEvent, keyOf, minute } from './testing/events.ts';
import { Oracle } from './testing/oracle.ts';
import { eventOf, readStored, stateOf, type Stored } from './testing/stored.ts';

/** States as the program wrote them while simultaneous events were ordered by their keys alone. */
const STORED = readStored(3);
const LIVE = STORED.filter(({ deliveries }) => deliveries.length > 0);

const cartOf = (stored: Stored): TestCart => TestCart.restored(stateOf(stored), stored.traits);
/** What traits say but when they were found and what they replace, which tell of arrivals. */
const facts = (traits: readonly object[]): string[] =>
  traits
    .map((trait) => {
      const { op: _op, retracted_at: _at, detected_at: _found, replaces: _replaces, ...rest } = trait as TraitChange;
      // States of this version were stored with traits that do not have it.
      const { last_activity_at: _activity, ...fields } = rest;
      return JSON.stringify(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
    })
    .sort();

describe('a state of version 3', () => {
  it('is read: events, snapshot, deadline', () => {
    for (const stored of STORED) {
      const state = stateOf(stored);
      expect(state[0]).toBe(VERSION_ORDERED_BY_KEY);
      expect(snapshotOf(state)).toMatchObject(stored.snapshot);
      expect(dueOf(state) ?? null).toEqual(stored.due);
      for (const { key } of decodeState(state).events) {
        expect(stored.deliveries.map(({ event }) => event.event_key)).toContain(key);
      }
    }
  });

  it('concludes what it would have concluded, and stays of its version until an event comes', () => {
    for (const stored of LIVE) {
      const cart = cartOf(stored);
      cart.tick(minute(5000));
      expect(facts(cart.traits())).toEqual(facts(stored.traitsAtRest));
      expect(cart.state![0]).toBe(VERSION_ORDERED_BY_KEY);
    }
  });

  it('has with its next event the traits that the order by request timestamp gives to all its events', () => {
    let moved = 0;
    for (const stored of LIVE) {
      for (const at of [minute(0), minute(4000)]) {
        const cart = cartOf(stored);
        const oracle = new Oracle();
        for (const delivery of stored.deliveries) oracle.deliver(eventOf(delivery), delivery.logTime);
        if (facts(oracle.traits()).join() !== facts(stored.traits).join()) moved++;
        const logTime = Math.max(minute(1000), at);
        const next = cartEvent({ occurred_at: at, event_key: keyOf('next'), received_at: logTime });
        cart.deliver(next, logTime);
        oracle.deliver(next, logTime);
        expect(cart.state![0]).toBe(VERSION);
        cart.tick(minute(9000));
        oracle.tick(minute(9000));
        expect(facts(cart.traits())).toEqual(facts(oracle.traits()));
      }
    }
    // Otherwise the states would not tell one order from the other.
    expect(moved).toBeGreaterThan(5);
  });

  it('of a forgotten cart still says that there was one', () => {
    const forgotten = STORED.find(({ deliveries }) => deliveries.length === 0)!;
    const event = cartEvent({ kind: 'cart_status', status: 'pending', occurred_at: minute(0) });
    const { state, changes } = foldCart(stateOf(forgotten), event, minute(0) + 200 * 24 * 60 * MINUTE);
    expect(changes).toMatchObject([{ status: 'pending', beyond_horizon: true }]);
    expect(state[0]).toBe(VERSION);
  });
});
