/**
 * Work that concerns any number of runs or carts, done in bounded steps within the record that caused it. What is left is
 * an entry that is due at once, so that a transaction may be committed between two steps.
 */
import { continueRun } from './continue.ts';
import { endRun, makeReady, type RunRef } from './lifecycle.ts';
import { moveRun } from './move.ts';
import { isRevoked } from './outcomes.ts';
import { requestId } from './ids.ts';
import { scheduleCart, startByCart } from './start.ts';
import type { Run } from './state.ts';
import { KEYS, parseCartKey, parseRunKey } from './keys.ts';
import { type FlowStore, type Queued, type Turn } from './turn.ts';
import { type View } from './view.ts';

/** Runs, carts or queued runs of one step. */
export const STEP_MAX = 100;

export const JOB_KINDS = ['pause', 'resume', 'archive', 'move', 'carts', 'settled', 'arrived', 'queue'] as const;
type JobKind = (typeof JOB_KINDS)[number];

/** What is left of a job. */
export interface Job {
  kind: JobKind;
  workspace: string;
  flow: string;
  /** The key from which on entries are left. */
  from: string;
}

const PREFIX = 'j:';
export const isJobKey = (key: string): boolean => key.startsWith(PREFIX);

/** Jobs of commands come first, for they end runs; then the starts of carts, then the continuations. */
export function jobDue(key: string): number {
  if (key === QUEUE_KEY) return -1;
  if (key === ARRIVED_KEY) return -2;
  return key.startsWith(CARTS_PREFIX) ? -3 : -4;
}

const QUEUE_KEY = `${PREFIX}queue`;
const ARRIVED_KEY = `${PREFIX}arrived`;
const CARTS_PREFIX = `${PREFIX}carts:`;

/** At most one job of a kind is open for a flow. */
const keyOf = ({ kind, workspace, flow }: Job): string =>
  kind === 'queue' || kind === 'arrived' ? `${PREFIX}${kind}` : `${PREFIX}${kind}:${workspace}:${flow}`;

const write = (store: FlowStore, job: Job): void => store.put(keyOf(job), Buffer.from(JSON.stringify(job), 'utf8'));

export function addJob(turn: Turn, kind: JobKind, workspace = '', flow = ''): void {
  turn.hasJobs = true;
  write(turn.store, { kind, workspace, flow, from: '' });
}

/** Does one step of a job. */
export function stepJob(turn: Turn, key: string): void {
  const bytes = turn.store.get(key);
  if (bytes === undefined) return;
  const job = JSON.parse(bytes.toString('utf8')) as Job;
  const next = STEPS[job.kind](turn, job);
  if (next === undefined) turn.store.delete(key);
  else write(turn.store, { ...job, from: next });
  for (const queued of turn.queue.splice(0)) store(turn.store, queued);
}

/** Does a part; returns the key from which on entries are left, undefined if there are none. */
type JobStep = (turn: Turn, job: Job) => string | undefined;

/** Up to STEP_MAX entries of a prefix, and where the rest begins. */
function take(
  source: FlowStore,
  prefix: string,
  from: string,
  each: (key: string, value: Buffer) => void,
): string | undefined {
  const found: [string, Buffer][] = [];
  for (const entry of source.scan(prefix, from === '' ? prefix : from)) if (found.push(entry) > STEP_MAX) break;
  const rest = found.length > STEP_MAX ? found.pop()![0] : undefined;
  for (const [key, value] of found) each(key, value);
  return rest;
}

const eachRun =
  (act: (view: View, ref: RunRef) => void): JobStep =>
  (turn, { workspace, flow, from }) => {
    const view = turn.in(workspace);
    return take(turn.store, KEYS.runs(workspace, flow), from, (key) => {
      const { flow: owner, run: id } = parseRunKey(key);
      // The id of another flow may begin with this one's and a colon.
      const run = owner === flow ? view.run(flow, id) : undefined;
      if (run !== undefined && run.state !== 'ended') act(view, { flow, id, run });
    });
  };

const STEPS: Record<JobKind, JobStep> = {
  pause(turn, job) {
    const { workspace, flow, from } = job;
    const view = turn.in(workspace);
    if (from.startsWith(KEYS.runs(workspace, flow))) {
      const rest = findOpen(turn, job);
      const state = view.flowState(flow);
      if (rest === undefined && state !== undefined) view.saveFlowState({ ...state, isIndexed: true });
      return rest;
    }
    const rest = take(turn.store, KEYS.outs(workspace, flow), from, (key) => {
      const { flow: owner, run: id } = parseRunKey(key);
      const run = owner === flow ? view.run(flow, id) : undefined;
      if (run !== undefined && run.state !== 'ended') revokeOpen(view, { flow, id, run });
    });
    // The names of runs of an earlier version of the state are not kept: all runs are read, once.
    return rest ?? (view.flowState(flow)?.isIndexed === true ? undefined : KEYS.runs(workspace, flow));
  },
  resume: eachRun(resumeRun),
  archive: eachRun((view, ref) => endRun(view, ref, 'archived')),
  move: eachRun((view, ref) => {
    const state = view.flowState(ref.flow);
    if (state !== undefined) moveRun(view, ref, view.flow(ref.flow, state.version));
  }),
  carts: (turn, { workspace, from }) => {
    const view = turn.in(workspace);
    return take(turn.store, KEYS.carts(workspace), from, (key) => {
      const { cart } = parseCartKey(key);
      startByCart(view, cart);
      scheduleCart(view, cart);
    });
  },
  settled: (turn, { from }) => {
    const through = turn.settledThrough;
    let isOver = false;
    const rest = take(turn.store, KEYS.settling, from, (key) => {
      isOver ||= dueOfSettling(key) > through;
      if (!isOver) releaseSettled(turn, key);
    });
    return isOver ? undefined : rest;
  },
  arrived: (turn, { from }) => take(turn.store, KEYS.arrived, from, (key, value) => startArrived(turn, key, value)),
  queue: (turn, { from }) => take(turn.store, KEYS.queue, from, (key, value) => continueQueued(turn, key, value)),
};

const findOpen = eachRun((view, ref) => {
  const { flow, id, run } = ref;
  const entries = view.turn.store;
  const name = KEYS.out(view.workspace, flow, id);
  if (run.requests.length > 0 && entries.get(name) === undefined) entries.put(name, EMPTY);
  revokeOpen(view, ref);
});

const EMPTY = Buffer.alloc(0);

function revokeOpen(view: View, { flow, id, run }: RunRef): void {
  if (!run.requests.some(({ revoked }) => revoked === 'no')) return;
  const requests = run.requests.map((request) => {
    const { node, revoked } = request;
    if (revoked !== 'no') return request;
    // A message that the run has left behind, perhaps for another node of the same name, is not checked again.
    const reason = node === run.node && run.state === 'requested' ? 'paused' : 'ended';
    view.revoke({ request_id: requestId(id, node), flow_id: flow, run_id: id, node, reason });
    return { ...request, revoked: reason === 'paused' ? 'pausing' : reason } as const;
  });
  view.saveRun(flow, id, { ...run, requests });
}

/** What became due meanwhile continues, in the order of the times at which it did. */
function resumeRun(view: View, ref: RunRef): void {
  const { flow, id, run } = ref;
  if (run.state === 'ready' && run.ready !== null) {
    view.turn.enqueue('fired', view.workspace, flow, id, run.ready.at);
    return;
  }
  if (!isRevoked(run)) return;
  makeReady(view, ref, { kind: 'check', at: run.messageDueAt }, 'fired');
}

const TIME_DIGITS = 16;
const dueOfSettling = (key: string): number =>
  Number(key.slice(KEYS.settling.length, KEYS.settling.length + TIME_DIGITS));

/** The log is complete up to the time at which this message was due. */
export function releaseSettled(turn: Turn, key: string): void {
  turn.store.delete(key);
  const { workspace, flow, run: id } = parseRunKey(`r${key.slice(KEYS.settling.length + TIME_DIGITS)}`);
  const view = turn.in(workspace);
  const run: Run | undefined = view.run(flow, id);
  // It may have ended, or wait for a later time.
  if (run?.state !== 'settling' || run.messageDueAt > turn.settledThrough) return;
  makeReady(view, { flow, id, run }, { kind: 'settled', at: run.messageDueAt }, 'answered');
}

export function startArrived(turn: Turn, key: string, value: Buffer): void {
  turn.store.delete(key);
  const { workspace, cart } = parseCartKey(value.toString('utf8'));
  const view = turn.in(workspace);
  if (view.cart(cart) === undefined) return;
  startByCart(view, cart);
  scheduleCart(view, cart);
}

function continueQueued(turn: Turn, key: string, value: Buffer): void {
  turn.store.delete(key);
  const { workspace, flow, run } = keptQueued(key, value);
  continueRun(turn.in(workspace), flow, run);
}

/** A queued run that was kept. */
export const keptQueued = (key: string, value: Buffer): Queued => ({ key, ...parseRunKey(value.toString('utf8')) });

/** Keeps a queued run for a later step. */
export function store(target: FlowStore, { key, workspace, flow, run }: Queued): void {
  target.put(key, Buffer.from(KEYS.run(workspace, flow, run), 'utf8'));
}

/** Up to `max` entries of a prefix. */
export function first(source: FlowStore, prefix: string, max: number): [string, Buffer][] {
  const found: [string, Buffer][] = [];
  for (const entry of source.scan(prefix)) if (found.push(entry) >= max) break;
  return found;
}
