import { describe, expect, it, vi } from 'vitest';
import type { CartEvent } from '../../schemas/types.ts';
import { UnknownVersionError, concludeDue, decodeState, dueOf, foldCart, snapshotOf } from './index.ts';
import { TestCart } from './testing/cart.ts';
import { MINUTE, cartEvent, keyOf, minute } from './testing/events.ts';

const status = (name: string, at: number, more: Partial<CartEvent> = {}): CartEvent =>
  cartEvent({ kind: 'cart_status', status: name, event_key: keyOf(`${name} ${at}`), occurred_at: minute(at), ...more });

describe('the format', () => {
  /** A life that uses all of it. If these bytes change, states that are stored can no longer be read: a new version. */
  it('stands', () => {
    const cart = new TestCart();
    cart.deliver(cartEvent({ event_key: keyOf('a'), occurred_at: minute(0), store_id: '68' }), minute(1));
    cart.tick(minute(31));
    cart.deliver(
      cartEvent({ event_key: keyOf('b'), occurred_at: minute(20), amount: 41.8, source: 'line' }),
      minute(32),
    );
    cart.deliver(
      status('on_hold', 60, {
        mode: 'delivery',
        products: [
          { product_id: 'p', count: 1, price: null },
          { product_id: 'q', count: 2, price: 12.5 },
          { product_id: 'p', count: 1, price: null },
        ],
        request_at: null,
      }),
      minute(60),
    );
    cart.deliver(cartEvent({ kind: 'cart_abandoned', event_key: keyOf('c'), occurred_at: minute(10) }), minute(61));
    cart.deliver(
      status('pending', 5, { emptying: true, reservation_start_at: minute(90), store_id: '70' }),
      minute(62),
    );
    expect(cart.state!.toString('hex')).toMatchInlineSnapshot(
      `"05309fc0bec1cacf330551191580d30e80dddb010880be9201c0ee6de0d4030c000101a0b5c901080000000ca0b5c9010108076f6e5f686f6c6400809f491f49291e014c03808f86929f67a0c4f50207808bab949f67809f49c0be92010601700a0001010601711301010202a2130b0100007102e08ce2c8cf33a0a90700c0ee6de0d4030236380520a0c37180f25702944100880c80c56600000864656c6976657279016200e0d403a0c4f50200e8020200e0d403a0bda103000237308087d0969f67ca978112ca1bbdcafac231b39a23dc4d3e23e8160039594a33894f6564e1b134b716f8deaeab1d35cc28c8f5c99fcd3c2e7d2c03a9507ae265ecf5b5356885a571cbffb64018845c1b870bb8931f3a3e"`,
    );
    expect(decodeState(cart.state!)).toMatchInlineSnapshot(`
      {
        "beyondHorizon": false,
        "decisions": [
          {
            "detectedAt": 1773709260000,
            "occurredAt": 1773706200000,
            "replaces": null,
            "status": "",
          },
          {
            "detectedAt": 1773709200000,
            "occurredAt": 1773708600000,
            "replaces": 1773707400000,
            "status": "",
          },
        ],
        "events": [
          {
            "arrival": 1773705660000,
            "key": "ca978112ca1bbdcafac231b39a23dc4d",
            "kind": "cart_activity",
            "occurredAt": 1773705600000,
            "source": "webhook",
            "status": null,
          },
          {
            "arrival": 1773707520000,
            "key": "3e23e8160039594a33894f6564e1b134",
            "kind": "cart_activity",
            "occurredAt": 1773706800000,
            "source": "line",
            "status": null,
          },
          {
            "arrival": 1773709200000,
            "key": "b716f8deaeab1d35cc28c8f5c99fcd3c",
            "kind": "cart_status",
            "occurredAt": 1773709200000,
            "source": "webhook",
            "status": "on_hold",
          },
          {
            "arrival": 1773709260000,
            "key": "2e7d2c03a9507ae265ecf5b5356885a5",
            "kind": "cart_abandoned",
            "occurredAt": 1773706200000,
            "source": "webhook",
            "status": null,
          },
          {
            "arrival": 1773709320000,
            "key": "71cbffb64018845c1b870bb8931f3a3e",
            "kind": "cart_status",
            "occurredAt": 1773705900000,
            "source": "webhook",
            "status": "pending",
          },
        ],
        "forgotten": false,
        "lastArrival": 1773709320000,
        "sizes": {
          "decisions": 25,
          "index": 0,
          "keys": 80,
          "products": 21,
          "records": 81,
          "summary": 68,
        },
      }
    `);
  });

  it('stands, of a cart whose events came as they happened', () => {
    const cart = new TestCart();
    const products = [{ product_id: 'p', count: 1, price: 3 }];
    cart.deliver(cartEvent({ event_key: keyOf('a'), occurred_at: minute(0), store_id: '68', products }), minute(0));
    cart.deliver(status('verification', 5, { amount: 3, products }), minute(5));
    expect(cart.state!.toString('hex')).toMatchInlineSnapshot(
      `"052087e0dff0c8cf33021e000b00e0a71202e0a712c0ee6de0d4030100020200020100000d111d010601701000010101030500718280b8dec8cf330000c0ee6de0d40302363801606001e0a71200000103ca978112ca1bbdcafac231b39a23dc4deaffa8b039840eacb1dd8a41d3529165"`,
    );
  });

  it('is the same whichever cart came before', async () => {
    vi.resetModules();
    const { foldCart: fold } = await import('./index.ts');
    const life = (...events: CartEvent[]): string =>
      events
        .reduce<Buffer | undefined>((state, event) => fold(state, event, minute(60)).state, undefined)!
        .toString('hex');
    const late = (): string => life(status('preparing', 20, { store_id: '1' }), status('verification', 10));
    const first = late();
    // Of this one what was stated last is not what holds, which its state says, and the last event reads.
    const stated = [status('preparing', 20, { store_id: '1' }), status('pending', 10, { store_id: '2' })];
    life(...stated, status('preparing', 30));
    expect(late()).toBe(first);
  });

  it('of another version is refused, and so is nothing', () => {
    const { state } = foldCart(undefined, status('pending', 0), minute(0));
    const other = Buffer.from(state);
    other[0] = 1;
    for (const read of [snapshotOf, decodeState, dueOf]) {
      expect(() => read(other)).toThrow(new UnknownVersionError(1));
      expect(() => read(Buffer.alloc(0))).toThrow("a cart's state has format none; this program reads 3 to 5");
    }
    expect(() => foldCart(other, status('pending', 0), minute(0))).toThrow(UnknownVersionError);
    expect(() => concludeDue(other, minute(0))).toThrow("a cart's state has format 1; this program reads 3 to 5");
    expect(new UnknownVersionError(1).name).toBe('UnknownVersionError');
  });

  it('holds times from the year 1 to the year 9999', () => {
    const ends = [Date.UTC(9999, 11, 31), new Date('0001-01-01T00:00:00Z').getTime(), -8.64e15, 8.64e15];
    for (const end of ends) {
      const { state } = foldCart(
        undefined,
        status('pending', 0, { reservation_start_at: end, cart_created_at: end, request_at: end }),
        minute(0),
      );
      expect(snapshotOf(state)).toMatchObject({ reservation_start_at: end, created_at: end });
      expect(
        foldCart(state, status('pending', 0, { request_at: end, received_at: minute(99) }), minute(99)).result,
      ).toBe('repeat');
    }
  });
});

describe('the snapshot', () => {
  it('has what Jane said last, each value by itself', () => {
    const cart = new TestCart();
    cart.deliver(cartEvent({ occurred_at: minute(0), store_id: '1', amount: 5 }), minute(0));
    cart.deliver(
      status('verification', 10, { mode: 'pickup', cart_created_at: minute(-3), reservation_start_at: minute(90) }),
      minute(10),
    );
    cart.deliver(status('preparing', 20, { store_id: '2' }), minute(20));
    expect(cart.snapshot()).toEqual({
      status: 'preparing',
      status_since: minute(20),
      store_id: '2',
      mode: 'pickup',
      amount: 5,
      created_at: minute(-3),
      last_activity_at: minute(0),
      due_at: null,
      abandoned_at: null,
      recovered_at: null,
      reservation_start_at: minute(90),
      products: null,
      store_name: null,
      last_event_at: minute(20),
      first_status_at: minute(10),
      statuses: [
        { status: 'verification', began_at: minute(10), left_at: minute(20) },
        { status: 'preparing', began_at: minute(20), left_at: null },
      ],
    });
  });

  it('of a cart that only Jane called abandoned', () => {
    const own = cartEvent({ kind: 'cart_abandoned', occurred_at: minute(4), mode: 'kiosk' });
    const { state } = foldCart(undefined, own, minute(9));
    expect(snapshotOf(state)).toEqual({
      status: null,
      status_since: null,
      store_id: null,
      mode: 'kiosk',
      amount: null,
      created_at: minute(4),
      last_activity_at: null,
      due_at: null,
      abandoned_at: minute(4),
      recovered_at: null,
      reservation_start_at: null,
      products: null,
      store_name: null,
      last_event_at: minute(4),
      first_status_at: null,
      statuses: [],
    });
  });

  it('shows the deadline until the abandonment counts, and no recovery of a cart that was never abandoned', () => {
    const cart = new TestCart();
    cart.deliver(cartEvent({ occurred_at: minute(0) }), minute(35));
    expect(cart.snapshot()).toMatchObject({ due_at: minute(30), abandoned_at: null });
    cart.tick(minute(36) + 1);
    expect(cart.snapshot()).toMatchObject({ due_at: null, abandoned_at: minute(30), recovered_at: null });
    cart.deliver(status('verification', 50), minute(50));
    expect(cart.snapshot()).toMatchObject({ abandoned_at: minute(30), recovered_at: minute(50) });
    const ordered = foldCart(undefined, status('verification', 0), minute(0)).state;
    expect(snapshotOf(ordered).recovered_at).toBeNull();
  });
});

describe('a state spelled out', () => {
  it('names the status of a change that took the place of another', () => {
    const cart = new TestCart();
    cart.deliver(status('preparing', 20), minute(20));
    cart.deliver(status('preparing', 10), minute(21));
    expect(decodeState(cart.state!).decisions).toEqual([
      { status: 'preparing', occurredAt: minute(10), detectedAt: minute(21), replaces: minute(20) },
    ]);
  });

  it('has a long text after a short one', () => {
    const stores = ['6', 'x'.repeat(300), '6', 'y'.repeat(300), 'y'.repeat(300)];
    const cart = new TestCart();
    for (const [i, store] of stores.entries()) {
      cart.deliver(status('preparing', i, { store_id: store }), minute(i));
      expect(cart.snapshot().store_id).toBe(store);
    }
    expect(decodeState(cart.state!).sizes.records).toBeLessThan(700);
  });
});

describe('unknown statuses', () => {
  it('of one T stand in the order of their names, between delivery_finished and finished', () => {
    const names = ['finished', 'zeta', 'delivery_finished', 'alpha', 'mid'];
    const cart = new TestCart();
    for (const name of names) cart.deliver(status(name, 10), minute(20));
    const [first, ...others] = ['delivery_finished', 'alpha', 'mid', 'zeta', 'finished'];
    expect(cart.traits().find((t) => t.status === first)!.previous_status).toBeNull();
    for (const [i, name] of others.entries()) {
      expect(cart.traits().find((t) => t.status === name)!.previous_status).toBe([first, ...others][i]);
    }
  });

  it('are remembered by name: entered again, wrong in their mode', () => {
    const cart = new TestCart();
    const told = (event: CartEvent): unknown[] =>
      cart.deliver(event, event.occurred_at).changes.map((c) => [c.status, c.reentered, c.anomaly]);
    expect(told(status('on_hold', 0))).toEqual([['on_hold', false, null]]);
    expect(told(status('delivery_arrived', 1, { mode: 'kiosk' }))).toEqual([['delivery_arrived', false, 'wrong_mode']]);
    expect(told(status('delivery_arrived', 2))).toEqual([]);
    expect(told(status('on_hold', 3))).toEqual([['on_hold', true, null]]);
    expect(told(status('delivery_arrived', 4, { mode: 'delivery' }))).toEqual([['delivery_arrived', true, null]]);
    expect(decodeState(cart.state!).events.map((e) => e.status)).toEqual([
      'on_hold',
      'delivery_arrived',
      'delivery_arrived',
      'on_hold',
      'delivery_arrived',
    ]);
  });

  it('a cart_status without a status is one of the empty name', () => {
    const { state, changes } = foldCart(undefined, { ...status('x', 0), status: null }, minute(0));
    expect(changes.map((c) => [c.trait, c.status])).toEqual([['cart_status_updated', '']]);
    expect(foldCart(state, status('', 30 * MINUTE), minute(1)).changes).toEqual([]);
  });
});
