import { Temporal } from 'temporal-polyfill';
import { instantOfLocal } from './local-time.ts';
import { offsetPieceAt } from './offsets.ts';
import { requireZone } from './zones.ts';

export { instantOfLocal } from './local-time.ts';
export { offsetPieceAt, type OffsetPiece } from './offsets.ts';
export { readInstant, readRequestTimestamp, readTime } from './times.ts';
export { isTimeZone, requireZone, UnknownZoneError, zoneOrUtc } from './zones.ts';

/** Units of a condition: `minutes` and `hours` are exact, the others are steps of the calendar in a zone. */
export const UNITS = ['minutes', 'hours', 'days', 'weeks', 'months'] as const;
export type Unit = (typeof UNITS)[number];

/** Years that conditions may speak of. */
export const YEAR_MIN = 1970;
export const YEAR_MAX = 2200;

export const FIRST_MS = Date.UTC(YEAR_MIN, 0, 1);
export const LAST_MS = Date.UTC(YEAR_MAX + 1, 0, 1) - 1;
const EXACT_MS = { minutes: 60_000, hours: 3_600_000 } as const;
const DAY_MS = 86_400_000;
const CACHE_MAX = 10_000;

/** A day of the calendar as `YYYY-MM-DD`; undefined if the text is not a day. */
export function readDay(text: string): Temporal.PlainDate | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  try {
    return Temporal.PlainDate.from(text, { overflow: 'reject' });
  } catch {
    return undefined;
  }
}

const starts = new Map<string, number>();

/**
 * S(D): the first instant of day D in the zone, Unix ms. A day that the zone skips begins with the next one. `plusDays`
 * moves D first. Throws RangeError for an invalid day, UnknownZoneError for an invalid zone.
 */
export function startOfDay(day: string, zone: string, plusDays = 0): number {
  const name = `${zone} ${day} ${plusDays}`;
  const known = starts.get(name);
  if (known !== undefined) return known;
  requireZone(zone);
  const date = Temporal.PlainDate.from(day).add({ days: plusDays });
  const start = date.toZonedDateTime({ timeZone: zone }).epochMilliseconds;
  if (starts.size >= CACHE_MAX) starts.clear();
  starts.set(name, start);
  return start;
}

/**
 * The instant `amount` units after (negative: before) another one, Unix ms: days, weeks and months are one
 * step of the calendar with the same wall-clock time, the day cut to the month's last; a skipped time moves
 * forward by the gap, of a doubled one the earlier counts. Null when it leaves the years 1970 to 2200.
 * Throws UnknownZoneError for what is no zone, where the unit needs one.
 */
export function step(fromMs: number, amount: number, unit: Unit, zone: string): number | null {
  const exact = unit === 'minutes' || unit === 'hours';
  const to = exact ? fromMs + amount * EXACT_MS[unit] : calendarStep(fromMs, amount, unit, zone);
  return to < FIRST_MS || to > LAST_MS ? null : to;
}

/** Days and weeks without the library's calendar, which takes some fifty times as long. */
function calendarStep(fromMs: number, amount: number, unit: 'days' | 'weeks' | 'months', zone: string): number {
  requireZone(zone);
  if (unit !== 'months') {
    const toMs = fromMs + amount * (unit === 'days' ? DAY_MS : 7 * DAY_MS);
    // Zones have changed their offset by up to 25 hours: Pacific/Kanton has moved across the date line.
    if (toMs < FIRST_MS - 2 * DAY_MS || toMs > LAST_MS + 2 * DAY_MS) return toMs;
    const piece = offsetPieceAt(fromMs, zone);
    // Where clocks were set back, wall-clock times recur at the beginning of a piece: the earlier ones count.
    if (toMs < piece.untilMs && toMs - 2 * DAY_MS >= piece.fromMs) return toMs;
    return instantOfLocal(toMs + piece.offsetMs, zone);
  }
  return Temporal.Instant.fromEpochMilliseconds(fromMs).toZonedDateTimeISO(zone).add({ months: amount })
    .epochMilliseconds;
}

/** Whether an instant lies in the years that conditions may speak of. */
export const inYears = (ms: number): boolean => ms >= FIRST_MS && ms <= LAST_MS;

/** An instant on the wire: RFC 3339 in UTC with milliseconds. */
export const showInstant = (ms: number): string => new Date(ms).toISOString();

/** The same; null stays null. */
export const showInstantOrNull = (ms: number | null): string | null => (ms === null ? null : showInstant(ms));
