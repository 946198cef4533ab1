import { createCipheriv, createDecipheriv, hash, randomBytes, timingSafeEqual } from 'node:crypto';

/** SHA-256 in hex, which is stored instead of a key or token. They are random, so no salt or stretching is needed. */
export const hashOf = (secret: string): string => hash('sha256', secret, 'hex');

/** The bytes of a hash in hex, to compare many presented secrets with. */
export const hashBytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** Compares a presented secret with a stored hash, in constant time. */
export function matchesHash(presented: string, kept: Buffer): boolean {
  return kept.length === 32 && timingSafeEqual(hash('sha256', presented, 'buffer'), kept);
}

/** A new secret with a readable prefix: 256 random bits in base64url. */
export const newSecret = (prefix: string): string => `${prefix}_${randomBytes(32).toString('base64url')}`;

/** A new id: 128 random bits in lower-case hex. */
export const newId = (prefix: string): string => `${prefix}_${randomBytes(16).toString('hex')}`;

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts with AES-256-GCM and the installation's key, bound to `owner`; base64url of iv, tag and ciphertext. */
export function seal(secretKey: Buffer, text: string, owner: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', secretKey, iv).setAAD(Buffer.from(owner));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** Decrypts the result of `seal`. Throws when the key or the owner differs, or the text was changed. */
export function unseal(secretKey: Buffer, sealed: string, owner: string): string {
  const bytes = Buffer.from(sealed, 'base64url');
  const iv = bytes.subarray(0, IV_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', secretKey, iv).setAAD(Buffer.from(owner));
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
}

/** Like `unseal`, but returns undefined where that throws. */
export function tryUnseal(secretKey: Buffer, sealed: string, owner: string): string | undefined {
  try {
    return unseal(secretKey, sealed, owner);
  } catch {
    return undefined;
  }
}
