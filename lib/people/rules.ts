import { kindIndexOf } from './keys.ts';
import { SHOWN_OF_KIND } from './profile.ts';

/** Which identifiers link people, and which are junk: shared by too many people to identify anybody. */
export interface LinkRules {
  /** An identifier seen together with more distinct values of one other kind than this is junk. */
  limit: number;
  /** Words that are never junk. */
  allow: ReadonlySet<string>;
  /** Words that always are. Denied goes before allowed. */
  deny: ReadonlySet<string>;
}

/** The highest limit that link rules can ask for. */
export const HIGHEST_LIMIT = 100;

/** What one event or record can add to the state at most; tests have lower ones. */
export interface Bounds {
  /** Identifiers of one kind that a profile shows. */
  shownOfKind: number;
  /** Up to how many values of one kind are counted exactly, by pairs: the highest limit in force. */
  highestLimit: number;
}

export const DEFAULT_BOUNDS: Bounds = { shownOfKind: SHOWN_OF_KIND, highestLimit: HIGHEST_LIMIT };

/**
 * Whether an identifier is junk under every limit up to `highestLimit`, unless it is allowed. With how many more
 * values it is seen makes no difference then, so no pair is recorded for its sake.
 */
export function isSaturated(highestLimit: number, word: string, seenWith: readonly number[]): boolean {
  const own = kindIndexOf(word);
  return seenWith.some((count, kind) => kind !== own && count > highestLimit);
}

export const DEFAULT_RULES: LinkRules = { limit: 25, allow: new Set(), deny: new Set() };

/** `seenWith` counts, by kind, the distinct values that the identifier was seen together with. */
export function isJunk(rules: LinkRules, word: string, seenWith: readonly number[]): boolean {
  if (rules.deny.has(word)) return true;
  if (rules.allow.has(word)) return false;
  const own = kindIndexOf(word);
  return seenWith.some((count, kind) => kind !== own && count > rules.limit);
}
