/** The worked cases of the semantics as lines of /v1/events, and what v_trait_events must say of them. */
import { readFileSync } from 'node:fs';

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

/** Cases with the default window, the clock at 1000 and no window of an event's own. */
export function semanticsCases(epochMs: number): { lines: object[]; expected: Map<string, object[]> } {
  const { carts } = JSON.parse(readFileSync('test/semantics-cases.json', 'utf8')) as { carts: Case[] };
  const at = (minutes: number): number => epochMs + Math.round(minutes * 60_000);
  const usual = carts.filter(
    (c) => c.clock === 1000 && c.window_minutes === 30 && c.events.every((e) => e.window_minutes === undefined),
  );
  const lines = usual.flatMap((c) =>
    c.events.map((e) => ({
      type: e.type,
      occurred_at: new Date(at(e.t)).toISOString(),
      event_id: `${c.name}/${e.id}`,
      cart: {
        id: c.name,
        ...(e.status !== undefined && { status: e.status }),
        ...(e.mode !== undefined && { reservation_mode: e.mode }),
        ...(e.store !== undefined && { store_id: e.store }),
        ...(e.empty && { products: [] }),
      },
    })),
  );
  const expected = new Map(
    usual.map((c) => [
      c.name,
      c.traits.map((t) => ({
        trait: t.trait,
        status: t.status ?? '',
        occurred_at: at(t.t),
        recovered_at: t.recovered_at === undefined ? null : at(t.recovered_at),
        source: t.source ?? null,
        anomaly: t.anomaly ?? null,
        reentered: t.reentered ?? false,
        store_id: t.store ?? null,
      })),
    ]),
  );
  return { lines, expected };
}

/** A seed given by a variable, else a new one; tests print it when they fail. */
export const seedOf = (given: string | undefined): number =>
  given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);

/** Fisher and Yates by a small congruential generator: the same seed gives the same order. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const result = [...items];
  let state = seed >>> 0;
  for (let i = result.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}
