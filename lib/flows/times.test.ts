import { Temporal } from 'temporal-polyfill';
import { expect, it } from 'vitest';
import { createRandom } from '../simulate/random.ts';
import { LAST_MS, step, UnknownZoneError } from '../time/index.ts';
import { after, DAY_MS, offsetPieceAt } from './times.ts';

const ZONES = ['UTC', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia', 'Africa/Casablanca'];

const transitionAfter = (ms: number, zone: string): number =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).getTimeZoneTransition('next')
    ?.epochMilliseconds ?? ms;

it('steps of days and weeks are those of the calendar, also over changes of clocks', () => {
  const random = createRandom(1);
  for (let i = 0; i < 3_000; i++) {
    const zone = random.pick(ZONES);
    const change = transitionAfter(Date.UTC(2009 + random.int(0, 20), random.int(0, 11), 15), zone);
    const fromMs = change + random.pick([-1, 0, 1, random.int(-20, 20) * DAY_MS, random.int(-9, 9) * 3_600_000]);
    const span = { amount: random.int(1, 15), unit: random.pick(['days', 'weeks'] as const) };
    const expected = step(fromMs, span.amount, span.unit, zone);
    expect(after(fromMs, span, zone), `${zone} ${fromMs} ${span.amount} ${span.unit}`).toBe(expected);
  }
  expect(after(LAST_MS - 1, { amount: 1, unit: 'days' }, 'UTC')).toBe(LAST_MS);
});

it('the offset of a zone is known before, at and after its change, in any order', () => {
  for (const zone of ZONES) {
    const change = transitionAfter(Date.UTC(2010, 0, 1), zone);
    for (const ms of [change, change - 1, change + 1, change - 1, change, change + 40 * DAY_MS, change]) {
      const { offsetMs, untilMs } = offsetPieceAt(ms, zone);
      const at = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone);
      expect([zone, offsetMs]).toEqual([zone, at.offsetNanoseconds / 1_000_000]);
      expect(untilMs).toBe(at.getTimeZoneTransition('next')?.epochMilliseconds ?? Infinity);
    }
  }
});

it('an unknown zone is reported where a zone is needed', () => {
  // JavaScript engines take this name; the library that does the arithmetic does not.
  expect(() => after(0, { amount: 1, unit: 'days' }, 'PST')).toThrow(UnknownZoneError);
  expect(() => offsetPieceAt(0, 'PST')).toThrow(UnknownZoneError);
  expect(after(0, { amount: 1, unit: 'hours' }, 'PST')).toBe(3_600_000);
});
