import type { FlowInput, SendRequest } from '../../../schemas/types.ts';
import { flowAnswer, flowOutcome } from './records.ts';
import { answerTo, isAnswerLate, isOutcomeLate, isRepliedToAtOnce, outcomeOf } from './replies.ts';

interface Open {
  name: string;
  request: SendRequest;
  nth: number;
  revoked: 'paused' | 'ended' | null;
  /** It was said that a pause came before the call. */
  isReplied: boolean;
}

/** Plays delivery in a generated history: answers at once, or when the history says so. */
export class GeneratedReplies {
  private readonly counts = new Map<string, number>();
  private open: Open[] = [];

  /** Takes a request; the answer, if it comes at once. */
  take(request: SendRequest, nowMs: number): Partial<FlowInput> | undefined {
    const { question, message, revoke } = request;
    if (revoke !== null) return this.revoke(revoke, nowMs);
    if (question !== null) {
      const nth = this.count(question.run_id);
      if (!isAnswerLate(question.run_id, nth)) return flowAnswer(request, answerTo(question.run_id, nth));
      this.open.push(open(`${question.run_id} question ${nth}`, request, nth));
    }
    if (message !== null) {
      const { run_id: run, node, expires_at } = message;
      const nth = this.count(`${run} ${node}`);
      if (!isOutcomeLate(run, node, nth))
        return flowOutcome(request, outcomeOf({ run, node, nth, isStale: nowMs > expires_at, revoked: null }));
      const name = `${run} message ${node}`;
      this.open = [...this.open.filter((one) => one.name !== name), open(name, request, nth)];
    }
    return undefined;
  }

  private revoke(
    { request_id: id, run_id: run, node, reason }: NonNullable<SendRequest['revoke']>,
    nowMs: number,
  ): Partial<FlowInput> | undefined {
    const one = this.open.find(({ request }) => request.message?.request_id === id);
    if (one === undefined) return undefined;
    one.revoked = reason;
    return reason === 'paused' && isRepliedToAtOnce(run, node, one.nth) ? this.answerOf(one, nowMs) : undefined;
  }

  /** The answer to one of those that wait for it. */
  late(n: number, nowMs: number): Partial<FlowInput> | undefined {
    this.open.sort((a, b) => (a.name < b.name ? -1 : 1));
    const one = this.open[n % this.open.length];
    if (one === undefined) return undefined;
    const given = this.answerOf(one, nowMs);
    if (!one.isReplied || one.revoked === 'ended') this.open = this.open.filter((other) => other !== one);
    return given;
  }

  private answerOf(one: Open, nowMs: number): Partial<FlowInput> | undefined {
    const { request, nth, revoked } = one;
    if (request.question !== null) return flowAnswer(request, answerTo(request.question.run_id, nth));
    const { run_id: run, node, expires_at } = request.message!;
    const what = outcomeOf({ run, node, nth, isStale: nowMs > expires_at, revoked });
    if (revoked !== 'paused' || what !== 'skipped revoked') return flowOutcome(request, what);
    // The message gets its outcome later.
    const isFirst = !one.isReplied;
    one.isReplied = true;
    return isFirst ? flowOutcome(request, what) : undefined;
  }

  private count(name: string): number {
    const nth = this.counts.get(name) ?? 0;
    this.counts.set(name, nth + 1);
    return nth;
  }
}

const open = (name: string, request: SendRequest, nth: number): Open => ({
  ...{ name, request, nth },
  ...{ revoked: null, isReplied: false },
});
