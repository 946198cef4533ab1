/** How trait events, and carts in their current state, start runs (docs/flows.md §2). */
import type { FlowChange, StandingCart } from '../../schemas/types.ts';
import { expectedStatus } from '../audiences/carts.ts';
import type { CartFacts } from '../audiences/facts.ts';
import { boundsOf, isWithin } from '../audiences/bounds.ts';
import { nextStepChange } from '../time/transitions.ts';
import { awaitedBy, cartFacts, satisfies, type CompiledFlow } from './compiled.ts';
import { DEFAULT_MAX_AGE_MINUTES } from './definition.ts';
import { knownCauses, lastActivityOf, type Asserted } from './ends.ts';
import { instantId, runId } from './ids.ts';
import { endRun, firstCause, makeReady, type RunRef } from './lifecycle.ts';
import { ask } from './questions.ts';
import type { Cart, Run, StartState, Trigger } from './state.ts';
import { after, MINUTE_MS } from './times.ts';
import type { View } from './view.ts';

export type Refusal = 'too_old' | 'paused' | 'bought' | 'already' | 'live' | 'once' | 'cooldown';

const productsOf = (products: StandingCart['products']): string[] =>
  (products ?? []).filter(({ count }) => count > 0).map(({ product_id }) => product_id);

export const triggerOf = (change: FlowChange): Trigger => ({
  event: change.event_id,
  trait: change.trait,
  status: change.status,
  at: change.occurred_at,
  lastActivityAt: change.last_activity_at,
  anomaly: change.anomaly,
  storeId: change.store_id,
  mode: change.mode,
  amount: change.amount,
  products: productsOf(change.products),
  instant: null,
});

/** Starts the runs of a trait event, in the order of the flows' ids. `continued`: flows whose run continues by it. */
export function startByEvent(view: View, cartId: string, one: Asserted, continued: ReadonlySet<string>): void {
  const { change, isFirst } = one;
  for (const { id, state, version } of view.settings.flows) {
    if (state === 'archived' || continued.has(id)) continue;
    const compiled = view.flow(id, version);
    if (!compiled.onEvents.some((leaf) => satisfies(leaf, change, view.now, view.zone))) continue;
    const cart = view.cart(cartId)!;
    if (!isFirst && !mayStartAgain(cart, id, change.event_id)) continue;
    tryToStart(view, compiled, cartId, triggerOf(change));
  }
}

/** An event that is asserted again starts a run if its last one was retracted before it had sent anything. */
function mayStartAgain({ runs }: Cart, flow: string, event: string): boolean {
  const last = runs.filter((run) => run.flow === flow && run.events.includes(event)).at(-1);
  return last?.state === 'retracted' && !last.hasSent;
}

function tryToStart(view: View, compiled: CompiledFlow, cartId: string, trigger: Trigger): void {
  const { id: flow, version } = compiled;
  const cart = view.cart(cartId)!;
  const personId = view.resolve(cart.person);
  const reason = refusalOf(view, compiled, cart, trigger);
  if (reason !== null) {
    view.event({
      flow_id: flow,
      version,
      run_id: '',
      person_id: personId,
      cart_id: cartId,
      event_id: trigger.event,
      what: 'refused',
      reason,
    });
    return;
  }
  const k = cart.runs.filter((run) => run.flow === flow && run.events[0] === trigger.event).length;
  const id = runId(flow, trigger.event, k);
  const run = newRun(view, { version, personId, cartId, trigger });
  const start = { flow, run: id, at: view.now, state: 'live' as const };
  const person = view.person(personId);
  view.savePerson(personId, { ...person, starts: [...person.starts, { ...start, cart: cartId }] });
  view.saveCart(cartId, {
    ...cart,
    runs: [...cart.runs, { ...start, events: [trigger.event], hasSent: false }],
  });
  begin(view, compiled, { flow, id, run });
}

const newRun = (
  view: View,
  { version, personId, cartId, trigger }: { version: number; personId: number; cartId: string; trigger: Trigger },
): Run => ({
  timerAt: null,
  state: 'ready',
  version,
  person: personId,
  cart: cartId,
  trigger,
  startedAt: view.now,
  startedOffset: view.offset,
  node: '',
  reachedAt: view.now,
  reachedOffset: view.offset,
  ready: null,
  messageDueAt: view.now,
  isDelayed: false,
  questions: 0,
  sent: [],
  unsent: [],
  codes: [],
  requests: [],
  endsAs: null,
});

function begin(view: View, { flow }: CompiledFlow, ref: RunRef): void {
  if (flow.audience !== undefined) {
    ask({ view, ...ref }, 'audience', flow.audience);
    ref.run.timerAt = view.now + maxAgeMs(flow);
    view.saveRun(ref.flow, ref.id, ref.run);
    return;
  }
  view.step(ref.flow, ref.id, ref.run, 'started');
  const cause = firstCause(knownCauses(view, ref, view.flow(ref.flow, ref.run.version)));
  if (cause === null) makeReady(view, ref, { kind: 'begin', at: view.now }, 'started');
  else endRun(view, ref, cause);
}

const maxAgeMs = ({ max_age_minutes = DEFAULT_MAX_AGE_MINUTES }: CompiledFlow['flow']): number =>
  max_age_minutes * MINUTE_MS;

function refusalOf(view: View, compiled: CompiledFlow, cart: Cart, trigger: Trigger): Refusal | null {
  const { id, flow, exits } = compiled;
  if (trigger.instant === null && view.now - trigger.at > maxAgeMs(flow)) return 'too_old';
  if (view.isPaused(id)) return 'paused';
  const endsByCheckout = exits.some((exit) => 'checkout' in exit && exit.checkout === 'person');
  if (trigger.trait === 'cart_abandoned' && endsByCheckout && hasBought(view, cart, trigger)) return 'bought';
  if (hasSentAlready(cart, id, trigger.event)) return 'already';
  return reentryRefusal(view, compiled, cart);
}

/** Whether the person ordered this or another cart after its last activity. */
const hasBought = (view: View, { person }: Cart, trigger: Trigger): boolean =>
  view.person(view.resolve(person)).checkouts.some(({ at }) => at > lastActivityOf(trigger));

/** Whether a run by an event that this one replaces, through the chain, has sent a message. */
function hasSentAlready({ events, runs }: Cart, flow: string, event: string): boolean {
  const seen = new Set<string>();
  for (let id = event; id !== '' && !seen.has(id);) {
    seen.add(id);
    id = events.find((known) => known.id === id)?.replaces ?? '';
    if (runs.some((run) => run.flow === flow && run.hasSent && run.events.includes(id))) return true;
  }
  return false;
}

function reentryRefusal(view: View, { id, reentry }: CompiledFlow, cart: Cart): Refusal | null {
  const all: readonly { flow: string; at: number; state: StartState }[] =
    reentry.per === 'person' ? view.person(view.resolve(cart.person)).starts : cart.runs;
  const starts = all.filter(({ flow, state }) => flow === id && state !== 'retracted');
  if (reentry.rule === 'after_exit' && starts.some(({ state }) => state === 'live')) return 'live';
  if (reentry.rule === 'once' && starts.length > 0) return 'once';
  if (reentry.cooldown === undefined || starts.length === 0) return null;
  const last = Math.max(...starts.map(({ at }) => at));
  return view.now < after(last, reentry.cooldown, view.zone) ? 'cooldown' : null;
}

/** An `in_next` trigger of a flow that the cart satisfies apart from time. */
interface Ahead {
  flow: CompiledFlow;
  instant: number;
  /** The amount of time before the instant. */
  span: { amount: number; unit: Parameters<typeof nextStepChange>[2] };
  isReached: boolean;
}

function* aheadOf(view: View, cartId: string, cart: Cart): Generator<Ahead> {
  if (cart.standing === null) return;
  let facts: CartFacts | undefined;
  for (const { id, state, version } of view.settings.flows) {
    if (state === 'archived') continue;
    const flow = view.flow(id, version);
    for (const leaf of flow.onCarts) {
      facts ??= cartFacts(cartId, cart.standing);
      const instant = awaitedBy(leaf, facts);
      if (instant === null || leaf.time?.operator !== 'in_next') continue;
      if (instant <= view.now || cart.used.some((used) => used.flow === id && used.instant === instant)) continue;
      const { amount, unit } = leaf.time;
      const isReached = isWithin(instant, boundsOf(leaf.time, view.now, view.zone));
      yield { flow, instant, span: { amount, unit }, isReached };
    }
  }
}

/** Starts the runs of `in_next` triggers that the cart satisfies now. */
export function startByCart(view: View, cartId: string): void {
  for (const { flow, instant } of [...aheadOf(view, cartId, view.cart(cartId)!)].filter(({ isReached }) => isReached)) {
    const cart = view.cart(cartId)!;
    // Two triggers of a flow may await the same instant.
    if (cart.used.some((used) => used.flow === flow.id && used.instant === instant)) continue;
    view.saveCart(cartId, { ...cart, used: [...cart.used, { flow: flow.id, instant }] });
    tryToStart(view, flow, cartId, aheadTrigger(view, cartId, cart.standing!, flow, instant));
  }
}

function aheadTrigger(
  view: View,
  cartId: string,
  standing: StandingCart,
  { onCarts }: CompiledFlow,
  instant: number,
): Trigger {
  const facts = cartFacts(cartId, standing);
  const { trait } = onCarts.find((leaf) => awaitedBy(leaf, facts) === instant)!;
  return {
    event: instantId(cartId, instant),
    trait,
    status: trait === 'cart_abandoned' ? '' : (expectedStatus(facts) ?? ''),
    at: view.now,
    lastActivityAt: standing.last_activity_at,
    anomaly: null,
    storeId: standing.store_id,
    mode: standing.mode,
    amount: standing.amount,
    products: productsOf(standing.products),
    instant,
  };
}

/**
 * Sets when the cart is due without a record: when a run by `in_next` starts, or when the cart is forgotten after the
 * horizon.
 */
export function scheduleCart(view: View, cartId: string): void {
  const cart = view.cart(cartId);
  if (cart === undefined) return;
  let dueAt = cart.touchedAt + view.turn.horizonMs;
  for (const { instant, span, isReached } of aheadOf(view, cartId, cart)) {
    if (isReached) continue;
    const at = nextStepChange(view.now, span.amount, span.unit, view.zone, instant);
    // A deadline fires after its time, and the run starts at its instant.
    if (at !== null) dueAt = Math.min(dueAt, at - 1);
  }
  if (dueAt !== cart.dueAt) view.saveCart(cartId, { ...cart, dueAt });
}
