/** Outcomes of messages, suppressions and codes. */
import type { FlowCodePool, FlowOutcome, FlowSuppression } from '../../schemas/types.ts';
import { confirm, release } from './caps.ts';
import { requestId } from './ids.ts';
import { makeReady, setStart, type RunRef } from './lifecycle.ts';
import { isByPause, type OpenRequest, type Run } from './state.ts';
import type { View } from './view.ts';

/** Takes the first outcome of a message; later ones have no effect. */
export function takeOutcome(view: View, outcome: FlowOutcome): void {
  const { flow_id: flow, run_id: id, node, what } = outcome;
  const run = view.run(flow, id);
  const request = run?.requests.find((open) => open.node === node);
  if (run === undefined || request === undefined || requestId(id, node) !== outcome.request_id) return;
  const ref: RunRef = { flow, id, run };
  const isReply = what === 'skipped' && outcome.reason === 'revoked';
  if (isReply && request.revoked !== 'ended' && run.state !== 'ended') {
    if (request.revoked === 'pausing') takeReply(view, ref, request);
    return;
  }
  run.requests = run.requests.filter((open) => open !== request);
  showOutcome(view, ref, request, outcome);
  if (what === 'sent' || what === 'unknown') {
    confirm(view, ref, request);
    if (!run.sent.includes(node)) run.sent.push(node);
    noteSent(view, ref);
  } else {
    release(view, ref, request);
    if (!run.unsent.includes(node)) run.unsent.push(node);
  }
  if (outcome.permanent) suppress(view, request.hash, 'refused');
  proceed(view, ref, request, what === 'sent');
}

/**
 * A message that a pause has revoked was certainly not sent. It gets its outcome when it has been decided again: now, if
 * the flow has been resumed meanwhile.
 */
function takeReply(view: View, ref: RunRef, request: OpenRequest): void {
  const { flow, id, run } = ref;
  run.requests = run.requests.map((open) => (open === request ? { ...open, revoked: 'paused' } : open));
  if (isRevoked(run) && !view.isPaused(flow)) makeReady(view, ref, { kind: 'check', at: run.messageDueAt }, 'answered');
  else view.saveRun(flow, id, run);
}

function showOutcome(view: View, { flow, id, run }: RunRef, request: OpenRequest, outcome: FlowOutcome): void {
  const isErased = run.person === 0;
  view.step(flow, id, run, outcome.what, {
    node: request.node,
    reason: outcome.reason ?? '',
    channel: request.channel,
    class: request.marketing ? 'marketing' : 'transactional',
    request_id: outcome.request_id,
    address: isErased ? null : outcome.address,
    text: isErased ? null : outcome.text,
  });
}

/** The cart remembers that a run has sent, also if it ended before that was known. */
function noteSent(view: View, ref: RunRef): void {
  setStart(view, ref, isLive(ref.run) ? 'live' : 'counted');
}

const isLive = ({ state }: Run): boolean => state !== 'ended';

function proceed(view: View, { flow, id, run }: RunRef, request: OpenRequest, isSent: boolean): void {
  if (run.state === 'ended') {
    if (run.requests.length > 0) {
      view.saveRun(flow, id, run);
      return;
    }
    if (!run.sent.length && run.person !== 0) forgetRetracted(view, { flow, id, run });
    view.deleteRun(flow, id);
    return;
  }
  // A run that was moved during a pause may be about to reach the node again. An earlier release did not wait for the end
  // of a call before it decided about the message again.
  const isAtNode = run.node === request.node && (run.state === 'requested' || isByPause(request.revoked));
  if (!isAtNode) {
    view.saveRun(flow, id, run);
    return;
  }
  makeReady(view, { flow, id, run }, { kind: isSent ? 'sent' : 'unsent', at: view.now }, 'answered');
}

/** A retracted run whose last message was not sent counts for nothing. */
function forgetRetracted(view: View, ref: RunRef): void {
  const start = view.person(view.resolve(ref.run.person)).starts.find(({ run }) => run === ref.id);
  if (start?.state === 'retracted') setStart(view, ref, 'retracted');
}

export function takeSuppression(view: View, { address_hash, cause, lifted }: FlowSuppression): void {
  if (!lifted) {
    suppress(view, address_hash, cause);
    return;
  }
  const address = view.address(address_hash);
  view.saveAddress(address_hash, {
    ...address,
    suppressions: address.suppressions.filter((known) => known !== cause),
  });
}

function suppress(view: View, hash: string, cause: string): void {
  if (hash === '') return;
  const address = view.address(hash);
  if (address.suppressions.includes(cause)) return;
  view.saveAddress(hash, { ...address, suppressions: [...address.suppressions, cause] });
}

/** A pool only grows. */
export function takeCodePool(view: View, { name, total }: FlowCodePool): void {
  const pool = view.pool(name);
  if (total > pool.total) view.savePool(name, { ...pool, total });
}

/** Whether a run rests at a message that a pause has revoked and that was certainly not sent. */
export function isRevoked({ state, node, requests }: Run): boolean {
  return state === 'requested' && requests.some((request) => request.node === node && request.revoked === 'paused');
}
