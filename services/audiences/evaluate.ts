import { TOUCH } from '../../lib/audiences/index.ts';
import type { JudgeAt, Judgement, KnownAudience } from './definition.ts';
import type { Slot } from './slots.ts';
import type { AudienceState } from './state.ts';
import { causeOf } from './touch.ts';

/** Some people of a workspace at one time. */
export interface Evaluation<F> {
  workspace: string;
  nowMs: number;
  /** With the bits of `TOUCH`; 0: only time has passed. */
  people: ReadonlyMap<number, number>;
  /** What is known of them. Nobody is left of people without facts: they were merged or erased. */
  facts: ReadonlyMap<number, F>;
  /** Numbers of audiences that remain as they are. Their times do not wake the people. */
  except?: ReadonlySet<number> | undefined;
  /** Numbers of the audiences that are evaluated; all others remain as they are. */
  only?: ReadonlySet<number> | undefined;
}

const NONE: ReadonlySet<number> = new Set();

/** Evaluates the live audiences of the workspace and writes the differences into the state. */
export function evaluatePeople<F>(state: AudienceState, evaluation: Evaluation<F>, judgeAt: JudgeAt<F>): void {
  const { workspace, nowMs, people, facts, except = NONE, only } = evaluation;
  const audiences = state
    .liveIn(workspace)
    .map((audience) => ({ audience, judge: once(() => judgeAt(audience, nowMs)) }));
  for (const [personId, touch] of people) {
    const before = new Map(state.slotsOf(workspace, personId).map((slot) => [slot.audience, slot]));
    const known = facts.get(personId);
    const reasons = known === undefined ? touchOfMissing(touch) : touch;
    const after: Slot[] = [...before.values()].filter(({ audience }) => !isLive(state, audience));
    for (const { audience, judge } of audiences) {
      const slot = before.get(audience.number);
      if (except.has(audience.number) || only?.has(audience.number) === false) {
        if (slot !== undefined) after.push(slot);
        continue;
      }
      const isDue = slot !== undefined && slot.nextMs !== null && slot.nextMs <= nowMs;
      // Without a touch nothing changes before the time that the last evaluation named.
      const judged = touch === 0 && !isDue && known !== undefined ? unchanged(slot) : judgeOne(known, judge, nowMs);
      const wasMember = slot?.member === true;
      if (judged.matches !== wasMember) {
        state.move(audience, personId, judged.matches, causeOf(judged.matches, reasons, isDue), nowMs);
      }
      if (judged.matches || judged.nextMs !== null) after.push(slotOf(audience, judged));
    }
    state.putSlots(workspace, personId, after, except);
  }
}

/** Those who are not there and were not merged have been erased; the record that says so may not have been read yet. */
const touchOfMissing = (touch: number): number => ((touch & TOUCH.merged) === 0 ? touch | TOUCH.erased : touch);

const isLive = (state: AudienceState, number: number): boolean => state.byNumberOf(number)?.live === true;

const unchanged = (slot: Slot | undefined): Judgement => ({
  matches: slot?.member === true,
  nextMs: slot?.nextMs ?? null,
});

export const slotOf = ({ number }: Pick<KnownAudience, 'number'>, { matches, nextMs }: Judgement): Slot => ({
  audience: number,
  member: matches,
  nextMs,
});

/** Without facts the person is in no audience. A time that is not after now would wake the person forever. */
export function judgeOne<F>(facts: F | undefined, judge: () => (facts: F) => Judgement, nowMs: number): Judgement {
  if (facts === undefined) return { matches: false, nextMs: null };
  const { matches, nextMs } = judge()(facts);
  return { matches, nextMs: nextMs === null ? null : Math.max(nextMs, nowMs + 1) };
}

export function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}
