import { describe, expect, it } from 'vitest';
import { TOUCH, type PersonFacts } from '../../lib/audiences/index.ts';
import { Build } from './build.ts';
import type { JudgeAt } from './definition.ts';
import { evaluatePeople } from './evaluate.ts';
import { judgeAt } from './judge.ts';
import { AudienceState } from './state.ts';
import { abandonedIn, definition, membersOf, personFacts, traitFacts } from './testing.ts';

const MINUTE = 60_000;
const T0 = Date.UTC(2026, 2, 1);

/** Evaluates people, given by what is known of them; null: nothing any more. */
function evaluate(
  state: AudienceState,
  nowMs: number,
  known: Record<number, PersonFacts | null>,
  touch: number = TOUCH.asserted,
  judge: JudgeAt<PersonFacts> = judgeAt,
): string[] {
  const people = new Map(Object.keys(known).map((id) => [Number(id), touch]));
  const facts = new Map(Object.entries(known).flatMap(([id, of]) => (of === null ? [] : [[Number(id), of] as const])));
  evaluatePeople(state, { workspace: 'acme', nowMs, people, facts }, judge);
  return said(state);
}

const said = (state: AudienceState): string[] =>
  state
    .takeEffects()
    .changes.map((c) => `${c.audience_id} v${c.version}: ${c.person_id} ${c.change} by ${c.cause} at ${c.at - T0}`);

function stateWith(...definitions: ReturnType<typeof definition>[]): AudienceState {
  const state = new AudienceState();
  for (const each of definitions) state.define(each, true);
  state.takeEffects();
  return state;
}

const abandoned = (id: number, ...minutes: number[]): PersonFacts =>
  personFacts(
    id,
    minutes.map((minute) => traitFacts(`e${minute}`, T0 + minute * MINUTE)),
  );

/** The entries of one state as another one restores them. */
function restoredFrom(entries: ReadonlyMap<string, Buffer | null>): AudienceState {
  const state = new AudienceState();
  for (const [key, value] of entries) state.restore(key, value);
  state.restored();
  return state;
}

describe('evaluating people', () => {
  it('reports who enters and who leaves, once, with the time of the evaluation', () => {
    const state = stateWith(definition('five', abandonedIn(5)));
    expect(evaluate(state, T0 + 1, { 1: abandoned(1, 0), 2: abandoned(2) })).toEqual([
      'five v1: 1 entered by event at 1',
    ]);
    expect(evaluate(state, T0 + 2, { 1: abandoned(1, 0) })).toEqual([]);
    expect(evaluate(state, T0 + 3, { 1: abandoned(1) }, TOUCH.retracted)).toEqual([
      'five v1: 1 left by retraction at 3',
    ]);
  });

  it('wakes a person when time alone changes something, and not before', () => {
    const state = stateWith(definition('five', abandonedIn(5)), definition('seven', abandonedIn(7)));
    evaluate(state, T0, { 1: abandoned(1, 0) });
    expect(state.earliestDueMs).toBe(T0 + 5 * MINUTE + 1);
    expect(state.takeDue(T0 + 5 * MINUTE, 10)).toEqual([]);
    const nowMs = T0 + 5 * MINUTE + 1;
    expect(state.takeDue(nowMs, 10)).toEqual([{ workspace: 'acme', personId: 1 }]);
    expect(evaluate(state, nowMs, { 1: abandoned(1, 0) }, 0)).toEqual([`five v1: 1 left by time at ${5 * MINUTE + 1}`]);
    expect(state.earliestDueMs).toBe(T0 + 7 * MINUTE + 1);
  });

  it('evaluates by time only the audiences whose time has come', () => {
    const state = stateWith(definition('five', abandonedIn(5)), definition('seven', abandonedIn(7)));
    evaluate(state, T0, { 1: abandoned(1, 0) });
    const judged: string[] = [];
    const counting: JudgeAt<PersonFacts> = (live, nowMs) => (facts) => {
      judged.push(live.id);
      return judgeAt(live, nowMs)(facts);
    };
    evaluate(state, T0 + 6 * MINUTE, { 1: abandoned(1, 0) }, 0, counting);
    expect(judged).toEqual(['five']);
  });

  it('does not wake a person again for a time that is not after now', () => {
    const state = stateWith(definition('one', { everyone: true }));
    evaluate(state, T0, { 1: abandoned(1) }, TOUCH.facts, () => () => ({ matches: true, nextMs: T0 }));
    expect(state.earliestDueMs).toBe(T0 + 1);
  });

  it('lets go of people without facts', () => {
    const state = stateWith(definition('five', abandonedIn(5)));
    evaluate(state, T0, { 1: abandoned(1, 0) });
    expect(evaluate(state, T0 + 1, { 1: null }, TOUCH.erased)).toEqual(['five v1: 1 left by erasure at 1']);
    expect([state.entryCount, state.earliestDueMs]).toEqual([0, undefined]);
  });

  it.each([
    ['time', 0],
    ['a record', TOUCH.facts],
  ])('knows an erasure by the missing facts, when %s comes before its record', (_, touch) => {
    const state = stateWith(definition('five', abandonedIn(5)));
    evaluate(state, T0, { 1: abandoned(1, 0), 2: abandoned(2, 0) });
    expect(evaluate(state, T0 + 1, { 1: null }, touch)).toEqual(['five v1: 1 left by erasure at 1']);
    expect(evaluate(state, T0 + 1, { 2: null }, touch | TOUCH.merged)).toEqual(['five v1: 2 left by merge at 1']);
  });

  it('leaves audiences as they were that are switched off, and forgets deleted ones', () => {
    const state = stateWith(definition('off', abandonedIn(5)), definition('gone', abandonedIn(5)));
    evaluate(state, T0, { 1: abandoned(1, 0) });
    const [off, gone] = state.known();
    state.switchOff([off!]);
    expect(state.earliestDueMs).toBe(T0 + 5 * MINUTE + 1);
    state.remove([gone!]);
    expect(state.earliestDueMs).toBeUndefined();
    expect(evaluate(state, T0 + 1, { 1: null }, TOUCH.erased)).toEqual([]);
    expect(state.slotsOf('acme', 1)).toEqual([{ audience: off!.number, member: true, nextMs: T0 + 5 * MINUTE + 1 }]);
  });

  it('writes nothing for a person who is as before', () => {
    const state = stateWith(definition('five', abandonedIn(5)));
    evaluate(state, T0, { 1: abandoned(1, 0) });
    evaluatePeople(
      state,
      { workspace: 'acme', nowMs: T0 + 1, people: new Map([[1, 1]]), facts: new Map([[1, abandoned(1, 0)]]) },
      judgeAt,
    );
    expect(state.hasEffects()).toBe(false);
  });
});

describe('the state', () => {
  it('is restored from its entries, with sizes and times', () => {
    const state = new AudienceState();
    state.define(definition('five', abandonedIn(5)), true);
    state.define(definition('six', abandonedIn(6)), true);
    evaluatePeople(
      state,
      {
        workspace: 'acme',
        nowMs: T0,
        people: new Map([
          [1, 1],
          [2, 1],
        ]),
        facts: new Map([
          [1, abandoned(1, 0)],
          [2, abandoned(2, 0)],
        ]),
      },
      judgeAt,
    );
    const { entries } = state.takeEffects();
    const restored = restoredFrom(entries);
    expect(restored.known()).toEqual(state.known());
    expect(restored.earliestDueMs).toBe(state.earliestDueMs);
    expect(restored.known().map((audience) => restored.sizeOf(audience))).toEqual([2, 2]);
    // Numbers of deleted audiences are not used again.
    restored.remove([restored.known()[1]!]);
    expect(restored.define(definition('seven', abandonedIn(7)), true).number).toBe(2);
    expect(() => restored.restore('x', Buffer.alloc(1))).toThrow('unknown kind');
  });
});

describe('a build', () => {
  const everyone = new Map([1, 2, 3].map((id) => [id, abandoned(id, id)] as const));

  function built(live: ReturnType<typeof definition>, nowMs: number): Build<PersonFacts> {
    const build = new Build('acme', [live], judgeAt);
    build.takeBatch([1, 2, 3], everyone, nowMs);
    build.takeBatch([], new Map(), nowMs);
    return build;
  }

  const apply = (build: Build<PersonFacts>, state: AudienceState, nowMs: number, wanted = true): string[] => {
    const step = build.step(state, nowMs, () => wanted);
    while (step.advance());
    step.complete();
    return said(state);
  };

  it('lets those who differ enter or leave with the new version', () => {
    const state = stateWith(definition('a', abandonedIn(2)));
    evaluate(state, T0 + 3 * MINUTE, { 1: abandoned(1, 1), 2: abandoned(2, 2), 4: abandoned(4, 2) });
    const next = definition('a', { not: abandonedIn(2) }, { version: 2 });
    const nowMs = T0 + 3 * MINUTE + 1;
    const build = built(next, nowMs);
    expect(build.isScanned).toBe(true);
    // The first is in both; the last one is nobody any more.
    expect(apply(build, state, nowMs)).toEqual([
      `a v2: 2 left by definition at ${3 * MINUTE + 1}`,
      `a v2: 4 left by definition at ${3 * MINUTE + 1}`,
    ]);
    expect(state.known()[0]).toMatchObject({ version: 2, complete: true });
  });

  it('names those whose result time has changed since their batch', () => {
    const build = built(definition('a', abandonedIn(2)), T0 + 3 * MINUTE);
    expect(build.hasDue(T0 + 3 * MINUTE)).toBe(false);
    const nowMs = T0 + 4 * MINUTE + 1;
    expect(build.hasDue(nowMs)).toBe(true);
    const due = build.takeDue(nowMs, 10);
    expect(due).toEqual([1, 2]);
    build.evaluate(due, everyone, nowMs);
    expect(apply(build, stateWith(), nowMs)).toEqual([`a v1: 3 entered by definition at ${4 * MINUTE + 1}`]);
  });

  it('takes those again who change after their batch', () => {
    const build = built(definition('a', abandonedIn(5)), T0 + 3 * MINUTE);
    build.evaluateChanged([2, 3], new Map([[2, abandoned(2)]]), T0 + 3 * MINUTE);
    expect(apply(build, stateWith(), T0 + 3 * MINUTE)).toEqual([`a v1: 1 entered by definition at ${3 * MINUTE}`]);
  });

  it('leaves those who change before their batch to it', () => {
    const build = new Build<PersonFacts>('acme', [definition('a', abandonedIn(5))], judgeAt);
    build.takeBatch([1], everyone, T0 + 3 * MINUTE);
    build.evaluateChanged([1, 2], new Map(), T0 + 3 * MINUTE);
    build.takeBatch([2, 3], everyone, T0 + 3 * MINUTE);
    build.takeBatch([], new Map(), T0 + 3 * MINUTE);
    expect(apply(build, stateWith(), T0 + 3 * MINUTE)).toEqual(
      [2, 3].map((id) => `a v1: ${id} entered by definition at ${3 * MINUTE}`),
    );
  });

  it('leaves out what is not asked for any more', () => {
    const state = stateWith();
    expect(apply(built(definition('a', abandonedIn(5)), T0), state, T0, false)).toEqual([]);
    expect(state.known()).toEqual([]);
  });

  it('is applied in parts that fit into transactions, and is incomplete until the last one', () => {
    const ids = Array.from({ length: 50_000 }, (_, i) => i + 1);
    const build = new Build<PersonFacts>('acme', [definition('all', { everyone: true })], judgeAt);
    build.takeBatch(ids, new Map(ids.map((id) => [id, abandoned(id)])), T0);
    const state = new AudienceState();
    const parts = [];
    const step = build.step(state, T0, () => true);
    while (step.advance()) {
      if (state.isFull()) parts.push({ ...state.takeEffects(), ...state.known()[0]! });
    }
    step.complete();
    parts.push({ ...state.takeEffects(), ...state.known()[0]! });
    expect(parts.map(({ complete }) => complete)).toEqual([false, false, false, false, false, true]);
    expect(parts.every(({ changes, entries }) => changes.length + entries.size <= 20_010)).toBe(true);
    expect(membersOf(parts.flatMap(({ changes }) => changes)).get('all')?.size).toBe(50_000);
    const restored = restoredFrom(new Map(parts.slice(0, -1).flatMap(({ entries }) => [...entries])));
    expect(restored.known()[0]).toMatchObject({ complete: false, version: 1 });
  });
});
