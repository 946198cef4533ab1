import { describe, expect, it } from 'vitest';
import type { LinkReportItem } from './data.ts';
import { changedBy, isJunk, isSameRules, rulingOf, seenWords, withRuling, type RulesDraft } from './link-rules.ts';
import { erasePhrase, latestPeople, titleOf } from './person.ts';

const phone = (value: string) => ({ kind: 'phone' as const, value });
const external = (source: string, value: string) => ({ kind: 'external' as const, value, source });

const item = (identifier: LinkReportItem['identifier'], joined: number, junk: boolean): LinkReportItem => ({
  identifier,
  seen_with: { user_id: 1, external: 0, phone: 0, email: joined },
  would_join: joined,
  limit: 25,
  junk,
  reason: junk ? 'limit' : null,
  allowed: false,
});

const RULES: RulesDraft = { limit: 25, allow: [phone('+1')], deny: [external('crm', '1')] };

describe('link rules', () => {
  it('name each identifier at most once', () => {
    const denied = withRuling(RULES, phone('+1'), 'deny');
    expect(denied).toEqual({ limit: 25, allow: [], deny: [external('crm', '1'), phone('+1')] });
    expect(withRuling(denied, phone('+1'), 'limit')).toEqual({ limit: 25, allow: [], deny: [external('crm', '1')] });
    expect([rulingOf(RULES, phone('+1')), rulingOf(RULES, external('crm', '1')), rulingOf(RULES, phone('+2'))]).toEqual(
      ['allow', 'deny', 'limit'],
    );
    // Another source is another identifier.
    expect(rulingOf(RULES, external('pos', '1'))).toBe('limit');
    expect(rulingOf({ ...RULES, deny: [phone('+1')] }, phone('+1'))).toBe('deny');
  });

  it('are the same in any order', () => {
    expect(isSameRules(RULES, { ...RULES, allow: [phone('+1')] })).toBe(true);
    const two = { ...RULES, deny: [phone('+2'), phone('+3')] };
    expect(isSameRules(two, { ...two, deny: [phone('+3'), phone('+2')] })).toBe(true);
    expect(isSameRules(RULES, { ...RULES, limit: 26 })).toBe(false);
    expect(isSameRules(two, RULES)).toBe(false);
  });

  it('say what becomes junk, and what no longer is', () => {
    const items = [item(phone('+2'), 26, true), item(phone('+3'), 25, false), item(phone('+1'), 99, false)];
    expect(items.map((one) => isJunk(RULES, one))).toEqual([true, false, false]);
    expect(changedBy(RULES, items)).toEqual({ joins: 0, parts: 0 });
    expect(changedBy({ ...RULES, limit: 30 }, items)).toEqual({ joins: 1, parts: 0 });
    expect(changedBy({ ...RULES, limit: 20 }, items)).toEqual({ joins: 0, parts: 1 });
    expect(changedBy(withRuling(RULES, phone('+1'), 'deny'), items)).toEqual({ joins: 0, parts: 1 });
  });

  it('say what an identifier was seen with', () => {
    expect(seenWords({ user_id: 1, external: 0, phone: 0, email: 26 })).toBe('26 emails, 1 user id');
    expect(seenWords({ user_id: 0, external: 101, phone: 2, email: 0 })).toBe('over 100 external ids, 2 phones');
  });
});

describe('people', () => {
  const identifiers = { user_ids: [], external_ids: [], phones: [], emails: [] };
  const one = { person_id: '7', name: null, anonymous: false, identifiers };

  it('are called by what is known of them', () => {
    const emails = [{ value: 'jane@example.com', consent: null }];
    expect(titleOf({ ...one, name: 'Jane Doe' })).toBe('Jane Doe');
    expect(titleOf({ ...one, identifiers: { ...identifiers, emails } })).toBe('jane@example.com');
    expect(titleOf(one)).toBe('Person 7');
    expect(titleOf({ ...one, anonymous: true, identifiers: { ...identifiers, emails } })).toBe('Anonymous person 7');
    expect(erasePhrase('7')).toBe('erase 7');
  });

  it('appear once in a list of the latest', () => {
    const events = ['1', '2', '1', '3'].map((person_id, i) => ({ person_id, event_id: String(i) }));
    const latest = latestPeople(events as never, 2);
    expect(latest.map(({ event_id }) => event_id)).toEqual(['0', '1']);
  });
});
