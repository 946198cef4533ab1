/** Goals: what counts as success of the last message that was sent to a person before it (docs/flows.md §5). */
import { satisfies } from './compiled.ts';
import { DEFAULT_WITHIN, type Goal } from './definition.ts';
import { isOrder, type Asserted, type CartNews } from './ends.ts';
import type { CartGoal, PersonMessage } from './state.ts';
import { after } from './times.ts';
import type { View } from './view.ts';

/** Retracts goals whose event is retracted, and finds goals among asserted events. */
export function noteGoals(view: View, { cart: cartId, asserted, retracted }: CartNews): void {
  const cart = view.cart(cartId)!;
  const lost = cart.goals.filter(({ event }) => retracted.has(event));
  if (lost.length > 0) {
    view.saveCart(cartId, { ...cart, goals: cart.goals.filter((goal) => !lost.includes(goal)) });
    for (const goal of lost) emitGoal(view, cartId, goal, { reason: 'retracted' });
  }
  for (const one of asserted) noteGoal(view, cartId, one);
}

function noteGoal(view: View, cartId: string, one: Asserted): void {
  const cart = view.cart(cartId)!;
  const { messages } = view.person(view.resolve(cart.person));
  const message = lastBefore(messages, one);
  if (message === undefined) return;
  const { goal } = view.flow(message.flow, message.version).flow;
  if (goal === undefined || cart.goals.some(({ flow }) => flow === message.flow)) return;
  if (!isGoal(view, goal, message, cartId, one)) return;
  const { flow, version, run } = message;
  const found = { flow, version, run, event: one.event.id };
  view.saveCart(cartId, { ...cart, goals: [...cart.goals, found] });
  emitGoal(view, cartId, found, { node: message.node, due_at: one.event.at, amount: one.change.amount });
}

/** The last message that was sent before the event happened, and before it was asserted first. */
function lastBefore(messages: readonly PersonMessage[], { event }: Asserted): PersonMessage | undefined {
  return messages
    .filter(({ isSent, at, offset }) => isSent && at < event.at && offset < event.offset)
    .sort((a, b) => b.at - a.at || b.offset - a.offset || (a.flow < b.flow ? -1 : 1))[0];
}

function isGoal(view: View, goal: Goal, message: PersonMessage, cartId: string, { change, event }: Asserted): boolean {
  const counts =
    'checkout' in goal
      ? isOrder(event)
      : (goal.of === 'person' || message.cart === cartId) && satisfies(goal.event, change, view.now, view.zone);
  // Steps of the calendar take longer than everything else here.
  return counts && event.at <= after(message.at, goal.within ?? DEFAULT_WITHIN, view.zone);
}

function emitGoal(
  view: View,
  cartId: string,
  { flow, version, run, event }: CartGoal,
  more: { reason?: string; node?: string; due_at?: number; amount?: number | null },
): void {
  view.event({
    flow_id: flow,
    version,
    run_id: run,
    person_id: view.resolve(view.cart(cartId)!.person),
    cart_id: cartId,
    event_id: event,
    what: 'goal',
    ...more,
  });
}
