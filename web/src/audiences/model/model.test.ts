import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAudience } from '../../../../lib/audiences/parse.ts';
import type { Audience } from '../../../../lib/audiences/tree.ts';
import {
  newCondition,
  problemOf,
  withFilter,
  withoutFilter,
  withOperator,
  withSubject,
  type Condition,
} from './condition.ts';
import { linesOf, matchLines } from './lines.ts';
import {
  audienceOf,
  dissolved,
  idAt,
  newGroup,
  newRule,
  queryOf,
  quantifierOf,
  sizeOf,
  withQuantifier,
  wrapped,
  type Group,
} from './query.ts';

const text = fc.string({ minLength: 1, maxLength: 8 });
const list = fc.array(text, { maxLength: 3 });
const day = fc
  .date({ min: new Date('1970-01-02'), max: new Date('2199-12-30'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const instant = fc
  .date({ min: new Date('1970-01-02'), max: new Date('2199-12-30'), noInvalidDate: true })
  .map((date) => date.toISOString());
const length = fc.integer({ min: 1, max: 100_000 });
const unit = fc.constantFrom('minutes', 'hours', 'days', 'weeks', 'months');
const range = (point: fc.Arbitrary<string>) => fc.tuple(point, point).map(([a, b]) => (a <= b ? [a, b] : [b, a]));

const past = fc.oneof(
  fc.record({ operator: fc.constantFrom('after', 'before'), date: fc.oneof(day, instant) }),
  fc.record({ operator: fc.constant('on'), date: day }),
  fc.oneof(range(day), range(instant)).map(([from, to]) => ({ operator: 'between', from, to })),
  fc.record({ operator: fc.constant('in_last'), amount: length, unit }),
);
const amount = fc
  .tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 500 }), fc.constantFrom('min', 'max', 'both'))
  .map(([a, b, which]) => ({
    ...(which === 'max' ? {} : { min: Math.min(a, b) }),
    ...(which === 'min' ? {} : { max: Math.max(a, b) }),
  }));

const filters = { store_id: list, at_least: fc.integer({ min: 1, max: 1_000 }), mode: list, amount, product_id: list };
const optional = { requiredKeys: ['trait'] } as never;
const leaf = fc.oneof(
  fc.record({ trait: fc.constant('cart_abandoned'), time: past, recovered: fc.boolean(), ...filters }, optional),
  fc.record(
    { trait: fc.constant('cart_status_updated'), status: list, time: past, anomaly: fc.boolean(), ...filters },
    optional,
  ),
  fc.constant({ trait: 'cart_abandoned', time: { operator: 'in_next', amount: 3, unit: 'hours' }, at_least: 2 }),
  fc.constant({
    trait: 'cart_status_updated',
    status: ['ready_for_pickup'],
    time: { operator: 'in_next', amount: 1, unit: 'days' },
  }),
  fc
    .record({
      status: fc.array(text, { minLength: 1, maxLength: 3 }),
      for: fc.record({ amount: length, unit }),
      store_id: list,
    })
    .map((dwell) => ({ dwell })),
  fc.constant({ everyone: true }),
) as unknown as fc.Arbitrary<Audience>;

const { tree } = fc.letrec<{ tree: Audience }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', maxDepth: 5, withCrossShrink: true },
    leaf,
    fc.record({ not: tie('tree') }),
    fc.record({ and: fc.array(tie('tree'), { minLength: 1, maxLength: 4 }) }),
    fc.record({ or: fc.array(tie('tree'), { minLength: 1, maxLength: 4 }) }),
  ),
}));

/** Without empty lists, and without `and` and `or` of one child: what the way through the builder leaves out. */
function plain(node: Audience): Audience {
  if ('and' in node) return node.and.length === 1 ? plain(node.and[0]!) : { and: node.and.map(plain) };
  if ('or' in node) return node.or.length === 1 ? plain(node.or[0]!) : { or: node.or.map(plain) };
  if ('not' in node) return { not: plain(node.not) };
  const withoutEmpty = (value: object): object =>
    Object.fromEntries(Object.entries(value).filter(([, member]) => !(Array.isArray(member) && member.length === 0)));
  return ('dwell' in node ? { dwell: withoutEmpty(node.dwell) } : withoutEmpty(node)) as Audience;
}

describe('an audience in the builder', () => {
  it('is the same when it comes out of it', () => {
    fc.assert(
      fc.property(tree, (audience) => {
        expect(parseAudience(audience).issues).toBeUndefined();
        const { audience: back, problems } = audienceOf(queryOf(audience));
        expect([...problems]).toEqual([]);
        expect(back).toEqual(plain(audience));
      }),
      { numRuns: 2_000 },
    );
  });

  it('stays the same however often it goes through', () => {
    fc.assert(
      fc.property(tree, (audience) => {
        const once = audienceOf(queryOf(audience)).audience!;
        expect(audienceOf(queryOf(once)).audience).toEqual(once);
      }),
    );
  });

  it('has an id for every node that the API may find fault with', () => {
    fc.assert(
      fc.property(tree, (audience) => {
        const query = queryOf(audience);
        const { audience: out, idsByPath } = audienceOf(query);
        const ids = new Set(idsByPath.values());
        const walk = (node: Audience, path: string): void => {
          if ('and' in node) node.and.forEach((child, index) => walk(child, `${path}/and/${index}`));
          else if ('or' in node) node.or.forEach((child, index) => walk(child, `${path}/or/${index}`));
          else if ('not' in node) walk(node.not, `${path}/not`);
          else expect(ids).toContain(idAt(idsByPath, `/audience${path}/time/amount`));
        };
        walk(out!, '');
        expect(new Set(ids).size).toBeGreaterThanOrEqual(sizeOf(query));
      }),
    );
  });
});

const rules = (...conditions: Partial<Condition>[]): Group =>
  newGroup(conditions.map((change) => newRule({ ...newCondition(), ...change })));

describe('the query of the builder', () => {
  it('says what is missing, and at which condition', () => {
    const query = rules({}, { time: { operator: 'in_last', amount: null, unit: 'days' } });
    const { audience, problems } = audienceOf(query);
    expect(audience).toBeNull();
    expect([...problems]).toEqual([[query.rules[1]!.id, 'Enter a whole number from 1 to 100,000.']]);
    const empty = { ...rules({}), rules: [newGroup([])] };
    expect([...audienceOf(empty).problems.values()]).toEqual(['Add a condition, or remove this group.']);
  });

  it('finds the condition of an error of the API, however deep its path', () => {
    const query = rules({}, { negated: true });
    const { idsByPath } = audienceOf(query);
    expect(idAt(idsByPath, '/audience/and/1/not/time/amount')).toBe(query.rules[1]!.id);
    expect(idAt(idsByPath, '/audience/and')).toBe(query.id);
  });

  it('negates groups and single conditions each in its own way', () => {
    const query = { ...rules({}, {}), not: true };
    expect(quantifierOf(query)).toBe('not_all');
    expect(quantifierOf(withQuantifier(query, query.id!, 'none'))).toBe('none');
    expect(audienceOf(withQuantifier(query, query.id!, 'none')).audience).toMatchObject({ not: { or: [{}, {}] } });
    const twice: Audience = { not: { not: { everyone: true } } };
    expect(audienceOf(queryOf(twice)).audience).toEqual(twice);
  });

  it('puts a condition into a group and takes the group apart, sharing what does not change', () => {
    const query = rules({}, { negated: true });
    const inGroup = wrapped(query, query.rules[0]!.id!);
    expect(inGroup.rules[1]).toBe(query.rules[1]);
    const group = inGroup.rules[0] as Group;
    expect(group.rules[0]).toBe(query.rules[0]);
    expect(dissolved(inGroup, group.id!).rules.map(({ id }) => id)).toEqual([
      query.rules[0]!.id,
      group.rules[1]!.id,
      query.rules[1]!.id,
    ]);
    expect(dissolved(query, 'unknown')).toBe(query);
  });
});

describe('a condition', () => {
  const today = '2026-03-17';

  it('keeps what fits when it is about something else', () => {
    const ordered: Condition = {
      ...newCondition(),
      subject: 'cart_status_updated',
      status: ['finished'],
      mode: ['pickup'],
    };
    expect(withSubject(ordered, 'cart_abandoned')).not.toHaveProperty('status');
    expect(withSubject(ordered, 'cart_abandoned').mode).toEqual(['pickup']);
    const dwell = withSubject(ordered, 'dwell');
    expect(dwell).toMatchObject({ status: ['finished'], for: { amount: 45, unit: 'minutes' } });
    expect(dwell).not.toHaveProperty('time');
    expect(problemOf(withSubject(dwell, 'cart_abandoned'))).toBeNull();
    expect(withSubject({ ...newCondition(), recovered: false }, 'cart_status_updated')).not.toHaveProperty('recovered');
  });

  it('keeps what was entered when its operator changes', () => {
    const on = withOperator(newCondition(), 'on', today);
    expect(on.time).toEqual({ operator: 'on', date: today });
    expect(withOperator(on, 'between', today).time).toEqual({ operator: 'between', from: today, to: today });
    expect(withOperator(newCondition(), 'in_next', today).time).toEqual({
      operator: 'in_next',
      amount: 30,
      unit: 'minutes',
    });
    expect(withOperator(newCondition(), null, today)).not.toHaveProperty('time');
    const exact: Condition = { ...newCondition(), time: { operator: 'after', date: '2026-03-01T10:00:00Z' } };
    expect(withOperator(exact, 'on', today).time).toEqual({ operator: 'on', date: today });
  });

  it('drops what cannot be known of the future', () => {
    const seen: Condition = {
      ...newCondition(),
      subject: 'cart_status_updated',
      status: ['finished', 'ready_for_pickup'],
      anomaly: true,
    };
    const next = withOperator(seen, 'in_next', today);
    expect(next.status).toEqual(['ready_for_pickup']);
    expect(next).not.toHaveProperty('anomaly');
    const leaf = audienceOf(newGroup([newRule(next)])).audience;
    expect(parseAudience(leaf).issues).toBeUndefined();
  });

  it('has filters that come and go', () => {
    const amount = withFilter(newCondition(), 'amount');
    expect(problemOf(amount)).toBe('Enter the lowest or the highest amount.');
    expect(problemOf({ ...amount, amount: { min: 5, max: 3 } })).toBe('The lowest amount is greater than the highest.');
    expect(withoutFilter(amount, 'amount')).toEqual(newCondition());
  });

  it.each<[Partial<Condition>, string]>([
    [{ time: { operator: 'on', date: '' } }, 'Choose a day.'],
    [{ time: { operator: 'between', from: '2026-03-02', to: '2026-03-01' } }, 'The first day is after the last.'],
    [
      { time: { operator: 'between', from: '2026-03-02', to: '2026-03-03T00:00:00Z' } },
      'Use two days or two exact times.',
    ],
    [{ subject: 'dwell', status: [], for: { amount: 1, unit: 'days' } }, 'Choose at least one status.'],
    [{ at_least: 1_001 }, 'Enter how often: a whole number from 1 to 1,000.'],
  ])('with %j says: %s', (change, problem) => {
    expect(problemOf({ ...newCondition(), ...change })).toBe(problem);
  });
});

describe('versions side by side', () => {
  const abandoned: Audience = { trait: 'cart_abandoned', time: { operator: 'in_last', amount: 30, unit: 'minutes' } };

  it('marks what only one of them has', () => {
    const before = linesOf({ and: [abandoned, { everyone: true }] });
    const after = linesOf({ and: [abandoned, { not: { trait: 'cart_status_updated', status: ['finished'] } }] });
    const [left, right] = matchLines(before, after);
    expect(left.map(({ same }) => same)).toEqual([true, true, false]);
    expect(right.map(({ same }) => same)).toEqual([true, true, false]);
    expect(right[2]!.text).toBe('Have not had an order change to finished');
  });

  it('marks nothing in equal versions', () => {
    fc.assert(
      fc.property(tree, (audience) => {
        const lines = linesOf(audience);
        expect(
          matchLines(lines, lines)
            .flat()
            .every(({ same }) => same),
        ).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
