import type { StateStore } from '../../lib/streams/state-store.ts';
import type { KnownAudience, LiveDefinition } from './definition.ts';
import { decodeSlots, visitSlots, type Slot } from './slots.ts';
import type { AudienceState } from './state.ts';

/** A few milliseconds of work. All people at once would take longer than the group waits for a heartbeat. */
const PEOPLE_AT_ONCE = 1_000;

/** A definition that everybody was evaluated by. */
interface Target {
  target: LiveDefinition;
  /** The audience of its slots in the results. */
  index: number;
}

/**
 * The step from the former members of audiences to those by their new definitions: one evaluation at one time, whose
 * changes are written in several parts. Other evaluations may come between the parts, at later times. They leave out the
 * audiences of the step, so that the time of a feed never goes back; anyone they concern is evaluated again at its end.
 */
export class Step {
  /** The numbers of its audiences. */
  readonly audiences: ReadonlySet<number>;
  /** People who were evaluated meanwhile, with the bits of `TOUCH`. Evaluate them after the last part. */
  readonly late = new Map<number, number>();
  private readonly missing = new Set<number>();
  private readonly wanted: readonly (Target & { audience: KnownAudience })[];
  private readonly changes: Generator<void>;

  /**
   * @param results slots by person, which do not change any more; the audience of a slot is an index of `targets`
   * @param nowMs the time of its changes
   */
  constructor(
    private readonly state: AudienceState,
    private readonly workspace: string,
    targets: readonly Target[],
    private readonly results: StateStore,
    readonly nowMs: number,
  ) {
    this.wanted = targets.map((each) => ({ ...each, audience: state.define(each.target, false) }));
    this.audiences = new Set(this.wanted.map(({ audience }) => audience.number));
    this.changes = this.changesOf();
  }

  /**
   * Continues, until the effects fill a transaction or for a number of people. Returns whether there is more. In the former
   * case, the effects have to be taken first.
   */
  advance(): boolean {
    return this.changes.next().done !== true;
  }

  /**
   * The person was evaluated without the audiences of the step. `exists`: false for those who were merged or erased; they
   * enter nothing any more.
   */
  evaluated(personId: number, touch: number, exists: boolean): void {
    this.late.set(personId, (this.late.get(personId) ?? 0) | touch);
    if (!exists) this.missing.add(personId);
  }

  /** All parts are written, and all who are late were evaluated. */
  complete(): void {
    for (const { target } of this.wanted) this.state.define(target, true);
  }

  private *changesOf(): Generator<void> {
    const { state, workspace, results } = this;
    if (this.wanted.length === 0) return;
    let count = 0;
    for (const [key, value] of results.entries()) {
      this.change(Number(key), value);
      if (state.isFull() || ++count % PEOPLE_AT_ONCE === 0) yield;
    }
    for (const person of state.peopleIn(workspace)) {
      if (person !== null && this.concerns(person.slots) && results.get(String(person.personId)) === undefined) {
        this.change(person.personId, undefined);
      }
      if (state.isFull() || ++count % PEOPLE_AT_ONCE === 0) yield;
    }
  }

  private concerns(slots: Buffer): boolean {
    let found = false;
    visitSlots(slots, (audience) => (found ||= this.audiences.has(audience)));
    return found;
  }

  private change(personId: number, value: Buffer | undefined): void {
    if (this.missing.has(personId)) return;
    const { state, workspace, nowMs } = this;
    const results = new Map((value === undefined ? [] : decodeSlots(value)).map((slot) => [slot.audience, slot]));
    const slots = new Map<number, Slot>(state.slotsOf(workspace, personId).map((slot) => [slot.audience, slot]));
    for (const { index, audience } of this.wanted) {
      const result = results.get(index);
      const isMember = result?.member === true;
      if ((slots.get(audience.number)?.member === true) !== isMember) {
        state.move(audience, personId, isMember, 'definition', nowMs);
      }
      if (result === undefined) slots.delete(audience.number);
      else slots.set(audience.number, { ...result, audience: audience.number });
    }
    state.putSlots(workspace, personId, [...slots.values()]);
  }
}
