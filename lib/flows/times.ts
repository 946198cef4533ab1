/** Times of flows: steps of the calendar, and the next local time. */
import { Temporal } from 'temporal-polyfill';
import { instantOfLocal, LAST_MS, step } from '../time/index.ts';
import { WEEKDAYS, type FlowSpan, type Until } from './definition.ts';

export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;

/**
 * The instant that long after another one, Unix ms; the end of the year 2200 at the latest. Throws UnknownZoneError for an
 * unknown zone if the unit needs a zone.
 */
export function after(fromMs: number, { amount, unit }: FlowSpan, zone: string): number {
  if (unit === 'seconds') return fromMs + amount * 1_000;
  return step(fromMs, amount, unit, zone) ?? LAST_MS;
}

/** The instant that long before another one, Unix ms; null: before 1970. */
export const before = (fromMs: number, { amount, unit }: FlowSpan, zone: string): number | null =>
  unit === 'seconds' ? fromMs - amount * 1_000 : step(fromMs, -amount, unit, zone);

/** HH:MM as minutes after midnight. */
export const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

/** Local midnight of the day of an instant, written as if it were UTC, Unix ms. */
function localDayOf(ms: number, zone: string): number {
  const { year, month, day } = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone);
  return Date.UTC(year, month - 1, day);
}

/** The next such local time later than now: a skipped one is later by the gap, of a doubled one the earlier counts. */
export function nextLocalTime(nowMs: number, { time, days }: Until, zone: string): number {
  const minutes = minutesOf(time);
  // A skipped time of yesterday may be later than now.
  for (let day = localDayOf(nowMs, zone) - DAY_MS; ; day += DAY_MS) {
    const weekday = WEEKDAYS[(new Date(day).getUTCDay() + 6) % 7]!;
    if (days !== undefined && !days.includes(weekday)) continue;
    const at = instantOfLocal(day + minutes * MINUTE_MS, zone);
    if (at > nowMs) return at;
  }
}
