/** Times of flows: steps of the calendar, the next local time, and instants at which the offset of a zone changes. */
import { Temporal } from 'temporal-polyfill';
import { instantOfLocal, LAST_MS, requireZone, step } from '../time/index.ts';
import { WEEKDAYS, type FlowSpan, type Until } from './definition.ts';

export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;

/**
 * The instant that long after another one, Unix ms; the end of the year 2200 at the latest. Throws UnknownZoneError for an
 * unknown zone if the unit needs a zone.
 */
export function after(fromMs: number, { amount, unit }: FlowSpan, zone: string): number {
  if (unit === 'seconds') return fromMs + amount * 1_000;
  const days = unit === 'days' ? amount : unit === 'weeks' ? 7 * amount : null;
  if (days !== null) {
    // A calendar is asked only where the zone's offset may change meanwhile.
    const toMs = fromMs + days * DAY_MS;
    if (toMs < offsetPieceAt(fromMs, zone).untilMs) return Math.min(toMs, LAST_MS);
  }
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

/** A zone's offset from UTC at an instant, and the first instant after it at which the offset may be another, Unix ms. */
export interface OffsetPiece {
  offsetMs: number;
  untilMs: number;
}

const ZONES_MAX = 1_000;
const pieces = new Map<string, (OffsetPiece & { fromMs: number })[]>();

/** Throws UnknownZoneError for an unknown zone. */
export function offsetPieceAt(ms: number, zone: string): OffsetPiece {
  const known = pieces.get(zone);
  const found = known?.find(({ fromMs, untilMs }) => ms >= fromMs && ms < untilMs);
  if (found !== undefined) return found;
  requireZone(zone);
  const at = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone);
  const piece = {
    // The offset may have changed at this very millisecond.
    fromMs: at.add({ milliseconds: 1 }).getTimeZoneTransition('previous')?.epochMilliseconds ?? -Infinity,
    untilMs: at.getTimeZoneTransition('next')?.epochMilliseconds ?? Infinity,
    offsetMs: at.offsetNanoseconds / 1_000_000,
  };
  if (pieces.size >= ZONES_MAX) pieces.clear();
  pieces.set(zone, [piece, ...(known ?? [])]);
  return piece;
}
