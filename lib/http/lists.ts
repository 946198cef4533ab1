import { z } from '@hono/zod-openapi';
import { invalid } from './problem.ts';

/** Query parameters of every list. */
export const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100).describe('maximum number of items'),
  cursor: z.string().max(1000).optional().describe('next_cursor of the previous page'),
});

/** The schema of a page. */
export const listOf = <S extends z.ZodType>(item: S) =>
  z.strictObject({ items: z.array(item), next_cursor: z.string().nullable().describe('null on the last page') });

/** Opaque to clients: JSON in base64url. */
export const encodeCursor = (position: unknown): string => Buffer.from(JSON.stringify(position)).toString('base64url');

/** The position in a cursor; throws 422 for a cursor that this list did not issue. */
export function decodeCursor<S extends z.ZodType>(cursor: string | undefined, schema: S): z.output<S> | undefined {
  if (cursor === undefined) return undefined;
  let position: unknown;
  try {
    position = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    position = undefined;
  }
  const result = schema.safeParse(position);
  if (!result.success) throw invalid([{ path: '/cursor', message: 'is not a cursor of this list' }]);
  return result.data;
}

/**
 * One page of rows that a query returned in order: it was asked for one more than `limit`, which shows whether there is a
 * further page. `positionOf` is what the cursor names.
 */
export function pageOfRows<T>(
  rows: readonly T[],
  limit: number,
  positionOf: (last: T) => unknown,
): { items: T[]; next_cursor: string | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next_cursor: rows.length > limit && last !== undefined ? encodeCursor(positionOf(last)) : null };
}

/** One page of a list that is held in memory, in ascending order of `keyOf`, which has to be unique. */
export function pageOf<T, U>(
  all: readonly T[],
  query: { limit: number; cursor?: string | undefined },
  keyOf: (item: T) => string,
  show: (item: T) => U,
): { items: U[]; next_cursor: string | null } {
  const after = decodeCursor(query.cursor, z.string());
  const sorted = [...all].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const rest = after === undefined ? sorted : sorted.filter((item) => keyOf(item) > after);
  const { items, next_cursor } = pageOfRows(rest, query.limit, keyOf);
  return { items: items.map(show), next_cursor };
}
