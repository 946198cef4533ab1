import { createHash } from 'node:crypto';
import type { Identifier, IdentifierKind } from '../../schemas/types.ts';

/**
 * Names inside the state. Identifiers and sources have short names of their own, because entries point
 * at each other with them; the store's keys add what the entry is and its workspace. Ids of workspaces
 * hold no slash, so that no two names can meet.
 */

/** In the order in which junk lends its name to a person. */
export const KINDS: readonly IdentifierKind[] = ['user_id', 'external', 'phone', 'email'];

/** An identifier in one word: the place of its kind in KINDS, then its value. Sorted as text, they are in the order of KINDS. */
export const wordOf = (identifier: Identifier): string => `${KINDS.indexOf(identifier.kind)}${identifier.value}`;

/** 0 to 3: the place in KINDS. */
export const kindIndexOf = (word: string): number => word.charCodeAt(0) - 48;

export const identifierOf = (word: string): Identifier => ({
  kind: KINDS[kindIndexOf(word)] as IdentifierKind,
  value: word.slice(1),
});

/** Words without repetition, in their order. */
export function wordsOf(identifiers: readonly Identifier[]): string[] {
  if (identifiers.length === 0) return [];
  return [...new Set(identifiers.map(wordOf))].sort();
}

/** A source is what identifiers are seen on: a cart, or the records of /v1/people with one set of identifiers. */
export const cartSource = (cartId: string): string => `c${cartId}`;
export const isCart = (source: string): boolean => source.startsWith('c');
export const cartIdOf = (source: string): string => source.slice(1);

/** Records with the same identifiers are one source: a nightly repetition costs no state. */
export function recordSource(words: readonly string[]): string {
  const hash = createHash('sha256');
  for (const word of words) hash.update(`${word.length}/${word}`);
  return `r${hash.digest('base64url').slice(0, 22)}`;
}

export const workspaceKey = (workspace: string): string => `w/${workspace}`;
/** The link rules. */
export const rulesKey = (workspace: string): string => `r/${workspace}`;
export const personKey = (workspace: string, id: number): string => `p/${workspace}/${id}`;
export const sourceKey = (workspace: string, source: string): string => `s/${workspace}/${source}`;
export const identifierKey = (workspace: string, word: string): string => `i/${workspace}/${word}`;
export const rowsKey = (workspace: string, chunk: number, source: string): string =>
  `t/${workspace}/${chunk}/${source}`;
export const carriedKey = (workspace: string, chunk: number, source: string): string =>
  `l/${workspace}/${chunk}/${source}`;
/** `path` is the node's, from the root: see `times.ts`. */
export const timesKey = (workspace: string, path: string, word: string): string => `m/${workspace}/${path}/${word}`;

/** The key of a pair of identifiers of different kinds that were seen together, in either order. */
export function pairKey(workspace: string, one: string, other: string): string {
  const [first, second] = one < other ? [one, other] : [other, one];
  return `x/${workspace}/${first.length}/${first}${second}`;
}
