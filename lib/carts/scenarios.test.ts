import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CartEvent, TraitChange } from '../../schemas/types.ts';
import { TestCart } from './testing/cart.ts';
import { EPOCH, MINUTE, cartEvent, keyOf, minute } from './testing/events.ts';

/** The tables of scenarios.md: the words of its cells are all that is understood here. */
interface Scenario {
  name: string;
  rows: { clock: number; arrives: string; said: string }[];
}

function scenarios(): Scenario[] {
  const text = readFileSync(new URL('scenarios.md', import.meta.url), 'utf8');
  return text
    .split('\n## ')
    .slice(1)
    .map((part) => ({
      name: part.slice(0, part.indexOf('\n')),
      rows: [...part.matchAll(/^\| *([\d.]+) *\|([^|]*)\|([^|]*)\|$/gm)].map(([, clock, arrives, said]) => ({
        clock: Number(clock),
        arrives: arrives!.trim(),
        said: said!.trim(),
      })),
    }));
}

const KINDS: Record<string, Partial<CartEvent>> = {
  activity: { kind: 'cart_activity' },
  emptied: { kind: 'cart_activity', emptying: true },
  "jane's own": { kind: 'cart_abandoned' },
};

const KNOWN = [
  ...['pending', 'verification', 'staff_member_review', 'preparing', 'ready_for_pickup', 'delivery_started'],
  ...['delivery_finished', 'finished', 'finished_without_review', 'with_review', 'cancelled', 'dismissed'],
];

/** Words that take a value, and what they say of an event. */
const WORDS: Record<string, (value: string) => Partial<CartEvent>> = {
  body: (value) => ({ event_key: keyOf(value) }),
  store: (value) => ({ store_id: value }),
  mode: (value) => ({ mode: value }),
  amount: (value) => ({ amount: Number(value) }),
  products: (value) => ({ products: value.split('+').map((id) => ({ product_id: id, count: 1, price: null })) }),
  window: (value) => ({ abandonment_window_ms: Number(value) * MINUTE }),
  grace: (value) => ({ grace_ms: Number(value) * MINUTE }),
};

function whatOf(words: string): Partial<CartEvent> {
  const unknown = /^unknown (\w+)$/.exec(words)?.[1];
  const what = KINDS[words] ?? (KNOWN.includes(words) || unknown !== undefined ? { kind: 'cart_status' } : undefined);
  if (what === undefined) throw new Error(`what is "${words}"?`);
  return what.kind === 'cart_status' ? { ...what, status: unknown ?? words } : what;
}

/** "what[ at T][, line][, word value]…"; what is a known status, "unknown" and another, or one of KINDS. */
function eventOf(arrives: string, clock: number, index: number): CartEvent {
  const [head = '', ...more] = arrives.split(', ');
  const [, what = '', at] = /^(.*?)(?: at ([\d.]+))?$/.exec(head) ?? [];
  const fields: Partial<CartEvent> = { event_key: keyOf(`row ${index}`), ...whatOf(what) };
  for (const words of more) {
    const [word = '', value] = words.split(' ');
    if (words === 'line') fields.source = 'line';
    else if (value !== undefined && Object.hasOwn(WORDS, word)) Object.assign(fields, WORDS[word]!(value));
    else throw new Error(`what is "${words}"?`);
  }
  return cartEvent({ ...fields, occurred_at: minute(Number(at ?? clock)) });
}

const at = (time: number): string => String((time - EPOCH) / MINUTE);

function told(change: TraitChange): string {
  const subject = `${change.status || 'abandoned'} at ${at(change.occurred_at)}`;
  if (change.op === 'retracted') return `${subject} is retracted`;
  const by = change.source === 'jane' ? 'by Jane' : '';
  const details = [
    change.op === 'updated' ? by : '',
    change.op === 'updated' && change.previous_status !== null ? `after ${change.previous_status}` : '',
    change.recovered_at === null ? '' : `recovered at ${at(change.recovered_at)}`,
    change.anomaly ?? '',
    change.reentered ? 'again' : '',
    change.store_id === null ? '' : `store ${change.store_id}`,
    change.amount === null ? '' : `amount ${change.amount}`,
    change.products === null ? '' : `products ${change.products.map((line) => line.product_id).join('+')}`,
    change.beyond_horizon ? 'beyond the horizon' : '',
  ].filter((detail) => detail !== '');
  if (change.op === 'updated') return `${subject} now: ${details.join(', ')}`;
  const instead = change.replaces === null ? '' : `instead of ${at(change.replaces)}`;
  return [[subject, by, instead].filter((word) => word !== '').join(' '), ...details].join(', ');
}

describe('scenarios.md', () => {
  it('has scenarios', () => expect(scenarios().length).toBeGreaterThan(30));

  it.each(['acitvity', 'verificaton at 5', 'on_hold', 'activity, stoer 68', 'activity, store', 'activity, lines'])(
    'must not say "%s"',
    (arrives) => expect(() => eventOf(arrives, 0, 0)).toThrow('what is "'),
  );

  it.each(scenarios().map((one) => [one.name, one] as const))('%s', (_name, { rows }) => {
    expect(rows.length).toBeGreaterThan(1);
    const cart = new TestCart();
    const seen = rows.map(({ clock, arrives }, index) => {
      if (arrives === 'clock') return { clock, arrives, said: cart.tick(minute(clock)).map(told).join('; ') };
      const { result, changes } = cart.deliver(eventOf(arrives, clock, index), minute(clock));
      return { clock, arrives, said: [...(result === 'repeat' ? ['repeat'] : []), ...changes.map(told)].join('; ') };
    });
    expect(seen).toEqual(rows);
  });
});
