import { describe, expect, it } from 'vitest';
import type { CartSnapshot, TraitChange } from '../../schemas/types.ts';
import { VERSION, VERSION_WITHOUT_STAYS } from './format.ts';
import { decodeState, dueOf, snapshotOf } from './index.ts';
import { TestCart } from './testing/cart.ts';
import { cartEvent, keyOf, minute } from './testing/events.ts';
import { Oracle } from './testing/oracle.ts';
import { eventOf, readStored, stateOf, type Stored } from './testing/stored.ts';

/** States as the program wrote them before it kept when a cart came to each status and left it. */
const STORED = readStored(4);

function oracleOf({ deliveries }: Stored): Oracle {
  const oracle = new Oracle();
  for (const delivery of deliveries) oracle.deliver(eventOf(delivery), delivery.logTime);
  return oracle;
}
/** What traits say but when they were found and what they replace, which tell of arrivals. */
const facts = (traits: readonly object[]): string[] =>
  traits
    .map((trait) => {
      const { op: _op, retracted_at: _at, detected_at: _found, replaces: _replaces, ...fields } = trait as TraitChange;
      const { last_activity_at: _activity, ...stored } = fields;
      return JSON.stringify(Object.entries(stored).sort(([a], [b]) => (a < b ? -1 : 1)));
    })
    .sort();
/** Without what depends on log time. */
const lasting = ({
  due_at: _due,
  abandoned_at: _abandoned,
  recovered_at: _recovered,
  ...fields
}: CartSnapshot): object => fields;

describe('a state of version 4', () => {
  it('is read: events, snapshot with all statuses, deadline', () => {
    let statuses = 0;
    for (const stored of STORED) {
      const state = stateOf(stored);
      expect(state[0]).toBe(VERSION_WITHOUT_STAYS);
      expect(snapshotOf(state)).toMatchObject(stored.snapshot);
      expect(lasting(snapshotOf(state))).toEqual(lasting(oracleOf(stored).snapshot()));
      statuses = Math.max(statuses, snapshotOf(state).statuses.length);
      expect(dueOf(state) ?? null).toEqual(stored.due);
      for (const { key } of decodeState(state).events) {
        expect(stored.deliveries.map(({ event }) => event.event_key)).toContain(key);
      }
    }
    expect(statuses).toBeGreaterThan(2);
  });

  it('concludes what it would have concluded, and then has every status', () => {
    let concluded = 0;
    for (const stored of STORED) {
      const cart = TestCart.restored(stateOf(stored), stored.traits);
      const changes = cart.tick(minute(5000));
      expect(facts(cart.traits())).toEqual(facts(stored.traitsAtRest));
      expect(cart.state![0]).toBe(changes.length > 0 ? VERSION : VERSION_WITHOUT_STAYS);
      expect(lasting(cart.snapshot())).toEqual(lasting(oracleOf(stored).snapshot()));
      concluded += changes.length;
    }
    expect(concluded).toBeGreaterThan(3);
  });

  it('has with its next event, wherever it belongs, what the oracle has', () => {
    for (const stored of STORED) {
      for (const at of [minute(0), minute(4000)]) {
        const cart = TestCart.restored(stateOf(stored), stored.traits);
        const oracle = oracleOf(stored);
        const logTime = Math.max(minute(1000), at);
        const next = cartEvent({
          occurred_at: at,
          event_key: keyOf('next'),
          received_at: logTime,
          store_name: 'Laden',
        });
        cart.deliver(next, logTime);
        oracle.deliver(next, logTime);
        expect(cart.state![0]).toBe(VERSION);
        cart.tick(minute(9000));
        oracle.tick(minute(9000));
        expect(cart.snapshot()).toEqual(oracle.snapshot());
        expect(facts(cart.traits())).toEqual(facts(oracle.traits()));
      }
    }
  });
});
