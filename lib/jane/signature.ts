import { createHmac, timingSafeEqual } from 'node:crypto';

/** Jane's signature: hex HMAC-SHA256 of `{timestamp header}:{raw body}`. */
export const signatureOf = (secret: string | Uint8Array, timestamp: string, body: Uint8Array): string =>
  createHmac('sha256', secret).update(`${timestamp}:`).update(body).digest('hex');

/** Whether this is the signature, in time that does not depend on where it differs. Hex digits of either case. */
export function signatureMatches(
  presented: string,
  secret: string | Uint8Array,
  timestamp: string,
  body: Uint8Array,
): boolean {
  const expected = createHmac('sha256', secret).update(`${timestamp}:`).update(body).digest();
  const given = Buffer.from(presented.trim(), 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
