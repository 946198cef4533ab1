import { Temporal } from 'temporal-polyfill';
import { requireZone } from './zones.ts';

const HOUR_MS = 3_600_000;
const CACHE_MAX = 20_000;

/** Offsets of local hours by zone, up to a number of hours; when that is reached, they are computed again. */
export class OffsetCache {
  private readonly byZone = new Map<string, Map<number, number | null>>();
  private hours = 0;

  constructor(private readonly max: number) {}

  /** Hours that are kept. */
  get size(): number {
    return this.hours;
  }

  /** Undefined when it is not kept; null where the offset changes within the hour. */
  get(zone: string, hour: number): number | null | undefined {
    return this.byZone.get(zone)?.get(hour);
  }

  set(zone: string, hour: number, offset: number | null): void {
    if (this.hours >= this.max) {
      this.byZone.clear();
      this.hours = 0;
    }
    let offsets = this.byZone.get(zone);
    if (offsets === undefined) this.byZone.set(zone, (offsets = new Map<number, number | null>()));
    offsets.set(hour, offset);
    this.hours++;
  }
}

const OFFSETS = new OffsetCache(CACHE_MAX);

const UTC_NAMES = new Set(['UTC', 'Etc/UTC', 'Etc/GMT', 'GMT']);

/**
 * The instant (Unix ms) of a wall-clock time in a zone. `localMs` is the wall-clock time read as if it were
 * UTC. A time that the zone skips moves forward by the gap; of a doubled one the earlier counts.
 *
 * Throws UnknownZoneError.
 */
export function instantOfLocal(localMs: number, zone: string): number {
  if (UTC_NAMES.has(zone)) return localMs;
  const hour = Math.floor(localMs / HOUR_MS);
  const offset = offsetOfHour(hour, zone);
  return offset === null ? convert(localMs, zone) : localMs - offset;
}

/**
 * What to subtract from a local time of this hour to get UTC; null where that changes within the hour. An hour has one
 * offset if both its ends have it: no zone changes its offset twice within an hour.
 */
function offsetOfHour(hour: number, zone: string): number | null {
  const known = OFFSETS.get(zone, hour);
  if (known !== undefined) return known;
  requireZone(zone);
  const start = hour * HOUR_MS;
  const end = start + HOUR_MS - 1;
  const first = start - convert(start, zone);
  const offset = end - convert(end, zone) === first ? first : null;
  OFFSETS.set(zone, hour, offset);
  return offset;
}

function convert(localMs: number, zone: string): number {
  const local = new Date(localMs);
  return Temporal.PlainDateTime.from({
    year: local.getUTCFullYear(),
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
    millisecond: local.getUTCMilliseconds(),
  }).toZonedDateTime(zone, { disambiguation: 'compatible' }).epochMilliseconds;
}
