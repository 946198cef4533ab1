import pino from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import type { PersonFacts } from '../../lib/audiences/index.ts';
import { ManualClock } from '../../lib/clock/testing.ts';
import { Evaluator } from './evaluator.ts';
import { judgeAt } from './judge.ts';
import { createAudienceMetrics } from './metrics.ts';
import { AudienceState } from './state.ts';
import { abandonedIn, definition, personFacts, traitFacts } from './testing.ts';
import { TOUCH, Touched } from './touch.ts';

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

async function evaluate(nowMs: number, touches: Record<number, number> = {}): Promise<string[]> {
  const touched = new Touched();
  for (const [id, touch] of Object.entries(touches)) touched.add('acme', Number(id), touch);
  for await (const _ of evaluator.evaluate(nowMs, touched));
  for await (const _ of evaluator.continueBuilds(nowMs));
  return state.takeEffects().changes.map(({ person_id, change, cause }) => `${person_id} ${change} ${cause}`);
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
    // The first batch is evaluated here, the step is made a minute later: the first two have changed by then.
    expect(await evaluate(T0 + 10)).toEqual([]);
    expect(await evaluate(T0 + 10)).toEqual([]);
    expect(await evaluate(T0 + 2 + MINUTE + 1)).toEqual(['1 entered definition', '2 entered definition']);
    expect(evaluator.isBuilding).toBe(false);
    expect(state.earliestDueMs).toBe(T0 + 3 + MINUTE + 1);
  });

  it('lets the process do something else while very many people enter', async () => {
    for (let id = 1; id <= 4_500; id++) stored.set(id, abandoned(id));
    evaluator.follow([definition('a', { everyone: true })], always);
    // All batches, the last of which is empty; then the step to the definition is left.
    for (let batch = 0; batch < 6; batch++) expect(await evaluate(T0)).toEqual([]);
    let turns = 0;
    const count = (): void => {
      turns++;
      if (evaluator.isBuilding) setImmediate(count);
    };
    setImmediate(count);
    expect(await evaluate(T0)).toHaveLength(4_500);
    expect(turns).toBeGreaterThanOrEqual(4);
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
