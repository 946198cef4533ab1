import { createHash } from 'node:crypto';
import type { LinkReport } from '../../schemas/types.ts';
import type { IdentifierEntry } from './entries.ts';
import { identifierOf, kindIndexOf } from './keys.ts';
import { isJunk, type LinkRules } from './rules.ts';

/**
 * The link report: identifiers that are junk or close to it, because they were seen with at least 60 % of the limit of values
 * of one other kind, or because they are denied.
 */

type Counted = Pick<IdentifierEntry, 'word' | 'seenWith'>;

/** From which count of one other kind an identifier is reported. */
const reportedFrom = (limit: number): number => Math.max(1, Math.ceil((limit * 3) / 5));

export function isReported(rules: LinkRules, { word, seenWith }: Counted): boolean {
  const own = kindIndexOf(word);
  const from = reportedFrom(rules.limit);
  return rules.deny.has(word) || seenWith.some((count, kind) => kind !== own && count >= from);
}

/** The record of a reported identifier. */
export function linkReportOf(workspace: string, rules: LinkRules, { word, seenWith }: Counted): LinkReport {
  const { kind, value } = identifierOf(word);
  const [user_id = 0, external = 0, phone = 0, email = 0] = seenWith;
  const junk = isJunk(rules, word, seenWith);
  return {
    identifier_id: identifierId(workspace, word),
    kind,
    value,
    seen_with: { user_id, external, phone, email, [kind]: 0 },
    limit: rules.limit,
    junk,
    reason: junk ? (rules.deny.has(word) ? 'deny' : 'limit') : null,
    allowed: rules.allow.has(word),
    removed: false,
  };
}

/** The record of an identifier that is no longer reported: it does not name the identifier. */
export const linkReportRemoval = (workspace: string, rules: LinkRules, word: string): LinkReport => ({
  identifier_id: identifierId(workspace, word),
  kind: null,
  value: null,
  seen_with: { user_id: 0, external: 0, phone: 0, email: 0 },
  limit: rules.limit,
  junk: false,
  reason: null,
  allowed: false,
  removed: true,
});

/** Whether other rules change the record of an identifier. */
export function isReportChanged(former: LinkRules, rules: LinkRules, entry: Counted): boolean {
  const { word, seenWith } = entry;
  return (
    isReported(former, entry) !== isReported(rules, entry) ||
    former.limit !== rules.limit ||
    isJunk(former, word, seenWith) !== isJunk(rules, word, seenWith) ||
    former.deny.has(word) !== rules.deny.has(word) ||
    former.allow.has(word) !== rules.allow.has(word)
  );
}

function identifierId(workspace: string, word: string): string {
  const { kind, value } = identifierOf(word);
  return createHash('sha256').update(`${workspace}\n${kind}\n${value}`).digest('hex').slice(0, 32);
}
