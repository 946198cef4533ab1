/**
 * The statuses of an order as small numbers. Known ones have fixed codes, in the order of the lifecycle; a cart
 * numbers the unknown ones that it has seen from FIRST_UNKNOWN on, in the order of their arrival.
 * Codes are part of the state's format: never renumber them.
 */

export const PENDING = 0;
export const READY_FOR_PICKUP = 4;
const FINISHED = 7;
const FINISHED_WITHOUT_REVIEW = 8;
const WITH_REVIEW = 9;
const CANCELLED = 10;
const DISMISSED = 11;
/** Codes from here on are unknown statuses of one cart. */
export const FIRST_UNKNOWN = 12;
/** No status at all. */
export const NO_STATUS = -1;

const NAMES = [
  'pending',
  'verification',
  'staff_member_review',
  'preparing',
  'ready_for_pickup',
  'delivery_started',
  'delivery_finished',
  'finished',
  'finished_without_review',
  'with_review',
  'cancelled',
  'dismissed',
] as const;

const CODES: ReadonlyMap<string, number> = new Map(NAMES.map((name, code) => [name, code]));

/** Where a known status stands in the lifecycle (semantics §2, `backward`); cancelled and dismissed stand nowhere. */
const PLACES = [0, 1, 2, 3, 4, 4, 5, 6, 7, 7, -1, -1];
/** No place in the lifecycle. */
export const NO_PLACE = -1;

const TERMINAL_MASK = (1 << CANCELLED) | (1 << DISMISSED) | (1 << WITH_REVIEW) | (1 << FINISHED_WITHOUT_REVIEW);
const FINISHED_MASK = 1 << FINISHED;

/** The code of a known status, undefined for any other. */
export function knownCode(name: string): number | undefined {
  return CODES.get(name);
}

/** @param names the unknown statuses of this cart, in order of arrival */
export function statusName(code: number, names: readonly string[]): string {
  return code < FIRST_UNKNOWN ? NAMES[code]! : names[code - FIRST_UNKNOWN]!;
}

export function placeOf(code: number): number {
  return code < FIRST_UNKNOWN ? PLACES[code]! : NO_PLACE;
}

/** Whether an order that had the known statuses of `seen` (a bit for each code) is over before `code`. */
export function isOver(seen: number, code: number): boolean {
  if ((seen & TERMINAL_MASK) !== 0) return true;
  return (seen & FINISHED_MASK) !== 0 && code !== WITH_REVIEW && code !== FINISHED_WITHOUT_REVIEW;
}

/** Whether an abandoned cart that reaches this status was recovered. */
export function recovers(code: number): boolean {
  return code !== PENDING && code !== CANCELLED && code !== DISMISSED;
}
