import { describe, expect, it } from 'vitest';
import { MapStore } from '../../lib/people/testing.ts';
import type { Context } from '../../lib/streams/index.ts';
import { cartKey } from '../../lib/topics.ts';
import { carts, delivery } from './testing.ts';

const T0 = Date.UTC(2026, 2, 17, 12);

describe('a damaged state of a cart', () => {
  it('stops its record and its deadline, and the error names the cart', () => {
    const store = new MapStore();
    const context = { store, logTimeMs: T0, offset: 0, forward: () => undefined } as unknown as Context;
    const { process, onDue } = carts();
    const event = delivery('shop', 'c', T0, { kind: 'cart_activity' });
    const position = { value: event, key: cartKey('shop', 'c'), offset: 0 } as unknown as Parameters<typeof process>[0];
    process(position, context);
    const key = cartKey('shop', 'c');
    const state = store.get(key)!;
    store.put(key, state.subarray(0, state.length - 1));
    const message = 'the state of cart shop:c is damaged at byte';
    expect(() => process(position, context)).toThrow(message);
    expect(() => onDue!(key, context)).toThrow(message);
  });
});
