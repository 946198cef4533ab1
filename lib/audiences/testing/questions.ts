/** The carts of `questions` in semantics-cases.json after their events, and what is asked about them. */
import cases from '../../../test/semantics-cases.json' with { type: 'json' };
import type { CartEventKind, CartSnapshot } from '../../../schemas/types.ts';
import { TestCart } from '../../carts/testing/cart.ts';
import { cartEvent, keyOf, minute, MINUTE } from '../../carts/testing/events.ts';
import type { Audience } from '../tree.ts';

/** An event of a cart as the cases write it; times in minutes. */
export interface CaseEvent {
  type: string;
  t: number;
  status?: string;
  mode?: string;
  empty?: boolean;
  store?: string | null;
  reservation?: number | null;
}

/** By name, in its state at minute 0. */
export function cartsOfQuestions(): Map<string, CartSnapshot> {
  const { window_minutes, carts } = cases.questions;
  return new Map(
    Object.entries(carts as Record<string, CaseEvent[]>).map(([name, events]) => {
      const cart = new TestCart();
      for (const [i, event] of events.entries()) {
        const occurredAt = minute(event.t);
        const fields = cartEvent({
          kind: event.type as CartEventKind,
          event_key: keyOf(`${name} ${i}`),
          occurred_at: occurredAt,
          status: event.status ?? null,
          mode: event.mode ?? null,
          emptying: event.empty ?? false,
          store_id: event.store ?? null,
          reservation_start_at:
            event.reservation === undefined || event.reservation === null ? null : minute(event.reservation),
          abandonment_window_ms: window_minutes * MINUTE,
          grace_ms: 0,
        });
        cart.deliver(fields, occurredAt);
      }
      cart.tick(minute(0));
      return [name, cart.snapshot()];
    }),
  );
}

export interface Ask {
  audience: Audience;
  nowMs: number;
  /** Names, in order. */
  carts: string[];
}

export const ASKS: Ask[] = cases.questions.asks.map((ask) => ({
  audience: ask.audience as Audience,
  nowMs: 'at_ms' in ask ? minute(0) + Number(ask.at_ms) : minute(ask.at ?? 0),
  carts: [...ask.carts].sort(),
}));
