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

/** "what[ at T][, word value]…" */
function eventOf(arrives: string, clock: number, index: number): CartEvent {
  const [head = '', ...more] = arrives.split(', ');
  const [, what = '', at] = /^(.*?)(?: at ([\d.]+))?$/.exec(head) ?? [];
  const extra = new Map(more.map((pair) => pair.split(' ') as [string, string]));
  return cartEvent({
    ...(KINDS[what] ?? { kind: 'cart_status', status: what }),
    event_key: keyOf(extra.get('body') ?? `row ${index}`),
    occurred_at: minute(Number(at ?? clock)),
    store_id: extra.get('store') ?? null,
    mode: extra.get('mode') ?? null,
    abandonment_window_ms: Number(extra.get('window') ?? 30) * MINUTE,
  });
}

const at = (time: number): string => String((time - EPOCH) / MINUTE);

function told(change: TraitChange): string {
  const subject = `${change.status || 'abandoned'} at ${at(change.occurred_at)}`;
  if (change.op === 'retracted') return `${subject} is withdrawn`;
  const by = change.source === 'jane' ? 'by Jane' : '';
  const details = [
    change.op === 'updated' ? by : '',
    change.op === 'updated' && change.previous_status !== null ? `after ${change.previous_status}` : '',
    change.recovered_at === null ? '' : `recovered at ${at(change.recovered_at)}`,
    change.anomaly ?? '',
    change.reentered ? 'again' : '',
    change.store_id === null ? '' : `store ${change.store_id}`,
  ].filter((detail) => detail !== '');
  if (change.op === 'updated') return `${subject} now: ${details.join(', ')}`;
  const instead = change.replaces === null ? '' : `instead of ${at(change.replaces)}`;
  return [[subject, by, instead].filter((word) => word !== '').join(' '), ...details].join(', ');
}

describe('scenarios.md', () => {
  it('has scenarios', () => expect(scenarios().length).toBeGreaterThan(20));

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
