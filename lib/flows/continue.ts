/** A run that is ready continues until it waits for something. */
import { nodeOf, type CompiledFlow } from './compiled.ts';
import { knownCauses } from './ends.ts';
import { completeRun, endRun, firstCause, forgetRun, hasStarted } from './lifecycle.ts';
import { beginNode, resumeNode } from './nodes/index.ts';
import { follow, type Move, type Site } from './nodes/node.ts';
import type { ReadyKind, Run } from './state.ts';
import type { View } from './view.ts';

/** Does nothing for a run that has ended meanwhile. */
export function continueRun(view: View, flow: string, id: string): void {
  const run = view.run(flow, id);
  if (run?.state !== 'ready' || run.ready === null) return;
  // Its timer may have fired by the record of the pause. It continues when the flow is resumed.
  if (run.ready.kind !== 'unanswered' && view.isPaused(flow)) return;
  const compiled = view.flow(flow, run.version);
  const site: Site = { view, flow, id, run, compiled };
  const wasStarted = hasStarted(run);
  const { kind, at, isShown } = run.ready;
  if ((kind === 'woken' || kind === 'timeout' || kind === 'released' || kind === 'satisfied') && !isShown)
    view.step(flow, id, run, 'woken');
  run.ready = null;
  noteDue(run, kind, at);
  const move = wasStarted ? resume(site, kind) : enter(site, kind);
  if (move !== undefined) advance(site, move);
}

/** When the message that comes next is due, and whether it follows a wait. */
function noteDue(run: Run, kind: ReadyKind, at: number): void {
  if (kind === 'settled' || kind === 'check' || (run.node !== '' && (kind === 'yes' || kind === 'no'))) return;
  run.messageDueAt = at;
  run.isDelayed = kind === 'woken' || kind === 'timeout' || kind === 'released' || kind === 'reach';
}

/** It is known whether the person may enter; undefined: the run has not started, or has ended already. */
function enter(site: Site, kind: ReadyKind): Move | undefined {
  const { view, flow, id, run, compiled } = site;
  if (kind !== 'yes') {
    view.step(flow, id, run, 'refused', { reason: kind === 'no' ? 'not_in_audience' : 'unanswered' });
    forgetRun(view, site);
    return undefined;
  }
  view.step(flow, id, run, 'started');
  const cause = run.endsAs ?? firstCause(knownCauses(view, site, compiled));
  if (cause !== null) {
    endRun(view, site, cause);
    return undefined;
  }
  return follow(compiled.flow.start);
}

function resume(site: Site, kind: ReadyKind): Move {
  const { run, compiled } = site;
  if (kind === 'begin') return follow(compiled.flow.start);
  if (kind === 'reach') return follow(run.node);
  const node = nodeOf(compiled, run.node);
  if (node === undefined) throw new Error('a run is at a node that its version does not have');
  return resumeNode(site, node, kind);
}

function advance(site: Site, first: Move): void {
  const { view, flow, id, run, compiled } = site;
  for (let move = first; ;) {
    if (move.kind === 'rest') {
      view.saveRun(flow, id, run);
      return;
    }
    if (move.kind === 'end') {
      endRun(view, site, 'no_longer');
      return;
    }
    if (move.kind === 'exit') {
      completeRun(view, site, { reason: move.reason });
      return;
    }
    if (move.edge === null) {
      completeRun(view, site, { node: '' });
      return;
    }
    move = reach(site, move.edge, compiled);
  }
}

function reach(site: Site, id: string, compiled: CompiledFlow): Move {
  const { view, run } = site;
  const node = nodeOf(compiled, id);
  if (node === undefined) throw new Error('an edge leads to a node that does not exist');
  run.node = id;
  run.reachedAt = view.now;
  run.reachedOffset = view.offset;
  view.step(site.flow, site.id, run, 'reached');
  return beginNode(site, node);
}
