/** The formats of a cart's state. Layout: docs/adr, "state of a cart". */

/** The format that is written. */
export const VERSION = 5;
/** Still read: a summary without stays (stays.ts). The cart's next event or conclusion adds them from the records. */
export const VERSION_WITHOUT_STAYS = 4;
/**
 * Still read. Its layout is that of version 4; its traits were concluded while simultaneous events were ordered by their
 * keys alone. A state keeps it until the cart's next event, which finds what the new order changes.
 */
export const VERSION_ORDERED_BY_KEY = 3;
export type Version = typeof VERSION | typeof VERSION_WITHOUT_STAYS | typeof VERSION_ORDERED_BY_KEY;

/** Bytes of an event's key. */
export const KEY_SIZE = 16;

/** The name of a damaged state in errors, where its cart is not known. */
export const CART_STATE = 'the state of a cart';

/** A state whose first byte names a format that this program does not know. */
export class UnknownVersionError extends Error {
  override readonly name = 'UnknownVersionError';

  constructor(version: number | undefined) {
    super(`a cart's state has format ${version ?? 'none'}; this program reads ${VERSION_ORDERED_BY_KEY} to ${VERSION}`);
  }
}

/** @throws UnknownVersionError */
export function versionOf(version: number | undefined): Version {
  if (version === VERSION || version === VERSION_WITHOUT_STAYS || version === VERSION_ORDERED_BY_KEY) return version;
  throw new UnknownVersionError(version);
}
