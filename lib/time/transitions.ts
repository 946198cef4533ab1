import { Temporal } from 'temporal-polyfill';
import { FIRST_MS, LAST_MS, step, type Unit } from './index.ts';
import { requireZone } from './zones.ts';

const DAY_MS = 86_400_000;
const EXACT_UNITS: readonly Unit[] = ['minutes', 'hours'];
const CACHE_MAX = 2_000;

const byYear = new Map<string, readonly number[]>();

/** The instants of a year (UTC) at which the zone changes its offset from UTC. */
function transitionsOfYear(year: number, zone: string): readonly number[] {
  const name = `${zone} ${year}`;
  const known = byYear.get(name);
  if (known !== undefined) return known;
  const found: number[] = [];
  const endMs = Date.UTC(year + 1, 0, 1);
  let at: Temporal.ZonedDateTime | null = Temporal.Instant.fromEpochMilliseconds(
    Date.UTC(year, 0, 1) - 1,
  ).toZonedDateTimeISO(zone);
  while ((at = at.getTimeZoneTransition('next')) !== null && at.epochMilliseconds < endMs)
    found.push(at.epochMilliseconds);
  if (byYear.size >= CACHE_MAX) byYear.clear();
  byYear.set(name, found);
  return found;
}

/** The instants from `fromMs` to `toMs`, inclusive, at which the zone changes its offset from UTC. */
function transitions(fromMs: number, toMs: number, zone: string): number[] {
  const found: number[] = [];
  for (let year = new Date(fromMs).getUTCFullYear(); year <= new Date(toMs).getUTCFullYear(); year++)
    for (const at of transitionsOfYear(year, zone)) if (at >= fromMs && at <= toMs) found.push(at);
  return found;
}

/**
 * Whether `step(nowMs, amount, unit, zone)` is at or after an instant. A step before 1970 is not, one after 2200 is.
 * `thresholdMs` is not before 1970.
 */
export function stepReaches(nowMs: number, amount: number, unit: Unit, zone: string, thresholdMs: number): boolean {
  const to = step(nowMs, amount, unit, zone);
  return to === null ? amount > 0 : to >= thresholdMs;
}

/**
 * The first instant after `nowMs` at which `stepReaches` has another answer; null if it keeps this one through 2200.
 * In most cases it changes once. Where clocks are set back, and at the end of a month, it may change several times
 * within days: a month before the 28th, 29th, 30th and 31st of March is always on the 28th of February.
 */
export function nextStepChange(
  nowMs: number,
  amount: number,
  unit: Unit,
  zone: string,
  thresholdMs: number,
): number | null {
  // A step of years after the last one counts as reaching every instant.
  const threshold = amount > 0 ? Math.min(thresholdMs, LAST_MS + 1) : thresholdMs;
  const crossing = step(threshold, -amount, unit, zone);
  if (EXACT_UNITS.includes(unit)) return crossing !== null && crossing > nowMs ? crossing : null;
  requireZone(zone);
  // Only a threshold near 1970 or 2200 has no crossing within these years.
  const aboutMs = crossing ?? (amount > 0 ? FIRST_MS : LAST_MS);
  const fromMs = Math.max(aboutMs - 3 * DAY_MS, FIRST_MS);
  const toMs = Math.min(aboutMs + (unit === 'months' ? 6 : 3) * DAY_MS, LAST_MS);
  if (nowMs >= toMs) return null;
  const nearThreshold = [threshold - 10 * DAY_MS, threshold + 10 * DAY_MS] as const;
  const isRegular =
    crossing !== null &&
    transitions(fromMs, toMs, zone).length === 0 &&
    transitions(...nearThreshold, zone).length === 0 &&
    (unit !== 'months' || localDay(threshold, zone) < 28);
  if (isRegular) return crossing > nowMs ? crossing : null;
  return scan({ nowMs, fromMs, toMs, amount, unit, zone, threshold });
}

const localDay = (ms: number, zone: string): number =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).day;

interface Scan {
  nowMs: number;
  /** Before `fromMs` the step does not reach the threshold, from `toMs` on it does. */
  fromMs: number;
  toMs: number;
  amount: number;
  unit: Unit;
  zone: string;
  threshold: number;
}

/** Between two instants of `pieces` a step keeps its distance to where it starts from. */
function scan(range: Scan): number | null {
  const { nowMs, fromMs, amount, unit, zone, threshold } = range;
  const before = stepReaches(nowMs, amount, unit, zone, threshold);
  const starts = [Math.max(nowMs, fromMs), ...pieces(range)];
  for (const [i, startMs] of starts.entries()) {
    const to = step(startMs, amount, unit, zone);
    const reaches = to === null ? amount > 0 : to >= threshold;
    if (reaches !== before && startMs > nowMs) return startMs;
    if (before || to === null) continue;
    const crossing = startMs + (threshold - to);
    if (crossing > nowMs && crossing < (starts[i + 1] ?? Infinity)) return crossing;
  }
  return null;
}

/** Where the distance may change: at the start of a day, and at the wall-clock times of a change of offset on any day. */
function pieces({ nowMs, fromMs, toMs, amount, unit, zone, threshold }: Scan): number[] {
  const startMs = Math.max(nowMs, fromMs);
  const found = new Set(transitions(startMs, toMs, zone));
  const times = new Map<string, Temporal.PlainTime>();
  for (const at of transitions(threshold - 10 * DAY_MS, threshold + 10 * DAY_MS, zone)) {
    const after = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);
    // The wall clock at the end of the former offset, which is not shown any more at the transition itself.
    const former = after.subtract({ nanoseconds: 1 }).toPlainDateTime().add({ nanoseconds: 1 });
    for (const time of [after.toPlainTime(), former.toPlainTime()]) times.set(time.toString(), time);
  }
  const last = Temporal.Instant.fromEpochMilliseconds(toMs).toZonedDateTimeISO(zone).toPlainDate();
  let day = Temporal.Instant.fromEpochMilliseconds(startMs).toZonedDateTimeISO(zone).toPlainDate();
  for (; Temporal.PlainDate.compare(day, last) <= 0; day = day.add({ days: 1 })) {
    found.add(day.toZonedDateTime({ timeZone: zone }).epochMilliseconds);
    for (const time of times.values())
      for (const disambiguation of ['earlier', 'later'] as const)
        found.add(day.toPlainDateTime(time).toZonedDateTime(zone, { disambiguation }).epochMilliseconds);
  }
  if (amount > 0) {
    // From here on the step leaves the years, and reaches everything.
    const open = step(LAST_MS, -amount, unit, zone);
    if (open !== null) found.add(open + 1);
  }
  return [...found].filter((at) => at > startMs && at <= toMs).sort((a, b) => a - b);
}
