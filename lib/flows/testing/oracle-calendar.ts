/** Times as the oracle reckons them: with a calendar, and by looking at every minute. */
import { Temporal } from 'temporal-polyfill';
import type { FlowSpan, Until } from '../definition.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const local = (ms: number, zone: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone);

const EXACT_MS: Partial<Record<FlowSpan['unit'], number>> = {
  seconds: 1_000,
  minutes: MINUTE_MS,
  hours: 60 * MINUTE_MS,
};

/** The instant `amount` units later; a negative amount: earlier. */
export function plus(ms: number, { amount, unit }: FlowSpan, zone: string): number {
  const exactMs = EXACT_MS[unit];
  if (exactMs !== undefined) return ms + amount * exactMs;
  return local(ms, zone).add({ [unit]: amount }).epochMilliseconds;
}

export const minus = (ms: number, { amount, unit }: FlowSpan, zone: string): number =>
  plus(ms, { amount: -amount, unit }, zone);

/** The next such local time later than an instant: day by day. */
export function nextTime(ms: number, { time, days }: Until, zone: string): number {
  for (let date = local(ms, zone).toPlainDate().subtract({ days: 2 }); ; date = date.add({ days: 1 })) {
    const at = date.toPlainDateTime(time).toZonedDateTime(zone).epochMilliseconds;
    if (at > ms && (days === undefined || days.includes(DAYS[date.dayOfWeek - 1]!))) return at;
  }
}

const offsets = new Map<string, number>();

/** Minutes after midnight on the wall clock. Offsets change at quarters of an hour only. */
function wallMinutes(ms: number, zone: string): number {
  const quarter = Math.floor(ms / (15 * MINUTE_MS));
  const key = `${zone} ${quarter}`;
  let offset = offsets.get(key);
  if (offset === undefined)
    offsets.set(key, (offset = local(quarter * 15 * MINUTE_MS, zone).offsetNanoseconds / 1_000_000));
  return Math.floor((ms + offset) / MINUTE_MS) % 1_440;
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

/** The first instant from now on, at most eight days later, that is inside the hours in every zone: minute by minute. */
export function firstAllowed(ms: number, hours: { from: string; to: string }, zones: readonly string[]): number | null {
  const [from, to] = [minutesOf(hours.from), minutesOf(hours.to)];
  const isInside = (at: number): boolean =>
    zones.every((zone) => {
      const minutes = wallMinutes(at, zone);
      return from < to ? from <= minutes && minutes < to : from <= minutes || minutes < to;
    });
  if (isInside(ms)) return ms;
  for (let at = (Math.floor(ms / MINUTE_MS) + 1) * MINUTE_MS; at <= ms + 8 * DAY_MS; at += MINUTE_MS)
    if (isInside(at)) return at;
  return null;
}
