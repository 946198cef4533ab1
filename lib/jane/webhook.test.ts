import { describe, expect, it } from 'vitest';
import type { CartEvent } from '../../schemas/types.ts';
import type { DeliveryKind, WebhookContext } from './settings.ts';
import { at, bytes, CART, contextOf, event, key, RECEIVED, REQUEST, webhook } from './testing.ts';
import { Unusable } from './unusable.ts';
import { parseWebhook } from './webhook.ts';

describe("Jane's documented payload", () => {
  it('is read whole', () => {
    const body = bytes({ cart: CART });
    const expectedKey = key('cart_status\n7469\n', body);
    expect(parseWebhook(body, contextOf())).toEqual({
      kind: 'cart_status',
      source: 'webhook',
      workspace: 'shop',
      subscription_id: 'sub_1',
      cart_id: '7469',
      event_id: expectedKey.toString('hex'),
      event_key: expectedKey,
      occurred_at: at('2021-06-21T21:41:28Z'),
      occurred_at_source: 'checked_out',
      clamped: false,
      received_at: RECEIVED,
      request_at: REQUEST,
      abandonment_window_ms: 1_800_000,
      grace_ms: 60_000,
      retry_horizon_ms: 900_000,
      status: 'verification',
      emptying: false,
      store_id: '68',
      store_name: 'Store',
      mode: 'pickup',
      amount: 41.8,
      products: null,
      cart_created_at: at('2021-06-21T21:41:20Z'),
      reservation_start_at: at('2021-06-21T22:45:00Z'),
      user_id: null,
      external_source: 'foo',
      external_id: '12345',
      phone: '+1112223333',
      email: 'jane@example.com',
      unread_phone: null,
      unread_email: null,
      name: 'Jane Doe',
      body,
    } satisfies CartEvent);
  });
});

describe('the cart', () => {
  it.each([
    ['7469', '7469'],
    ['"7469"', '7469'],
    ['9007199254740993', '9007199254740993'],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
    ['0', '0'],
    ['null', 'the-uuid'],
    ['""', 'the-uuid'],
    ['"a/b c"', 'a/b c'],
    ['true', 'the-uuid'],
    ['{}', 'the-uuid'],
    ['[7]', 'the-uuid'],
    ['1e999', 'the-uuid'],
    [`"${'x'.repeat(201)}"`, 'the-uuid'],
    ['"a\\u0000b"', 'the-uuid'],
  ])('%s is cart %s', (id, expected) => {
    const parsed = parseWebhook(bytes(`{"cart":{"id":${id},"uuid":"the-uuid","status":"pending"}}`), contextOf());
    expect(parsed).toMatchObject({ cart_id: expected });
  });

  it('of id 7 and "7" is the same one, with equal other bytes but not an equal event', () => {
    expect(event({ id: 7, status: 'a' }).event_id).not.toBe(event({ id: '7', status: 'a' }).event_id);
  });

  it.each([
    ['not JSON', '{', 'not_json', ''],
    ['empty', '', 'not_json', ''],
    ['a list', '[]', 'not_an_object', ''],
    ['null', 'null', 'not_an_object', ''],
    ['no cart', '{}', 'no_cart', '/cart'],
    ['a list as cart', '{"cart":[]}', 'no_cart', '/cart'],
    ['cart by prototype', '{"__proto__":{"cart":{"id":1,"status":"a"}}}', 'no_cart', '/cart'],
    ['no id', '{"cart":{"status":"a"}}', 'no_cart_id', '/cart/id'],
    ['an object as id', '{"cart":{"id":{},"status":"a"}}', 'wrong_type', '/cart/id'],
    ['true as id and as uuid', '{"cart":{"id":true,"uuid":true,"status":"a"}}', 'wrong_type', '/cart/id'],
    ['a list as uuid', '{"cart":{"uuid":[],"status":"a"}}', 'wrong_type', '/cart/uuid'],
    ['an id beyond all bounds', '{"cart":{"id":1e999,"status":"a"}}', 'wrong_value', '/cart/id'],
    ['an id of 250,000 digits', `{"cart":{"id":${'9'.repeat(250_000)},"status":"a"}}`, 'wrong_value', '/cart/id'],
    ['a long id', `{"cart":{"id":"${'x'.repeat(201)}","status":"a"}}`, 'too_long', '/cart/id'],
    ['NUL in the id', '{"cart":{"id":"a\\u0000b","status":"a"}}', 'bad_characters', '/cart/id'],
    ['half a pair in the id', '{"cart":{"id":"a\\ud800","status":"a"}}', 'bad_characters', '/cart/id'],
    ['no status', '{"cart":{"id":1}}', 'no_status', '/cart/status'],
    ['status null', '{"cart":{"id":1,"status":null}}', 'no_status', '/cart/status'],
    ['an empty status', '{"cart":{"id":1,"status":""}}', 'no_status', '/cart/status'],
    ['a number as status', '{"cart":{"id":1,"status":12345678901234567890}}', 'wrong_type', '/cart/status'],
    ['a list as status', '{"cart":{"id":1,"status":["a"]}}', 'wrong_type', '/cart/status'],
    ['a status of control characters', '{"cart":{"id":1,"status":"\\n\\u0000"}}', 'no_status', '/cart/status'],
  ])('refuses %s', (_, body, reason, path) => {
    const refused = parseWebhook(bytes(body), contextOf());
    expect(refused).toBeInstanceOf(Unusable);
    expect(refused).toMatchObject({ reason, path });
    expect((refused as Unusable).message).toMatch(path === '' ? /\w/ : new RegExp(`^${path}: `));
  });

  it.each(['delivery_arrived', '状态', 'x'.repeat(100), '😀'.repeat(100)])(
    'keeps the status %j that Jane does not document',
    (status) => expect(event({ id: 1, status })).toMatchObject({ status, emptying: false }),
  );

  it('cleans and cuts what is too much of a status or mode', () => {
    expect(event({ id: 1, status: 'a\nb\ud800c' }).status).toBe('abc');
    expect(event({ id: 1, status: 'x'.repeat(101) }).status).toBe('x'.repeat(100));
    expect(event({ id: 1, status: '😀'.repeat(5000) }).status).toBe('😀'.repeat(100));
    expect(event({ ...CART, reservation_mode: `${'x'.repeat(99)}😀😀` }).mode).toBe(`${'x'.repeat(99)}😀`);
  });

  it.each<[string, object, object]>([
    ['a list as store', { store_id: [1] }, { store_id: null }],
    ['a long store', { store_id: 'x'.repeat(201) }, { store_id: null }],
    ['an amount with its currency', { amount: '$41' }, { amount: null }],
    ['an object as amount', { amount: {} }, { amount: null }],
    ['a number as mode', { reservation_mode: 5 }, { mode: null }],
    ['true as user', { user_id: true }, { user_id: null }],
    ['an object as user', { user_id: {} }, { user_id: null }],
    ['a long user', { user_id: 'x'.repeat(201) }, { user_id: null }],
    ['an object as external id', { external_user_id: {} }, { external_id: null, external_source: null }],
    ['an object as source', { external_user_source: {} }, { external_id: '12345', external_source: '' }],
    ['a list as phone', { customer_phone_number: [1] }, { phone: null, unread_phone: null }],
  ])('takes %s as none, and the rest as it is', (_, change, expected) =>
    expect(event({ ...CART, ...change })).toMatchObject({ cart_id: '7469', name: 'Jane Doe', ...expected }),
  );

  it('takes an amount beyond all bounds as none', () => {
    const parsed = parseWebhook(bytes('{"cart":{"id":1,"status":"a","amount":1e999}}'), contextOf());
    expect(parsed).toMatchObject({ amount: null });
  });

  it('carries a status only as cart_status', () => {
    expect(event({ id: 1, status: 'verification' }, { kind: 'cart_activity' }).status).toBeNull();
    expect(event({ id: 1, status: 5 }, { kind: 'cart_abandoned' }).status).toBeNull();
  });

  it('is covered by its stores, or belongs to another subscription', () => {
    expect(webhook(CART, { storeIds: ['67'] })).toMatchObject({ reason: 'store_not_covered', path: '/cart/store_id' });
    expect(event(CART, { storeIds: ['67', '68'] }).store_id).toBe('68');
    expect(event(CART, { storeIds: [] }).store_id).toBe('68');
    expect(event({ ...CART, store_id: null }, { storeIds: ['67'] }).store_id).toBeNull();
    expect(event({ ...CART, store_id: ' ' }, { storeIds: ['67'] }).store_id).toBeNull();
    for (const unreadable of [['67'], {}, true, 'x'.repeat(201), '6\u00007'])
      expect(webhook({ ...CART, store_id: unreadable }, { storeIds: ['67'] })).toMatchObject({
        reason: 'store_not_covered',
      });
  });

  it('cleans and cuts what only describes, and leaves out what is no text', () => {
    expect(event({ ...CART, customer_name: 'J\u0000ane\ud800\n', store_name: 'x'.repeat(400) })).toMatchObject({
      name: 'Jane',
      store_name: 'x'.repeat(300),
    });
    expect(event({ ...CART, customer_name: `${'x'.repeat(299)}😀` }).name).toBe('x'.repeat(299));
    expect(
      event({ ...CART, customer_name: ['Jane'], store_name: {}, created_at: 5, reservation_start_window: 'soon' }),
    ).toMatchObject({ name: null, store_name: null, cart_created_at: null, reservation_start_at: null });
  });

  it('reads numbers that came as text, and no amount as none', () => {
    expect(event({ ...CART, amount: '41.80' }).amount).toBe(41.8);
    expect(event({ ...CART, amount: -3 }).amount).toBe(-3);
    expect(event({ ...CART, amount: null }).amount).toBeNull();
    const zero = parseWebhook(bytes('{"cart":{"id":1,"status":"a","amount":-0}}'), contextOf()) as CartEvent;
    expect(Object.is(zero.amount, 0)).toBe(true);
  });
});

describe('statuses', () => {
  it.each([
    ['Pending', 'pending'],
    [' READY_FOR_PICKUP\n', 'ready_for_pickup'],
    ['\ufeffFinished', 'finished'],
    [' Delivery Arrived ', 'delivery arrived'],
    [`${' '.repeat(120)}${'x'.repeat(120)}`, 'x'.repeat(100)],
    [`${'x'.repeat(99)} y`, 'x'.repeat(99)],
  ])('%j is %j', (status, expected) => expect(event({ id: 1, status }).status).toBe(expected));

  it('decide as what they are read as', () => {
    expect(event({ id: 1, status: ' PENDING', products: [] }).emptying).toBe(true);
    expect(event({ id: 1, status: 'Verification ', checked_out_time: '2021-06-21 21:00:00' })).toMatchObject({
      occurred_at_source: 'checked_out',
    });
  });

  it.each(['', '   ', '\u0000', '\n\t'])('%j is none', (status) =>
    expect(webhook({ id: 1, status })).toMatchObject({ reason: 'no_status', path: '/cart/status' }),
  );
});

describe('identifiers', () => {
  it('are cleaned before their limits are applied', () => {
    const long = 'x'.repeat(200);
    expect(
      event({
        ...CART,
        user_id: `\ufeff${long}\u200b\n`,
        external_user_id: '\t9\u200b',
        external_user_source: ' pos\n',
      }),
    ).toMatchObject({ user_id: long, external_id: '9', external_source: 'pos' });
    expect(event({ ...CART, user_id: `${long}y`, external_user_id: 'Guest' })).toMatchObject({
      user_id: null,
      external_id: null,
      external_source: null,
    });
  });
});

describe('products and emptying', () => {
  const activity = (products: unknown, kind: DeliveryKind = 'cart_activity', status = 'pending') =>
    event({ id: 1, status, products }, { kind });

  it('reads ids as text and an absent count as 1', () => {
    expect(
      activity([{ product_id: 5, count: 2, price: 1.5 }, { product_id: 'a' }, { product_id: 'b', count: null }, {}])
        .products,
    ).toEqual([
      { product_id: '5', count: 2, price: 1.5 },
      { product_id: 'a', count: 1, price: null },
      { product_id: 'b', count: 1, price: null },
      { product_id: '', count: 1, price: null },
    ]);
    expect(activity(null).products).toBeNull();
    expect(activity([]).products).toEqual([]);
  });

  it.each([{}, 'x', 5, true])('%j is no list: it says nothing, and empties nothing', (products) =>
    expect(activity(products)).toMatchObject({ products: null, emptying: false }),
  );

  it('keeps the lines that can be read, and of these what can be read', () => {
    const read = { product_id: 'a', count: 2, price: null };
    expect(activity([3, { product_id: 'a', count: '2', price: '$5' }, null]).products).toEqual([read]);
    expect(activity([{ product_id: {}, count: 'two', price: [] }]).products).toEqual([
      { product_id: '', count: 1, price: null },
    ]);
  });

  it('does not take what cannot be read for nothing', () => {
    expect(activity([3])).toMatchObject({ products: null, emptying: false });
    expect(activity([{ product_id: 1, count: 0 }, 'x'])).toMatchObject({ products: null, emptying: false });
    expect(activity([{ product_id: 1, count: 'none' }]).emptying).toBe(false);
  });

  it('cuts lists after 1,000 lines, and knows of all of them whether they hold something', () => {
    const none = Array.from({ length: 1000 }, () => ({ product_id: 1, count: 0 }));
    const long = activity([...none, { product_id: 2, count: 1 }]);
    expect([long.products?.length, long.emptying]).toEqual([1000, false]);
    expect(activity([...none, { product_id: 2, count: 0 }]).emptying).toBe(true);
  });

  it.each<[unknown, DeliveryKind, string, boolean]>([
    [[], 'cart_activity', '', true],
    [[{ product_id: 1, count: 0 }], 'cart_activity', '', true],
    [[{ product_id: 1, count: -1 }], 'cart_activity', '', true],
    [[{ product_id: 1, count: 0 }, { product_id: 2 }], 'cart_activity', '', false],
    [[{ product_id: 1, count: 0.5 }], 'cart_activity', '', false],
    [undefined, 'cart_activity', '', false],
    [null, 'cart_activity', '', false],
    [[], 'cart_status', 'pending', true],
    [[], 'cart_status', 'verification', false],
    [[], 'cart_abandoned', '', false],
  ])('%j of %s %s: %s', (products, kind, status, expected) =>
    expect(activity(products, kind, status || 'pending').emptying).toBe(expected),
  );
});

describe('T of a webhook', () => {
  const timeOf = (cart: object, change: Partial<WebhookContext> = {}) => {
    const { occurred_at, occurred_at_source, clamped } = event({ id: 1, status: 'verification', ...cart }, change);
    return [new Date(occurred_at).toISOString(), occurred_at_source, clamped];
  };
  const updated = '2021-06-21 21:00:00';
  const checkedOut = '2021-06-21 21:41:28';

  it.each<[string, object, Partial<WebhookContext>, unknown[]]>([
    [
      'updated first',
      { updated_at_time: updated, checked_out_time: checkedOut },
      {},
      ['2021-06-21T21:00:00.000Z', 'updated', false],
    ],
    ['then checkout', { checked_out_time: checkedOut }, {}, ['2021-06-21T21:41:28.000Z', 'checked_out', false]],
    [
      'checkout only for verification',
      { status: 'preparing', checked_out_time: checkedOut },
      {},
      ['2021-06-21T21:44:59.000Z', 'request', false],
    ],
    [
      'no checkout of an activity',
      { checked_out_time: checkedOut },
      { kind: 'cart_activity' },
      ['2021-06-21T21:44:59.000Z', 'request', false],
    ],
    ['then the request', {}, {}, ['2021-06-21T21:44:59.000Z', 'request', false]],
    ['then receipt', {}, { requestAtMs: null }, ['2021-06-21T21:45:00.000Z', 'received', false]],
    [
      'unreadable: the next',
      { updated_at_time: 'now', checked_out_time: 5 },
      {},
      ['2021-06-21T21:44:59.000Z', 'request', false],
    ],
    [
      'before 2010: the next',
      { updated_at_time: '2009-12-31 23:59:59', checked_out_time: '0000-00-00 00:00:00' },
      {},
      ['2021-06-21T21:44:59.000Z', 'request', false],
    ],
    ['a request before 2010: receipt', {}, { requestAtMs: 5 }, ['2021-06-21T21:45:00.000Z', 'received', false]],
    ['2010 itself', { updated_at_time: '2010-01-01 00:00:00' }, {}, ['2010-01-01T00:00:00.000Z', 'updated', false]],
    ['a little ahead', { updated_at_time: '2021-06-21 21:50:00' }, {}, ['2021-06-21T21:45:00.000Z', 'updated', false]],
    [
      'over five minutes ahead',
      { updated_at_time: '2021-06-21 21:50:00.001' },
      {},
      ['2021-06-21T21:45:00.000Z', 'updated', true],
    ],
    ['the end of time', { updated_at_time: '9999-12-31 23:59:59' }, {}, ['2021-06-21T21:45:00.000Z', 'updated', true]],
    [
      'in the zone of the subscription',
      { updated_at_time: '2021-06-21 14:00:00' },
      { timeZone: 'America/Los_Angeles' },
      ['2021-06-21T21:00:00.000Z', 'updated', false],
    ],
    [
      'a zone of its own',
      { updated_at_time: '2021-06-21T14:00:00-07:00' },
      { timeZone: 'Asia/Tokyo' },
      ['2021-06-21T21:00:00.000Z', 'updated', false],
    ],
  ])('%s', (_, cart, change, expected) => expect(timeOf(cart, change)).toEqual(expected));
});
