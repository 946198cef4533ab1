/** What ends runs, and what they wait for, in one record (docs/flows.md §3). */
import type { FlowChange, StandingCart } from '../../schemas/types.ts';
import { expectedStatus } from '../audiences/carts.ts';
import { cartFacts, satisfies, type CompiledFlow } from './compiled.ts';
import type { CheckoutCondition, EventCondition, Scope } from './definition.ts';
import { firstCause, type RunRef } from './lifecycle.ts';
import type { Cause, KnownEvent, Run, Trigger } from './state.ts';
import type { View } from './view.ts';

/** A trait event that the record asserts. */
export interface Asserted {
  change: FlowChange;
  event: KnownEvent;
  /** It was never asserted before. */
  isFirst: boolean;
}

/** What a record says about one cart. */
export interface CartNews {
  cart: string;
  asserted: readonly Asserted[];
  retracted: ReadonlySet<string>;
}

const isCheckout = ({ trait, status }: KnownEvent): boolean => trait === 'cart_status_updated' && status !== 'pending';

const NO_ORDERS: readonly string[] = ['pending', 'cancelled', 'dismissed'];

/** A checkout that counts on every cart of a person. */
export const isOrder = ({ trait, status }: Pick<KnownEvent, 'trait' | 'status'>): boolean =>
  trait === 'cart_status_updated' && !NO_ORDERS.includes(status);

/** L: the last activity of the abandoned cart, else the T of the abandonment. */
export const lastActivityOf = ({ lastActivityAt, at }: Trigger): number => lastActivityAt ?? at;

/** Whether a checkout's place and time count for a run, apart from whose it is. */
function countsFor({ trigger, startedOffset }: Run, event: KnownEvent): boolean {
  if (trigger.trait === 'cart_abandoned') return event.at > lastActivityOf(trigger);
  return event.offset > startedOffset && event.at >= trigger.at;
}

/** Whether a checkout that ends the run is known. */
function isCheckedOut(view: View, run: Run, scope: Scope): boolean {
  const holds = (cart: string, counts: (event: KnownEvent) => boolean): boolean =>
    view.cart(cart)?.events.some((event) => event.isAsserted && counts(event) && countsFor(run, event)) === true;
  if (holds(run.cart, isCheckout)) return true;
  if (scope === 'cart') return false;
  const earliest = run.trigger.trait === 'cart_abandoned' ? lastActivityOf(run.trigger) : run.trigger.at;
  return view
    .person(view.resolve(run.person))
    .checkouts.some(({ cart, at }) => cart !== run.cart && at >= earliest && holds(cart, isOrder));
}

/** What ends a run by what is known about carts, apart from the events of this record. */
export function knownCauses(view: View, { run }: RunRef, { exits }: CompiledFlow): Cause[] {
  const causes: Cause[] = [];
  for (const exit of exits) {
    if ('checkout' in exit && isCheckedOut(view, run, exit.checkout)) causes.push('checkout');
    if ('activity' in exit && isActiveAgain(view, run)) causes.push('activity');
  }
  return causes;
}

function isActiveAgain(view: View, run: Run): boolean {
  const last = view.cart(run.cart)?.standing?.last_activity_at ?? null;
  return last !== null && last > run.trigger.at;
}

/** What ends a live run; null: nothing does. */
export function causeOf(view: View, ref: RunRef, compiled: CompiledFlow, news: CartNews): Cause | null {
  const { run } = ref;
  const causes = knownCauses(view, ref, compiled);
  for (const exit of compiled.exits)
    if ('event' in exit && news.asserted.some((one) => isEventFor(view, run, exit, one, news.cart, run.startedOffset)))
      causes.push('event');
  if (run.cart === news.cart && isRetracted(view, run, news)) causes.push('retracted');
  return firstCause(causes);
}

/** Whether an asserted event satisfies a condition of a run. */
function isEventFor(
  view: View,
  { cart, trigger }: Run,
  { event: leaf, of }: EventCondition,
  { change, event }: Asserted,
  cartId: string,
  afterOffset: number,
): boolean {
  if (of === 'cart' && cartId !== cart) return false;
  return event.offset > afterOffset && event.at >= trigger.at && satisfies(leaf, change, view.now, view.zone);
}

function isRetracted(view: View, { trigger }: Run, { cart, retracted }: CartNews): boolean {
  if (trigger.instant === null) return retracted.has(trigger.event);
  // What has been reached can no longer change.
  if (view.now >= trigger.instant) return false;
  const standing = view.cart(cart)?.standing ?? null;
  return standing === null || awaitedInstant(cart, standing, trigger) !== trigger.instant;
}

/** The instant that the trigger of an `in_next` run awaits of the cart now. */
function awaitedInstant(cart: string, standing: StandingCart, { trait, status }: Trigger): number | null {
  if (trait === 'cart_abandoned') return standing.due_at;
  return expectedStatus(cartFacts(cart, standing)) === status ? standing.reservation_start_at : null;
}

/** Whether the record has what a run at a `wait_for` waits for. */
export function isAwaited(
  view: View,
  run: Run,
  condition: EventCondition | CheckoutCondition,
  news: CartNews,
): boolean {
  return news.asserted.some((one) => {
    if ('event' in condition) return isEventFor(view, run, condition, one, news.cart, run.reachedOffset);
    const { event } = one;
    const isItsCart = news.cart === run.cart;
    if (condition.checkout === 'cart' && !isItsCart) return false;
    const counts = isItsCart ? isCheckout(event) : isOrder(event);
    return counts && event.offset > run.reachedOffset && countsFor(run, event);
  });
}
