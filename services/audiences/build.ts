import { DueIndex } from '../../lib/streams/due-index.ts';
import { MemoryStore } from '../../lib/streams/state-store.ts';
import type { JudgeAt, LiveDefinition } from './definition.ts';
import { judgeOne, once, slotOf } from './evaluate.ts';
import { encodeSlots, type Slot } from './slots.ts';
import type { AudienceState } from './state.ts';
import { Step } from './step.ts';

/**
 * Evaluates new definitions for everybody in a workspace, in batches by ascending id, beside the audiences as they are.
 * People who change after their batch are evaluated again, so that at the end one step leads from the former members to the
 * new ones.
 */
export class Build<F> {
  /** Everybody up to this id has been evaluated. */
  private cursor = 0;
  private scanned = false;
  /** Slots by person; the audience of a slot is an index in `targets`. */
  private readonly results = new MemoryStore();
  private readonly due = new DueIndex();

  constructor(
    readonly workspace: string,
    readonly targets: readonly LiveDefinition[],
    private readonly judgeAt: JudgeAt<F>,
  ) {}

  /** The next batch begins after this id. */
  get after(): number {
    return this.cursor;
  }

  /** Everybody has been evaluated. */
  get isScanned(): boolean {
    return this.scanned;
  }

  /** The next batch: all people between the cursor and the last of `ids`, which ascend. An empty batch is the last one. */
  takeBatch(ids: readonly number[], facts: ReadonlyMap<number, F>, nowMs: number): void {
    this.evaluate(ids, facts, nowMs);
    const last = ids.at(-1);
    if (last === undefined) this.scanned = true;
    else this.cursor = last;
  }

  /** Evaluates people again who may have changed since their batch; those behind the cursor will be in a later one. */
  evaluateChanged(ids: readonly number[], facts: ReadonlyMap<number, F>, nowMs: number): void {
    this.evaluate(this.scanned ? ids : ids.filter((id) => id <= this.cursor), facts, nowMs);
  }

  /** Evaluates people at one time; those without facts are in nothing. */
  evaluate(ids: Iterable<number>, facts: ReadonlyMap<number, F>, nowMs: number): void {
    const judges = this.targets.map((target) => once(() => this.judgeAt(target, nowMs)));
    for (const personId of ids) {
      const known = facts.get(personId);
      const slots: Slot[] = [];
      judges.forEach((judge, number) => {
        const judged = judgeOne(known, judge, nowMs);
        if (judged.matches || judged.nextMs !== null) slots.push(slotOf({ number }, judged));
      });
      this.put(String(personId), slots);
    }
  }

  private put(key: string, slots: readonly Slot[]): void {
    if (slots.length === 0) this.results.delete(key);
    else this.results.put(key, encodeSlots(slots));
    const times = slots.flatMap(({ nextMs }) => nextMs ?? []);
    this.due.set(key, times.length === 0 ? undefined : Math.min(...times));
  }

  /** The people whose result may have changed by `nowMs`, at most `max`. Evaluate them. */
  takeDue(nowMs: number, max: number): number[] {
    return this.due.take(nowMs, max).map(Number);
  }

  hasDue(nowMs: number): boolean {
    return (this.due.first()?.dueMs ?? Infinity) <= nowMs;
  }

  /** Begins the step to those targets for which `isWanted`. Nothing is evaluated by this build any more. */
  step(state: AudienceState, nowMs: number, isWanted: (target: LiveDefinition) => boolean): Step {
    const wanted = this.targets.flatMap((target, index) => (isWanted(target) ? [{ target, index }] : []));
    return new Step(state, this.workspace, wanted, this.results, nowMs);
  }
}
