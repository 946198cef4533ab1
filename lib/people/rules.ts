import { kindIndexOf } from './keys.ts';

/** Which identifiers link people, and which are junk: shared by so many that they say nothing. */
export interface LinkRules {
  /** An identifier seen together with more distinct values of one other kind than this is junk. */
  limit: number;
  /** Words that are never junk. */
  allow: ReadonlySet<string>;
  /** Words that always are. Denied goes before allowed. */
  deny: ReadonlySet<string>;
}

export const DEFAULT_RULES: LinkRules = { limit: 25, allow: new Set(), deny: new Set() };

/** `seenWith` counts, by kind, the distinct values that the identifier was seen together with. */
export function isJunk(rules: LinkRules, word: string, seenWith: readonly number[]): boolean {
  if (rules.deny.has(word)) return true;
  if (rules.allow.has(word)) return false;
  const own = kindIndexOf(word);
  return seenWith.some((count, kind) => kind !== own && count > rules.limit);
}
