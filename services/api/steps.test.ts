import { expect, it } from 'vitest';
import { showInstant } from '../../lib/time/index.ts';
import { stepsBetween, type Steps } from './steps.ts';

const steps = (from: string, to: string, change: Partial<Steps>): string[] =>
  stepsBetween({
    fromMs: Date.parse(from),
    toMs: Date.parse(to),
    amount: 1,
    unit: 'days',
    zone: 'UTC',
    countMax: 401,
    ...change,
  }).map(showInstant);

it('takes each step from the beginning', () => {
  expect(steps('2026-01-31T12:00:00Z', '2026-04-30T12:00:00Z', { unit: 'months' })).toEqual([
    '2026-01-31T12:00:00.000Z',
    '2026-02-28T12:00:00.000Z',
    '2026-03-31T12:00:00.000Z',
    '2026-04-30T12:00:00.000Z',
  ]);
});

it('takes days of the calendar, hours exactly', () => {
  // Clocks go forward in New York on 8 March 2026.
  const zone = 'America/New_York';
  expect(steps('2026-03-07T17:00:00Z', '2026-03-09T16:00:00Z', { zone })).toEqual([
    '2026-03-07T17:00:00.000Z',
    '2026-03-08T16:00:00.000Z',
    '2026-03-09T16:00:00.000Z',
  ]);
  expect(steps('2026-03-07T17:00:00Z', '2026-03-08T17:00:00Z', { zone, amount: 24, unit: 'hours' })).toEqual([
    '2026-03-07T17:00:00.000Z',
    '2026-03-08T17:00:00.000Z',
  ]);
});

it('has one time where the first step is too long, none from after to, and stops', () => {
  expect(steps('2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', {})).toHaveLength(1);
  expect(steps('2026-01-01T00:00:00Z', '2030-01-01T00:00:00Z', { amount: 100_000, unit: 'months' })).toHaveLength(1);
  expect(steps('2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z', {})).toEqual([]);
  expect(steps('2026-01-01T00:00:00Z', '2030-01-01T00:00:00Z', { unit: 'minutes' })).toHaveLength(401);
});
