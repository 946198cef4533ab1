/** Offsets of zones from UTC, and how long each holds. They are cached, because the calendar library is slow. */
import { Temporal } from 'temporal-polyfill';
import { requireZone } from './zones.ts';

/** A zone's offset from UTC at an instant, and the first instant after it at which the offset may be another, Unix ms. */
export interface OffsetPiece {
  offsetMs: number;
  /** Since when the zone has it; -Infinity: always. */
  fromMs: number;
  untilMs: number;
}

const ZONES_MAX = 1_000;
const pieces = new Map<string, OffsetPiece[]>();

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
