import { isSupportedCountry, parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/min';
import type { Identifier } from '../../schemas/types.ts';

/** What a cart or a record says about who it is, as it came. */
export interface RawIdentifiers {
  user_id?: unknown;
  external_id?: unknown;
  external_source?: unknown;
  phone?: unknown;
  email?: unknown;
}

/** The same, read: null is none. `unread_…` keeps the text of what could not be read; it is no identifier. */
export interface ReadIdentifiers {
  user_id: string | null;
  /** The empty string when an external id came without a source; null without an external id. */
  external_source: string | null;
  external_id: string | null;
  /** E.164. */
  phone: string | null;
  /** Lower case. */
  email: string | null;
  unread_phone: string | null;
  unread_email: string | null;
}

/** Longest text that can be a phone with all its punctuation, and an address (RFC 5321). */
const MAX_PHONE_TEXT = 100;
const MAX_EMAIL_TEXT = 254;
const MAX_UNREAD_TEXT = 300;

/** Normalises identifiers by the rules of semantics §4. `defaultCountry` is an ISO 3166 code of two letters. */
export function identifiersOf(raw: RawIdentifiers, defaultCountry: string): ReadIdentifiers {
  const externalId = idOf(raw.external_id);
  const phoneText = idText(raw.phone);
  const emailText = idText(raw.email);
  const phone = phoneText === null ? null : phoneOf(phoneText, defaultCountry);
  const email = emailText === null ? null : emailOf(emailText);
  return {
    user_id: idOf(raw.user_id),
    external_source: externalId === null ? null : (idText(raw.external_source) ?? ''),
    external_id: externalId,
    phone,
    email,
    unread_phone: phone === null ? unread(phoneText) : null,
    unread_email: email === null ? unread(emailText) : null,
  };
}

/** The identifiers that a read cart event or record carries, in the order of precedence of semantics §4. */
export function identifierList(read: Omit<ReadIdentifiers, 'unread_phone' | 'unread_email'>): Identifier[] {
  const list: Identifier[] = [];
  if (read.user_id !== null) list.push({ kind: 'user_id', value: read.user_id });
  if (read.external_id !== null)
    list.push({ kind: 'external', value: externalValue(read.external_source ?? '', read.external_id) });
  if (read.phone !== null) list.push({ kind: 'phone', value: read.phone });
  if (read.email !== null) list.push({ kind: 'email', value: read.email });
  return list;
}

/**
 * How an external identifier is written as one text: source, one space, id. In the source a space is `%20` and the
 * percent sign `%25`, so that two identifiers never look the same.
 */
export const externalValue = (source: string, id: string): string =>
  `${/[% ]/.test(source) ? source.replace(/%/g, '%25').replace(/ /g, '%20') : source} ${id}`;

/** What `externalValue` was made of. */
export function externalOf(value: string): { source: string; id: string } {
  const space = value.indexOf(' ');
  const source = value.slice(0, space).replace(/%20/g, ' ').replace(/%25/g, '%');
  return { source, id: value.slice(space + 1) };
}

/** An id as text: 7 is "7"; null for null, an empty or blank text, 0 and "0", and for what is neither text nor number. */
export function idOf(value: unknown): string | null {
  const text = idText(value);
  return text === '0' ? null : text;
}

/** Text or number as text (a number in decimal, a bigint with all its digits); null where there is none. */
export function idText(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      return value.trim() === '' ? null : value;
    case 'bigint':
      return value.toString();
    case 'number':
      if (!Number.isFinite(value)) return null;
      // From 1e21 on, String() would write an exponent.
      return Math.abs(value) >= 1e21 ? BigInt(value).toString() : String(value);
    default:
      return null;
  }
}

/**
 * Reads a phone. `+` and 7 to 15 digits is taken as it is once spaces, dots, dashes and brackets are dropped;
 * other forms must be possible numbers of the default country. E.164, or null.
 */
export function phoneOf(text: string, defaultCountry: string): string | null {
  if (text.length > MAX_PHONE_TEXT) return null;
  const bare = text.replace(/[\s.()[\]{}\p{Pd}]/gu, '');
  return /^\+\d{7,15}$/.test(bare) ? bare : cachedPhone(text, defaultCountry);
}

/** Reads an address: trimmed, lower case, one `@`, a dot in the domain. Null for anything else. */
export function emailOf(text: string): string | null {
  const address = text.trim().toLowerCase();
  if (address.length > MAX_EMAIL_TEXT || /[\p{Cc}\p{Cs}]/u.test(address)) return null;
  return /^[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+$/.test(address) ? address : null;
}

const unread = (text: string | null): string | null =>
  text === null
    ? null
    : text
        .replace(/[\p{Cc}\p{Cs}]/gu, '')
        .slice(0, MAX_UNREAD_TEXT)
        .replace(/\p{Cs}/gu, '');

const CACHED_PHONES = 20_000;
const phones = new Map<string, string | null>();

/** libphonenumber takes some 10 µs a phone and shoppers come back, so the least recently used are kept. */
function cachedPhone(text: string, defaultCountry: string): string | null {
  const key = `${defaultCountry} ${text}`;
  let phone = phones.get(key);
  if (phone === undefined) {
    phone = libPhone(text, defaultCountry);
    if (phones.size >= CACHED_PHONES) phones.delete(phones.keys().next().value!);
  } else phones.delete(key);
  phones.set(key, phone);
  return phone;
}

function libPhone(text: string, defaultCountry: string): string | null {
  const country = isSupportedCountry(defaultCountry) ? { defaultCountry: defaultCountry as CountryCode } : {};
  const parsed = parsePhoneNumberFromString(text, country);
  return parsed?.isPossible() === true ? parsed.number : null;
}
