import type { ApiAnswer } from '../../../lib/client/index.ts';
import { placeOf, STATUSES } from '../../../lib/jane/statuses.ts';

/** `GET /v1/people/{id}`. */
export type PersonDetails = ApiAnswer<'/v1/people/{id}', 'get'>;
type TraitEvent = PersonDetails['timeline'][number];
type Retracted = PersonDetails['retracted'][number];
export type PersonCart = PersonDetails['carts'][number];

/** One trait event of a cart. Times are Unix milliseconds. */
export interface Step {
  id: string;
  trait: TraitEvent['trait'];
  /** Empty for an abandonment. */
  status: string;
  atMs: number;
  detectedMs: number;
  /** When an abandoned cart was ordered after all. */
  recoveredMs: number | null;
  anomaly: string | null;
  reentered: boolean;
  source: string | null;
  amount: number | null;
  /** Null unless later input retracted it. */
  retractedMs: number | null;
  /** The step that took the place of a retracted one, if it is in this cart. */
  replacedBy: string | null;
  /** The stay in this status; null for the current one, and for what is no stay. */
  stayMs: number | null;
}

/** A cart or order with everything that was concluded about it. */
export interface Order {
  cartId: string;
  /** Null for a cart of which only trait events are known. */
  cart: PersonCart | null;
  /** Oldest first. */
  steps: Step[];
  /** The latest thing that happened to it; 0 if no time is known. */
  latestMs: number;
}

const ms = (text: string): number => Date.parse(text);
const msOrNull = (text: string | null): number | null => (text === null ? null : Date.parse(text));

const stepOf = (event: TraitEvent | Retracted): Step => ({
  id: event.event_id,
  trait: event.trait,
  status: event.status,
  atMs: ms(event.occurred_at),
  detectedMs: ms(event.detected_at),
  recoveredMs: msOrNull(event.recovered_at),
  anomaly: event.anomaly,
  reentered: event.reentered,
  source: event.source,
  amount: event.amount,
  retractedMs: 'retracted_at' in event ? ms(event.retracted_at) : null,
  replacedBy: 'replaced_by' in event ? event.replaced_by : null,
  stayMs: null,
});

/** Retracted steps take no part in stays: they did not happen. */
function withStays(steps: readonly Step[]): Step[] {
  const changes = steps.filter(({ trait, retractedMs }) => trait === 'cart_status_updated' && retractedMs === null);
  const stays = new Map(changes.map((step, i) => [step.id, changes[i + 1] ? changes[i + 1]!.atMs - step.atMs : null]));
  return steps.map((step) => ({ ...step, stayMs: stays.get(step.id) ?? null }));
}

/** Abandonments come after simultaneous statuses. */
const place = ({ trait, status }: Step): number => (trait === 'cart_abandoned' ? STATUSES.length + 1 : placeOf(status));

const compareSteps = (a: Step, b: Step): number => a.atMs - b.atMs || place(a) - place(b) || (a.id < b.id ? -1 : 1);

function latestOf(cart: PersonCart | null, steps: readonly Step[]): number {
  const ofCart = [cart?.status_since, cart?.last_activity_at, cart?.created_at].map((text) => (text ? ms(text) : 0));
  return Math.max(0, ...ofCart, ...steps.filter(({ retractedMs }) => retractedMs === null).map(({ atMs }) => atMs));
}

/** The carts of a person with their trait events, the cart that moved last first. */
export function ordersOf({
  timeline,
  retracted,
  carts,
}: Pick<PersonDetails, 'timeline' | 'retracted' | 'carts'>): Order[] {
  const steps = new Map<string, Step[]>(carts.map(({ cart_id }) => [cart_id, []]));
  for (const event of [...timeline, ...retracted]) {
    const own = steps.get(event.cart_id);
    if (own) own.push(stepOf(event));
    else steps.set(event.cart_id, [stepOf(event)]);
  }
  const byId = new Map(carts.map((cart) => [cart.cart_id, cart]));
  return [...steps]
    .map(([cartId, own]): Order => {
      const cart = byId.get(cartId) ?? null;
      const sorted = withStays(own.sort(compareSteps));
      return { cartId, cart, steps: sorted, latestMs: latestOf(cart, sorted) };
    })
    .sort((a, b) => b.latestMs - a.latestMs || (a.cartId < b.cartId ? -1 : 1));
}

/** What a cart is called: one that was never checked out is no order. */
export function isOrder({ cart, steps }: Order): boolean {
  if (cart?.status) return cart.status !== 'pending';
  return steps.some(
    ({ trait, status, retractedMs }) => trait === 'cart_status_updated' && status !== 'pending' && retractedMs === null,
  );
}

export interface Totals {
  orders: number;
  carts: number;
  abandoned: number;
  recovered: number;
}

/** How many carts became orders, and how many abandonments count. */
export function totalsOf(orders: readonly Order[]): Totals {
  const abandonments = orders
    .flatMap(({ steps }) => steps)
    .filter(({ trait, retractedMs }) => trait === 'cart_abandoned' && retractedMs === null);
  return {
    orders: orders.filter(isOrder).length,
    carts: orders.length,
    abandoned: abandonments.length,
    recovered: abandonments.filter(({ recoveredMs }) => recoveredMs !== null).length,
  };
}

const ANOMALIES: Record<string, string> = {
  after_terminal: 'after the order had ended',
  wrong_mode: 'does not fit how the order is handed over',
  backward: 'a step back',
};

/** An anomaly of semantics §2 in words. */
export const anomalyWords = (anomaly: string): string => ANOMALIES[anomaly] ?? anomaly.replaceAll('_', ' ');
