import { describe, expect, it } from 'vitest';
import { readDay, startOfDay, step } from './index.ts';

const at = (text: string): number => Date.parse(text);

describe('startOfDay', () => {
  it('is the first instant of the day, also where midnight is skipped or the gap lies across it', () => {
    expect(startOfDay('2018-11-04', 'America/Sao_Paulo')).toBe(at('2018-11-04T03:00:00Z'));
    // 23:30 became 00:30: the day has no midnight and begins half past.
    expect(startOfDay('1919-03-31', 'America/Toronto')).toBe(at('1919-03-31T04:30:00Z'));
  });

  it('of a day that the zone skips is that of the next', () => {
    expect(startOfDay('2011-12-30', 'Pacific/Apia')).toBe(startOfDay('2011-12-31', 'Pacific/Apia'));
    expect(startOfDay('2011-12-29', 'Pacific/Apia', 1)).toBe(at('2011-12-30T10:00:00Z'));
  });
});

describe('step', () => {
  it('counts minutes and hours exactly and days by the wall clock', () => {
    const now = at('2026-03-08T16:00:00Z');
    expect(step(now, -24, 'hours', 'America/New_York')).toBe(at('2026-03-07T16:00:00Z'));
    expect(step(now, -1, 'days', 'America/New_York')).toBe(at('2026-03-07T17:00:00Z'));
  });

  it('is one step, cut to the last of the month', () => {
    expect(step(at('2026-03-31T12:00:00Z'), -1, 'months', 'UTC')).toBe(at('2026-02-28T12:00:00Z'));
    expect(step(at('2024-02-29T12:00:00Z'), -12, 'months', 'UTC')).toBe(at('2023-02-28T12:00:00Z'));
  });

  it('is open beyond 1970 and 2200', () => {
    const now = at('2026-01-01T00:00:00Z');
    for (const unit of ['months', 'weeks', 'days'] as const) expect(step(now, -100_000, unit, 'UTC')).toBeNull();
    expect(step(now, 100_000, 'months', 'UTC')).toBeNull();
    expect(step(now, 100_000, 'minutes', 'UTC')).toBe(now + 6_000_000_000);
    expect(step(at('1970-01-01T01:00:00Z'), -1, 'hours', 'UTC')).toBe(0);
    expect(step(at('1970-01-01T00:59:59.999Z'), -1, 'hours', 'UTC')).toBeNull();
  });
});

describe('readDay', () => {
  it('takes days of the calendar only', () => {
    expect(readDay('2024-02-29')?.toString()).toBe('2024-02-29');
    for (const text of ['2026-02-29', '2026-13-01', '2026-1-1', '20260101', '2026-01-01T00:00', '-002026-01-01']) {
      expect(readDay(text), text).toBeUndefined();
    }
  });
});
