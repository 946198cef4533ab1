import { describe, expect, it } from 'vitest';
import type { CartUpdate, PersonInput, TraitChange } from '../../schemas/types.ts';
import { localCodec } from '../avro/index.ts';
import { TOPICS } from '../topics.ts';
import { foldCart, inParts, snapshotOf } from './index.ts';
import { cartEvent, keyOf, minute } from './testing/events.ts';

/** A cart that was left `times` times, with a basket of `size` products, and the late event that changes all of it. */
function upheaval(times: number, size: number): { changes: TraitChange[]; state: Buffer } {
  const products = Array.from({ length: size }, (_, i) => ({ product_id: `ü-${i}`, count: 1 + i / 7, price: 12.5 }));
  let state: Buffer | undefined;
  for (let i = 1; i <= times; i++) {
    const event = cartEvent({ event_key: keyOf(`visit ${i}`), occurred_at: minute(i * 40), products });
    ({ state } = foldCart(state, event, minute(times * 40 + 100)));
  }
  const late = cartEvent({ occurred_at: minute(0), store_id: 'läden', mode: 'pickup' });
  const folded = foldCart(state, late, minute(times * 40 + 200));
  return { changes: folded.changes, state: folded.state };
}

function encodedSize(changes: TraitChange[], state: Buffer): number {
  const cart: CartUpdate = {
    cart_id: '1',
    occurred_at: null,
    identifiers: [],
    name: null,
    changes,
    snapshot: snapshotOf(state),
  };
  const input = { kind: 'cart', workspace: 'w', log_time: 1, received_at: 1, cart } as const;
  const whole: PersonInput = { ...input, record: null, erasure: null, link_rules: null };
  return localCodec<PersonInput>(TOPICS.personInputs).encode(whole).length;
}

describe('changes in parts', () => {
  const { changes, state } = upheaval(300, 100);

  it('are all there, in order', () => {
    expect(changes).toHaveLength(600);
    expect(inParts(changes).flat()).toEqual(changes);
  });

  it('fit, and are not cut finer than they must be', () => {
    const limit = 100_000;
    expect(encodedSize(changes, state)).toBeGreaterThan(10 * limit);
    const sizes = inParts(changes, limit).map((part) => encodedSize(part, state));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(limit);
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(limit / 4);
  });

  it('a change that is too large by itself is a part of its own', () => {
    expect(inParts(changes.slice(0, 3), 10).map((part) => part.length)).toEqual([1, 1, 1]);
  });

  it('none are one empty part', () => {
    expect(inParts([])).toEqual([[]]);
  });

  it('few are one part', () => {
    expect(inParts(changes.slice(0, 20))).toHaveLength(1);
  });
});
