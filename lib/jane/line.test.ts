import { describe, expect, it } from 'vitest';
import type { CartEvent } from '../../schemas/types.ts';
import { parseLine } from './line.ts';
import { at, bytes, CART, key, lineContext as context, RECEIVED } from './testing.ts';
import { Unusable } from './unusable.ts';

describe('lines', () => {
  const base = { type: 'cart_status', occurred_at: '2021-06-21T21:00:00.0009Z', cart: { id: 7, status: 'pending' } };
  const line = (change: object) => parseLine(bytes({ ...base, ...change }), context);

  it('gives its time, and a key of its bytes', () => {
    const raw = bytes(base);
    const expectedKey = key('cart_status\n7\n', raw);
    expect(parseLine(raw, context)).toMatchObject({
      source: 'line',
      subscription_id: null,
      cart_id: '7',
      occurred_at: at('2021-06-21T21:00:00Z'),
      occurred_at_source: 'given',
      clamped: false,
      request_at: null,
      event_key: expectedKey,
      event_id: expectedKey.toString('hex'),
      body: raw,
    });
  });

  it('is known by its event_id where it has one', () => {
    expect(line({ event_id: 'e-1' })).toMatchObject({ event_id: 'e-1', event_key: key('e-1') });
    expect(line({ event_id: 'ü'.repeat(200) })).toMatchObject({
      event_id: 'ü'.repeat(200),
      event_key: key('ü'.repeat(200)),
    });
    expect(line({ event_id: null })).toMatchObject({
      event_id: (line({ event_id: null }) as CartEvent).event_key.toString('hex'),
    });
  });

  it("reads times in Jane's cart as UTC, and takes none of them for T", () => {
    expect(line({ cart: { ...CART, updated_at_time: '2021-06-21 21:30:00' } })).toMatchObject({
      occurred_at: at('2021-06-21T21:00:00Z'),
      cart_created_at: at('2021-06-21T21:41:20Z'),
    });
  });

  it.each<[string, object, string, string]>([
    ['a type that is none', { type: 'cart_gone' }, 'wrong_value', '/type'],
    ['a tick', { type: 'tick' }, 'wrong_value', '/type'],
    ['no type', { type: undefined }, 'wrong_value', '/type'],
    ['no time', { occurred_at: undefined }, 'bad_time', '/occurred_at'],
    ['a time without a zone', { occurred_at: '2021-06-21T21:00:00' }, 'bad_time', '/occurred_at'],
    ['a number as time', { occurred_at: 1624311680 }, 'bad_time', '/occurred_at'],
    ['2009', { occurred_at: '2009-12-31T23:59:59.999Z' }, 'too_early', '/occurred_at'],
    ['2009 in UTC', { occurred_at: '2010-01-01T00:30:00+01:00' }, 'too_early', '/occurred_at'],
    ['an unknown field', { workspace: 'other' }, 'unknown_field', '/workspace'],
    ['a number as event_id', { event_id: 5 }, 'wrong_type', '/event_id'],
    ['an empty event_id', { event_id: '' }, 'wrong_value', '/event_id'],
    ['a long event_id', { event_id: 'x'.repeat(201) }, 'too_long', '/event_id'],
    ['no cart', { cart: undefined }, 'no_cart', '/cart'],
    ['a list as cart', { cart: [] }, 'wrong_type', '/cart'],
    ['no status', { cart: { id: 1 } }, 'no_status', '/cart/status'],
  ])('refuses %s', (_, change, reason, path) => expect(line(change)).toMatchObject({ reason, path }));

  it('may be of the first instant of 2010', () =>
    expect(line({ occurred_at: '2010-01-01T00:00:00Z' })).toMatchObject({ occurred_at: at('2010-01-01T00:00:00Z') }));

  it('is clamped to receipt', () => {
    expect(line({ occurred_at: '2021-06-21T21:50:00Z' })).toMatchObject({ occurred_at: RECEIVED, clamped: false });
    expect(line({ occurred_at: '2021-06-21T21:50:01Z' })).toMatchObject({ occurred_at: RECEIVED, clamped: true });
  });

  it('reads carts as leniently as webhooks are', () =>
    expect(line({ cart: { ...CART, id: true, amount: '$41', products: 'x', user_id: {} } })).toMatchObject({
      cart_id: CART.uuid,
      amount: null,
      products: null,
      emptying: false,
      user_id: null,
    }));

  it('keeps unknown fields of carts in its bytes', () =>
    expect(line({ cart: { ...base.cart, more: [1] } })).not.toBeInstanceOf(Unusable));
});
