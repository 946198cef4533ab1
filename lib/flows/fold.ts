/** The fold of flow-inputs: one record, or one deadline, and what follows from it. */
import type { FlowEvent, FlowInput, SendRequest } from '../../schemas/types.ts';
import { takeChanges } from './changes.ts';
import { isRepeat, takeCommand, takeSettings } from './commands.ts';
import { continueRun } from './continue.ts';
import { takeErasure, takeMerge, takeParting, takeProfile } from './identity.ts';
import {
  addJob,
  first,
  isJobKey,
  jobDue,
  keptQueued,
  releaseSettled,
  startArrived,
  STEP_MAX,
  stepJob,
  store as keepQueued,
} from './jobs.ts';
import { fire } from './move.ts';
import { takeCodePool, takeOutcome, takeSuppression } from './outcomes.ts';
import { takeAnswer } from './questions.ts';
import { timerOf } from './forms.ts';
import { KEYS, parseCartKey, parseRunKey, sortable } from './keys.ts';
import type { AddressState, Cart, Run } from './state.ts';
import { Turn, type FlowCause, type FlowStore, type FlowTools } from './turn.ts';

export interface FlowEffects {
  events: readonly FlowEvent[];
  requests: readonly SendRequest[];
}

/**
 * When an entry of the state is due, Unix ms; a negative number: within the record that has put it, after its fold;
 * undefined: never.
 */
export function flowDueOf(value: Buffer, key: string): number | undefined {
  if (isJobKey(key)) return jobDue(key);
  return key.startsWith('r:') || key.startsWith('c:') || key.startsWith('h:') ? timerOf(value) : undefined;
}

/** The same of an entry that is kept as an object. */
export function objectDueOf(value: object, key: string): number | undefined {
  if (key.startsWith('r:')) return (value as Run).timerAt ?? undefined;
  if (key.startsWith('c:') || key.startsWith('h:')) return (value as Cart | AddressState).dueAt ?? undefined;
  return undefined;
}

/** Folds one record. Deadlines that it has made due have fired before (`fireFlowDue`). */
export function foldFlowInput(store: FlowStore, input: FlowInput, cause: FlowCause, tools: FlowTools): FlowEffects {
  const turn = new Turn(store, cause, tools);
  take(turn, input);
  finish(turn);
  turn.flush();
  return turn;
}

/** Handles an entry of the state that is due. */
export function fireFlowDue(store: FlowStore, key: string, cause: FlowCause, tools: FlowTools): FlowEffects {
  const turn = new Turn(store, cause, tools);
  if (isJobKey(key)) stepJob(turn, key);
  else if (key.startsWith('r:')) fireRun(turn, key);
  else if (key.startsWith('c:')) fireCart(turn, key);
  else store.delete(key);
  // Runs only become ready: they continue after the record has ended what it ends.
  for (const queued of turn.queue.splice(0)) keepQueued(store, queued);
  turn.flush();
  return turn;
}

function take(turn: Turn, input: FlowInput): void {
  const view = turn.in(input.workspace);
  if (input.changes !== null) takeChanges(view, input.changes);
  else if (input.profile !== null) takeProfile(view, input.profile);
  else if (input.merge !== null) takeMerge(view, input.merge);
  else if (input.parting !== null) takeParting(view, input.parting);
  else if (input.erasure !== null) takeErasure(view, input.erasure);
  else if (input.suppression !== null) takeSuppression(view, input.suppression);
  else if (input.answer !== null) takeAnswer(view, input.answer);
  else if (input.outcome !== null) takeOutcome(view, input.outcome);
  else if (input.settled !== null) takeSettled(turn, input.settled.t0);
  else if (input.command !== null) {
    // A run that is cancelled by hand is no definition, and has no number.
    if (input.command.what === 'cancel' || !isRepeat(view, input.command.number)) takeCommand(view, input.command);
  } else if (input.settings !== null) {
    if (!isRepeat(view, input.settings.number)) takeSettings(view, input.settings);
  } else if (input.code_pool !== null && !isRepeat(view, input.code_pool.number)) takeCodePool(view, input.code_pool);
}

/** Releases messages that were due by then, at once if they are few. */
function takeSettled(turn: Turn, t0: number): void {
  turn.settle(t0);
  const end = `${KEYS.settling}${sortable(t0)};`;
  const waiting = first(turn.store, KEYS.settling, STEP_MAX).filter(([key]) => key < end);
  if (waiting.length === STEP_MAX) addJob(turn, 'settled');
  else for (const [key] of waiting) releaseSettled(turn, key);
}

/** Carts at which `in_next` has arrived start their runs; then runs continue. At once if they are few, else in steps. */
function finish(turn: Turn): void {
  const { store, queue } = turn;
  const arrived = first(store, KEYS.arrived, STEP_MAX);
  const isSmall = !turn.hasJobs && arrived.length < STEP_MAX;
  if (isSmall) for (const [key, value] of arrived) startArrived(turn, key, value);
  const fired = isSmall ? first(store, KEYS.queue, STEP_MAX) : [];
  if (isSmall && fired.length + queue.length < STEP_MAX) {
    for (const [key] of fired) store.delete(key);
    const all = [...fired.map(([key, value]) => keptQueued(key, value)), ...queue.splice(0)];
    if (all.length > 1) all.sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const { workspace, flow, run } of all) continueRun(turn.in(workspace), flow, run);
    return;
  }
  for (const queued of queue.splice(0)) keepQueued(store, queued);
  addJob(turn, 'arrived');
  addJob(turn, 'queue');
}

function fireRun(turn: Turn, key: string): void {
  const { workspace, flow, run: id } = parseRunKey(key);
  const view = turn.in(workspace);
  const run = view.run(flow, id);
  if (run !== undefined) fire(view, { flow, id, run });
}

function fireCart(turn: Turn, key: string): void {
  const { workspace, cart: id } = parseCartKey(key);
  const view = turn.in(workspace);
  const cart = view.cart(id);
  if (cart === undefined) return;
  if (turn.logTimeMs > cart.touchedAt + turn.horizonMs && !cart.runs.some(({ state }) => state === 'live')) {
    view.deleteCart(id);
    return;
  }
  // Whether a run starts is decided after the record, which may change the cart.
  turn.store.put(`${KEYS.arrived}${sortable(cart.dueAt ?? 0)}:${workspace}:${id}`, Buffer.from(key, 'utf8'));
  const isForgotten = turn.logTimeMs > cart.touchedAt + turn.horizonMs;
  view.saveCart(id, { ...cart, dueAt: null, touchedAt: isForgotten ? turn.logTimeMs : cart.touchedAt });
}
