import type { Context } from 'hono';
import { ConflictError } from '../../lib/definitions/index.ts';

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
