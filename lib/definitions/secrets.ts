import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** SHA-256 in hex: what is kept of a key or token. They are random, so no salt or stretching is needed. */
export const hashOf = (secret: string): string => createHash('sha256').update(secret, 'utf8').digest('hex');

/** Compares in constant time a presented secret with a kept hash. */
export const matchesHash = (presented: string, hash: string): boolean => {
  const kept = Buffer.from(hash, 'hex');
  return kept.length === 32 && timingSafeEqual(createHash('sha256').update(presented, 'utf8').digest(), kept);
};

/** A new secret with a readable prefix: 256 random bits in base64url. */
export const newSecret = (prefix: string): string => `${prefix}_${randomBytes(32).toString('base64url')}`;

/** A new id that nobody can guess or meet by chance: 128 random bits, lower case hex. */
export const newId = (prefix: string): string => `${prefix}_${randomBytes(16).toString('hex')}`;

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM under the installation's key, bound to `owner`; base64url of iv, tag and text. */
export function seal(secretKey: Buffer, text: string, owner: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', secretKey, iv).setAAD(Buffer.from(owner));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** The text of `seal`; throws when the key or the owner is another one, or the text was touched. */
export function unseal(secretKey: Buffer, sealed: string, owner: string): string {
  const bytes = Buffer.from(sealed, 'base64url');
  const iv = bytes.subarray(0, IV_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', secretKey, iv).setAAD(Buffer.from(owner));
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
}

/** As `unseal`, but undefined where that throws: sealed under another key. */
export function tryUnseal(secretKey: Buffer, sealed: string, owner: string): string | undefined {
  try {
    return unseal(secretKey, sealed, owner);
  } catch {
    return undefined;
  }
}
