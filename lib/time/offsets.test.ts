import { Temporal } from 'temporal-polyfill';
import { expect, it } from 'vitest';
import { createRandom } from '../simulate/random.ts';
import { FIRST_MS, LAST_MS, offsetPieceAt, step, UnknownZoneError } from './index.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Changes of half an hour, of a whole day, for a month of each year, and an offset with seconds. */
const ZONES = [
  ...['UTC', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia', 'Africa/Casablanca', 'Pacific/Kwajalein'],
  ...['Pacific/Kiritimati', 'Pacific/Kanton', 'Africa/Monrovia', 'Europe/London'],
];

const zoned = (ms: number, zone: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone);

const transitionAfter = (ms: number, zone: string): number =>
  zoned(ms, zone).getTimeZoneTransition('next')?.epochMilliseconds ?? ms;

it('steps of days and weeks are those of the calendar, also over changes of clocks', () => {
  const random = createRandom(1);
  for (let i = 0; i < 6_000; i++) {
    const zone = random.pick(ZONES);
    const year = random.chance(0.8) ? random.int(1970, 2030) : random.int(2031, 2199);
    const change = transitionAfter(Date.UTC(year, random.int(0, 11), 15), zone);
    const fromMs = change + random.pick([-1, 0, 1, random.int(-20, 20) * DAY_MS]) + random.int(-50, 50) * (HOUR_MS / 2);
    const unit = random.pick(['days', 'weeks'] as const);
    const amount = random.pick([-1, 1]) * (random.chance(0.8) ? random.int(1, 15) : random.int(16, 3_000));
    const expected = zoned(fromMs, zone).add({ [unit]: amount }).epochMilliseconds;
    const given = step(fromMs, amount, unit, zone);
    expect(given, `${zone} ${fromMs} ${amount} ${unit}`).toBe(
      expected < FIRST_MS || expected > LAST_MS ? null : expected,
    );
  }
  expect(step(LAST_MS - 1, 1, 'days', 'UTC')).toBeNull();
  // 40 minutes past ten hours behind UTC then, fourteen hours ahead of it now.
  expect(step(Date.parse('2026-03-02T23:40:00Z'), -20_516, 'days', 'Pacific/Kiritimati')).toBe(20 * 60_000);
});

it('the offset of a zone is known before, at and after its change, in any order', () => {
  for (const zone of ZONES) {
    const change = transitionAfter(Date.UTC(1992, 0, 1), zone);
    for (const ms of [change, change - 1, change + 1, change - 1, change, change + 40 * DAY_MS, change]) {
      const { offsetMs, fromMs, untilMs } = offsetPieceAt(ms, zone);
      const at = zoned(ms, zone);
      expect([zone, offsetMs]).toEqual([zone, at.offsetNanoseconds / 1_000_000]);
      expect(untilMs).toBe(at.getTimeZoneTransition('next')?.epochMilliseconds ?? Infinity);
      expect(fromMs <= ms && (fromMs === -Infinity || zoned(fromMs - 1, zone).offset !== at.offset)).toBe(true);
    }
  }
});

it('an unknown zone is reported where a zone is needed', () => {
  // JavaScript engines take this name; the library that does the arithmetic does not.
  expect(() => step(0, 1, 'days', 'PST')).toThrow(UnknownZoneError);
  expect(() => offsetPieceAt(0, 'PST')).toThrow(UnknownZoneError);
  expect(step(0, 1, 'hours', 'PST')).toBe(HOUR_MS);
});
