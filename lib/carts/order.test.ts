import { describe, expect, it } from 'vitest';
import type { CartEvent } from '../../schemas/types.ts';
import { KIND_ACTIVITY, KIND_STATUS, compareRecords, orderBytesOf, precedenceOf, type CartRecord } from './order.ts';
import { FIRST_UNKNOWN } from './statuses.ts';
import { cartEvent, keyOf, minute } from './testing/events.ts';
import { levelEvents } from './testing/histories.ts';
import { compare, isActivity } from './testing/oracle-events.ts';
import { randomFrom } from './testing/random.ts';

const NAMES = ['zeta', 'alpha'];

function record(fields: Partial<CartRecord>): CartRecord {
  const { kind = KIND_ACTIVITY, status = -1 } = fields;
  const position = {
    index: 0,
    kind,
    line: false,
    at: 100,
    precedence: precedenceOf(kind, status, false),
    status,
    arrival: 0,
  };
  const settings = { receivedAt: 0, requestAt: NaN, windowMs: 30, graceMs: 1, wrongMode: false };
  return { ...position, ...settings, carries: 0, values: [0, 0, 0, 0, 0, 0, 0], keys: keyOf('k'), keyAt: 0, ...fields };
}

const unknown = (index: number, fields: Partial<CartRecord> = {}): CartRecord =>
  record({ kind: KIND_STATUS, status: FIRST_UNKNOWN + index, ...fields });

const LOW = Buffer.alloc(16, 1);
const HIGH = Buffer.alloc(16, 2);

describe('events of one cart, whatever their order of arrival', () => {
  it.each<[string, CartRecord, CartRecord]>([
    ['by T', record({ at: 99, keys: HIGH }), record({ at: 100, keys: LOW })],
    ['by what happened', record({ keys: HIGH }), unknown(0, { keys: LOW })],
    ['unknown statuses by name', unknown(1, { keys: HIGH }), unknown(0, { keys: LOW })],
    ['equal unknown statuses by key', unknown(0, { keys: LOW }), unknown(0, { keys: HIGH })],
    ['by request timestamp', record({ requestAt: 4, keys: HIGH }), record({ requestAt: 5, keys: LOW })],
    ['without a request timestamp first', record({ keys: HIGH }), record({ requestAt: -5, keys: LOW })],
    ['of one request timestamp, by key', record({ requestAt: 5, keys: LOW }), record({ requestAt: 5, keys: HIGH })],
    ['by name before the request timestamp', unknown(1, { requestAt: 5 }), unknown(0, { requestAt: 4 })],
    ['by key', record({ keys: LOW }), record({ keys: HIGH })],
    ['by key, where it stands', record({ keys: Buffer.concat([HIGH, LOW]), keyAt: 16 }), record({ keys: HIGH })],
    ['of one key, a status before an activity', record({ kind: KIND_STATUS, precedence: 0 }), record({})],
    ['of one key, a webhook before a line', record({}), record({ line: true })],
    ['of one key, the shorter window first', record({ windowMs: 10 }), record({ windowMs: 60 })],
  ])('%s', (_what, first, second) => {
    expect(compareRecords(first, second, NAMES)).toBeLessThan(0);
    expect(compareRecords(second, first, NAMES)).toBeGreaterThan(0);
  });

  it('are level when nothing tells them apart', () => {
    expect(compareRecords(record({ line: true }), record({ line: true }), NAMES)).toBe(0);
    expect(compareRecords(unknown(0), unknown(0), NAMES)).toBe(0);
    expect(compareRecords(record({ requestAt: 3 }), record({ requestAt: 3 }), NAMES)).toBe(0);
  });
});

describe('the order after T as bytes', () => {
  const status = (name: string, fields: Partial<CartEvent> = {}): CartEvent =>
    cartEvent({ kind: 'cart_status', status: name, occurred_at: minute(0), event_key: keyOf('k'), ...fields });
  const activity = (fields: Partial<CartEvent>): CartEvent =>
    cartEvent({ occurred_at: minute(0), event_key: keyOf('k'), ...fields });

  it.each<[string, CartEvent, CartEvent]>([
    ['what happened', activity({ event_key: HIGH }), status('verification', { event_key: LOW })],
    ['unknown statuses by name', status('b', { event_key: HIGH }), status('c', { event_key: LOW })],
    ['a name before one that begins with it', status('on', { event_key: HIGH }), status('on hold', { event_key: LOW })],
    [
      'the request timestamp',
      activity({ request_at: -4, event_key: HIGH }),
      activity({ request_at: 5, event_key: LOW }),
    ],
    ['none before any', activity({ request_at: null, event_key: HIGH }), activity({ request_at: -5, event_key: LOW })],
    ['the key', activity({ event_key: LOW }), activity({ event_key: HIGH })],
    ['the window', activity({ abandonment_window_ms: 5 }), activity({ abandonment_window_ms: 600 })],
  ])('%s decides', (_what, first, second) => {
    expect(Buffer.compare(orderBytesOf(first), orderBytesOf(second))).toBe(-1);
  });

  it('agrees with the oracle for any two events of one T', () => {
    let pairs = 0;
    for (let seed = 1; seed <= 400; seed++) {
      // Settings are stamped on activities.
      const events = levelEvents(randomFrom(seed)).map((e) => (isActivity(e) ? e : { ...e, abandonment_window_ms: 0 }));
      for (const a of events) {
        for (const b of events) {
          if (a.occurred_at !== b.occurred_at || a === b) continue;
          expect(Buffer.compare(orderBytesOf(a), orderBytesOf(b))).toBe(Math.sign(compare(a, b)));
          pairs++;
        }
      }
    }
    expect(pairs).toBeGreaterThan(1000);
  });
});
