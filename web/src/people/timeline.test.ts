import { describe, expect, it } from 'vitest';
import { anomalyWords, isOrder, ordersOf, totalsOf, type PersonCart, type PersonDetails } from './timeline.ts';

const START_MS = Date.parse('2026-03-17T10:00:00Z');
const at = (minutes: number): string => new Date(START_MS + minutes * 60_000).toISOString();

const event = (
  cart_id: string,
  status: string,
  minutes: number,
  more: Partial<PersonDetails['timeline'][number]> = {},
) => ({
  event_id: `${cart_id} ${status || 'abandoned'} ${minutes}`,
  trait: status === '' ? ('cart_abandoned' as const) : ('cart_status_updated' as const),
  status,
  occurred_at: at(minutes),
  detected_at: at(minutes + 1),
  recovered_at: null,
  person_id: '1',
  cart_id,
  store_id: '68',
  mode: 'pickup',
  amount: 12.5,
  anomaly: null,
  reentered: false,
  source: null,
  ...more,
});

const cart = (cart_id: string, status: string | null, more: Partial<PersonCart> = {}): PersonCart => ({
  cart_id,
  person_id: '1',
  status,
  status_since: null,
  store_id: '68',
  mode: 'pickup',
  amount: 12.5,
  created_at: null,
  last_activity_at: null,
  due_at: null,
  abandoned_at: null,
  recovered_at: null,
  reservation_start_window: null,
  store_name: 'Store',
  products: [],
  ...more,
});

describe('ordersOf', () => {
  const orders = ordersOf({
    timeline: [
      event('b', 'finished', 90),
      event('a', 'preparing', 60),
      event('b', 'verification', 40),
      event('a', 'verification', 50),
      event('a', '', 30, { recovered_at: at(50) }),
    ],
    retracted: [{ ...event('a', '', 20), retracted_at: at(35), replaced_by: 'a abandoned 30' }],
    carts: [cart('a', 'preparing'), cart('c', null, { last_activity_at: at(200) })],
  });

  it('groups by cart, the cart that moved last first, each from its beginning', () => {
    expect(orders.map(({ cartId }) => cartId)).toEqual(['c', 'b', 'a']);
    expect(orders[2]!.steps.map(({ id }) => id)).toEqual([
      'a abandoned 20',
      'a abandoned 30',
      'a verification 50',
      'a preparing 60',
    ]);
    expect(orders[1]!.cart).toBeNull();
  });

  it('tells retracted steps apart, which take no part in stays', () => {
    const [first, , third, last] = orders[2]!.steps;
    expect(first).toMatchObject({ retractedMs: START_MS + 35 * 60_000, replacedBy: 'a abandoned 30', stayMs: null });
    expect(third).toMatchObject({ retractedMs: null, stayMs: 10 * 60_000 });
    expect(last!.stayMs).toBeNull();
  });

  it('knows orders from carts, and counts what counts', () => {
    expect(orders.map(isOrder)).toEqual([false, true, true]);
    expect(totalsOf(orders)).toEqual({ orders: 2, carts: 3, abandoned: 1, recovered: 1 });
  });

  it('orders simultaneous steps as the product does', () => {
    const same = ordersOf({
      timeline: [event('a', 'finished', 5), event('a', 'moon', 5), event('a', '', 5), event('a', 'verification', 5)],
      retracted: [],
      carts: [],
    });
    expect(same[0]!.steps.map(({ status }) => status)).toEqual(['verification', 'moon', 'finished', '']);
  });
});

it('anomalies have words, also unknown ones', () => {
  expect(anomalyWords('backward')).toBe('a step back');
  expect(anomalyWords('left_earth')).toBe('left earth');
});
