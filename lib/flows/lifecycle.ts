/** How runs begin to continue, and how they end. */
import type { FlowEvent } from '../../schemas/types.ts';
import { requestId } from './ids.ts';
import { CAUSES, type Cause, type ReadyKind, type Run, type StartState } from './state.ts';
import type { Phase } from './turn.ts';
import type { View } from './view.ts';

/** A run together with its name. */
export interface RunRef {
  flow: string;
  id: string;
  run: Run;
}

/** Whether the run has started: it is known that its person may enter. */
export const hasStarted = ({ state, node, ready }: Run): boolean =>
  state !== 'asking' && (node !== '' || ready === null || ready.kind === 'begin');

/**
 * The run continues within this record, or when its flow is resumed.
 * @param at when it became ready, Unix ms
 * @param isShown the step `woken` is emitted already
 */
export function makeReady(
  view: View,
  { flow, id, run }: RunRef,
  { kind, at, isShown = false }: { kind: ReadyKind; at: number; isShown?: boolean },
  phase: Phase,
): void {
  view.move(run, 'ready');
  run.timerAt = null;
  run.ready = { kind, at, isShown };
  view.saveRun(flow, id, run);
  // An entry whose answer is late is refused in a paused flow, too.
  if (kind === 'unanswered' || !view.isPaused(flow)) view.turn.enqueue(phase, view.workspace, flow, id, at);
}

/** Ends a run before it is completed. A run whose person may not have entered ends when that is known. */
export function endRun(view: View, ref: RunRef, cause: Cause): void {
  const { flow, id, run } = ref;
  if (!hasStarted(run)) {
    if (cause === 'erased') {
      forgetRun(view, ref);
      return;
    }
    run.endsAs ??= cause;
    view.saveRun(flow, id, run);
    return;
  }
  const hasSent = run.sent.length > 0;
  const isErased = cause === 'erased';
  view.step(flow, id, run, 'exited', { reason: cause, ...(isErased ? { person_id: 0, cart_id: '' } : {}) });
  if (!isErased) setStart(view, ref, cause === 'retracted' && !hasSent ? 'retracted' : 'counted');
  leave(view, ref);
}

/** The run has come to the end of its flow. */
export function completeRun(view: View, ref: RunRef, step: Partial<FlowEvent>): void {
  view.step(ref.flow, ref.id, ref.run, 'completed', step);
  setStart(view, ref, 'counted');
  leave(view, ref);
}

/** Only the outcomes of messages that are out are still awaited. */
function leave(view: View, { flow, id, run }: RunRef): void {
  for (const { node } of run.requests)
    view.revoke({ request_id: requestId(id, node), flow_id: flow, run_id: id, node, reason: 'ended' });
  if (run.requests.length === 0) {
    view.deleteRun(flow, id);
    return;
  }
  view.move(run, 'ended');
  run.timerAt = null;
  run.ready = null;
  view.saveRun(flow, id, run);
}

/** Removes a run that has not started: it counts for nothing. */
export function forgetRun(view: View, { flow, id, run }: RunRef): void {
  view.deleteRun(flow, id);
  const personId = view.resolve(run.person);
  if (view.hasPerson(personId)) {
    const person = view.person(personId);
    view.savePerson(personId, { ...person, starts: person.starts.filter((start) => start.run !== id) });
  }
  const cart = view.cart(run.cart);
  if (cart !== undefined) view.saveCart(run.cart, { ...cart, runs: cart.runs.filter((known) => known.run !== id) });
}

/** Says how a run counts, for its person and its cart. */
export function setStart(view: View, { flow, id, run }: RunRef, state: StartState): void {
  const personId = view.resolve(run.person);
  if (view.hasPerson(personId)) {
    const person = view.person(personId);
    // Without a message that is out, a retracted run will never count.
    const isGone = state === 'retracted' && run.requests.length === 0;
    const starts = person.starts
      .map((start) => (start.run === id ? { ...start, state } : start))
      .filter((start) => start.run !== id || !isGone);
    view.savePerson(personId, { ...person, starts: latestCounted(starts, flow) });
  }
  const cart = view.cart(run.cart);
  if (cart === undefined) return;
  const runs = cart.runs.map((known) =>
    known.run === id ? { ...known, state, hasSent: known.hasSent || run.sent.length > 0 } : known,
  );
  view.saveCart(run.cart, { ...cart, runs });
}

/** The latest run of a flow that has ended and counts is enough for `once` and the cooldown. */
export function latestCounted<T extends { flow: string; at: number; state: StartState }>(
  starts: T[],
  flow: string,
): T[] {
  const counted = starts.filter((start) => start.flow === flow && start.state === 'counted');
  if (counted.length < 2) return starts;
  const latest = counted.reduce((a, b) => (b.at >= a.at ? b : a));
  return starts.filter((start) => start.flow !== flow || start.state !== 'counted' || start === latest);
}

/** The first of the causes in the order in which they count; null if there are none. */
export const firstCause = (causes: readonly (Cause | null)[]): Cause | null =>
  CAUSES.find((cause) => causes.includes(cause)) ?? null;
