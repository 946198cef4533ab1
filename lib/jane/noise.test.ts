import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CartEvent } from '../../schemas/types.ts';
import { parseLine } from './line.ts';
import { parsePersonLine } from './person.ts';
import type { DeliveryKind } from './settings.ts';
import { bytes, CART, contextOf, lineContext, RECEIVED } from './testing.ts';
import { Unusable } from './unusable.ts';
import { parseWebhook } from './webhook.ts';

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
      ['__proto__']: value,
    },
    { requiredKeys: [] },
  );
  const text = (json: unknown) =>
    JSON.stringify(json, (_, v: unknown) => (typeof v === 'bigint' ? `\u0001${v}` : v)).replace(
      /"\\u0001(-?\d+)"/g,
      '$1',
    );
  const kind = fc.constantFrom<DeliveryKind>('cart_status', 'cart_activity', 'cart_abandoned');

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
