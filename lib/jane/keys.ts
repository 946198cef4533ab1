import { createHash } from 'node:crypto';

const KEY_BYTES = 16;

/** The first 16 bytes of a SHA-256. */
function shortHash(...parts: (string | Uint8Array)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest().subarray(0, KEY_BYTES);
}

/** The key of a delivery without an id of its own: from its kind, its cart and its raw bytes. */
export const contentKey = (kind: string, cartId: string, body: Uint8Array): Buffer =>
  shortHash(`${kind}\n${cartId}\n`, body);

/** The key of a line with an `event_id`. */
export const eventIdKey = (eventId: string): Buffer => shortHash(eventId);

/**
 * The id of a dead letter, 32 hex digits: the same delivery refused again (a retry, a file sent twice) is the
 * same dead letter.
 */
export const deadLetterId = (parts: (string | number | null)[], body: Uint8Array): string =>
  shortHash(JSON.stringify(parts), body).toString('hex');
