import { describe, expect, it } from 'vitest';
import { bucketLabel, daysOf, daysText, instantsBefore, instantsOf, lengthOf, presetOf, stepOf } from './range.ts';
import { readRangeSearch } from './search.ts';

const TODAY = '2026-03-17';

describe('the range in an address', () => {
  it('is a preset, or days of one’s own', () => {
    expect(readRangeSearch({ range: '7d' })).toEqual({ range: '7d' });
    expect(readRangeSearch({ from: '2026-03-01', to: '2026-03-08', range: '7d' })).toEqual({
      from: '2026-03-01',
      to: '2026-03-08',
    });
    for (const bad of [
      { range: 'x' },
      { range: 'toString' },
      { from: '1969-12-31', to: '2026-03-01' },
      { from: '2026-03-08', to: '2026-03-01' },
      { from: '2026-02-30', to: '2026-03-01' },
      { from: '2026-03-01' },
    ])
      expect(readRangeSearch(bad)).toEqual({});
  });

  it('has stores, which the router may have read as numbers', () => {
    expect(readRangeSearch({ store: 68 })).toEqual({ store: ['68'] });
    expect(readRangeSearch({ store: [68, '7', '7', null] })).toEqual({ store: ['68', '7'] });
  });

  it('stands for days, both included', () => {
    expect(daysOf({ range: 'today' }, TODAY)).toEqual({ from: TODAY, to: TODAY });
    expect(daysOf({ range: '7d' }, TODAY)).toEqual({ from: '2026-03-11', to: TODAY });
    expect(daysOf({}, TODAY)).toEqual({ from: '2026-02-16', to: TODAY });
    expect(daysOf({ from: '2026-01-01', to: '2026-01-02' }, TODAY)).toEqual({ from: '2026-01-01', to: '2026-01-02' });
    expect([presetOf({}), presetOf({ range: 'today' }), presetOf({ from: TODAY, to: TODAY })]).toEqual([
      '30d',
      'today',
      null,
    ]);
  });

  it('is compared with as many days before, as far as it has come itself', () => {
    const zone = 'America/New_York';
    const days = { from: '2026-03-11', to: TODAY };
    const overMs = Date.parse('2026-03-18T04:00:00Z');
    // The clocks went forward on 8 March.
    const from = '2026-03-04T05:00:00.000Z';
    expect(instantsBefore(days, zone, overMs)).toEqual({ from, to: '2026-03-11T04:00:00.000Z' });
    expect(instantsBefore(days, zone, Date.parse('2026-03-17T15:40:00Z'))).toEqual({
      from,
      to: '2026-03-10T15:00:00.000Z',
    });
    expect(instantsBefore(days, zone, Date.parse('2026-03-01T15:40:00Z'))).toEqual({ from, to: from });
  });
});

describe('what is asked of the API', () => {
  it('begins and ends with days of the zone, also when clocks change', () => {
    expect(instantsOf({ from: '2026-03-08', to: '2026-03-08' }, 'America/New_York')).toEqual({
      from: '2026-03-08T05:00:00.000Z',
      to: '2026-03-09T04:00:00.000Z',
    });
  });

  it.each([
    [1, 'hours'],
    [3, 'hours'],
    [4, 'days'],
    [100, 'days'],
    [365, 'weeks'],
    [1_000, 'months'],
  ])('divides %i days into %s', (length, unit) => {
    const days = daysOf({ from: '2020-01-01', to: '2020-01-01' }, TODAY);
    const to = new Date(Date.parse(days.from) + (length - 1) * 86_400_000).toISOString().slice(0, 10);
    expect(lengthOf({ ...days, to })).toBe(length);
    expect(stepOf({ ...days, to })).toEqual({ amount: 1, unit });
  });

  it('never asks for more than 400 buckets', () => {
    const { amount, unit } = stepOf({ from: '1970-01-01', to: '2200-12-31' });
    expect(unit).toBe('months');
    expect((231 * 12) / amount).toBeLessThan(400);
  });
});

describe('labels', () => {
  const atMs = Date.parse('2026-03-17T06:30:00Z');
  it('are in the zone', () => {
    expect(bucketLabel('America/Los_Angeles', atMs, 'hours')).toBe('Mon 23:30');
    expect(bucketLabel('America/Los_Angeles', atMs, 'days')).toBe('16 Mar');
    expect(bucketLabel('UTC', atMs, 'months')).toBe('Mar 2026');
  });

  it('say which days a range has', () => {
    expect(daysText({ from: TODAY, to: TODAY })).toBe('17 Mar 2026');
    expect(daysText({ from: '2026-03-01', to: TODAY })).toMatch(/^1\D{1,3}17 Mar 2026$/);
  });
});
