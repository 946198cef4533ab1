/** What `in_next` and `dwell` ask of a cart in its current state (docs/semantics.md §5). `compile.ts` asks the same in SQL. */
import { describeStatus, type StatusName } from '../jane/statuses.ts';
import type { CartFacts } from './facts.ts';

/** The mode that decides which status is expected. */
export const DELIVERY = 'delivery';

/** The statuses that an `in_next` of cart_status_updated can ask for. */
export const NEXT_STATUSES = ['ready_for_pickup', 'delivery_started'] as const satisfies readonly StatusName[];

export type NextStatus = (typeof NEXT_STATUSES)[number];

/**
 * The status that an order is expected to reach at its reservation time: delivery_started for a delivery, else
 * ready_for_pickup. Null for a cart that is not an open order, has had the status, or is past it.
 */
export function expectedStatus({ status, mode, statuses }: CartFacts): NextStatus | null {
  if (status === null || status === 'pending' || status === 'finished') return null;
  const current = describeStatus(status);
  if (current?.terminal === true) return null;
  const expected = mode === DELIVERY ? 'delivery_started' : 'ready_for_pickup';
  // `status` is among them, except in rows of releases that did not write them.
  if (status === expected || statuses.some((stay) => stay.status === expected)) return null;
  const rank = current?.rank ?? null;
  return rank !== null && rank > describeStatus(expected)!.rank! ? null : expected;
}

/**
 * The T of the change after which all statuses of the cart have been in the list, Unix ms; null if the current one is
 * not in it. In rows of releases that did not write statuses, only the latest change is known.
 */
export function inListSince(cart: CartFacts, list: ReadonlySet<string>): number | null {
  const { status, statuses } = cart;
  if (status === null || !list.has(status)) return null;
  if (statuses.length === 0) return cart.status_since;
  let since = cart.first_status_at;
  for (const stay of statuses) {
    if (list.has(stay.status) || stay.left_at === null) continue;
    if (since === null || stay.left_at > since) since = stay.left_at;
  }
  return since;
}
