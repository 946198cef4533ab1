/** What a leaf asks apart from time, for the executor in this process and for the times at which its answer may change. */
import { statusText } from '../jane/fields.ts';
import { expectedStatus, inListSince } from './carts.ts';
import type { CartFacts, TraitEventFacts } from './facts.ts';
import type { DwellNode, TraitNode } from './tree.ts';

/** A member of a leaf that an event or a cart does not satisfy. `time` also for what is after now. */
export type FailedKey = (typeof FAILED_KEYS)[number];

/** In the order in which they are shown. */
const FAILED_KEYS = [
  'status',
  'time',
  'for',
  'store_id',
  'recovered',
  'anomaly',
  'mode',
  'amount',
  'product_id',
] as const satisfies readonly (keyof TraitNode | keyof DwellNode['dwell'])[];

/** The same keys, in the order in which they are shown. */
export const inOrder = (fails: readonly FailedKey[]): FailedKey[] => FAILED_KEYS.filter((key) => fails.includes(key));

/** The members of a leaf that an event or a cart does not satisfy; none: it satisfies the leaf. */
export type Rule<Found> = (found: Found) => FailedKey[];

/** Null: every value satisfies an absent or empty list. */
const listOf = (values: readonly string[] | undefined): ReadonlySet<string> | null =>
  values === undefined || values.length === 0 ? null : new Set(values);

const isOutside = (list: ReadonlySet<string> | null, value: string | null): boolean =>
  list !== null && (value === null || !list.has(value));

/** Store, mode, amount and products, which trait events and carts have alike. */
function sharedRule({ store_id, mode, amount, product_id }: TraitNode) {
  const stores = listOf(store_id);
  const modes = listOf(mode);
  const products = listOf(product_id);
  return (found: Pick<CartFacts, 'store_id' | 'mode' | 'amount' | 'products'>): FailedKey[] => {
    const fails: FailedKey[] = [];
    if (isOutside(stores, found.store_id)) fails.push('store_id');
    if (isOutside(modes, found.mode)) fails.push('mode');
    if (amount !== undefined && !isBetween(found.amount, amount)) fails.push('amount');
    if (products !== null && !found.products?.some((line) => line.count > 0 && products.has(line.product_id)))
      fails.push('product_id');
    return fails;
  };
}

const isBetween = (amount: number | null, { min, max }: { min?: number; max?: number }): boolean =>
  amount !== null && (min === undefined || amount >= min) && (max === undefined || amount <= max);

/** Everything but `time` and `recovered`. */
export function eventRule(node: TraitNode): Rule<TraitEventFacts> {
  const statuses = listOf(node.status?.map(statusText));
  const shared = sharedRule(node);
  return (event) => {
    const fails = shared(event);
    if (isOutside(statuses, event.status)) fails.push('status');
    if (node.anomaly !== undefined && node.anomaly !== (event.anomaly !== null)) fails.push('anomaly');
    return fails;
  };
}

export const isRecovered = ({ recovered_at }: TraitEventFacts, nowMs: number): boolean =>
  recovered_at !== null && recovered_at <= nowMs;

/**
 * An `in_next` leaf except for its time, and when what it asks for is due; null: it is not due at all. A cart that will not
 * come to a status that is asked for fails `status`.
 */
export function nextRule(node: TraitNode): (cart: CartFacts) => { fails: FailedKey[]; dueAtMs: number | null } {
  const statuses = listOf(node.status?.map(statusText));
  const shared = sharedRule(node);
  if (node.trait === 'cart_abandoned') return (cart) => ({ fails: shared(cart), dueAtMs: cart.due_at });
  return (cart) => {
    const fails = shared(cart);
    const expected = expectedStatus(cart);
    if (statuses === null) return { fails, dueAtMs: expected === null ? null : cart.reservation_start_at };
    if (isOutside(statuses, expected)) fails.push('status');
    return { fails, dueAtMs: cart.reservation_start_at };
  };
}

/** A `dwell` leaf except for its duration, and since when the cart has been in the list; null: it is not in it. */
export function dwellRule({ dwell }: DwellNode): (cart: CartFacts) => { fails: FailedKey[]; sinceMs: number | null } {
  const list = new Set(dwell.status.map(statusText));
  const stores = listOf(dwell.store_id);
  return (cart) => {
    const fails: FailedKey[] = [];
    if (isOutside(list, cart.status)) fails.push('status');
    if (isOutside(stores, cart.store_id)) fails.push('store_id');
    return { fails, sinceMs: inListSince(cart, list) };
  };
}
