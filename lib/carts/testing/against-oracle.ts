/** Core and oracle side by side, step by step. */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { CartSnapshot, TraitChange } from '../../../schemas/types.ts';
import { TestCart } from './cart.ts';
import { rest, type Step } from './histories.ts';
import { Oracle, type OracleTrait } from './oracle.ts';

const key = (t: { trait: string; status: string; occurred_at: number }): string =>
  `${t.trait}|${String(t.occurred_at).padStart(16)}|${t.status}`;

function counted({ op: _op, retracted_at: _retracted, ...fields }: TraitChange): OracleTrait {
  return fields;
}

/** What stands, as comparable text. */
export function standing(traits: readonly (OracleTrait | TraitChange)[]): string[] {
  const plain = traits.map((t) => ('op' in t ? counted(t) : t));
  return plain
    .sort((a, b) => (key(a) < key(b) ? -1 : 1))
    .map((t) => JSON.stringify(Object.entries(t).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** A cart that is forgotten. */
const BLANK: CartSnapshot = {
  status: null,
  status_since: null,
  store_id: null,
  mode: null,
  amount: null,
  created_at: null,
  last_activity_at: null,
  due_at: null,
  abandoned_at: null,
  recovered_at: null,
  reservation_start_at: null,
  products: null,
  store_name: null,
  last_event_at: null,
  first_status_at: null,
  statuses: [],
};

/**
 * Plays a history on both.
 * @param everywhere compares after every step, else only at rest
 */
export function agree(steps: readonly Step[], everywhere: boolean, horizonMs?: number): TestCart {
  const cart = new TestCart(horizonMs);
  const oracle = new Oracle(horizonMs ?? Infinity);
  for (const { logTime, event } of steps) {
    if (event === null) {
      cart.tick(logTime);
      oracle.tick(logTime);
    } else {
      const { result } = cart.deliver(event, logTime);
      const wanted = oracle.deliver(event, logTime);
      if (result !== wanted) expect(result).toBe(wanted);
    }
    if (!everywhere) continue;
    sameTraits(cart, oracle);
    sameCart(cart, oracle, horizonMs);
  }
  if (horizonMs === undefined) {
    cart.tick(rest(steps));
    oracle.tick(rest(steps));
    if (oracle.nextDue() !== Infinity) throw new Error('the oracle is not at rest');
    sameCart(cart, oracle, horizonMs);
  }
  sameTraits(cart, oracle);
  return cart;
}

function sameTraits(cart: TestCart, oracle: Oracle): void {
  const seen = standing(cart.traits());
  const wanted = standing(oracle.traits());
  // Vitest's comparison is slow; it is here to show a difference, not to find it.
  if (seen.length !== wanted.length || seen.some((t, i) => t !== wanted[i])) expect(seen).toEqual(wanted);
}

/** The snapshot and the next deadline. */
function sameCart(cart: TestCart, oracle: Oracle, horizonMs: number | undefined): void {
  if (oracle.isEmpty) return;
  const snapshot = cart.snapshot();
  // Memory is freed some time after the horizon: until then the cart stands as it was.
  const wanted = cart.due() === undefined ? BLANK : oracle.snapshot();
  if (!isDeepStrictEqual(snapshot, wanted)) expect(snapshot).toEqual(wanted);
  if (cart.due() === undefined) expect(oracle.now).toBeGreaterThan(oracle.forgetAt());
  const due = oracle.nextDue();
  if (horizonMs === undefined ? due === Infinity : due >= oracle.forgetAt()) return;
  if (cart.due() !== due) expect(cart.due()).toBe(due);
}
