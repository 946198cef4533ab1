/** The range of days that a page looks at: in the address, in the workspace's zone. */
import { readDay, showInstant, startOfDay, step, type Unit } from '../../../lib/time/index.ts';
import { PRESET_DAYS, type Preset, type RangeSearch } from './search.ts';

export const PRESETS: readonly { value: Preset; label: string }[] = [
  { value: 'today', label: 'Today' },
  { value: '7d', label: '7 days' },
  { value: '30d', label: '30 days' },
  { value: '90d', label: '90 days' },
  { value: '365d', label: '12 months' },
];
export const DEFAULT_PRESET: Preset = '30d';

export interface Days {
  from: string;
  to: string;
}

const plusDays = (day: string, days: number): string => readDay(day)!.add({ days }).toString();

/** The days that an address stands for; `today` is the current day in the workspace's zone. */
export function daysOf({ range, from, to }: RangeSearch, today: string): Days {
  if (from !== undefined && to !== undefined) return { from, to };
  return { from: plusDays(today, 1 - PRESET_DAYS[range ?? DEFAULT_PRESET]), to: today };
}

/** The preset that is chosen; null for days of one's own. */
export const presetOf = ({ range, from }: RangeSearch): Preset | null =>
  from === undefined ? (range ?? DEFAULT_PRESET) : null;

/** How many days there are, both ends included. */
export const lengthOf = ({ from, to }: Days): number => readDay(from)!.until(readDay(to)!).days + 1;

/** Buckets that are wide enough to be distinguished: about 100 at most. */
export function stepOf(days: Days): { amount: number; unit: Unit } {
  const length = lengthOf(days);
  if (length <= 3) return { amount: 1, unit: 'hours' };
  if (length <= 100) return { amount: 1, unit: 'days' };
  if (length <= 700) return { amount: 1, unit: 'weeks' };
  // Buckets are limited to 400: this is enough for all years that the API knows.
  return { amount: Math.ceil(length / 12_000), unit: 'months' };
}

/** The range as the API takes it, with an exclusive end. Throws UnknownZoneError. */
export const instantsOf = ({ from, to }: Days, timeZone: string): { from: string; to: string } => ({
  from: showInstant(startOfDay(from, timeZone)),
  to: showInstant(startOfDay(to, timeZone, 1)),
});

const HOUR_MS = 3_600_000;

/**
 * What a range is compared with: the same number of days immediately before, as the API takes them. If the range is not over
 * yet, they end as many days ago as it is long, to the hour, so that both are equally complete. Throws UnknownZoneError.
 */
export function instantsBefore(days: Days, timeZone: string, nowMs: number): { from: string; to: string } {
  const length = lengthOf(days);
  const { from, to } = instantsOf({ from: plusDays(days.from, -length), to: plusDays(days.from, -1) }, timeZone);
  const isOver = Date.parse(instantsOf(days, timeZone).to) <= nowMs;
  const sameTimeMs = step(Math.floor(nowMs / HOUR_MS) * HOUR_MS, -length, 'days', timeZone);
  if (isOver || sameTimeMs === null) return { from, to };
  const earliest = Math.max(Date.parse(from), sameTimeMs);
  return { from, to: showInstant(Math.min(Date.parse(to), earliest)) };
}

/** The beginning of a bucket as an axis shows it. */
export function bucketLabel(timeZone: string, fromMs: number, unit: Unit): string {
  const parts: Intl.DateTimeFormatOptions =
    unit === 'hours' || unit === 'minutes'
      ? { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
      : unit === 'months'
        ? { month: 'short', year: 'numeric' }
        : { day: 'numeric', month: 'short' };
  return new Intl.DateTimeFormat('en-GB', { timeZone, ...parts }).format(fromMs);
}

/** A range of days in words: `1 – 30 Nov 2026`. */
export function daysText({ from, to }: Days): string {
  const format = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });
  const [first, last] = [Date.parse(from), Date.parse(to)];
  return from === to ? format.format(first) : format.formatRange(first, last);
}
