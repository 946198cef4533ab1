/** What a flow emitted, and whether it may: no node sends twice, wakes are in order, and every run is accounted for. */
import type { OutputRecord } from '../../lib/streams/task-core.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { FlowEvent, FlowRevocation, MessageRequest } from '../../schemas/types.ts';
import { codecs } from '../../services/processor/testing.ts';

export class Ledger {
  /** Messages without an outcome that were not revoked, by request id. */
  readonly open = new Map<string, MessageRequest>();
  /** Revocations of messages that were out. */
  readonly revoked: FlowRevocation[] = [];
  /** Outputs of the largest transaction. */
  largest = 0;
  private readonly counts = new Map<string, number>();
  private readonly started: { at: number; run: string }[] = [];
  private requested: string[] = [];
  private readonly sent = new Set<string>();

  take(outputs: readonly OutputRecord[]): void {
    this.largest = Math.max(this.largest, outputs.length);
    for (const { topic, value } of outputs) {
      if (topic === TOPICS.flowEvents) this.note(codecs.flowEvents.decode(value));
      else {
        const { message, revoke } = codecs.sendRequests.decode(value);
        if (message !== null) this.open.set(message.request_id, message);
        if (revoke !== null && this.open.delete(revoke.request_id)) this.revoked.push(revoke);
      }
    }
  }

  private note({ what, reason, run_id: run, node, at }: FlowEvent): void {
    this.counts.set(what, this.count(what) + 1);
    if (reason !== '') this.counts.set(`${what} ${reason}`, this.count(`${what} ${reason}`) + 1);
    if (what === 'started') this.started.push({ at, run });
    if (what === 'requested') this.requested.push(run);
    if (what !== 'sent') return;
    const key = `${run} ${node}`;
    if (this.sent.has(key)) throw new Error(`node ${node} has sent twice for run ${run}`);
    this.sent.add(key);
  }

  /** Steps, or steps with a reason: `exited archived`. */
  count(what: string): number {
    return this.counts.get(what) ?? 0;
  }

  /** Throws when a count is not the expected one. */
  expect(what: string, expected: number): void {
    if (this.count(what) !== expected) throw new Error(`${this.count(what)} × ${what} instead of ${expected}`);
  }

  /** Throws when requests since the last call were not made in the order of the starts, then of the ids of the runs. */
  expectOrder(): void {
    const expected = this.started.toSorted((a, b) => a.at - b.at || (a.run < b.run ? -1 : 1));
    const requested = this.requested.splice(0);
    if (requested.length !== expected.length) throw new Error(`${requested.length} runs have requested a message`);
    const wrong = requested.findIndex((run, i) => run !== expected[i]!.run);
    if (wrong >= 0) throw new Error(`run ${wrong + 1} in order is not the expected one`);
  }

  /** Throws when runs that have ended, and those that are live, are not all that have entered. */
  expectSum(live: number): void {
    const sum = this.count('completed') + this.count('exited') + live;
    if (sum !== this.count('started')) throw new Error(`${sum} runs instead of the ${this.count('started')} entered`);
  }
}
