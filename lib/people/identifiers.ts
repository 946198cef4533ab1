import {
  getCountryCallingCode,
  isSupportedCountry,
  parsePhoneNumberFromString,
  type CountryCode,
} from 'libphonenumber-js/min';
import type { Identifier } from '../../schemas/types.ts';

/** What a cart or a record says about who it is, as it came. */
export interface RawIdentifiers {
  user_id?: unknown;
  external_id?: unknown;
  external_source?: unknown;
  phone?: unknown;
  email?: unknown;
}

/**
 * The same after parsing; null if there is none. `unread_…` keeps text that could not be parsed; it is not an
 * identifier.
 */
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
  const phoneText = identifierText(raw.phone);
  const emailText = identifierText(raw.email);
  const phone = phoneText === null ? PLACEHOLDER : readPhone(phoneText, defaultCountry);
  const email = emailText === null ? PLACEHOLDER : readEmail(emailText);
  return {
    user_id: idOf(raw.user_id),
    external_source: externalId === null ? null : (identifierText(raw.external_source) ?? ''),
    external_id: externalId,
    phone: phone || null,
    email: email || null,
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

/** Ids that stand for none, in lower case. */
const PLACEHOLDER_IDS = new Set('0 -1 - undefined null none nan n/a na true false unknown guest anonymous'.split(' '));
/** Local parts of addresses that stand for none. */
const PLACEHOLDER_LOCAL_PARTS = new Set(
  'none no noemail no-email noreply no-reply na unknown guest anonymous null undefined'.split(' '),
);
/** What a phone or an address reads as that stands for none; null is one that cannot be read. */
const PLACEHOLDER = '';

/** An id as text: 7 is "7"; null for none, for a placeholder, and for what is neither text nor number. */
export function idOf(value: unknown): string | null {
  const text = identifierText(value);
  return text === null || PLACEHOLDER_IDS.has(text.toLowerCase()) ? null : text;
}

/**
 * The text of an identifier: without default-ignorable code points (zero-width characters, variation selectors, byte
 * order marks), trimmed. Null where nothing is left.
 */
export function identifierText(value: unknown): string | null {
  const text = idText(value);
  if (text === null) return null;
  const clean = (PRINTABLE_ASCII.test(text) ? text : text.replace(IGNORABLE, '')).trim();
  return clean === '' ? null : clean;
}

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

/** Text or number as text (a number in decimal, a bigint with all its digits); null if absent. */
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

/** Reads a phone: E.164, or null for a placeholder and for what cannot be read. */
export function phoneOf(text: string, defaultCountry: string): string | null {
  const clean = identifierText(text);
  return clean === null ? null : readPhone(clean, defaultCountry) || null;
}

/** Reads an address: in lower case, or null for a placeholder and for what cannot be read. */
export function emailOf(text: string): string | null {
  const clean = identifierText(text);
  return clean === null ? null : readEmail(clean) || null;
}

/** One `@`, something before it, and after it two or more labels parted by single dots; no spaces. */
const ADDRESS = /^([^@\s]+)@[^@\s.]+(?:\.[^@\s.]+)+$/;

function readEmail(text: string): string | null {
  const address = text.toLowerCase();
  if (address.length > MAX_EMAIL_TEXT || /[\p{Cc}\p{Cs}]/u.test(address)) return null;
  const localPart = ADDRESS.exec(address)?.[1];
  if (localPart === undefined) return null;
  return PLACEHOLDER_LOCAL_PARTS.has(localPart) ? PLACEHOLDER : address;
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

/**
 * A number of the North American plan as E.164 writes it. The library takes all of these for possible numbers and returns them
 * unchanged, for every default country. Most phones are written like this; parsing them was a tenth of ingest's work.
 */
const NORTH_AMERICAN = /^\+1[2-9]\d{9}$/;

/** libphonenumber takes some 10 µs a phone and shoppers come back, so the least recently used are kept. */
function readPhone(text: string, defaultCountry: string): string | null {
  if (text.length > MAX_PHONE_TEXT) return null;
  if (NORTH_AMERICAN.test(text)) return isPlaceholderPhone(text, '1') ? PLACEHOLDER : text;
  const key = `${defaultCountry} ${text}`;
  let phone = phones.get(key);
  if (phone === undefined) {
    phone = readNewPhone(text, defaultCountry);
    if (phones.size >= CACHED_PHONES) phones.delete(phones.keys().next().value!);
  } else phones.delete(key);
  phones.set(key, phone);
  return phone;
}

/** The three rules of semantics §4, in their order. */
function readNewPhone(text: string, defaultCountry: string): string | null {
  const country = isSupportedCountry(defaultCountry) ? (defaultCountry as CountryCode) : undefined;
  const bare = text.replace(/[\s.()[\]{}\p{Pd}\u2212]/gu, '');
  // Jane writes the ten national digits of a US number after a plus, without the country code.
  if (country !== undefined && getCountryCallingCode(country) === '1' && /^\+\d{10}$/.test(bare)) {
    const national = parsePhoneNumberFromString(bare.slice(1), { defaultCountry: country });
    if (national?.isValid() === true && national.number.length === 12) return national.number;
  }
  const parsed = parsePhoneNumberFromString(text, country === undefined ? {} : { defaultCountry: country });
  const possible = parsed?.isPossible() === true ? parsed.number : undefined;
  const phone = possible ?? (/^\+\d{7,15}$/.test(bare) ? bare : undefined);
  if (phone === undefined) return null;
  return isPlaceholderPhone(phone, parsed?.countryCallingCode ?? '') ? PLACEHOLDER : phone;
}

/** All digits after the country code are equal, or they are 1234567890; Jane writes those after a plus, too. */
function isPlaceholderPhone(phone: string, callingCode: string): boolean {
  const digits = phone.slice(1 + callingCode.length);
  return /^(\d)\1*$/.test(digits) || digits === '1234567890' || phone === '+1234567890';
}
