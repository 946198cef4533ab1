import { createHash } from 'node:crypto';
import type { Identifier, IdentifierKind } from '../../schemas/types.ts';

/**
 * Names in the state. Identifiers and carriers have short names, because entries refer to each other by them; the keys of
 * the store add the type of the entry and the workspace. The id of a workspace contains no slash, so keys are unique.
 */

/** In the order in which a person is made of one of several junk identifiers. */
export const KINDS: readonly IdentifierKind[] = ['user_id', 'external', 'phone', 'email'];

/** An identifier as one word: the index of its kind in KINDS, then its value. Words sort in the order of KINDS. */
export const wordOf = ({ kind, value }: Identifier): string => KIND_PREFIXES[kind] + value;

const KIND_PREFIXES: Record<IdentifierKind, string> = { user_id: '0', external: '1', phone: '2', email: '3' };

/** The index of the word's kind in KINDS, 0 to 3. */
export const kindIndexOf = (word: string): number => word.charCodeAt(0) - 48;

export const identifierOf = (word: string): Identifier => ({
  kind: KINDS[kindIndexOf(word)] as IdentifierKind,
  value: word.slice(1),
});

/** Words without repetition, in their order. */
export function wordsOf(identifiers: readonly Identifier[]): string[] {
  const words = identifiers.map(wordOf).sort();
  return words.filter((word, i) => i === 0 || word !== words[i - 1]);
}

/** A carrier is what identifiers are seen on: a cart, or the records of /v1/people with one set of identifiers. */
export const cartCarrier = (cartId: string): string => `c${cartId}`;
export const isCart = (carrier: string): boolean => carrier.startsWith('c');
export const cartIdOf = (carrier: string): string => carrier.slice(1);

/** Records with the same identifiers are one carrier: a nightly repetition costs no state. */
export function recordCarrier(words: readonly string[]): string {
  const hash = createHash('sha256');
  for (const word of words) hash.update(`${word.length}/${word}`);
  return `r${hash.digest('base64url').slice(0, 22)}`;
}

export const workspaceKey = (workspace: string): string => `w/${workspace}`;
/** The link rules. */
export const rulesKey = (workspace: string): string => `r/${workspace}`;
export const personKey = (workspace: string, id: number): string => `p/${workspace}/${id}`;
export const carrierKey = (workspace: string, carrier: string): string => `s/${workspace}/${carrier}`;
export const identifierKey = (workspace: string, word: string): string => `i/${workspace}/${word}`;
export const rowsKey = (workspace: string, chunk: number, carrier: string): string =>
  `t/${workspace}/${chunk}/${carrier}`;
export const carriedKey = (workspace: string, chunk: number, carrier: string): string =>
  `l/${workspace}/${chunk}/${carrier}`;
/** `path` is the node's, from the root: see `times.ts`. */
export const timesKey = (workspace: string, path: string, word: string): string => `m/${workspace}/${path}/${word}`;

/** `name` is empty for the latest bound of all, else `c` and a cart's id, or `i` and an identifier's hash. */
export const markerKey = (workspace: string, name: string): string =>
  name === '' ? `e/${workspace}` : `e/${workspace}/${name}`;

/** The key of a pair of identifiers of different kinds that were seen together, in either order. */
export function pairKey(workspace: string, one: string, other: string): string {
  const [first, second] = one < other ? [one, other] : [other, one];
  return `x/${workspace}/${first.length}/${first}${second}`;
}

/** What flows have of a workspace: see `flow-log.ts`. */
export const flowsKey = (workspace: string): string => `f/${workspace}`;
const HISTORY = 'h/';
/** How far the history that precedes the first published flow has been emitted. */
export const historyKey = (workspace: string): string => `${HISTORY}${workspace}`;
export const isHistoryKey = (key: string): boolean => key.startsWith(HISTORY);
export const workspaceOfHistory = (key: string): string => key.slice(HISTORY.length);

const MOVED = 'q/';
/** Moved carts that are emitted in one step; steps are in the order of their numbers. */
export const movedKey = (workspace: string, step: number): string =>
  `${MOVED}${workspace}/${String(step).padStart(8, '0')}`;
export const isMovedKey = (key: string): boolean => key.startsWith(MOVED);
/** The workspace of such an entry; ids of workspaces hold no slash. */
export const workspaceOfMoved = (key: string): string => key.slice(MOVED.length, key.lastIndexOf('/'));

/** Link rules that are being applied. */
export const nextRulesKey = (workspace: string): string => `n/${workspace}`;
/** Sorts after MOVED: the carts that a step has moved are emitted before the next step. */
const RELINK = 'z/';
/** The position at which the next step of applying them begins. */
export const relinkKey = (workspace: string): string => `${RELINK}${workspace}`;
const isRelinkKey = (key: string): boolean => key.startsWith(RELINK);
export const workspaceOfRelink = (key: string): string => key.slice(RELINK.length);

/** Whether a state entry is work that is to be done before the next record, in the order of the keys. */
export const isWorkKey = (key: string): boolean => isHistoryKey(key) || isMovedKey(key) || isRelinkKey(key);
