import { DueIndex } from '../../lib/streams/due-index.ts';
import { MemoryStore } from '../../lib/streams/state-store.ts';
import type { JudgeAt, LiveDefinition } from './definition.ts';
import { judgeOne, once, slotOf } from './evaluate.ts';
import { decodeSlots, encodeSlots, type Slot } from './slots.ts';
import type { AudienceState } from './state.ts';

/** A few milliseconds of work. All people at once would take longer than the group waits for a heartbeat. */
const PEOPLE_AT_ONCE = 1_000;

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

  /** Whether a change of the person concerns what was evaluated already. */
  hasSeen(personId: number): boolean {
    return this.scanned || personId <= this.cursor;
  }

  /** The next batch: all people between the cursor and the last of `ids`, which ascend. An empty batch is the last one. */
  takeBatch(ids: readonly number[], facts: ReadonlyMap<number, F>, nowMs: number): void {
    this.evaluate(ids, facts, nowMs);
    const last = ids.at(-1);
    if (last === undefined) this.scanned = true;
    else this.cursor = last;
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

  /**
   * Makes the targets for which `isWanted` the definitions of the state: those who differ enter or leave. Yields after a
   * number of people, so that the caller can let the process do something else, and at the latest when the effects fill a
   * transaction; then they have to be taken before it continues.
   */
  *apply(state: AudienceState, nowMs: number, isWanted: (target: LiveDefinition) => boolean): Generator<void> {
    const { workspace } = this;
    const wanted = this.targets.flatMap((target, index) =>
      isWanted(target) ? [{ target, index, audience: state.define(target, false) }] : [],
    );
    const people = new Set([...state.peopleIn(workspace), ...[...this.results.entries()].map(([key]) => Number(key))]);
    let count = 0;
    for (const personId of people) {
      const value = this.results.get(String(personId));
      const results = new Map((value === undefined ? [] : decodeSlots(value)).map((slot) => [slot.audience, slot]));
      const slots = new Map(state.slotsOf(workspace, personId).map((slot) => [slot.audience, slot]));
      for (const { index, audience } of wanted) {
        const result = results.get(index);
        const isMember = result?.member === true;
        if ((slots.get(audience.number)?.member === true) !== isMember) {
          state.move(audience, personId, isMember, 'definition', nowMs);
        }
        if (result === undefined) slots.delete(audience.number);
        else slots.set(audience.number, { ...result, audience: audience.number });
      }
      state.putSlots(workspace, personId, [...slots.values()]);
      if (state.isFull() || ++count % PEOPLE_AT_ONCE === 0) yield;
    }
    for (const { target } of wanted) state.define(target, true);
  }
}
