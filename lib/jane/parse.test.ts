import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CartEvent, PersonInput } from '../../schemas/types.ts';
import { parseLine } from './line.ts';
import { parsePersonLine } from './person.ts';
import type { DeliveryKind, ReceiptSettings, WebhookContext } from './settings.ts';
import { Unusable } from './unusable.ts';
import { parseWebhook } from './webhook.ts';

const at = (text: string) => Date.parse(text);
const RECEIVED = at('2021-06-21T21:45:00Z');
const REQUEST = at('2021-06-21T21:44:59Z');
const settings: ReceiptSettings = {
  abandonmentWindowMs: 1_800_000,
  graceMs: 60_000,
  retryHorizonMs: 900_000,
  defaultCountry: 'US',
};
const contextOf = (change: Partial<WebhookContext> = {}): WebhookContext => ({
  workspace: 'shop',
  subscriptionId: 'sub_1',
  kind: 'cart_status',
  storeIds: null,
  timeZone: 'UTC',
  settings,
  requestAtMs: REQUEST,
  receivedAtMs: RECEIVED,
  ...change,
});

/** The payload that Jane documents. */
const CART = {
  id: 7469,
  uuid: '4e3f3d3c-6a55-4f0c-9d56-0d6d0f6f7a11',
  status: 'verification',
  amount: 41.8,
  created_at: '2021-06-21 21:41:20',
  checked_out_time: '2021-06-21 21:41:28',
  checkout_message: '',
  customer_name: 'Jane Doe',
  customer_phone_number: '+1112223333',
  customer_email_address: 'Jane@example.com',
  reservation_mode: 'pickup',
  reservation_start_window: '2021-06-21 22:45:00',
  store_id: 68,
  store_name: 'Store',
  tags: {},
  user_id: null,
  external_user_id: '12345',
  external_user_source: 'foo',
};
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const webhook = (cart: unknown, change: Partial<WebhookContext> = {}) =>
  parseWebhook(bytes({ cart }), contextOf(change));
const event = (cart: unknown, change: Partial<WebhookContext> = {}): CartEvent => {
  const parsed = webhook(cart, change);
  if (parsed instanceof Unusable) throw new Error(parsed.message);
  return parsed;
};
const key = (...parts: (string | Uint8Array)[]) =>
  createHash('sha256')
    .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
    .digest()
    .subarray(0, 16);

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
    ['an object as id', '{"cart":{"id":{},"uuid":"u","status":"a"}}', 'wrong_type', '/cart/id'],
    ['true as id', '{"cart":{"id":true,"uuid":"u","status":"a"}}', 'wrong_type', '/cart/id'],
    ['an id beyond all bounds', '{"cart":{"id":1e999,"status":"a"}}', 'wrong_value', '/cart/id'],
    ['a long id', `{"cart":{"id":"${'x'.repeat(201)}","status":"a"}}`, 'too_long', '/cart/id'],
    ['NUL in the id', '{"cart":{"id":"a\\u0000b","status":"a"}}', 'bad_characters', '/cart/id'],
    ['half a pair in the id', '{"cart":{"id":"a\\ud800","status":"a"}}', 'bad_characters', '/cart/id'],
    ['no status', '{"cart":{"id":1}}', 'no_status', '/cart/status'],
    ['status null', '{"cart":{"id":1,"status":null}}', 'no_status', '/cart/status'],
    ['an empty status', '{"cart":{"id":1,"status":""}}', 'no_status', '/cart/status'],
    ['a number as status', '{"cart":{"id":1,"status":12345678901234567890}}', 'wrong_type', '/cart/status'],
    ['a list as status', '{"cart":{"id":1,"status":["a"]}}', 'wrong_type', '/cart/status'],
    ['a long status', `{"cart":{"id":1,"status":"${'x'.repeat(101)}"}}`, 'too_long', '/cart/status'],
    ['a newline in the status', '{"cart":{"id":1,"status":"a\\nb"}}', 'bad_characters', '/cart/status'],
    ['a list as store', '{"cart":{"id":1,"status":"a","store_id":[1]}}', 'wrong_type', '/cart/store_id'],
    ['an endless amount', '{"cart":{"id":1,"status":"a","amount":1e999}}', 'wrong_value', '/cart/amount'],
    ['a word as amount', '{"cart":{"id":1,"status":"a","amount":"much"}}', 'wrong_type', '/cart/amount'],
    ['products of no list', '{"cart":{"id":1,"status":"a","products":{}}}', 'wrong_type', '/cart/products'],
    ['a product of no object', '{"cart":{"id":1,"status":"a","products":[{},3]}}', 'wrong_type', '/cart/products/1'],
    [
      'a count of no number',
      '{"cart":{"id":1,"status":"a","products":[{"count":[]}]}}',
      'wrong_type',
      '/cart/products/0/count',
    ],
    [
      '1,001 products',
      `{"cart":{"id":1,"status":"a","products":[{}${',{}'.repeat(1000)}]}}`,
      'too_long',
      '/cart/products',
    ],
    ['an object as user', '{"cart":{"id":1,"status":"a","user_id":{}}}', 'wrong_type', '/cart/user_id'],
  ])('refuses %s', (_, body, reason, path) => {
    const refused = parseWebhook(bytes(body), contextOf());
    expect(refused).toBeInstanceOf(Unusable);
    expect(refused).toMatchObject({ reason, path });
    expect((refused as Unusable).message).toMatch(path === '' ? /\w/ : new RegExp(`^${path}: `));
  });

  it.each(['delivery_arrived', 'Verification', ' pending ', '状态', 'x'.repeat(100), '😀'.repeat(100)])(
    'keeps the status %j literally',
    (status) => expect(event({ id: 1, status })).toMatchObject({ status, emptying: false }),
  );

  it('carries a status only as cart_status', () => {
    expect(event({ id: 1, status: 'verification' }, { kind: 'cart_activity' }).status).toBeNull();
    expect(event({ id: 1, status: 5 }, { kind: 'cart_abandoned' }).status).toBeNull();
  });

  it('is covered by its stores, or belongs to another subscription', () => {
    expect(webhook(CART, { storeIds: ['67'] })).toMatchObject({ reason: 'store_not_covered', path: '/cart/store_id' });
    expect(event(CART, { storeIds: ['67', '68'] }).store_id).toBe('68');
    expect(event(CART, { storeIds: [] }).store_id).toBe('68');
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
    expect(Object.is(event({ ...CART, amount: -0 }).amount, 0)).toBe(true);
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

describe('lines', () => {
  const context = { workspace: 'shop', settings, receivedAtMs: RECEIVED };
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

  it('is clamped to receipt', () => {
    expect(line({ occurred_at: '2021-06-21T21:50:00Z' })).toMatchObject({ occurred_at: RECEIVED, clamped: false });
    expect(line({ occurred_at: '2021-06-21T21:50:01Z' })).toMatchObject({ occurred_at: RECEIVED, clamped: true });
  });

  it('keeps unknown fields of carts in its bytes', () =>
    expect(line({ cart: { ...base.cart, more: [1] } })).not.toBeInstanceOf(Unusable));
});

describe('records of people', () => {
  const context = { workspace: 'shop', settings, receivedAtMs: RECEIVED };
  const person = (change: object) =>
    parsePersonLine(bytes({ occurred_at: '2021-06-21T21:00:00Z', ...change }), context);

  it('is read whole', () => {
    expect(
      person({
        phone: '(808) 555-0143',
        email: ' A@B.co',
        user_id: 7,
        external_user_id: '9',
        external_user_source: 'pos',
        name: 'A',
        time_zone: 'America/Los_Angeles',
        consent: { sms: 'opted_in', email: 'opted_out' },
      }),
    ).toEqual({
      kind: 'record',
      workspace: 'shop',
      log_time: null,
      received_at: RECEIVED,
      cart: null,
      record: {
        occurred_at: at('2021-06-21T21:00:00Z'),
        identifiers: [
          { kind: 'user_id', value: '7' },
          { kind: 'external', value: 'pos 9' },
          { kind: 'phone', value: '+18085550143' },
          { kind: 'email', value: 'a@b.co' },
        ],
        name: 'A',
        time_zone: 'America/Los_Angeles',
        sms_consent: 'opted_in',
        email_consent: 'opted_out',
      },
      erasure: null,
      link_rules: null,
    } satisfies PersonInput);
  });

  it.each<[string, object, string, string]>([
    ['nobody', { name: 'A' }, 'no_identifier', ''],
    ['an unreadable phone alone', { phone: '12' }, 'no_identifier', ''],
    ['user 0 alone', { user_id: 0 }, 'no_identifier', ''],
    ['2009', { email: 'a@b.co', occurred_at: '2009-01-01T00:00:00Z' }, 'too_early', '/occurred_at'],
    ['no time', { email: 'a@b.co', occurred_at: null }, 'bad_time', '/occurred_at'],
    ['an unknown field', { email: 'a@b.co', 'e/~mail': 1 }, 'unknown_field', '/e~1~0mail'],
    ['an unknown consent', { email: 'a@b.co', consent: { push: 'opted_in' } }, 'unknown_field', '/consent/push'],
    ['consent of another word', { email: 'a@b.co', consent: { sms: true } }, 'wrong_value', '/consent/sms'],
    ['consent of no object', { email: 'a@b.co', consent: 'opted_in' }, 'wrong_type', '/consent'],
    ['a zone on Mars', { email: 'a@b.co', time_zone: 'Mars/Olympus' }, 'wrong_value', '/time_zone'],
  ])('refuses %s', (_, change, reason, path) => expect(person(change)).toMatchObject({ reason, path }));

  it('has its time bounded by receipt', () =>
    expect(person({ email: 'a@b.co', occurred_at: '2031-01-01T00:00:00Z' })).toMatchObject({
      record: { occurred_at: RECEIVED },
    }));
});

describe('no body crashes', () => {
  const leaf = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.bigInt(),
    fc.constantFrom(
      null,
      true,
      '',
      '0',
      '2021-06-21 21:41:20',
      '9999-99-99 99:99:99',
      'pending',
      'verification',
      '1e999',
    ),
  );
  const value = fc.oneof(
    { weight: 4, arbitrary: leaf },
    { weight: 1, arbitrary: fc.array(leaf) },
    { weight: 1, arbitrary: fc.dictionary(fc.string(), leaf) },
  );
  const cart = fc.record(
    {
      ...Object.fromEntries(Object.keys(CART).map((name) => [name, value])),
      id: fc.oneof({ weight: 3, arbitrary: fc.nat() }, { weight: 1, arbitrary: value }),
      status: fc.oneof({ weight: 3, arbitrary: fc.string({ minLength: 1 }) }, { weight: 1, arbitrary: value }),
      updated_at_time: value,
      products: fc.oneof(
        value,
        fc.array(fc.record({ product_id: value, count: value, price: value }, { requiredKeys: [] })),
      ),
      __proto__: value,
    },
    { requiredKeys: [] },
  );
  const text = (json: unknown) =>
    JSON.stringify(json, (_, v: unknown) => (typeof v === 'bigint' ? `\u0001${v}` : v)).replace(
      /"\\u0001(-?\d+)"/g,
      '$1',
    );
  const kind = fc.constantFrom<DeliveryKind>('cart_status', 'cart_activity', 'cart_abandoned');
  const lineContext = { workspace: 'shop', settings, receivedAtMs: RECEIVED };

  const check = (parsed: CartEvent | Unusable) => {
    if (parsed instanceof Unusable) {
      expect(parsed.message.length).toBeLessThan(500);
      return;
    }
    expect(parsed.cart_id).not.toBe('');
    expect(parsed.occurred_at).toBeLessThanOrEqual(RECEIVED);
    expect(parsed.occurred_at).toBeGreaterThanOrEqual(Date.UTC(2010, 0, 1));
    expect(parsed.event_key).toHaveLength(16);
    expect(parsed.status === null).toBe(parsed.kind !== 'cart_status');
    for (const member of [parsed.amount, ...(parsed.products ?? []).flatMap(({ count, price }) => [count, price])])
      expect(member === null || Number.isFinite(member)).toBe(true);
    for (const member of Object.values(parsed))
      if (typeof member === 'string') expect(member).not.toMatch(/[\p{Cc}\p{Cs}]/u);
  };

  it('of carts in whatever state', () => {
    fc.assert(
      fc.property(cart, kind, (payload, of) => {
        check(parseWebhook(bytes(text({ cart: payload })), contextOf({ kind: of })));
        check(parseLine(bytes(text({ type: of, occurred_at: '2021-06-21T21:00:00Z', cart: payload })), lineContext));
      }),
      { numRuns: 1000 },
    );
  });

  it('of any bytes, and of good bodies with a byte changed', () => {
    const good = bytes({ type: 'cart_status', occurred_at: '2021-06-21T21:00:00Z', cart: CART });
    const broken = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([place, byte]) => {
      const copy = Buffer.from(good);
      copy[place] = byte;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 200 })), (body) => {
        check(parseWebhook(body, contextOf()));
        check(parseLine(body, lineContext));
        parsePersonLine(body, lineContext);
      }),
      { numRuns: 1000 },
    );
  });
});
