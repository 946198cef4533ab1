import type { LinkReportItem, LinkRules } from './data.ts';

export type LinkIdentifier = LinkReportItem['identifier'];

/** The rules while they are edited. */
export interface RulesDraft {
  limit: number;
  allow: LinkIdentifier[];
  deny: LinkIdentifier[];
}

export const LIMIT_MAX = 100;
/** The report counts other values up to 101. */
export const SEEN_MAX = 101;

export const draftOf = ({ limit, allow, deny }: LinkRules): RulesDraft => ({ limit, allow, deny });

/** Identifies an identifier: its kind, source and value. */
export const identifierKey = ({ kind, value, source }: LinkIdentifier): string =>
  JSON.stringify([kind, source ?? '', value]);

const has = (list: readonly LinkIdentifier[], one: LinkIdentifier): boolean =>
  list.some((other) => identifierKey(other) === identifierKey(one));

export const without = (list: readonly LinkIdentifier[], one: LinkIdentifier): LinkIdentifier[] =>
  list.filter((other) => identifierKey(other) !== identifierKey(one));

/** What the rules say about an identifier by name. */
export type Ruling = 'allow' | 'deny' | 'limit';

/** An identifier on both lists is denied, as the API reads them. */
export function rulingOf({ allow, deny }: RulesDraft, one: LinkIdentifier): Ruling {
  if (has(deny, one)) return 'deny';
  return has(allow, one) ? 'allow' : 'limit';
}

/** The rules with another ruling for one identifier. */
export function withRuling(draft: RulesDraft, one: LinkIdentifier, ruling: Ruling): RulesDraft {
  const allow = without(draft.allow, one);
  const deny = without(draft.deny, one);
  return {
    ...draft,
    allow: ruling === 'allow' ? [...allow, one] : allow,
    deny: ruling === 'deny' ? [...deny, one] : deny,
  };
}

function sameList(a: readonly LinkIdentifier[], b: readonly LinkIdentifier[]): boolean {
  const keys = new Set(a.map(identifierKey));
  return a.length === b.length && b.every((one) => keys.has(identifierKey(one)));
}

export const isSameRules = (a: RulesDraft, b: RulesDraft): boolean =>
  a.limit === b.limit && sameList(a.allow, b.allow) && sameList(a.deny, b.deny);

/** Whether an identifier would be junk by rules that are not saved yet: semantics §4. */
export function isJunk(draft: RulesDraft, { identifier, would_join }: LinkReportItem): boolean {
  const ruling = rulingOf(draft, identifier);
  return ruling === 'limit' ? would_join > draft.limit : ruling === 'deny';
}

/** How many identifiers of the report would change sides. */
export function changedBy(draft: RulesDraft, items: readonly LinkReportItem[]): { joins: number; parts: number } {
  const joins = items.filter((item) => item.junk && !isJunk(draft, item)).length;
  const parts = items.filter((item) => !item.junk && isJunk(draft, item)).length;
  return { joins, parts };
}

const KIND_WORDS = { user_id: 'user ids', external: 'external ids', phone: 'phones', email: 'emails' } as const;

/** `26 emails, 1 user id`: what an identifier was seen with, the most first. */
export function seenWords(seen: LinkReportItem['seen_with']): string {
  return (Object.keys(KIND_WORDS) as (keyof typeof KIND_WORDS)[])
    .filter((kind) => seen[kind] > 0)
    .sort((a, b) => seen[b] - seen[a])
    .map((kind) => {
      const words = KIND_WORDS[kind];
      const number = seen[kind] >= SEEN_MAX ? `over ${SEEN_MAX - 1}` : String(seen[kind]);
      return `${number} ${seen[kind] === 1 ? words.slice(0, -1) : words}`;
    })
    .join(', ');
}

const KINDS = { user_id: 'User id', external: 'External id', phone: 'Phone', email: 'Email' } as const;

export const kindWords = (kind: LinkIdentifier['kind']): string => KINDS[kind];
