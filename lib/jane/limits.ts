/** The limits of one cart or record. Messages that reject something name them. */

/** Characters (Unicode code points) of an `event_id`. */
export const MAX_EVENT_ID_CHARACTERS = 200;
/** Characters of a cart's, store's, product's or person's id, and of the source of an external id. */
export const MAX_ID_CHARACTERS = 200;
/** Characters of a status or a mode. */
export const MAX_STATUS_CHARACTERS = 100;
/** Characters of a name, a store's name, an unread phone or address: longer ones are truncated, not refused. */
export const MAX_LABEL_CHARACTERS = 300;
/** Lines of one cart. */
export const MAX_PRODUCTS = 1000;
/** Objects and lists within one another. */
export const MAX_DEPTH = 64;

/** Bytes of a webhook's body. */
export const MAX_WEBHOOK_BYTES = 256 * 1024;
/** Bytes of a line of a bulk body, without its line break. */
export const MAX_LINE_BYTES = 1024 * 1024;

/** The earliest T (2010-01-01T00:00:00Z, Unix milliseconds). */
export const EARLIEST_MS = Date.UTC(2010, 0, 1);
/** A time further ahead of receipt than this is flagged `clamped` (milliseconds). */
export const CLAMP_TOLERANCE_MS = 5 * 60_000;
