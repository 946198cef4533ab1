import { oneOf, present, textIn, type Given } from '../app/address.ts';

/** What a person can be looked up by. `person_id` is the product's own, as in exports. */
export type SearchKind = 'phone' | 'email' | 'user_id' | 'external_user_id' | 'person_id';

export const KIND_LABELS: Record<SearchKind, string> = {
  phone: 'Phone',
  email: 'Email',
  user_id: 'User id',
  external_user_id: 'External id',
  person_id: 'Person id',
};

export const KINDS = Object.keys(KIND_LABELS) as SearchKind[];

export const isKind = (value: unknown): value is SearchKind => KINDS.includes(value as SearchKind);

const ONLY_PHONE_SIGNS = /^\+?[\d\s().-]+$/;
/** A dense integer; larger ones would not fit into the product's ids. */
const PERSON_ID = /^[1-9]\d{0,9}$/;

/** What a text may be, the most likely first; nothing for a blank text. */
export function kindsOf(text: string): SearchKind[] {
  const value = text.trim();
  if (value === '') return [];
  if (value.includes('@')) return ['email', 'user_id', 'external_user_id'];
  const digits = value.replaceAll(/\D/g, '').length;
  const isPlainNumber = /^\d+$/.test(value);
  const isPhone = ONLY_PHONE_SIGNS.test(value) && digits >= 7 && digits <= 15;
  const ids: SearchKind[] = ['user_id', 'external_user_id'];
  const ownId: SearchKind[] = PERSON_ID.test(value) ? ['person_id'] : [];
  if (!isPhone) return [...ids, ...ownId];
  // Shorter plain numbers are more often ids than phones without an area code.
  const isLikelyPhone = !isPlainNumber || digits >= 10;
  return isLikelyPhone ? ['phone', ...ids, ...ownId] : [...ids, 'phone', ...ownId];
}

/** A look-up: what was typed, and what it is taken for. */
export interface Search {
  kind: SearchKind;
  value: string;
  /** The source of an external id; the empty source if left out. */
  source?: string;
}

/** The query parameters of `GET /v1/people`; null for a person id, which is a path. */
export function lookupQuery({ kind, value, source }: Search): Record<string, string> | null {
  if (kind === 'person_id') return null;
  return { [kind]: value, ...(kind === 'external_user_id' && source ? { external_user_source: source } : {}) };
}

/** The parameters of the page's address. */
export interface PeopleSearch {
  q?: string;
  /** Absent: what the text looks like. */
  kind?: SearchKind;
  source?: string;
}

/** Reads the address; what it does not know it leaves out. */
export const readPeopleSearch = (raw: Given): PeopleSearch =>
  present({ q: textIn(raw['q']), kind: oneOf(raw['kind'], KINDS), source: textIn(raw['source']) });

/** What to look up for an address; null without a text. */
export function searchOf({ q, kind, source }: PeopleSearch): Search | null {
  const value = q?.trim() ?? '';
  const taken = kind ?? kindsOf(value)[0];
  if (value === '' || taken === undefined) return null;
  return { kind: taken, value, ...(source === undefined ? {} : { source }) };
}

/** The parameters of a person's address. */
export interface PersonSearch {
  /** The cart that is shown first. */
  cart?: string;
}

export const readPersonSearch = (raw: Given): PersonSearch => present({ cart: textIn(raw['cart']) });
