import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAudience } from '../parse.ts';
import type { Audience, TimeCondition } from '../tree.ts';
import { inWords, parseText, renderText } from './index.ts';

const abandoned = { trait: 'cart_abandoned' } as const;
const updated = { trait: 'cart_status_updated' } as const;

describe('parseText', () => {
  it.each<[string, Audience]>([
    ['cart_abandoned in last 30 minutes', { ...abandoned, time: { operator: 'in_last', amount: 30, unit: 'minutes' } }],
    [
      'cart_status_updated in (cancelled, dismissed) after 2026-01-01 and not cart_status_updated = finished in last 30 days',
      {
        and: [
          { ...updated, status: ['cancelled', 'dismissed'], time: { operator: 'after', date: '2026-01-01' } },
          { not: { ...updated, status: ['finished'], time: { operator: 'in_last', amount: 30, unit: 'days' } } },
        ],
      },
    ],
    [
      'at least 2 cart_status_updated = finished between 2026-01-01 and 2026-03-31 at store 68',
      {
        ...updated,
        at_least: 2,
        status: ['finished'],
        time: { operator: 'between', from: '2026-01-01', to: '2026-03-31' },
        store_id: ['68'],
      },
    ],
    [
      'cart_abandoned not recovered with amount from 50 to 200 by mode delivery with product "A-1"',
      { ...abandoned, recovered: false, amount: { min: 50, max: 200 }, mode: ['delivery'], product_id: ['A-1'] },
    ],
    [
      'status in (preparing) for 45 minutes',
      { dwell: { status: ['preparing'], for: { amount: 45, unit: 'minutes' } } },
    ],
    [
      'STATUS IN ("on hold", x) FOR 1 Day AT STORE (68, "7\\u00e9")',
      { dwell: { status: ['on hold', 'x'], for: { amount: 1, unit: 'days' }, store_id: ['68', '7é'] } },
    ],
    ['Everyone', { everyone: true }],
    ['\n( everyone )\t', { everyone: true }],
    [`${'('.repeat(9_000)}everyone${')'.repeat(9_000)}`, { everyone: true }],
    // `and` binds closer than `or`, `not` closer than both.
    [
      'not everyone or cart_abandoned and everyone or cart_abandoned',
      { or: [{ not: { everyone: true } }, { and: [abandoned, { everyone: true }] }, abandoned] },
    ],
    [
      'not not (cart_abandoned or everyone) and everyone',
      { and: [{ not: { not: { or: [abandoned, { everyone: true }] } } }, { everyone: true }] },
    ],
    [
      'cart_abandoned and not cart_abandoned recovered',
      { and: [abandoned, { not: { ...abandoned, recovered: true } }] },
    ],
    [
      'cart_abandoned before "2026-01-01 10:00:00Z"',
      { ...abandoned, time: { operator: 'before', date: '2026-01-01 10:00:00Z' } },
    ],
    [
      'cart_abandoned in next 2 hours with amount to 12.5',
      { ...abandoned, time: { operator: 'in_next', amount: 2, unit: 'hours' }, amount: { max: 12.5 } },
    ],
    [
      'cart_status_updated without anomaly = and on 2026-01-01',
      { ...updated, anomaly: false, status: ['and'], time: { operator: 'on', date: '2026-01-01' } },
    ],
    [
      'cart_status_updated with anomaly by mode (pickup, kiosk)',
      { ...updated, anomaly: true, mode: ['pickup', 'kiosk'] },
    ],
  ])('reads %s', (text, audience) => expect(parseText(text)).toEqual({ audience }));

  it.each<[string, number, string[]]>([
    ['', 0, ['not', '(', 'everyone', 'status', 'at', 'cart_abandoned', 'cart_status_updated']],
    ['cart_abandoned in last', 22, ['a number']],
    ['cart_abandoned in last 3', 24, ['minutes', 'hours', 'days', 'weeks', 'months']],
    ['cart_abandoned in last 3 years', 25, ['minutes', 'hours', 'days', 'weeks', 'months']],
    ['cart_abandoned in soon', 18, ['last', 'next', '(']],
    ['(everyone', 9, ['and', 'or', ')']],
    ['everyone)', 8, ['and', 'or', 'the end']],
    ['everyone everyone', 9, ['and', 'or', 'the end']],
    ['😀 everyone', 0, ['not', '(', 'everyone', 'status', 'at', 'cart_abandoned', 'cart_status_updated']],
    [
      'cart_status_updated = "😀" x',
      27,
      [
        'in',
        'after',
        'on',
        'before',
        'between',
        'recovered',
        'not',
        'without',
        'with',
        'at',
        'by',
        'and',
        'or',
        'the end',
      ],
    ],
    ['cart_status_updated = "x', 22, ['a JSON string']],
    ['cart_status_updated = "\\x"', 22, ['a JSON string']],
    ['cart_status_updated in ()', 24, ['a word or a JSON string']],
    ['cart_status_updated in (a b)', 26, [',', ')']],
    ['cart_abandoned at 68', 18, ['store']],
    ['at least many cart_abandoned', 9, ['a number']],
    ['cart_abandoned at store', 23, ['a word or a JSON string', '(']],
    ['status in (a)', 13, ['for']],
  ])('refuses %j at %d', (text, position, expected) => {
    const { errors = [] } = parseText(text);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ position, expected: expect.arrayContaining(expected) as string[] });
    expect(errors[0]?.message).not.toBe('');
  });

  it.each<[string, number[]]>([
    ['everyone and cart_abandoned = finished', [28]],
    ['cart_status_updated recovered', [20]],
    ['cart_abandoned with amount', [15]],
    ['cart_abandoned with amount from 3 to 2', [15]],
    ['everyone or at least 0 cart_abandoned', [12]],
    ['cart_abandoned in last 0 days or cart_abandoned on 2026-02-30', [15, 48]],
    ['cart_abandoned between 2026-02-02 and 2026-02-01', [15]],
    ['cart_abandoned recovered in next 2 days', [15]],
    ['cart_abandoned recovered not recovered', [25]],
    ['cart_abandoned in last 2 days after 2026-01-01', [30]],
    ['status in (a) for 0 days', [14]],
    [`${'not '.repeat(16)}everyone`, [64]],
    [`everyone${' and everyone'.repeat(200)}`, [8 + 199 * 13 + 5]],
  ])('reports errors of meaning in %j at %j', (text, positions) =>
    expect(parseText(text).errors?.map(({ position }) => position)).toEqual(positions),
  );

  it('takes 20,000 characters, and no more', () => {
    expect(parseText('everyone'.padEnd(20_000)).audience).toEqual({ everyone: true });
    expect(parseText('everyone'.padEnd(20_001)).errors).toMatchObject([{ position: 20_000 }]);
    expect(parseText('not '.repeat(4_998) + 'everyone').errors).toHaveLength(1);
  });
});

const words = fc.oneof(
  fc.constantFrom('finished', 'and', 'in', '68', 'A-1', '', '"', '\\', '(', '😀'),
  fc.string({ unit: 'binary' }),
);
const list = fc.array(words, { maxLength: 3 });
const days = fc.integer({ min: 0, max: 84_000 }).map((n) => new Date(n * 86_400_000).toISOString().slice(0, 10));
const instants = fc.integer({ min: 0, max: 7e12 }).map((ms) => new Date(ms).toISOString());
const unit = fc.constantFrom('minutes', 'hours', 'days', 'weeks', 'months');
const duration = { amount: fc.integer({ min: 1, max: 100_000 }), unit };
const times: fc.Arbitrary<TimeCondition> = fc.oneof(
  fc.record({
    operator: fc.constantFrom('after', 'before'),
    date: fc.oneof(days, instants, fc.constant('2026-03-08 10:00:00.5+05:45')),
  }),
  fc.record({ operator: fc.constant('on' as const), date: days }),
  fc.oneof(fc.tuple(days, days), fc.tuple(instants, instants)).map(([a, b]) => ({
    operator: 'between' as const,
    from: a < b ? a : b,
    to: a < b ? b : a,
  })),
  fc.record({ operator: fc.constantFrom('in_last', 'in_next'), ...duration }),
);
const money = fc.double({ min: 0, max: 1e300, noNaN: true }).map((n) => n + 0);
const amounts = fc.oneof(
  fc.record({ min: money }),
  fc.record({ max: money }),
  fc.tuple(money, money).map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) })),
);
const common = {
  time: times,
  store_id: list,
  mode: list,
  product_id: list,
  amount: amounts,
  at_least: fc.integer({ min: 1, max: 1000 }),
};
const leaves = fc.oneof(
  fc.record({ trait: fc.constant('cart_abandoned'), ...common, recovered: fc.boolean() }, { requiredKeys: ['trait'] }),
  fc.record(
    { trait: fc.constant('cart_status_updated'), ...common, status: list, anomaly: fc.boolean() },
    { requiredKeys: ['trait'] },
  ),
  fc.record({
    dwell: fc.record(
      { status: fc.array(words, { minLength: 1, maxLength: 3 }), for: fc.record(duration), store_id: list },
      { requiredKeys: ['status', 'for'] },
    ),
  }),
  fc.constant({ everyone: true }),
) as fc.Arbitrary<Audience>;
const { tree } = fc.letrec<{ tree: Audience }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaves,
    fc.record({ and: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ or: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie('tree') }),
  ),
}));
const audiences = tree.filter((audience) => parseAudience(audience).issues === undefined);

/** What the text does not keep: empty lists, and/or of one child, and/or within the same. */
function canonical(node: Audience): Audience {
  if ('not' in node) return { not: canonical(node.not) };
  if ('and' in node || 'or' in node) {
    const kind = 'and' in node ? 'and' : 'or';
    const children = ('and' in node ? node.and : node.or).map(canonical);
    if (children.length === 1) return children[0]!;
    const flat = children.flatMap((child) =>
      kind in child ? (child as unknown as Record<string, Audience[]>)[kind]! : [child],
    );
    return { [kind]: flat } as unknown as Audience;
  }
  const full = (members: object): object =>
    Object.fromEntries(Object.entries(members).filter(([, value]) => !Array.isArray(value) || value.length > 0));
  if ('dwell' in node) return { dwell: full(node.dwell) } as Audience;
  return full(node) as Audience;
}

/** JT_RUNS and JT_SEED for more, or to repeat a run. */
const RUNS = Number(process.env['JT_RUNS'] ?? 2_000);
const SEED = Number(process.env['JT_SEED'] ?? Date.now() % 2 ** 31);

describe(`renderText (JT_RUNS=${RUNS}, JT_SEED=${SEED})`, () => {
  it('is read back as the same audience', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(audiences, (audience) => {
        const text = renderText(audience);
        expect(parseText(text)).toEqual({ audience: canonical(audience) });
        expect(renderText(canonical(audience))).toBe(text);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it.each([
    'cart_abandoned in last 1 day',
    'cart_status_updated in (cancelled, dismissed) after 2026-01-01 and not cart_status_updated = finished in last 30 days',
    'at least 2 cart_status_updated = finished between 2026-01-01 and 2026-03-31 at store 68',
    'cart_abandoned not recovered with amount from 50 to 200 by mode delivery with product "A-1"',
    'not (everyone and cart_abandoned) and (everyone or cart_abandoned)',
    'status in (preparing, "on hold") for 45 minutes at store (68, 70)',
  ])('%s is canonical', (text) => {
    const { audience } = parseText(text);
    expect(audience && renderText(audience)).toBe(text);
  });
});

describe('no text', () => {
  const pieces = fc.constantFrom(
    ...'not and or everyone status in for at least cart_abandoned cart_status_updated = ( ) , last next 1 2.5 days hour after on before between 2026-01-01 recovered with without anomaly amount from to store by mode product x "y" " \\ 😀'.split(
      ' ',
    ),
  );
  it('makes it throw, and every error lies in the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(pieces, { maxLength: 25 }).map((all) => all.join(' ')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          const { audience, errors = [] } = parseText(text);
          if (audience !== undefined) {
            expect(parseText(renderText(audience)).audience).toEqual(audience);
            expect(inWords(audience)).toMatch(/^(People who |Everyone\.)/);
            return;
          }
          expect(errors.length).toBeGreaterThan(0);
          for (const { position } of errors) expect(position >= 0 && position <= text.length).toBe(true);
        },
      ),
      { numRuns: 5_000 },
    );
  });
});

describe('inWords', () => {
  it.each([
    ['everyone', 'Everyone.'],
    [
      'cart_abandoned not recovered in last 30 minutes',
      'People who have abandoned a cart in the last 30 minutes without coming back to order.',
    ],
    [
      'cart_abandoned and not at least 2 cart_status_updated = finished at store (68, 70)',
      'People who have abandoned a cart and have not had an order change to finished at least 2 times at store 68 or 70.',
    ],
    [
      'not (everyone or cart_abandoned in next 1 hour) and status in (preparing) for 45 minutes',
      'People who are not among those who (are in this workspace or have an open cart that counts as abandoned within the next 1 hour) and have an order that has been preparing for at least 45 minutes.',
    ],
    [
      'cart_abandoned with amount from 5 to 9 after 2026-01-01 by mode pickup',
      'People who have abandoned a cart after 2026-01-01 worth at least 5 and at most 9 for pickup.',
    ],
  ])('%s', (text, sentence) => {
    const { audience } = parseText(text);
    expect(audience && inWords(audience)).toBe(sentence);
  });
});
