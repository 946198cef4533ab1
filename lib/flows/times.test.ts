import { expect, it } from 'vitest';
import { LAST_MS, step, UnknownZoneError } from '../time/index.ts';
import { after } from './times.ts';

it('a span after an instant is a step of the calendar, up to the end of the years', () => {
  const fromMs = Date.UTC(2026, 2, 7, 12);
  for (const unit of ['minutes', 'hours', 'days', 'weeks'] as const)
    expect(after(fromMs, { amount: 3, unit }, 'America/New_York')).toBe(step(fromMs, 3, unit, 'America/New_York'));
  expect(after(fromMs, { amount: 3, unit: 'seconds' }, 'America/New_York')).toBe(fromMs + 3_000);
  expect(after(LAST_MS - 1, { amount: 1, unit: 'days' }, 'UTC')).toBe(LAST_MS);
});

it('an unknown zone is reported where a zone is needed', () => {
  // JavaScript engines take this name; the library that does the arithmetic does not.
  expect(() => after(0, { amount: 1, unit: 'days' }, 'PST')).toThrow(UnknownZoneError);
  expect(after(0, { amount: 1, unit: 'hours' }, 'PST')).toBe(3_600_000);
});
