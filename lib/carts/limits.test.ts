import { describe, expect, it } from 'vitest';
import type { Product } from '../../schemas/types.ts';
import { EVENT_LIMIT, STATE_SIZE_LIMIT, decodeState, dueOf, foldCart, snapshotOf, type Folded } from './index.ts';
import { cartEvent, keyOf, minute } from './testing/events.ts';

const activity = (at: number): ReturnType<typeof cartEvent> =>
  cartEvent({ event_key: keyOf(`activity ${at}`), occurred_at: minute(at) });

const many = (length: number, tag: string): Product[] =>
  Array.from({ length }, (_, i) => ({ product_id: `${tag}-${i}-${'x'.repeat(80)}`, count: 1, price: 1.5 }));

describe('what a cart can hold', () => {
  it('2,000 events; then repeats are still repeats and all others are overfull', () => {
    let state = foldCart(undefined, activity(0), minute(0)).state;
    for (let i = 1; i < EVENT_LIMIT; i++) {
      const folded = foldCart(state, activity(i), minute(i));
      expect(folded.result).toBe('event');
      state = folded.state;
    }
    expect(EVENT_LIMIT).toBe(2000);
    expect(state.length).toBeLessThan(60_000);
    const extra = foldCart(state, activity(2000), minute(2000));
    expect([extra.result, extra.overfull, extra.changes]).toEqual(['overfull', 'events', []]);
    expect(extra.state).toBe(state);
    expect(foldCart(state, activity(1000), minute(2000))).toMatchObject({ result: 'repeat', overfull: null });
    expect(dueOf(state)).toBe(minute(2029));
    // Time continues for a full cart.
    const after = foldCart(state, activity(3000), minute(3000));
    expect(after.result).toBe('overfull');
    expect(after.changes.map((c) => c.occurred_at)).toEqual([minute(2029)]);
  });

  it('as much as fits a record of Kafka', () => {
    let state: Buffer | undefined;
    let taken = 0;
    for (; ; taken++) {
      const folded = foldCart(state, { ...activity(taken), products: many(1000, String(taken)) }, minute(taken));
      if (folded.result !== 'event') {
        expect([folded.result, folded.overfull, folded.changes]).toEqual(['overfull', 'size', []]);
        expect(folded.state).toBe(state);
        break;
      }
      state = folded.state;
    }
    // No id comes twice here: some 120 kB an event, a quarter of it the index.
    expect(taken).toBeGreaterThan(24);
    expect(STATE_SIZE_LIMIT).toBe(3 * 1024 * 1024);
    expect(state!.length).toBeLessThanOrEqual(STATE_SIZE_LIMIT);
    expect(state!.length).toBeGreaterThan(STATE_SIZE_LIMIT - 500_000);
    // What is smaller still fits.
    expect(foldCart(state, activity(99), minute(99))).toMatchObject({ result: 'event', overfull: null });
  });

  it('to the last byte', () => {
    const first = foldCart(undefined, { ...activity(0), products: many(25_000, 'p') }, minute(0)).state;
    const withStore = (length: number): Folded =>
      foldCart(first, { ...activity(1), store_id: 's'.repeat(length) }, minute(1));
    const length = 20_000 + STATE_SIZE_LIMIT - withStore(20_000).state.length;
    expect(length).toBeGreaterThan(20_000);
    const fits = withStore(length);
    expect([fits.result, fits.state.length]).toEqual(['event', STATE_SIZE_LIMIT]);
    expect(withStore(length + 1)).toMatchObject({ result: 'overfull', overfull: 'size' });
  });

  it('lists that come again, once each', () => {
    let state: Buffer | undefined;
    for (let i = 0; i < 300; i++) {
      ({ state } = foldCart(state, { ...activity(i), products: many(100, String(i % 3)) }, minute(i)));
    }
    expect(state!.length).toBeLessThan(300 * 32 + 3 * 100 * 110);
  });

  it('a first event of any size, since what is stored must not be lost', () => {
    const first = foldCart(undefined, { ...activity(0), products: many(40_000, 'p') }, minute(0));
    expect(first.result).toBe('event');
    expect(first.state.length).toBeGreaterThan(STATE_SIZE_LIMIT);
    const second = foldCart(first.state, activity(1), minute(1));
    expect([second.result, second.overfull, second.changes]).toEqual(['overfull', 'size', []]);
    expect(second.state).toBe(first.state);
  });

  it('an overfull delivery leaves what fell due before it', () => {
    const huge = { ...activity(0), products: many(40_000, 'p') };
    const { state } = foldCart(undefined, huge, minute(0));
    const late = foldCart(state, { ...activity(99), kind: 'cart_status', status: 'odd one' }, minute(99));
    expect(late.result).toBe('overfull');
    expect(late.changes.map((c) => [c.op, c.trait])).toEqual([['asserted', 'cart_abandoned']]);
    expect(snapshotOf(late.state)).toMatchObject({ status: null, abandoned_at: minute(30) });
    expect(decodeState(late.state).events).toHaveLength(1);
  });

  it('an order of six statuses in 300 bytes', () => {
    const statuses = ['pending', 'verification', 'preparing', 'ready_for_pickup', 'finished', 'with_review'];
    let state: Buffer | undefined;
    for (const [i, status] of statuses.entries()) {
      const at = minute(i * 17.123);
      const event = cartEvent({
        kind: 'cart_status',
        status,
        occurred_at: at,
        received_at: at + 1234,
        request_at: at + 1000,
        store_id: '68',
        mode: 'pickup',
        amount: 41.8,
        reservation_start_at: minute(60),
        cart_created_at: minute(-5),
      });
      ({ state } = foldCart(state, event, at + 1300));
    }
    expect(state!.length).toBeLessThanOrEqual(300);
    expect(decodeState(state!).events).toHaveLength(6);
  });
});
