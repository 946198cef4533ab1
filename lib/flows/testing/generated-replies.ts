import type { FlowInput, SendRequest } from '../../../schemas/types.ts';
import { flowAnswer, flowOutcome } from './records.ts';
import { answerTo, isAnswerLate, isOutcomeLate, outcomeOf } from './replies.ts';

interface Open {
  name: string;
  request: SendRequest;
  nth: number;
  revoked: 'paused' | 'ended' | null;
}

/** Plays delivery in a generated history: answers at once, or when the history says so. */
export class GeneratedReplies {
  private readonly counts = new Map<string, number>();
  private open: Open[] = [];

  /** Takes a request; the answer, if it comes at once. */
  take(request: SendRequest, nowMs: number): Partial<FlowInput> | undefined {
    const { question, message, revoke } = request;
    if (revoke !== null)
      for (const one of this.open)
        if (one.request.message?.request_id === revoke.request_id) one.revoked = revoke.reason;
    if (question !== null) {
      const nth = this.count(question.run_id);
      if (!isAnswerLate(question.run_id, nth)) return flowAnswer(request, answerTo(question.run_id, nth));
      this.open.push({ name: `${question.run_id} question ${nth}`, request, nth, revoked: null });
    }
    if (message !== null) {
      const { run_id: run, node, expires_at } = message;
      const nth = this.count(`${run} ${node}`);
      if (!isOutcomeLate(run, node, nth))
        return flowOutcome(request, outcomeOf({ run, node, nth, isStale: nowMs > expires_at, revoked: null })!);
      const name = `${run} message ${node}`;
      this.open = [...this.open.filter((one) => one.name !== name), { name, request, nth, revoked: null }];
    }
    return undefined;
  }

  /** The answer to one of those that wait for it. */
  late(n: number, nowMs: number): Partial<FlowInput> | undefined {
    this.open.sort((a, b) => (a.name < b.name ? -1 : 1));
    const one = this.open[n % this.open.length];
    const given = one === undefined ? undefined : this.answerOf(one, nowMs);
    if (given !== undefined) this.open = this.open.filter((other) => other !== one);
    return given;
  }

  private answerOf({ request, nth, revoked }: Open, nowMs: number): Partial<FlowInput> | undefined {
    if (request.question !== null) return flowAnswer(request, answerTo(request.question.run_id, nth));
    const { run_id: run, node, expires_at } = request.message!;
    const what = outcomeOf({ run, node, nth, isStale: nowMs > expires_at, revoked });
    return what === undefined ? undefined : flowOutcome(request, what);
  }

  private count(name: string): number {
    const nth = this.counts.get(name) ?? 0;
    this.counts.set(name, nth + 1);
    return nth;
  }
}
