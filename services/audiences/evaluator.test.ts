import pino from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { TOUCH, type PersonFacts } from '../../lib/audiences/index.ts';
import { ManualClock } from '../../lib/clock/testing.ts';
import type { AudienceChange } from '../../schemas/types.ts';
import { Evaluator } from './evaluator.ts';
import { judgeAt } from './judge.ts';
import { createAudienceMetrics } from './metrics.ts';
import { AudienceState } from './state.ts';
import { abandonedIn, definition, membersOf, personFacts, traitFacts } from './testing.ts';
import { Touched } from './touch.ts';

const MINUTE = 60_000;
const T0 = Date.UTC(2026, 2, 1);

/** By the id that is asked for. */
let stored: Map<number, PersonFacts>;
let newer: Set<number>;
/** What has arrived is taken; returns whether all of it could be. */
let arrive: () => boolean;
let deferred: [personId: number, touch: number][];
let reads: number[][];
let failures: number;
/** Whether others wait for a step. */
let isAwaited: boolean;
let state: AudienceState;
let evaluator: Evaluator<PersonFacts>;
let clock: ManualClock;

const abandoned = (id: number, atMs = T0): PersonFacts => personFacts(id, [traitFacts(`e${id}`, atMs)]);
const always = (): boolean => true;

beforeEach(() => {
  stored = new Map();
  newer = new Set();
  arrive = always;
  deferred = [];
  reads = [];
  failures = 0;
  isAwaited = true;
  state = new AudienceState();
  clock = new ManualClock(T0);
  evaluator = new Evaluator({
    state,
    judgeAt,
    clock,
    people: {
      read: (_, ids) => {
        if (failures-- > 0) return Promise.reject(new Error('away'));
        reads.push([...ids]);
        return Promise.resolve(new Map([...stored].filter(([id]) => ids.includes(id))));
      },
      rowsOf: ({ traitEvents }) => 1 + traitEvents.length,
      next: (_, after, limit) =>
        Promise.resolve(
          [...stored.keys()].filter((id) => id > after && stored.get(id)?.personId === id).slice(0, limit),
        ),
    },
    arrivals: {
      takeArrivals: () => Promise.resolve(arrive()),
      hasNewer: (_, id) => newer.has(id),
      defer: (_, id, touch) => void deferred.push([id, touch]),
    },
    signal: new AbortController().signal,
    metrics: createAudienceMetrics(new Registry()),
    logger: pino({ level: 'silent' }),
  });
});

async function evaluate(
  nowMs: number,
  touches: Record<number, number> = {},
  feed: AudienceChange[] = [],
): Promise<string[]> {
  const touched = new Touched();
  for (const [id, touch] of Object.entries(touches)) touched.add('acme', Number(id), touch);
  for await (const _ of evaluator.continueSteps(nowMs, () => Promise.resolve(isAwaited)));
  for await (const _ of evaluator.evaluate(nowMs, touched));
  await evaluator.continueBuilds(nowMs);
  const { changes } = state.takeEffects();
  feed.push(...changes);
  return changes.map(({ person_id, change, cause }) => `${person_id} ${change} ${cause}`);
}

/** Until nobody needs to be evaluated by new definitions. */
async function built(nowMs: number): Promise<string[]> {
  const changes: string[] = [];
  while (evaluator.isBuilding) changes.push(...(await evaluate(nowMs)));
  return changes;
}

describe('the evaluator', () => {
  it('evaluates the winner for what is said of somebody who was merged', async () => {
    evaluator.follow([definition('a', abandonedIn(5))], always);
    await built(T0);
    stored = new Map([2, 1].map((id) => [id, abandoned(1)]));
    expect(await evaluate(T0, { 2: TOUCH.asserted })).toEqual(['1 entered merge']);
  });

  it('puts people off whose newer records have arrived, with why they may have changed, but not forever', async () => {
    evaluator.follow([definition('a', abandonedIn(5))], always);
    await built(T0);
    stored.set(1, abandoned(1));
    newer.add(1);
    for (let i = 0; i < 5; i++) expect(await evaluate(T0, { 1: TOUCH.retracted })).toEqual([]);
    expect(deferred).toEqual(Array.from({ length: 5 }, () => [1, TOUCH.retracted]));
    expect(await evaluate(T0, { 1: TOUCH.retracted })).toEqual(['1 entered retraction']);
  });

  it('does not read people again whom nothing concerns', async () => {
    stored.set(1, abandoned(1));
    evaluator.follow([definition('a', abandonedIn(5))], always);
    await built(T0);
    reads = [];
    expect(await evaluate(T0 + MINUTE)).toEqual([]);
    evaluator.follow([], always);
    expect(await evaluate(T0 + MINUTE, { 1: TOUCH.asserted })).toEqual([]);
    expect(reads).toEqual([]);
  });

  describe('when only time has passed', () => {
    beforeEach(async () => {
      evaluator.follow([definition('a', abandonedIn(5))], always);
      await built(T0);
      for (const id of [1, 2, 3]) stored.set(id, abandoned(id, T0 + id));
      await evaluate(T0 + 10, { 1: TOUCH.asserted, 2: TOUCH.asserted });
      reads = [];
    });

    it('evaluates those who were read before by what was read', async () => {
      stored.set(1, abandoned(1, T0 + MINUTE));
      expect(await evaluate(T0 + 6 * MINUTE)).toEqual(['1 left time', '2 left time']);
      expect(reads).toEqual([]);
    });

    it('evaluates them by what a record has changed since', async () => {
      stored.set(1, abandoned(1, T0 + MINUTE));
      await evaluate(T0 + MINUTE, { 1: TOUCH.asserted });
      expect(await evaluate(T0 + 5 * MINUTE + 10)).toEqual(['2 left time']);
      expect(await evaluate(T0 + 6 * MINUTE + 10)).toEqual(['1 left time']);
      expect(reads).toEqual([[1]]);
    });

    it('evaluates a winner by what the record of somebody who was merged has changed at that time', async () => {
      stored = new Map([
        [1, abandoned(1, T0 + MINUTE)],
        [4, abandoned(1, T0 + MINUTE)],
        [2, abandoned(2)],
      ]);
      expect(await evaluate(T0 + 5 * MINUTE + 10, { 4: TOUCH.merged })).toEqual(['2 left time']);
      expect(reads).toEqual([[4]]);
    });

    it('puts off those with newer records, whom it evaluates with these', async () => {
      newer.add(1);
      expect(await evaluate(T0 + 6 * MINUTE)).toEqual(['2 left time']);
      expect(reads).toEqual([]);
      newer.clear();
      stored.set(1, abandoned(1, T0 + MINUTE));
      expect(await evaluate(T0 + 6 * MINUTE, { 1: TOUCH.asserted })).toEqual([]);
    });

    it('puts off those with newer records, and does not keep what it read of them', async () => {
      newer.add(1);
      await evaluate(T0 + 20, { 1: TOUCH.asserted });
      expect(await evaluate(T0 + 6 * MINUTE)).toEqual(['2 left time']);
      newer.clear();
      expect(await evaluate(T0 + 6 * MINUTE, { 1: TOUCH.asserted })).toEqual(['1 left time']);
      expect(reads.flat()).toEqual([1, 1, 1]);
    });

    it('takes what has arrived before it evaluates them by what was read', async () => {
      arrive = () => newer.add(1).has(1);
      expect(await evaluate(T0 + 6 * MINUTE)).toEqual(['2 left time']);
      expect(reads).toEqual([]);
    });

    it('reads them again, and keeps nothing, while there is no room for all that has arrived', async () => {
      arrive = () => false;
      stored.set(1, abandoned(1, T0 + MINUTE));
      expect(await evaluate(T0 + 5 * MINUTE + 10)).toEqual(['2 left time']);
      arrive = always;
      expect(await evaluate(T0 + 6 * MINUTE + 10)).toEqual(['1 left time']);
      expect(reads).toEqual([[1, 2], [1]]);
    });

    it('reads them again for a new definition, which may need more', async () => {
      evaluator.follow([definition('a', abandonedIn(5)), definition('b', abandonedIn(6))], always);
      await built(T0 + 20);
      reads = [];
      expect(await evaluate(T0 + 5 * MINUTE + 10)).toEqual(['1 left time', '2 left time']);
      expect(reads).toEqual([[1, 2]]);
    });
  });

  it('reads again until ClickHouse answers', async () => {
    evaluator.follow([definition('a', abandonedIn(5))], always);
    await built(T0);
    stored.set(1, abandoned(1));
    failures = 3;
    const evaluated = evaluate(T0, { 1: TOUCH.asserted });
    await clock.advance(MINUTE);
    expect(await evaluated).toEqual(['1 entered event']);
  });

  it('leads from one definition to the next at one time, also for those for whom a time comes meanwhile', async () => {
    for (const id of [1, 2, 3]) stored.set(id, abandoned(id, T0 + id));
    evaluator.follow([definition('a', { not: abandonedIn(1) })], always);
    // The first batch is evaluated here, the step begins a minute later: the first two have changed by then.
    expect(await evaluate(T0 + 10)).toEqual([]);
    expect(await evaluate(T0 + 10)).toEqual([]);
    expect(await evaluate(T0 + 2 + MINUTE + 1)).toEqual([]);
    expect(await evaluate(T0 + 2 + MINUTE + 1)).toEqual(['1 entered definition', '2 entered definition']);
    expect(evaluator.isBuilding).toBe(false);
    expect(state.earliestDueMs).toBe(T0 + 3 + MINUTE + 1);
  });

  it('lets the process do something else while very many people enter', async () => {
    for (let id = 1; id <= 4_500; id++) stored.set(id, abandoned(id));
    evaluator.follow([definition('a', { everyone: true })], always);
    // All batches, the last of which is empty; then the step begins.
    for (let round = 0; round < 7; round++) expect(await evaluate(T0)).toEqual([]);
    expect(evaluator.isStepping).toBe(true);
    let turns = 0;
    const count = (): void => {
      turns++;
      if (evaluator.isBuilding) setImmediate(count);
    };
    setImmediate(count);
    expect(await evaluate(T0)).toHaveLength(3_000);
    expect(turns).toBeGreaterThanOrEqual(2);
    expect(await built(T0)).toHaveLength(1_500);
  });

  describe('between the parts of a step', () => {
    const PEOPLE = 8_000;
    const AT = T0 + MINUTE;
    let changes: AudienceChange[];

    async function round(nowMs: number, touches: Record<number, number> = {}): Promise<string[]> {
      await evaluate(nowMs, touches, changes);
      const others = changes.filter(({ cause }) => cause !== 'definition');
      return others.map((c) => `${c.audience_id}: ${c.person_id} ${c.change} by ${c.cause} at ${c.at - T0}`);
    }

    /** Until the step is complete. */
    async function ended(nowMs: number): Promise<string[]> {
      expect(evaluator.isStepping).toBe(true);
      while (evaluator.isBuilding) await round(nowMs);
      return round(nowMs);
    }

    /** By the whole feed, in which nothing may be repeated or go back. */
    const members = (id: string): Set<number> => membersOf(changes).get(id) ?? new Set();

    beforeEach(async () => {
      changes = [];
      const before = [definition('other', abandonedIn(5)), definition('a', abandonedIn(5))];
      evaluator.follow(before, always);
      await built(T0);
      for (let id = 1; id <= PEOPLE; id++) stored.set(id, personFacts(id));
      // Somebody who will enter by time alone.
      stored.set(2, abandoned(2, AT + 50 - 2 * MINUTE));
      const next = definition('a', { not: abandonedIn(2) }, { version: 2 });
      evaluator.follow([before[0]!, next], always);
      while (!evaluator.isStepping) await round(AT);
      // The first part.
      await round(AT + 1);
      expect(changes.length).toBeGreaterThan(1_000);
    });

    it('others enter at once; by the new definition they are evaluated at the end', async () => {
      for (const id of [1, PEOPLE]) stored.set(id, abandoned(id, AT));
      const touches = { 1: TOUCH.asserted, [PEOPLE]: TOUCH.asserted };
      const entered = [1, PEOPLE].map((id) => `other: ${id} entered by event at ${MINUTE + 2}`);
      expect(await round(AT + 2, touches)).toEqual(entered);
      const left = [1, PEOPLE].map((id) => `a: ${id} left by event at ${MINUTE + 3}`);
      expect(await ended(AT + 3)).toEqual([...entered, ...left]);
      const steps = changes.filter(({ cause }) => cause === 'definition');
      expect(new Set(steps.map(({ at }) => at - T0))).toEqual(new Set([MINUTE]));
      expect(members('a').size).toBe(PEOPLE - 3);
      expect(state.known().every(({ complete }) => complete)).toBe(true);
    });

    it('nobody waits: it is completed at once', async () => {
      isAwaited = false;
      await round(AT + 2);
      expect(evaluator.isBuilding).toBe(false);
      expect(members('a').size).toBe(PEOPLE - 1);
    });

    it('somebody for whom a time comes waits for the end, without being woken again', async () => {
      expect(state.earliestDueMs).toBe(AT + 51);
      expect(await round(AT + 51)).toEqual([]);
      expect(state.earliestDueMs).toBeUndefined();
      expect(await ended(AT + 52)).toEqual([`a: 2 entered by time at ${MINUTE + 52}`]);
    });

    it('somebody who is erased enters nothing any more', async () => {
      stored.delete(PEOPLE);
      expect(await round(AT + 2, { [PEOPLE]: TOUCH.erased })).toEqual([]);
      await ended(AT + 3);
      expect(changes.some(({ person_id }) => person_id === PEOPLE)).toBe(false);
    });

    it('somebody who is put off at the end is evaluated with the newer records', async () => {
      stored.set(1, abandoned(1, AT));
      await round(AT + 2, { 1: TOUCH.asserted });
      newer.add(1);
      const before = [`other: 1 entered by event at ${MINUTE + 2}`];
      expect(await ended(AT + 3)).toEqual(before);
      expect(deferred).toEqual([[1, TOUCH.asserted]]);
      newer.clear();
      expect(await round(AT + 4, { 1: TOUCH.asserted })).toEqual([...before, `a: 1 left by event at ${MINUTE + 4}`]);
    });
  });

  it('starts a build over for a definition that was replaced meanwhile', async () => {
    for (const id of [1, 2]) stored.set(id, abandoned(id));
    evaluator.follow([definition('a', { everyone: true })], always);
    await evaluate(T0);
    evaluator.follow([definition('a', { not: { everyone: true } }, { version: 2 })], always);
    expect(await built(T0)).toEqual([]);
    expect(state.known()).toMatchObject([{ version: 2, complete: true }]);
  });
});
