import { describe, expect, it } from 'vitest';
import cases from '../../test/semantics-cases.json' with { type: 'json' };
import type { CartEvent, CartEventKind } from '../../schemas/types.ts';
import { TestCart } from './testing/cart.ts';
import { MINUTE, cartEvent, keyOf, minute } from './testing/events.ts';
import { permutations, randomFrom, shuffled, type Random } from './testing/random.ts';

interface Case {
  name: string;
  window_minutes: number;
  clock: number;
  events: {
    id: string;
    type: string;
    t: number;
    status?: string;
    mode?: string;
    empty?: boolean;
    store?: string;
    window_minutes?: number;
  }[];
  traits: {
    trait: string;
    t: number;
    status?: string;
    source?: string;
    recovered_at?: number;
    anomaly?: string;
    reentered?: boolean;
    store?: string;
  }[];
}

const SEED = Number(process.env['JT_SEED'] ?? 6);
/** Orders of a cart with over six events, and of any cart if it is set: all permutations otherwise. */
const SHUFFLES = Number(process.env['JT_ORDERS'] ?? 500);
const ALL_UP_TO = process.env['JT_ORDERS'] === undefined ? 6 : 2;

function eventsOf(one: Case): CartEvent[] {
  return one.events.map((e) =>
    cartEvent({
      kind: e.type as CartEventKind,
      event_key: keyOf(e.id),
      occurred_at: minute(e.t),
      status: e.status ?? null,
      mode: e.mode ?? null,
      emptying: e.empty ?? false,
      store_id: e.store ?? null,
      abandonment_window_ms: (e.window_minutes ?? one.window_minutes) * MINUTE,
      grace_ms: 0,
    }),
  );
}

/** Delivers in the given order, with repeats and ticks in between; log time ends at the clock of the case. */
function play(one: Case, events: CartEvent[], random: Random): TestCart {
  const cart = new TestCart();
  const end = minute(one.clock);
  // The last arrival has to be past by the end, or it would still be in its grace.
  const times = Array.from({ length: events.length * 3 }, () => end - 1 - random.below(2000 * MINUTE));
  times.sort((a, b) => a - b);
  let at = 0;
  for (const [i, event] of events.entries()) {
    if (random.chance(0.5)) cart.tick(times[at]!);
    expect(cart.deliver(event, times[at + 1]!).result).toBe('event');
    if (random.chance(0.4)) expect(cart.deliver(events[random.below(i + 1)]!, times[at + 2]!).result).toBe('repeat');
    at += 3;
  }
  cart.tick(end);
  return cart;
}

/** The traits as the case has them: each field that the case names somewhere in its kind of trait. */
function shown(one: Case, cart: TestCart): unknown[] {
  return cart.traits().map((t) => {
    const store = one.traits.some((x) => x.store !== undefined);
    return {
      trait: t.trait,
      t: t.occurred_at,
      status: t.status,
      source: t.source,
      recovered_at: t.recovered_at,
      anomaly: t.anomaly,
      reentered: t.reentered,
      ...(store ? { store: t.store_id } : {}),
    };
  });
}

function expected(one: Case): unknown[] {
  const store = one.traits.some((x) => x.store !== undefined);
  return one.traits.map((t) => ({
    trait: t.trait,
    t: minute(t.t),
    status: t.status ?? '',
    source: t.source ?? null,
    recovered_at: t.recovered_at === undefined ? null : minute(t.recovered_at),
    anomaly: t.anomaly ?? null,
    reentered: t.reentered ?? false,
    ...(store ? { store: t.store ?? null } : {}),
  }));
}

const sorted = (traits: unknown[]): string[] => traits.map((t) => JSON.stringify(t)).sort();

describe(`the carts of semantics-cases.json, in any order, with repeats and ticks (JT_SEED=${SEED})`, () => {
  it.each((cases.carts as Case[]).map((one) => [one.name, one] as const))('%s', (_name, one) => {
    const random = randomFrom(SEED);
    const events = eventsOf(one);
    const orders =
      events.length <= ALL_UP_TO
        ? permutations(events)
        : Array.from({ length: SHUFFLES }, () => shuffled(events, random));
    for (const order of orders) expect(sorted(shown(one, play(one, order, random)))).toEqual(sorted(expected(one)));
  });
});
