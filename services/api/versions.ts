import type { Context } from 'hono';
import { ConflictError } from '../../lib/definitions/index.ts';

/** For the document: of answers that show a definition, and of requests that change one. */
export const etagHeader = { ETag: 'its version, for If-Match' };
export const ifMatchHeader = { 'If-Match': 'the ETag that it has to have still: 409 when it has another' };

/** The ETag of a version of a definition. */
export const etagOf = (version: number): Record<string, string> => ({ etag: `"${version}"` });

/**
 * The version that a change has to expect: that of If-Match, else the present one. Throws ConflictError (409)
 * when If-Match names another one.
 */
export function expectedVersion(c: Context, current: number): number {
  const header = c.req.header('if-match')?.trim();
  if (header === undefined || header === '*') return current;
  const matches = header.split(',').some((tag) => /^(?:W\/)?"?(\d+)"?$/.exec(tag.trim())?.[1] === String(current));
  if (!matches) throw new ConflictError(`it is at version ${current} now`, { currentVersion: current });
  return current;
}

/** Attempts at a change that others keep overtaking. */
const ATTEMPTS_MAX = 20;

/**
 * A change that is made on the present version: `attempt` reads it, and is called again when somebody else's change
 * came between. Who names a version with If-Match, and only they, hears of that (ConflictError, 409).
 */
export async function onPresentVersion<T>(c: Context, attempt: () => Promise<T>): Promise<T> {
  const isNamed = ![undefined, '*'].includes(c.req.header('if-match')?.trim());
  for (let left = ATTEMPTS_MAX; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (isNamed || !(error instanceof ConflictError) || left <= 1) throw error;
    }
  }
}
