/** A record of changes: all of one cart that have one cause, and the cart afterwards. */
import type { FlowChange, FlowChanges } from '../../schemas/types.ts';
import { nodeOf } from './compiled.ts';
import { causeOf, isAwaited, isOrder, type Asserted, type CartNews } from './ends.ts';
import { noteGoals } from './goals.ts';
import { endRun, hasStarted, makeReady, type RunRef } from './lifecycle.ts';
import { scheduleCart, startByCart, startByEvent, triggerOf } from './start.ts';
import type { Cart, KnownEvent } from './state.ts';
import { KEYS } from './keys.ts';
import { type View } from './view.ts';

/** Carts of a person whose latest checkout is remembered with the person: those with the latest ones. */
const CHECKOUTS_MAX = 200;

export function takeChanges(view: View, record: FlowChanges): void {
  const whole = joined(view, record);
  if (whole === undefined) return;
  const { cart_id: cartId } = whole;
  const personId = view.resolve(whole.person_id);
  const before = view.cartOrNew(cartId, personId);
  const { events, asserted, retracted } = applyChanges(before.events, whole.changes, view.offset);
  view.saveCart(cartId, {
    ...before,
    events,
    standing: whole.cart,
    phone: whole.phone,
    email: whole.email,
    touchedAt: view.now,
  });
  if (view.resolve(before.person) !== personId) assignCart(view, cartId, personId);
  noteCheckout(view, cartId);
  const news: CartNews = { cart: cartId, asserted, retracted };
  updateTriggers(view, cartId, whole.changes);
  const continued = repointRuns(view, news);
  endAndSatisfy(view, personId, news);
  noteGoals(view, news);
  for (const one of asserted) startByEvent(view, cartId, one, continued.get(one.event.id) ?? NOTHING);
  startByCart(view, cartId);
  scheduleCart(view, cartId);
}

const NOTHING: ReadonlySet<string> = new Set();

/** The record, or all parts of it when this is the last one. */
function joined(view: View, record: FlowChanges): FlowChanges | undefined {
  const { store } = view.turn;
  const { part, parts, cart_id: cartId } = record;
  if (parts <= 1) return record;
  const key = (number: number): string => `${KEYS.parts(view.workspace, cartId)}:${number}`;
  if (part < parts - 1) {
    store.put(key(part), Buffer.from(JSON.stringify(record.changes), 'utf8'));
    return undefined;
  }
  const changes: FlowChange[] = [];
  for (let number = 0; number < part; number++) {
    const bytes = store.get(key(number));
    if (bytes === undefined) throw new Error('a part of the changes of a cart is missing');
    changes.push(...(JSON.parse(bytes.toString('utf8')) as FlowChange[]));
    store.delete(key(number));
  }
  return { ...record, changes: [...changes, ...record.changes] };
}

interface Applied {
  events: KnownEvent[];
  asserted: Asserted[];
  retracted: Set<string>;
}

function applyChanges(before: readonly KnownEvent[], changes: readonly FlowChange[], offset: number): Applied {
  const events = new Map(before.map((event) => [event.id, event]));
  const asserted: Asserted[] = [];
  const retracted = new Set<string>();
  for (const change of changes) {
    const id = change.event_id;
    const known = events.get(id);
    if (change.op === 'retracted') {
      if (known?.isAsserted !== true) continue;
      events.set(id, { ...known, isAsserted: false });
      retracted.add(id);
    } else if (change.op === 'asserted' && known?.isAsserted !== true) {
      const { trait, status, occurred_at: at, replaces } = change;
      const first = replaces === null ? undefined : events.get(replaces);
      const event: KnownEvent = {
        id,
        trait,
        status,
        at,
        isAsserted: true,
        offset: first?.offset ?? offset,
        replaces: replaces ?? '',
      };
      events.set(id, event);
      asserted.push({ change, event, isFirst: known === undefined });
    }
  }
  return { events: [...events.values()], asserted, retracted };
}

/** Gives a cart to a person; its live runs go with it. */
export function assignCart(view: View, cartId: string, personId: number): void {
  const cart = view.cart(cartId)!;
  const formerId = view.resolve(cart.person);
  view.saveCart(cartId, { ...cart, person: personId });
  if (formerId !== personId && view.hasPerson(formerId)) {
    const former = view.person(formerId);
    const isOfCart = (start: { cart: string; state: string }): boolean =>
      start.cart === cartId && start.state === 'live';
    const moved = former.starts.filter(isOfCart);
    view.savePerson(formerId, {
      ...former,
      checkouts: former.checkouts.filter((checkout) => checkout.cart !== cartId),
      starts: former.starts.filter((start) => !isOfCart(start)),
    });
    const person = view.person(personId);
    view.savePerson(personId, { ...person, starts: [...person.starts, ...moved] });
    for (const { flow, run: id } of moved) {
      const run = view.run(flow, id);
      if (run !== undefined) view.saveRun(flow, id, { ...run, person: personId });
    }
  }
  noteCheckout(view, cartId);
}

/** Keeps the person's list of checkouts up to date with the cart. */
export function noteCheckout(view: View, cartId: string): void {
  const cart = view.cart(cartId)!;
  const personId = view.resolve(cart.person);
  const person = view.person(personId);
  const orders = cart.events.filter((event) => event.isAsserted && isOrder(event));
  const known = person.checkouts.find((checkout) => checkout.cart === cartId);
  const at = orders.length === 0 ? undefined : Math.max(...orders.map((event) => event.at));
  if (known?.at === at) return;
  const checkouts = person.checkouts.filter((checkout) => checkout.cart !== cartId);
  if (at !== undefined) checkouts.push({ cart: cartId, at });
  if (checkouts.length > CHECKOUTS_MAX) checkouts.sort((a, b) => b.at - a.at).length = CHECKOUTS_MAX;
  view.savePerson(personId, { ...person, checkouts });
}

/** The live runs of a person. */
export function liveRuns(view: View, personId: number): RunRef[] {
  return view.person(personId).starts.flatMap(({ flow, run: id, state }) => {
    const run = state === 'live' ? view.run(flow, id) : undefined;
    return run === undefined ? [] : [{ flow, id, run }];
  });
}

/** The live runs of a cart. */
export function liveRunsOfCart(view: View, { runs }: Cart): RunRef[] {
  return runs.flatMap(({ flow, run: id, state }) => {
    const run = state === 'live' ? view.run(flow, id) : undefined;
    return run === undefined ? [] : [{ flow, id, run }];
  });
}

/** Fields of a trigger event may change without a new assertion. */
function updateTriggers(view: View, cartId: string, changes: readonly FlowChange[]): void {
  const updated = changes.filter(({ op }) => op === 'updated');
  if (updated.length === 0) return;
  for (const { flow, id, run } of liveRunsOfCart(view, view.cart(cartId)!)) {
    const change = updated.find(({ event_id }) => event_id === run.trigger.event);
    if (change === undefined) continue;
    run.trigger = { ...triggerOf(change), lastActivityAt: run.trigger.lastActivityAt };
    view.saveRun(flow, id, run);
  }
}

/** A run whose trigger event is replaced in the same record continues by the new one. Returns the flows, by event. */
function repointRuns(view: View, { cart: cartId, asserted, retracted }: CartNews): Map<string, Set<string>> {
  const continued = new Map<string, Set<string>>();
  for (const { flow, id, run } of liveRunsOfCart(view, view.cart(cartId)!)) {
    for (;;) {
      const { event, instant } = run.trigger;
      if (instant !== null || !retracted.has(event)) break;
      const next = asserted.find(({ change }) => change.replaces === event);
      if (next === undefined) break;
      run.trigger = triggerOf(next.change);
      view.saveRun(flow, id, run);
      addEvent(view, cartId, id, next.event.id);
      const flows = continued.get(next.event.id) ?? new Set<string>();
      continued.set(next.event.id, flows.add(flow));
      if (hasStarted(run)) view.step(flow, id, run, 'repointed');
    }
  }
  return continued;
}

function addEvent(view: View, cartId: string, run: string, event: string): void {
  const cart = view.cart(cartId)!;
  const runs = cart.runs.map((known) => (known.run === run ? { ...known, events: [...known.events, event] } : known));
  view.saveCart(cartId, { ...cart, runs });
}

/** Ends live runs of the person; those that do not end may have been waiting for what the record asserts. */
function endAndSatisfy(view: View, personId: number, news: CartNews): void {
  const refs = liveRuns(view, personId).map((ref) => ({ ref, compiled: view.flow(ref.flow, ref.run.version) }));
  const causes = refs.map(({ ref, compiled }) => causeOf(view, ref, compiled, news));
  refs.forEach(({ ref, compiled }, i) => {
    const cause = causes[i] ?? null;
    if (cause !== null) {
      endRun(view, ref, cause);
      return;
    }
    const { run } = ref;
    if (run.state !== 'listening') return;
    const node = nodeOf(compiled, run.node);
    if (node?.type !== 'wait_for' || !isAwaited(view, run, node, news)) return;
    const isShown = !view.isPaused(ref.flow);
    if (isShown) view.step(ref.flow, ref.id, run, 'woken');
    makeReady(view, ref, { kind: 'satisfied', at: view.now, isShown }, 'satisfied');
  });
}
