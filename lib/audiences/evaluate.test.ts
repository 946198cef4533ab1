import { describe, expect, it } from 'vitest';
import cases from '../../test/semantics-cases.json' with { type: 'json' };
import { randomFrom } from '../carts/testing/random.ts';
import type { LeafEvaluation, NodeEvaluation } from './evaluate.ts';
import {
  EVENTS_MAX,
  evaluate,
  matches,
  NEAR_MAX,
  parseAudience,
  type Audience,
  type CartFacts,
  type PersonFacts,
  type TimeCondition,
  type TraitEventFacts,
} from './index.ts';
import { eventFactsOf, factsOf } from './testing/facts.ts';
import { afterMerges, generateQuestion, generateWorld } from './testing/generate.ts';
import { isMember, isSatisfied, rangeOf, verdicts, type Asked, type Verdict } from './testing/oracle.ts';
import { ASKS, cartsOfQuestions } from './testing/questions.ts';

/** JT_RUNS and JT_SEED for more, or to repeat a run. */
const RUNS = Number(process.env['JT_RUNS'] ?? 3_000);
const SEED = Number(process.env['JT_SEED'] ?? 1);
const QUESTIONS_PER_WORLD = 10;

const optionsOf = ({ now, knownAt, ...rest }: Asked) => ({
  nowMs: now,
  ...(knownAt === undefined ? {} : { knownAtMs: knownAt }),
  ...rest,
});

const show = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

describe('the oracle', () => {
  it.each(cases.bounds)('has the bounds of $time in $zone', ({ time, now, zone, from, to }) => {
    const range = rangeOf(time as Parameters<typeof rangeOf>[0], Date.parse(now), zone);
    expect({ from: show(range.from), to: show(range.to) }).toEqual({ from, to });
  });
});

describe(`the predicate and the oracle agree (JT_RUNS=${RUNS}, JT_SEED=${SEED})`, () => {
  it('on generated trees', { timeout: 3_600_000 }, () => {
    let inside = 0;
    let asked = 0;
    for (let i = 0; i < RUNS / QUESTIONS_PER_WORLD; i++) {
      const random = randomFrom(SEED + i);
      const world = generateWorld(random);
      const people = afterMerges(world).map((history) => ({ history, facts: factsOf(history) }));
      for (let n = 0; n < QUESTIONS_PER_WORLD; n++) {
        const question = generateQuestion(world, random);
        const options = optionsOf(question.asked);
        expect(parseAudience(question.audience).issues).toBeUndefined();
        for (const { history, facts } of people) {
          const expected = isMember(question.audience, history, question.asked);
          const why = `JT_SEED=${SEED + i}, question ${n}: ${JSON.stringify({ question, history })}`;
          expect(matches(question.audience, facts, options), why).toBe(expected);
          expect(evaluate(question.audience, facts, options).matches, why).toBe(expected);
          asked++;
          if (expected) inside++;
        }
      }
    }
    expect(inside / asked).toBeGreaterThan(0.15);
    expect(inside / asked).toBeLessThan(0.85);
  });
});

/** The leaves of an evaluation with their nodes. */
function leavesOf(node: NodeEvaluation): LeafEvaluation<TraitEventFacts | CartFacts>[] {
  return node.kind === 'branch' ? node.children.flatMap(leavesOf) : [node];
}

const idOf = (found: TraitEventFacts | CartFacts): string => ('event_id' in found ? found.event_id : found.cart_id);

describe('an evaluation', () => {
  const failed = (verdict: Verdict): string[] =>
    Object.entries(verdict).flatMap(([key, holds]) => (holds === false ? [key] : []));

  it('names what satisfies each leaf, and by which members what is near fails', () => {
    let near = 0;
    for (let seed = 1; seed <= 150; seed++) {
      const random = randomFrom(seed);
      const world = generateWorld(random);
      for (const history of afterMerges(world)) {
        const { audience, asked } = generateQuestion(world, random);
        const evaluation = evaluate(audience, factsOf(history), optionsOf(asked));
        expect(evaluation.inUniverse).toBe(isMember({ everyone: true }, history, asked));
        for (const { node, count, events, near: others, matches: holds } of leavesOf(evaluation.node)) {
          const expected = verdicts(node, history, asked);
          const isOfCarts = 'dwell' in node || node.time?.operator === 'in_next';
          expect(count).toBe(expected.filter(isSatisfied).length);
          expect(holds).toBe(isMember(node, history, asked));
          expect(events).toHaveLength(Math.min(count, EVENTS_MAX));
          expect(others).toHaveLength(Math.min(expected.length - count, NEAR_MAX));
          for (const { found, fails } of others) {
            const past = isOfCarts
              ? { ...history, events: [], carts: history.carts.filter((cart) => cart.cart === idOf(found)) }
              : { ...history, events: history.events.filter((event) => eventFactsOf(event).event_id === idOf(found)) };
            const [verdict] = verdicts(node, past, asked);
            expect([...fails].sort()).toEqual(failed(verdict!).sort());
            near++;
          }
        }
      }
    }
    expect(near).toBeGreaterThan(1_000);
  });

  const values = { store: null, mode: null, amount: null, products: [] };
  const at = (text: string): number => Date.parse(text);
  const event = (time: string, fields: object = {}): TraitEventFacts =>
    eventFactsOf({
      ...{ trait: 'cart_status_updated', status: 'finished', cart: 'c', anomaly: null, ...values },
      ...{ at: at(time), detectedAt: at(time), retractedAt: null, recoveredAt: null, ...fields },
    });
  const person = (facts: Partial<PersonFacts>): PersonFacts => ({
    ...{ personId: 1, firstAtMs: 0, anonymous: false, traitEvents: [], carts: [] },
    ...facts,
  });
  const NOW = '2026-03-10T12:00:00.000Z';
  const options = { nowMs: at(NOW), zone: 'America/New_York', includeAnonymous: false };
  const leaf = { trait: 'cart_status_updated' } as const;

  it('is a tree of the nodes', () => {
    const traitEvents = [event('2026-03-10T11:00:00Z')];
    const audience: Audience = { and: [{ not: { trait: 'cart_abandoned' } }, { or: [leaf, { everyone: true }] }] };
    const { node, matches: holds } = evaluate(audience, person({ traitEvents }), options);
    expect(holds).toBe(true);
    const show = (evaluated: NodeEvaluation): unknown =>
      evaluated.kind === 'branch'
        ? [evaluated.node, evaluated.matches, evaluated.children.map(show)]
        : [evaluated.node, evaluated.matches, evaluated.count];
    expect(show(node)).toEqual([
      audience,
      true,
      [
        [{ not: { trait: 'cart_abandoned' } }, true, [[{ trait: 'cart_abandoned' }, false, 0]]],
        [
          { or: [leaf, { everyone: true }] },
          true,
          [
            [leaf, true, 1],
            [{ everyone: true }, true, []],
          ],
        ],
      ],
    ]);
  });

  it('matches nowhere outside of the universe, but counts', () => {
    const traitEvents = [event('2026-03-10T11:00:00Z')];
    for (const outside of [{ anonymous: true }, { firstAtMs: at(NOW) + 1 }]) {
      const audience: Audience = { or: [{ not: { trait: 'cart_abandoned' } }, leaf, { everyone: true }] };
      const { node, matches: holds, inUniverse } = evaluate(audience, person({ traitEvents, ...outside }), options);
      expect([holds, inUniverse]).toEqual([false, false]);
      const [not, counted, everyone] = node.kind === 'branch' ? node.children : [];
      expect([not, counted, everyone].map((child) => child?.matches)).toEqual([false, false, false]);
      expect(counted).toMatchObject({ count: 1, events: [{ event_id: traitEvents[0]!.event_id }] });
    }
  });

  it('has people in the universe from their first millisecond on', () => {
    const since = person({ firstAtMs: at(NOW) });
    expect(matches({ everyone: true }, since, options)).toBe(true);
    expect(evaluate({ everyone: true }, since, options).inUniverse).toBe(true);
  });

  it('has the newest 20 and, of those that are near, the newest 5', () => {
    const minutes = (n: number): string => new Date(at(NOW) - n * 60_000).toISOString();
    const traitEvents = Array.from({ length: 60 }, (_, i) =>
      event(minutes(i), { status: i % 2 ? 'finished' : 'other' }),
    );
    const { node } = evaluate(
      { ...leaf, status: ['finished'] },
      person({ traitEvents: traitEvents.toSorted(() => -1) }),
      options,
    );
    const found = node as LeafEvaluation<TraitEventFacts>;
    expect(found.count).toBe(30);
    expect(found.events.map((one) => one.occurred_at)).toEqual(
      Array.from({ length: EVENTS_MAX }, (_, i) => at(minutes(2 * i + 1))),
    );
    expect(found.near.map((one) => one.found.occurred_at)).toEqual(
      Array.from({ length: NEAR_MAX }, (_, i) => at(minutes(2 * i))),
    );
  });

  it('says of an event after now that it fails time, though the leaf has none', () => {
    const { node } = evaluate(leaf, person({ traitEvents: [event('2026-03-10T12:00:00.001Z')] }), options);
    expect(node).toMatchObject({ count: 0, events: [], near: [{ fails: ['time'] }] });
  });

  it.each<[TimeCondition, [string, boolean][]]>([
    [
      { operator: 'after', date: '2026-03-07' },
      [
        ['2026-03-08T04:59:59.999Z', false],
        ['2026-03-08T05:00:00Z', true],
        [NOW, true],
      ],
    ],
    [
      { operator: 'after', date: '2026-03-07T00:00:00Z' },
      [
        ['2026-03-07T00:00:00Z', false],
        ['2026-03-07T00:00:00.001Z', true],
      ],
    ],
    // A day of 23 hours.
    [
      { operator: 'on', date: '2026-03-08' },
      [
        ['2026-03-08T04:59:59.999Z', false],
        ['2026-03-08T05:00:00Z', true],
        ['2026-03-09T03:59:59.999Z', true],
        ['2026-03-09T04:00:00Z', false],
      ],
    ],
    [
      { operator: 'before', date: '2026-03-08' },
      [
        ['2026-03-08T04:59:59.999Z', true],
        ['2026-03-08T05:00:00Z', false],
      ],
    ],
    [
      { operator: 'before', date: '2026-03-07T00:00:00Z' },
      [
        ['2026-03-06T23:59:59.999Z', true],
        ['2026-03-07T00:00:00Z', false],
      ],
    ],
    [
      { operator: 'between', from: '2026-03-06', to: '2026-03-07' },
      [
        ['2026-03-06T04:59:59.999Z', false],
        ['2026-03-06T05:00:00Z', true],
        ['2026-03-08T04:59:59.999Z', true],
        ['2026-03-08T05:00:00Z', false],
      ],
    ],
    [
      { operator: 'between', from: '2026-03-06T00:00:00Z', to: '2026-03-07T00:00:00Z' },
      [
        ['2026-03-05T23:59:59.999Z', false],
        ['2026-03-06T00:00:00Z', true],
        ['2026-03-07T00:00:00Z', true],
        ['2026-03-07T00:00:00.001Z', false],
      ],
    ],
    [
      { operator: 'in_last', amount: 90, unit: 'minutes' },
      [
        ['2026-03-10T10:29:59.999Z', false],
        ['2026-03-10T10:30:00Z', true],
        [NOW, true],
        ['2026-03-10T12:00:00.001Z', false],
      ],
    ],
    // Three days ago the clocks had not gone forward.
    [
      { operator: 'in_last', amount: 3, unit: 'days' },
      [
        ['2026-03-07T12:59:59.999Z', false],
        ['2026-03-07T13:00:00Z', true],
      ],
    ],
  ])('has the bounds of %j', (time, expected) => {
    for (const [T, holds] of expected)
      expect(matches({ ...leaf, time }, person({ traitEvents: [event(T)] }), options), T).toBe(holds);
  });
});

describe('in_next and dwell', () => {
  const carts = [...cartsOfQuestions()];
  it.each(ASKS)('$audience at $nowMs', ({ audience, nowMs, carts: expected }) => {
    const found = carts.filter(([name, cart]) => {
      const facts = { ...cart, cart_id: name };
      const one = { personId: 1, firstAtMs: 0, anonymous: false, traitEvents: [], carts: [facts] };
      return matches(audience, one, { nowMs, zone: 'UTC', includeAnonymous: false });
    });
    expect(found.map(([name]) => name).sort()).toEqual(expected);
  });
});
