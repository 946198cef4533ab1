import { describe, expect, it } from 'vitest';
import { randomFrom, type Random } from '../carts/testing/random.ts';
import { nextStepChange, stepReaches } from '../time/transitions.ts';
import { step, type Unit } from '../time/index.ts';
import { matches, nextChange, type Audience, type PersonFacts } from './index.ts';
import { cartFactsOf, eventFactsOf, factsOf } from './testing/facts.ts';
import { afterMerges, generateQuestion, generateWorld } from './testing/generate.ts';

/** JT_RUNS and JT_SEED for more, or to repeat a run. */
const RUNS = Number(process.env['JT_RUNS'] ?? 300);
const SEED = Number(process.env['JT_SEED'] ?? 1);

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
const END = Date.UTC(2200, 0, 1);

/** Instants after `fromMs` and before `toMs`, most of them where something may happen. */
function instantsBetween(fromMs: number, toMs: number, edges: readonly number[], random: Random): number[] {
  const near = edges.flatMap((at) => [at - 1, at, at + 1]);
  const any = Array.from({ length: 10 }, () => fromMs + 1 + random.below(Math.min(toMs - fromMs, 40 * DAY)));
  return [fromMs + 1, toMs - 1, fromMs + 400 * DAY, ...near, ...any].filter((at) => at > fromMs && at < toMs);
}

describe(`nextChange (JT_RUNS=${RUNS}, JT_SEED=${SEED})`, () => {
  it('is never too late', { timeout: 3_600_000 }, () => {
    let changes = 0;
    for (let i = 0; i < RUNS / 5; i++) {
      const random = randomFrom(SEED + i);
      const world = generateWorld(random);
      const people = afterMerges(world).map(factsOf);
      for (let n = 0; n < 5; n++) {
        const { audience, asked } = generateQuestion(world, random);
        const at = (nowMs: number) => ({ nowMs, zone: asked.zone, includeAnonymous: asked.includeAnonymous });
        for (const facts of people) {
          let nowMs = asked.now;
          for (let steps = 0; steps < 4; steps++) {
            const next = nextChange(audience, facts, at(nowMs));
            const why = `JT_SEED=${SEED + i}, question ${n}, person ${facts.personId}, now ${nowMs}, next ${next}: ${JSON.stringify({ audience, asked })}`;
            if (next !== null) expect(next, why).toBeGreaterThan(nowMs);
            const before = matches(audience, facts, at(nowMs));
            for (const between of instantsBetween(nowMs, next ?? END, world.edges, random))
              expect(matches(audience, facts, at(between)), `${why}, at ${between}`).toBe(before);
            if (next === null) break;
            if (matches(audience, facts, at(next)) !== before) changes++;
            nowMs = next;
          }
        }
      }
    }
    expect(changes).toBeGreaterThan(RUNS / 5);
  });

  const person: PersonFacts = { personId: 1, firstAtMs: 0, anonymous: false, traitEvents: [], carts: [] };
  const values = { store: null, mode: null, amount: null, products: [] };
  const eventAt = (at: number, recoveredAt: number | null = null) =>
    eventFactsOf({
      ...{ trait: 'cart_abandoned', status: '', cart: 'c', anomaly: null, ...values },
      ...{ at, detectedAt: at, retractedAt: null, recoveredAt },
    });
  const cartWith = (fields: object) =>
    cartFactsOf({ cart: 'c', changes: [], deadline: null, reservation: null, ...values, ...fields });
  const of = (audience: Audience, facts: Partial<PersonFacts>, now: string, zone = 'UTC'): string | null => {
    const options = { nowMs: Date.parse(now), zone, includeAnonymous: false };
    const next = nextChange(audience, { ...person, ...facts }, options);
    return next === null ? null : new Date(next).toISOString();
  };
  const T = Date.parse('2026-02-28T12:00:00Z');
  const last = (amount: number, unit: Unit): Audience => ({
    trait: 'cart_abandoned',
    time: { operator: 'in_last', amount, unit },
  });
  const next = (amount: number, unit: Unit): Audience => ({
    trait: 'cart_abandoned',
    time: { operator: 'in_next', amount, unit },
  });

  it('is the millisecond after the end of in_last', () => {
    const traitEvents = [eventAt(T)];
    expect(of(last(30, 'minutes'), { traitEvents }, '2026-02-28T12:10:00Z')).toBe('2026-02-28T12:30:00.001Z');
    expect(of(last(30, 'minutes'), { traitEvents }, '2026-02-28T12:30:00Z')).toBe('2026-02-28T12:30:00.001Z');
    expect(of(last(30, 'minutes'), { traitEvents }, '2026-02-28T12:30:00.001Z')).toBeNull();
    expect(of({ not: last(1, 'days') }, { traitEvents }, '2026-02-28T13:00:00Z')).toBe('2026-03-01T12:00:00.001Z');
  });

  it('has all that a month does at its end: the 28th to the 31st of March are a month after the 28th of February', () => {
    const traitEvents = [eventAt(T)];
    const times: string[] = [];
    let now: string | null = '2026-03-01T00:00:00.000Z';
    while ((now = of(last(1, 'months'), { traitEvents }, now)) !== null) times.push(now);
    expect(times).toEqual([
      '2026-03-28T12:00:00.001Z',
      ...['29', '30', '31'].flatMap((day) => [`2026-03-${day}T00:00:00.000Z`, `2026-03-${day}T12:00:00.001Z`]),
    ]);
  });

  const NEW_YORK = 'America/New_York';
  const leaving = (audience: Audience, at: string, now: string): string[] => {
    const times: string[] = [];
    let from: string | null = now;
    while ((from = of(audience, { traitEvents: [eventAt(Date.parse(at))] }, from, NEW_YORK)) !== null) times.push(from);
    return times;
  };

  it('has the hour that comes twice: twice it is 01:30, a month after the 1st of October at 01:30', () => {
    expect(leaving(last(1, 'months'), '2026-10-01T05:30:00Z', '2026-11-01T05:00:00Z')).toEqual([
      '2026-11-01T05:30:00.001Z',
      '2026-11-01T06:00:00.000Z',
      '2026-11-01T06:30:00.001Z',
    ]);
  });

  it('has the end of an hour that came twice: of it only the first is a month before', () => {
    const times = leaving(last(1, 'months'), '2026-11-01T06:30:00Z', '2026-12-01T05:00:00Z');
    expect(times).toEqual(['2026-12-01T07:00:00.000Z']);
  });

  it('has the hour that is missing: 02:10 and 03:10 are a month after 03:10', () => {
    expect(leaving(last(1, 'months'), '2026-03-08T07:10:00Z', '2026-04-08T05:00:00Z')).toEqual([
      '2026-04-08T06:10:00.001Z',
      '2026-04-08T07:00:00.000Z',
      '2026-04-08T07:10:00.001Z',
    ]);
  });

  it('is when what lies ahead happens', () => {
    const leaf: Audience = { trait: 'cart_abandoned', recovered: true, time: { operator: 'on', date: '2026-02-28' } };
    const recoveredAt = Date.parse('2026-03-05T00:00:00Z');
    expect(of(leaf, { traitEvents: [eventAt(T, recoveredAt)] }, '2026-02-28T13:00:00Z')).toBe(
      '2026-03-05T00:00:00.000Z',
    );
    expect(of(leaf, { traitEvents: [eventAt(T)] }, '2026-02-28T11:00:00Z')).toBe('2026-02-28T12:00:00.000Z');
    expect(of(leaf, { traitEvents: [eventAt(T)] }, '2026-02-28T13:00:00Z')).toBeNull();
    expect(of({ everyone: true }, { firstAtMs: T }, '2026-02-28T11:00:00Z')).toBe('2026-02-28T12:00:00.000Z');
    expect(of({ everyone: true }, { firstAtMs: T, anonymous: true }, '2026-02-28T11:00:00Z')).toBeNull();
  });

  it('is when in_next begins, and when what is due is due', () => {
    const carts = [cartWith({ deadline: T })];
    expect(of(next(1, 'hours'), { carts }, '2026-02-28T10:00:00Z')).toBe('2026-02-28T11:00:00.000Z');
    expect(of(next(1, 'hours'), { carts }, '2026-02-28T11:00:00Z')).toBe('2026-02-28T12:00:00.000Z');
    expect(of(next(1, 'hours'), { carts }, '2026-02-28T12:00:00Z')).toBeNull();
  });

  it('is when a dwell is long enough', () => {
    const carts = [cartWith({ changes: [{ status: 'preparing', at: T }] })];
    const dwell: Audience = { dwell: { status: ['preparing'], for: { amount: 45, unit: 'minutes' } } };
    expect(of(dwell, { carts }, '2026-02-28T12:01:00Z')).toBe('2026-02-28T12:45:00.000Z');
    expect(of(dwell, { carts }, '2026-02-28T12:45:00Z')).toBeNull();
  });

  it('leaves out what fails for another reason', () => {
    const leaf: Audience = { ...last(1, 'hours'), store_id: ['68'] } as Audience;
    expect(of(leaf, { traitEvents: [eventAt(T)] }, '2026-02-28T12:10:00Z')).toBeNull();
    const retracted = { ...eventAt(T), retracted_at: T + 1 };
    expect(of(last(1, 'hours'), { traitEvents: [retracted] }, '2026-02-28T12:10:00Z')).toBeNull();
  });
});

/** Changes of the clock: forward, back, at midnight, by half an hour, over a day. */
const CLOCK_CHANGES = [
  ['America/New_York', '2026-03-08T07:00:00Z'],
  ['America/New_York', '2026-11-01T06:00:00Z'],
  ['America/Sao_Paulo', '2018-11-04T03:00:00Z'],
  ['America/Sao_Paulo', '2018-02-18T02:00:00Z'],
  ['America/Havana', '2026-11-01T05:00:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z'],
  ['Antarctica/Troll', '2026-03-29T01:00:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00:00Z'],
] as const;

describe(`nextStepChange (JT_RUNS=${RUNS}, JT_SEED=${SEED})`, () => {
  it('is the first instant at which the answer differs', { timeout: 3_600_000 }, () => {
    for (let i = 0; i < RUNS; i++) {
      const random = randomFrom(SEED + i);
      const [zone, change] = random.pick(CLOCK_CHANGES);
      const [amount, unit] = random.pick([
        [1, 'days'],
        [1, 'weeks'],
        [1, 'months'],
        [2, 'months'],
      ] as const);
      const ago = random.chance(0.5) ? -amount : amount;
      const near = (at: number): number => at + (random.below(4 * 48) - 96) * 15 * MINUTE + random.below(3) - 1;
      const about = near(Date.parse(change));
      // The change of the clock is where the step starts from, or where it leads to.
      const other = near(step(about, random.chance(0.5) ? ago : -ago, unit, zone)!);
      const [nowMs, threshold] = random.chance(0.5) ? [about, other] : [other, about];
      const why = `JT_SEED=${SEED + i}: ${JSON.stringify({ zone, unit, ago, threshold, nowMs })}`;
      const reaches = (at: number): boolean => stepReaches(at, ago, unit, zone, threshold);
      const before = reaches(nowMs);
      const next = nextStepChange(nowMs, ago, unit, zone, threshold);
      if (next !== null) expect([reaches(next - 1), reaches(next)], why).toEqual([before, !before]);
      const untilMs = Math.min(next ?? Infinity, nowMs + 4 * DAY);
      for (let at = nowMs; at < untilMs; at += 15 * MINUTE) expect(reaches(at), `${why} at ${at}`).toBe(before);
    }
  });
});
