import { Temporal } from 'temporal-polyfill';

/** A zone that cannot be reckoned with: its name is not one that Temporal takes. */
export class UnknownZoneError extends RangeError {
  override readonly name = 'UnknownZoneError';

  constructor(readonly zone: string) {
    super(`${JSON.stringify(zone.slice(0, 100))} is not an IANA time zone`);
  }
}

const CACHE_MAX = 2_000;
/** Longer than the name of any zone. A longer text is not kept: it may be a megabyte. */
const NAME_MAX = 100;
const EPOCH = new Temporal.PlainDateTime(1970, 1, 1);
const known = new Map<string, boolean>();

/**
 * Whether this is the name of an IANA time zone (or UTC). The library that reckons with zones decides: JavaScript
 * engines also take legacy names such as PST and IST, which stand for different zones in different places.
 */
export function isTimeZone(name: string): boolean {
  if (name.length > NAME_MAX) return false;
  let answer = known.get(name);
  if (answer === undefined) {
    // Temporal takes offsets and whole timestamps, too; a zone that people live in has a name.
    answer = /^[A-Za-z]/.test(name) && isTaken(name);
    if (known.size >= CACHE_MAX) known.clear();
    known.set(name, answer);
  }
  return answer;
}

/** Throws UnknownZoneError unless this is the name of a zone. */
export function requireZone(name: string): void {
  if (!isTimeZone(name)) throw new UnknownZoneError(name);
}

/**
 * The zone, and UTC for what is the name of none: where something that was stored before zones were checked must not stop
 * a fold.
 */
export const zoneOrUtc = (name: string): string => (isTimeZone(name) ? name : 'UTC');

function isTaken(name: string): boolean {
  try {
    EPOCH.toZonedDateTime(name);
    return true;
  } catch {
    return false;
  }
}
