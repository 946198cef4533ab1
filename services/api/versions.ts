import type { Context } from 'hono';
import { ConflictError } from '../../lib/definitions/index.ts';
import { HttpProblem } from '../../lib/http/index.ts';

/** Documented headers: of answers that show a definition, and of requests that change one. */
export const etagHeader = { ETag: 'the version, for If-Match' };
export const ifMatchHeader = {
  'If-Match': 'the expected ETag; the change is refused with 409 when it is no longer current',
};

/** The ETag of a version of a definition. */
export const etagOf = (version: number): Record<string, string> => ({ etag: `"${version}"` });

/**
 * The version that a change expects: that of If-Match, otherwise the current one. Throws ConflictError when
 * If-Match names another version.
 */
export function expectedVersion(c: Context, current: number): number {
  const header = c.req.header('if-match')?.trim();
  if (header === undefined || header === '*') return current;
  const matches = header.split(',').some((tag) => /^(?:W\/)?"?(\d+)"?$/.exec(tag.trim())?.[1] === String(current));
  if (!matches) throw new ConflictError(`the current version is ${current}`, { currentVersion: current });
  return current;
}

/** As {@link expectedVersion}, for changes that need If-Match. Throws HttpProblem 428 without it. */
export function requiredVersion(c: Context, current: number): number {
  if (c.req.header('if-match') === undefined) {
    throw new HttpProblem(428, 'send the ETag of the version that this replaces as If-Match');
  }
  return expectedVersion(c, current);
}

/** Attempts at a change while concurrent changes keep winning. */
const ATTEMPTS_MAX = 20;

/**
 * Applies a change to the current version: `attempt` reads it and writes the change, and is called again after a
 * conflict with a concurrent change. Only a client that names a version with If-Match gets the ConflictError.
 */
export async function onCurrentVersion<T>(c: Context, attempt: () => Promise<T>): Promise<T> {
  const isNamed = ![undefined, '*'].includes(c.req.header('if-match')?.trim());
  for (let left = ATTEMPTS_MAX; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (isNamed || !(error instanceof ConflictError) || left <= 1) throw error;
    }
  }
}
