import { Temporal } from 'temporal-polyfill';
import { requireZone } from './zones.ts';

const HOUR_MS = 3_600_000;
const MAX_CACHED_HOURS = 20_000;

/** Per zone and local hour: what to take off a local time to get UTC, or null where the hour has a jump inside. */
const offsetsByZone = new Map<string, Map<number, number | null>>();
let cachedHours = 0;

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

/** An hour has one offset if both its ends have it: no zone changes its offset twice within an hour. */
function offsetOfHour(hour: number, zone: string): number | null {
  let offsets = offsetsByZone.get(zone);
  const known = offsets?.get(hour);
  if (known !== undefined) return known;
  requireZone(zone);
  const start = hour * HOUR_MS;
  const end = start + HOUR_MS - 1;
  const first = start - convert(start, zone);
  const offset = end - convert(end, zone) === first ? first : null;
  if (cachedHours >= MAX_CACHED_HOURS) {
    offsetsByZone.clear();
    cachedHours = 0;
    offsets = undefined;
  }
  if (offsets === undefined) offsetsByZone.set(zone, (offsets = new Map<number, number | null>()));
  offsets.set(hour, offset);
  cachedHours++;
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
