/** A run continues on another version of its flow (docs/flows.md §3, "Publish"). */
import { nodeOf, type CompiledFlow } from './compiled.ts';
import { edgesOf, isMessage, type FlowNode } from './definition.ts';
import { knownCauses } from './ends.ts';
import { endRun, firstCause, hasStarted, makeReady, type RunRef } from './lifecycle.ts';
import { requestId } from './ids.ts';
import { waitsUntil } from './nodes/wait.ts';
import { isByPause } from './state.ts';
import { after } from './times.ts';
import type { View } from './view.ts';

export function moveRun(view: View, ref: RunRef, compiled: CompiledFlow): void {
  const { flow, id, run } = ref;
  if (run.state === 'ended' || run.version === compiled.version) return;
  const former = view.flow(flow, run.version);
  if (!hasStarted(run) || run.node === '') {
    run.version = compiled.version;
    view.saveRun(flow, id, run);
    return;
  }
  const target = nodeOf(compiled, run.node) === undefined ? successor(former, compiled, run.node) : run.node;
  if (target === undefined) {
    endRun(view, ref, 'flow_changed');
    return;
  }
  const isAnew = target !== run.node || nodeOf(former, run.node)?.type !== nodeOf(compiled, target)?.type;
  run.version = compiled.version;
  moveMessages(view, ref);
  const left = run.node;
  run.node = target;
  view.step(flow, id, run, 'moved');
  const cause = firstCause(knownCauses(view, ref, compiled));
  if (cause !== null) {
    endRun(view, ref, cause);
    return;
  }
  if (isAnew || left !== target) {
    if (left !== target || !isMessage(nodeOf(compiled, target)!)) endRevoked(view, ref, left);
    makeReady(view, ref, { kind: 'reach', at: view.now }, 'fired');
    return;
  }
  continueThere(view, ref, compiled, nodeOf(compiled, target)!);
}

/** The nearest node behind a vanished one that the new version still has: the fewest edges, then the order of edges. */
function successor(former: CompiledFlow, compiled: CompiledFlow, from: string): string | undefined {
  const seen = new Set([from]);
  for (let layer = [from]; layer.length > 0;) {
    const next: string[] = [];
    for (const id of layer) {
      for (const { to } of edgesOf(nodeOf(former, id)!)) {
        if (to === null || seen.has(to)) continue;
        seen.add(to);
        next.push(to);
      }
    }
    const found = next.find((id) => nodeOf(compiled, id) !== undefined);
    if (found !== undefined) return found;
    layer = next;
  }
  return undefined;
}

/** A message that a pause has revoked is not checked again when the run leaves it: this is its end. */
function endRevoked(view: View, { flow, id, run }: RunRef, node: string): void {
  if (!run.requests.some((request) => request.node === node && isByPause(request.revoked))) return;
  view.revoke({ request_id: requestId(id, node), flow_id: flow, run_id: id, node, reason: 'ended' });
  run.requests = run.requests.map((request) => (request.node === node ? { ...request, revoked: 'ended' } : request));
}

/** The run stays at its node: what it waits for is that of the new version. */
function continueThere(view: View, ref: RunRef, compiled: CompiledFlow, node: FlowNode): void {
  const { flow, id, run } = ref;
  const site = { view, ...ref, compiled };
  const timerAt =
    run.state === 'waiting' && node.type === 'wait'
      ? waitsUntil(site, node, run.reachedAt)
      : run.state === 'listening' && node.type === 'wait_for'
        ? after(run.reachedAt, node.timeout, view.zone)
        : undefined;
  if (timerAt !== undefined) {
    run.timerAt = timerAt;
    if (timerAt < view.now) {
      fire(view, ref);
      return;
    }
  } else if (run.state === 'questioned' && (isMessage(node) || node.type === 'split')) {
    makeReady(view, ref, { kind: 'check', at: view.now }, 'fired');
    return;
  }
  view.saveRun(flow, id, run);
}

/** The timer of a run is over: the run only becomes ready. What it continues with comes after what the record ends. */
export function fire(view: View, ref: RunRef): void {
  const { flow, id, run } = ref;
  const { state, timerAt } = run;
  if (timerAt === null) return;
  const kind =
    state === 'waiting'
      ? 'woken'
      : state === 'listening'
        ? 'timeout'
        : state === 'held'
          ? 'released'
          : state === 'asking'
            ? 'unanswered'
            : undefined;
  if (kind === undefined) throw new Error(`a run that is ${state} has a timer`);
  const isShown = kind !== 'unanswered' && !view.isPaused(flow);
  if (isShown) view.step(flow, id, run, 'woken');
  makeReady(view, ref, { kind, at: timerAt, isShown }, 'fired');
}

/** The goal of messages that were sent is that of the version that their run is on. */
function moveMessages(view: View, { id, run }: RunRef): void {
  const personId = view.resolve(run.person);
  const person = view.person(personId);
  if (!person.messages.some((message) => message.run === id)) return;
  const messages = person.messages.map((message) =>
    message.run === id ? { ...message, version: run.version } : message,
  );
  view.savePerson(personId, { ...person, messages });
}
