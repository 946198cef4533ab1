import type { FlowEvent, SendRequest } from '../../../schemas/types.ts';
import type { FlowCase } from './cases.ts';

const REFUSALS = ['too_old', 'paused', 'bought', 'already', 'live', 'once', 'cooldown'];
const CAUSES = ['checkout', 'activity', 'event', 'no_longer', 'retracted', 'merged', 'parted', 'cancelled', 'archived'];
const SKIPS = ['no_address', 'no_consent', 'suppressed', 'capped', 'quiet_hours', 'no_code', 'stale', 'revoked'];

/** Steps that are outcomes, and reasons of skips that are. */
const OUTCOMES = ['sent', 'failed', 'unknown', 'revoked', 'stale'];

/** What must occur in generated histories, in words. */
export const KINDS = [
  ...['started', 'woken', 'held', 'repointed', 'completed', 'goal', 'goal retracted'],
  ...[...REFUSALS, 'not_in_audience', 'unanswered'].map((reason) => `refused ${reason}`),
  ...[...CAUSES, 'flow_changed', 'erased'].map((cause) => `exited ${cause}`),
  ...SKIPS.map((reason) => `skipped ${reason}`),
  ...['sms', 'email', 'webhook'].flatMap((type) => [`sent ${type}`, `failed ${type}`, `unknown ${type}`]),
  ...['audience', 'while', 'split'].flatMap((what) => [
    ...[`answered ${what} yes`, `answered ${what} no`, `answered ${what} later`],
  ]),
  ...['started in_next', 'refused in_next', 'exited retracted in_next'],
  ...['message with a code', 'message without a code of the pool', 'message requested again after a pause'],
  ...['revoke paused', 'revoke ended', 'settle', 'message held back until settled'],
  ...['outcome later', 'outcome after the end', 'outcome of another node'],
  'outcome of a call that had begun before a pause, after the resume',
  ...['moved to the same node', 'moved to another node', 'moved to a node of another type'],
];

/** Counts what occurs in generated histories. */
export class Tally {
  private readonly counts = new Map<string, number>(KINDS.map((kind) => [kind, 0]));

  add(theCase: FlowCase, events: readonly FlowEvent[], requests: readonly SendRequest[]): void {
    for (const { at: _, ...input } of theCase.inputs) for (const key of Object.keys(input)) this.count(`input ${key}`);
    this.addRequests(requests);
    this.addPauses(theCase, events, requests);
    const steps = new Map<string, FlowEvent[]>();
    for (const event of events) {
      if (event.run_id === '' || event.what === 'goal') this.count(withReason(event));
      if (event.run_id === '' && event.event_id.includes('@')) this.count('refused in_next');
      if (event.run_id !== '' && event.what !== 'goal')
        steps.set(event.run_id, [...(steps.get(event.run_id) ?? []), event]);
    }
    for (const [run, of] of steps) {
      const asked = requests.flatMap(({ question }) => (question?.run_id === run ? [question] : []));
      this.addRun(
        of,
        asked.map(({ what }) => what),
      );
    }
  }

  /** `questions`: what the run asked, in order. */
  private addRun(steps: readonly FlowEvent[], questions: readonly string[]): void {
    let asked = 0;
    for (const [i, step] of steps.entries()) {
      const { what, node, reason, event_id, channel } = step;
      const before = steps.slice(0, i);
      if (what === 'asked') asked++;
      else if (what === 'answered') this.addAnswer(step, before, questions[asked - 1]!);
      else if (what === 'sent' || what === 'failed' || what === 'unknown') this.count(`${what} ${channel}`);
      else if (what === 'moved') this.addMove(step, before, steps[i + 1]);
      else this.count(withReason(step));
      if (OUTCOMES.includes(what) || OUTCOMES.includes(reason)) this.addOutcome(step, before);
      if (what === 'started' && event_id.includes('@')) this.count('started in_next');
      if (what === 'exited' && reason === 'retracted' && event_id.includes('@')) this.count('exited retracted in_next');
      const last = before.at(-1);
      const isMessage = channel !== null || what === 'asked' || what === 'held';
      if (isMessage && last?.what === 'reached' && last.node === node && last.at < step.at)
        this.count('message held back until settled');
    }
  }

  private addAnswer({ reason, at }: FlowEvent, before: readonly FlowEvent[], what: string): void {
    this.count(`answered ${what} ${reason}`);
    if (before.findLast((step) => step.what === 'asked')!.at < at) this.count(`answered ${what} later`);
  }

  private addOutcome({ node, at }: FlowEvent, before: readonly FlowEvent[]): void {
    if (before.findLast((step) => step.what === 'requested' && step.node === node)!.at < at)
      this.count('outcome later');
    const place = before.findLast(({ what: kind }) => ['reached', 'moved', 'exited', 'completed'].includes(kind))!;
    if (place.what === 'exited' || place.what === 'completed') this.count('outcome after the end');
    else if (place.node !== node) this.count('outcome of another node');
  }

  private addMove({ node }: FlowEvent, before: readonly FlowEvent[], next: FlowEvent | undefined): void {
    const former = before.findLast((step) => step.what === 'reached' || step.what === 'moved')!;
    if (former.node !== node) this.count('moved to another node');
    else this.count(next?.what === 'reached' ? 'moved to a node of another type' : 'moved to the same node');
  }

  private addRequests(requests: readonly SendRequest[]): void {
    const seen = new Set<string>();
    for (const { message, revoke, settle } of requests) {
      if (revoke !== null) this.count(`revoke ${revoke.reason}`);
      if (settle !== null) this.count('settle');
      if (message === null) continue;
      if (seen.has(message.request_id)) this.count('message requested again after a pause');
      seen.add(message.request_id);
      if (message.code_index !== null) this.count('message with a code');
      else if (message.content.includes('code_pool')) this.count('message without a code of the pool');
    }
  }

  private addPauses({ inputs, epoch }: FlowCase, events: readonly FlowEvent[], requests: readonly SendRequest[]): void {
    const isCalled = ({ what }: FlowEvent): boolean => ['sent', 'failed', 'unknown'].includes(what);
    for (const [i, { revoke, log_time: from }] of requests.entries()) {
      if (revoke?.reason !== 'paused') continue;
      const { request_id: id, flow_id: flow } = revoke;
      if (requests.slice(i).some(({ message }) => message?.request_id === id)) continue;
      const outcome = events.find((event) => event.request_id === id && event.at > from && isCalled(event));
      const isResumed = inputs.some(({ resume, at }) => {
        const atMs = Date.parse(epoch) + at * 60_000;
        return resume === flow && outcome !== undefined && from < atMs && atMs < outcome.at;
      });
      if (isResumed) this.count('outcome of a call that had begun before a pause, after the resume');
    }
  }

  private count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** Kinds that have not occurred. */
  missing = (): string[] => KINDS.filter((kind) => this.counts.get(kind) === 0);

  /** How often everything has occurred. */
  toString(): string {
    const sorted = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([kind, n]) => `${String(n).padStart(8)}  ${kind}`).join('\n');
  }
}

const withReason = ({ what, reason }: FlowEvent): string =>
  what === 'completed' || reason === '' ? what : `${what} ${reason}`;
