import { describe, expect, it } from 'vitest';
import cases from '../../test/semantics-cases.json' with { type: 'json' };
import { boundsOf, compile, parseAudience, type Audience, type TimeCondition } from './index.ts';

const show = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

describe('boundsOf', () => {
  it.each(cases.bounds)('$time in $zone', ({ time, now, zone, from, to }) => {
    const parsed = parseAudience({ trait: 'cart_abandoned', time });
    expect(parsed.issues).toBeUndefined();
    const bounds = boundsOf(time as TimeCondition, Date.parse(now), zone);
    expect({ from: show(bounds.fromMs), to: show(bounds.toMs) }).toEqual({ from, to });
  });
});

const pathsOf = (value: unknown): string[] => (parseAudience(value).issues ?? []).map((i) => i.path.join('/'));
const abandoned = { trait: 'cart_abandoned' };
const updated = { trait: 'cart_status_updated' };
const at = (time: object) => ({ ...abandoned, time });
const nest = (times: number, leaf: unknown): unknown => (times === 0 ? leaf : { not: nest(times - 1, leaf) });

describe('parseAudience', () => {
  it.each([
    [{ ...abandoned, recovered: false, time: { operator: 'in_last', amount: 30, unit: 'minutes' } }],
    [{ ...updated, status: [], store_id: [], at_least: 1000, anomaly: true, amount: { min: 0 }, mode: ['kiosk'] }],
    [{ ...updated, status: ['never heard of'] }],
    [{ ...updated, amount: { min: 5, max: 5 } }],
    [{ ...updated, amount: { max: 0 } }],
    [{ ...updated, status: [' Ready_For_Pickup'], time: { operator: 'in_next', amount: 1, unit: 'days' } }],
    ...cases.questions.asks.map(({ audience }): [unknown] => [audience]),
    [{ ...abandoned, status: [] }],
    [{ everyone: true }],
    [{ or: [{ dwell: { status: ['preparing'], for: { amount: 45, unit: 'minutes' } } }] }],
    [at({ operator: 'between', from: '2026-03-08', to: '2026-03-08' })],
    [at({ operator: 'after', date: '2026-03-08T00:00:00.1+05:45' })],
    [{ ...updated, status: ['delivery_started'], time: { operator: 'in_next', amount: 1, unit: 'months' } }],
    [nest(15, { everyone: true })],
    [{ or: Array.from({ length: 200 }, () => abandoned) }],
  ])('takes %j', (value) => {
    expect(parseAudience(value).issues).toBeUndefined();
    expect(parseAudience(value).audience).toEqual(value);
  });

  it.each([
    [null, ['']],
    [[], ['']],
    [{}, ['']],
    [{ and: [] }, ['and']],
    [{ and: [abandoned], or: [abandoned] }, ['']],
    [{ ...abandoned, everyone: true }, ['']],
    [{ and: [abandoned], extra: 1 }, ['extra']],
    [{ ...abandoned, stauts: 1 }, ['stauts']],
    [{ everyone: false }, ['everyone']],
    [{ trait: 'other' }, ['trait']],
    [{ ...abandoned, status: ['finished'] }, ['status']],
    [{ ...abandoned, anomaly: false }, ['anomaly']],
    [{ ...updated, recovered: true }, ['recovered']],
    [{ ...updated, at_least: 0 }, ['at_least']],
    [{ ...updated, at_least: 1001 }, ['at_least']],
    [{ ...updated, at_least: 1.5 }, ['at_least']],
    [{ ...updated, at_least: '2' }, ['at_least']],
    [{ ...updated, store_id: [68] }, ['store_id/0']],
    [{ ...updated, amount: { min: 1, mid: 2 } }, ['amount/mid']],
    [{ ...updated, amount: {} }, ['amount']],
    [{ ...updated, amount: { min: 2, max: 1 } }, ['amount']],
    [{ ...updated, amount: { min: -1 } }, ['amount/min']],
    [{ ...updated, amount: { max: -0.01 } }, ['amount/max']],
    [{ ...updated, amount: { min: '1' } }, ['amount/min']],
    [{ ...updated, amount: null }, ['amount']],
    [{ ...abandoned, recovered: true, time: { operator: 'in_next', amount: 1, unit: 'days' } }, ['recovered']],
    [{ ...abandoned, recovered: false, time: { operator: 'in_next', amount: 1, unit: 'days' } }, ['recovered']],
    [{ ...updated, anomaly: false, time: { operator: 'in_next', amount: 1, unit: 'days' } }, ['anomaly']],
    [{ ...updated, status: ['Ready'], time: { operator: 'in_next', amount: 1, unit: 'days' } }, ['status/0']],
    [{ and: [{ not: { ...updated, amount: {} } }] }, ['and/0/not/amount']],
    [{ and: [updated, { not: { ...updated, recovered: true } }] }, ['and/1/not/recovered']],
    [at({ operator: 'between', from: '2026-03-09', to: '2026-03-08' }), ['time']],
    [at({ operator: 'between', from: '2026-03-08T00:00:00Z', to: '2026-03-08T00:00:00+01:00' }), ['time']],
    [at({ operator: 'between', from: '2026-03-08', to: '2026-03-09T00:00:00Z' }), ['time']],
    [at({ operator: 'in_last', amount: 0, unit: 'days' }), ['time/amount']],
    [at({ operator: 'in_last', amount: 100_001, unit: 'days' }), ['time/amount']],
    [at({ operator: 'in_last', amount: 1.5, unit: 'days' }), ['time/amount']],
    [at({ operator: 'in_last', amount: 1, unit: 'years' }), ['time/unit']],
    [at({ operator: 'on', date: '2026-03-08T00:00:00Z' }), ['time/date']],
    [at({ operator: 'on', date: '2026-02-30' }), ['time/date']],
    [at({ operator: 'after', date: '1969-12-31' }), ['time/date']],
    [at({ operator: 'before', date: '2201-01-01' }), ['time/date']],
    [at({ operator: 'before', date: '2026-01-01T00:00:00' }), ['time/date']],
    [at({ operator: 'never' }), ['time/operator']],
    [at({ operator: 'on', date: '2026-01-01', zone: 'UTC' }), ['time/zone']],
    [{ dwell: { status: [], for: { amount: 45, unit: 'minutes' } } }, ['dwell/status']],
    [{ dwell: { status: ['x'], for: { amount: 0, unit: 'minutes' } } }, ['dwell/for/amount']],
    [{ ...updated, status: ['finished'], time: { operator: 'in_next', amount: 1, unit: 'days' } }, ['status/0']],
    [nest(16, { everyone: true }), [Array(16).fill('not').join('/')]],
    [{ or: Array.from({ length: 201 }, () => abandoned) }, ['or/200']],
  ])('refuses %j at %j', (value, paths) => {
    expect(pathsOf(value)).toEqual(paths);
  });

  it('survives hostile depth and breadth', () => {
    const deep = JSON.parse(`${'{"not":'.repeat(50_000)}1${'}'.repeat(50_000)}`) as unknown;
    expect(pathsOf(deep)).toHaveLength(1);
    expect(pathsOf({ or: Array.from({ length: 50_000 }, () => 1) }).length).toBeLessThanOrEqual(100);
    expect(pathsOf(JSON.parse('{"__proto__": {"everyone": true}}'))).toEqual(['']);
  });
});

describe('compile', () => {
  const options = {
    tables: { traitEvents: 'trait_events', carts: 'carts', people: 'people' },
    workspace: "w'x",
    zone: 'UTC',
    nowMs: 1_000,
    includeAnonymous: false,
  };

  it('binds every value; nothing of the tree is in the text of the query', () => {
    const audience: Audience = {
      trait: 'cart_status_updated',
      status: ["st'atus"],
      store_id: ['sto\\re'],
      mode: ['mo`de'],
      product_id: ['pro;duct'],
      at_least: 777,
      amount: { min: 12.5, max: 99.5 },
    };
    const { query, params } = compile(audience, options);
    expect(query).not.toMatch(/st'atus|sto\\re|mo`de|pro;duct|777|12\.5|99\.5|w'x/);
    const values = JSON.stringify(Object.values(params));
    for (const value of [...Object.values(audience).flat(), 12.5]) {
      if (typeof value !== 'object') expect(values).toContain(JSON.stringify(value));
    }
  });

  it('reads a leaf that occurs twice once', () => {
    const leaf: Audience = { trait: 'cart_abandoned' };
    const { query } = compile({ and: [leaf, { not: leaf }] }, options);
    expect(query.match(/FROM trait_events/g)).toHaveLength(1);
  });

  it('reads statuses as those of events are read', () => {
    const { params } = compile({ trait: 'cart_status_updated', status: [' Finished', 'CANCELLED\n'] }, options);
    expect(Object.values(params)).toContainEqual(['finished', 'cancelled']);
  });
});
