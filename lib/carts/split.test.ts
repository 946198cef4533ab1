import { describe, expect, it } from 'vitest';
import type { CartUpdate, PersonInput, TraitChange } from '../../schemas/types.ts';
import { localCodec } from '../avro/testing.ts';
import { TOPICS } from '../topics.ts';
import { foldCart, splitChanges, snapshotOf } from './index.ts';
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
    event_order: null,
    identifiers: [],
    name: null,
    part: 0,
    parts: 1,
    changes,
    snapshot: snapshotOf(state),
  };
  const input = { kind: 'cart', workspace: 'w', log_time: 1, received_at: 1, cart } as const;
  const whole: PersonInput = {
    ...input,
    record: null,
    erasure: null,
    link_rules: null,
    command: null,
    settings: null,
    code_pool: null,
  };
  return localCodec<PersonInput>(TOPICS.personInputs).encode(whole).length;
}

let made: ReturnType<typeof upheaval> | undefined;

describe('changes in parts', () => {
  const many = (): ReturnType<typeof upheaval> => (made ??= upheaval(300, 100));

  it('are all there, in order', () => {
    const { changes } = many();
    expect(changes).toHaveLength(600);
    expect(splitChanges(changes).flat()).toEqual(changes);
  });

  it('fit into the limit, and are not split more than necessary', () => {
    const { changes, state } = many();
    const limit = 100_000;
    expect(encodedSize(changes, state)).toBeGreaterThan(10 * limit);
    const sizes = splitChanges(changes, limit).map((part) => encodedSize(part, state));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(limit);
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(limit / 4);
  });

  it('a change that is too large by itself is a part of its own', () => {
    expect(splitChanges(many().changes.slice(0, 3), 10).map((part) => part.length)).toEqual([1, 1, 1]);
  });

  it('no changes are one empty part', () => {
    expect(splitChanges([])).toEqual([[]]);
  });

  it.each<[string, Partial<TraitChange>]>([
    ['status', { status: '€'.repeat(20_000) }],
    ['status before', { previous_status: '€'.repeat(20_000) }],
    ['store', { store_id: '€'.repeat(20_000) }],
    ['mode', { mode: '€'.repeat(20_000) }],
    ['product', { products: [{ product_id: '€'.repeat(20_000), count: 1, price: null }] }],
  ])('a long %s counts towards the size', (_what, fields) => {
    const { changes, state } = many();
    const short = { ...changes[0]!, store_id: null, mode: null, products: null };
    expect(splitChanges([short, short, short], 2000)).toHaveLength(1);
    const long = splitChanges(
      [1, 2, 3].map(() => ({ ...short, ...fields })),
      150_000,
    );
    expect(long.map((part) => part.length)).toEqual([2, 1]);
    expect(Math.max(...long.map((part) => encodedSize(part, state)))).toBeLessThanOrEqual(150_000);
  });

  it('a part may reach the limit exactly', () => {
    const plain = {
      ...many().changes[0]!,
      status: '',
      previous_status: null,
      store_id: null,
      mode: null,
      products: null,
    };
    expect(splitChanges([plain, plain], 256)).toHaveLength(1);
    expect(splitChanges([plain, plain], 255)).toHaveLength(2);
  });

  it('a few changes are one part', () => {
    expect(splitChanges(many().changes.slice(0, 20))).toHaveLength(1);
  });
});
