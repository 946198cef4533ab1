/** Histories of one cart, generated to hit the edges: equal times, events at deadlines, shared keys, late and early. */
import type { CartEvent, Product } from '../../../schemas/types.ts';
import { MINUTE, cartEvent, keyOf, minute } from './events.ts';
import { randomFrom, type Random } from './random.ts';

/** What happens next to the log. */
export type Step = { logTime: number; event: CartEvent | null };

const STATUSES = [
  'pending',
  'pending',
  'verification',
  'verification',
  'staff_member_review',
  'preparing',
  'ready_for_pickup',
  'delivery_started',
  'delivery_finished',
  'finished',
  'finished_without_review',
  'with_review',
  'cancelled',
  'dismissed',
  'delivery_arrived',
  'on_hold',
];
const WINDOWS = [10, 20, 30, 30, 60];
const GRACES = [0, 1, 1, 15];
const LISTS: Product[][] = [
  [],
  [{ product_id: '1', count: 2, price: 12.5 }],
  [
    { product_id: '1', count: 1, price: null },
    { product_id: 'ü', count: 0.5, price: 1 / 3 },
  ],
  [
    { product_id: '1', count: 2, price: 12.5 },
    { product_id: 'ü', count: 0.5, price: 1 / 3 },
    { product_id: '1', count: 2, price: 12.5 },
  ],
];

/** How a history is made. */
export interface Shape {
  /** Most events. */
  events: number;
  /** Minutes that the T of its events lie within. */
  span: number;
  /** How much of it are statuses other than pending, 0 to 1. */
  ordered: number;
}

/** A history: log times never go back, deliveries come late, twice or thrice, and clocks tick in between. */
export function history(random: Random, shape: Shape): Step[] {
  const count = 1 + random.below(shape.events);
  const steps: Step[] = [];
  const delivered: CartEvent[] = [];
  let logTime = minute(random.below(20));
  const live = random.chance(0.5);
  for (let i = 0; i < count; i++) {
    const event = anEvent(random, shape, live ? logTime : minute(shape.span), i);
    delivered.push(event);
    steps.push({ logTime, event });
    logTime += pause(random, live ? (2 * shape.span) / count : 2);
    if (random.chance(0.25)) {
      steps.push({ logTime, event: again(random, random.pick(delivered), logTime) });
      logTime += pause(random, 1);
    }
    if (random.chance(0.4)) steps.push({ logTime: logTime + random.below(40) * MINUTE, event: null });
    logTime = Math.max(logTime, steps.at(-1)!.logTime);
  }
  return steps;
}

/**
 * Events of few moments and fewer keys, none of which repeats another: one body accepted twice or thrice, one event id
 * for two kinds and for webhooks and lines, with mixed windows and graces.
 */
export function levelEvents(random: Random): CartEvent[] {
  const events = Array.from({ length: 2 + random.below(7) }, (_, index): CartEvent => {
    const body = random.below(3);
    const kind = random.pick(['cart_activity', 'cart_activity', 'cart_status', 'cart_abandoned'] as const);
    const source = random.chance(0.3) ? 'line' : 'webhook';
    return cartEvent({
      kind,
      source,
      event_key: keyOf(`level ${body}`),
      occurred_at: minute(random.pick([0, 0, 10, 20, 40, 60, 70])),
      // Whatever comes first, no webhook is taken for a retry: no two share a request timestamp.
      request_at: random.chance(0.5) ? null : minute(100 + index),
      received_at: minute(1000),
      retry_horizon_ms: -1,
      abandonment_window_ms: random.pick([10, 20, 30]) * MINUTE,
      grace_ms: random.pick([0, 1, 20]) * MINUTE,
      status: kind === 'cart_status' ? ['pending', 'verification', 'on_hold'][body]! : null,
      emptying: body === 2 && kind !== 'cart_abandoned',
      // What shares a key without being one body says something else.
      store_id: body === 2 ? null : `${body} ${kind} ${source}`,
      products: [LISTS[1]!, null, LISTS[0]!][body]!,
    });
  });
  const lines = new Set<string>();
  return events.filter(({ source, kind, event_key }) => {
    const id = `${kind} ${event_key.toString('hex')}`;
    return source !== 'line' || (!lines.has(id) && lines.add(id));
  });
}

/** A log time after which nothing in such a history is due. */
export function rest(steps: readonly Step[]): number {
  return Math.max(...steps.map((s) => Math.max(s.logTime, s.event?.occurred_at ?? 0))) + 100_000 * MINUTE;
}

function pause(random: Random, scale: number): number {
  return random.chance(0.3) ? 0 : random.below(Math.max(1, Math.ceil(scale * MINUTE)));
}

function anEvent(random: Random, shape: Shape, latest: number, index: number): CartEvent {
  const at = Math.min(minute(random.below(shape.span) + (random.chance(0.1) ? 0.001 : 0)), latest);
  const kind = random.chance(shape.ordered)
    ? 'cart_status'
    : random.pick(['cart_activity', 'cart_activity', 'cart_activity', 'cart_status', 'cart_abandoned'] as const);
  const shared = random.chance(0.15) ? random.below(3) : undefined;
  return cartEvent({
    kind,
    source: random.chance(0.2) ? 'line' : 'webhook',
    event_key: keyOf(shared === undefined ? `${index} ${random.below(1e9)}` : `shared ${shared}`),
    occurred_at: at,
    received_at: at + random.below(30) * MINUTE,
    request_at: random.chance(0.3) ? null : at + random.below(3) * MINUTE,
    abandonment_window_ms: random.pick(WINDOWS) * MINUTE,
    grace_ms: random.pick(GRACES) * MINUTE,
    retry_horizon_ms: random.pick([0, 15]) * MINUTE,
    // One key is one body: events of one kind that share it say the same.
    ...content(shared === undefined ? random : randomFrom(shared), kind),
  });
}

function content(random: Random, kind: CartEvent['kind']): Partial<CartEvent> {
  return {
    status: kind === 'cart_status' ? random.pick(STATUSES) : null,
    emptying: random.chance(0.15),
    store_id: random.pick([null, null, '68', 'läden', '']),
    store_name: random.pick([null, null, 'Läden', 'Shop 68', '']),
    mode: random.pick([null, null, 'pickup', 'delivery', 'curbside', 'kiosk', 'drone']),
    amount: random.pick([null, null, 0, 41.8, -3, 1 / 3]),
    products: random.chance(0.6) ? null : random.pick(LISTS),
    cart_created_at: random.pick([null, null, minute(-5)]),
    reservation_start_at: random.pick([null, null, minute(90), minute(120)]),
  };
}

/** The same delivery again: at once, within or beyond the retry horizon, with the same or another request timestamp. */
function again(random: Random, event: CartEvent, logTime: number): CartEvent {
  return {
    ...event,
    received_at: random.pick([
      event.received_at,
      event.received_at + 15 * MINUTE,
      event.received_at + 16 * MINUTE,
      logTime,
    ]),
    request_at: random.pick([event.request_at, event.request_at, null, logTime]),
    retry_horizon_ms: random.pick([0, 15, 15]) * MINUTE,
    abandonment_window_ms: random.pick([event.abandonment_window_ms, 10 * MINUTE]),
  };
}
