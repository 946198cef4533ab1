import { identifierText, idText } from '../people/identifiers.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { MAX_ID_CHARACTERS, MAX_LABEL_CHARACTERS, MAX_STATUS_CHARACTERS } from './limits.ts';
import { Unusable, pointerStep, type UnusableReason } from './unusable.ts';

const BAD_CHARACTERS = /[\p{Cc}\p{Cs}]/u;
const DECIMAL = /^-?\d{1,300}(?:\.\d{1,300})?$/;

/**
 * Reads the members of one JSON object. Most methods are strict: an invalid member is reported as `problem` (the first
 * one only), and makes the object unusable. The `readable…` methods never report: a value that cannot be read is
 * treated as absent, and text is cleaned and truncated.
 */
export class Fields {
  problem: Unusable | null = null;
  private readonly object: JsonObject;
  private readonly at: string;

  constructor(object: JsonObject, at: string) {
    this.object = object;
    this.at = at;
  }

  /** The member itself; undefined if it is missing or null. */
  raw(key: string): Exclude<Json, null> | undefined {
    return this.object[key] ?? undefined;
  }

  refuse(key: string, reason: UnusableReason, what: string): null {
    this.problem ??= new Unusable(reason, `${this.at}${pointerStep(key)}`, what);
    return null;
  }

  /** Reports every member that is not one of these. */
  only(keys: ReadonlySet<string>): void {
    for (const key of Object.keys(this.object))
      if (!keys.has(key)) this.refuse(key, 'unknown_field', `is unknown; remove it. Fields: ${[...keys].join(', ')}.`);
  }

  /** An id: text, or a number, which becomes decimal text. Null if absent or invalid. */
  id(key: string, textOf: (value: unknown) => string | null = idText): string | null {
    const value = this.raw(key);
    if (value === undefined) return null;
    if (typeof value === 'object' || typeof value === 'boolean')
      return this.refuse(key, 'wrong_type', 'must be text or a number.');
    if (typeof value === 'number' && !Number.isFinite(value))
      return this.refuse(key, 'wrong_value', 'is a number that is too large; send it as text.');
    const text = textOf(value);
    return text === null ? null : this.bounded(key, text, MAX_ID_CHARACTERS);
  }

  /** An id of a person, as `id` reads it, but cleaned (semantics §4) before the limits are applied. */
  identifier(key: string): string | null {
    return this.id(key, identifierText);
  }

  /**
   * An id of a person, as `identifier` reads it, but null if invalid. An id that is too long is not truncated, because
   * it could then be another person's.
   */
  readableIdentifier(key: string): string | null {
    return readable(identifierText(this.raw(key)));
  }

  /**
   * An id, as `id` reads it, but null if invalid. An id that is too long is not truncated, because it would then be
   * another id.
   */
  readableId(key: string): string | null {
    return readable(idText(this.raw(key)));
  }

  /** Text that is kept unchanged; may be empty. Null if absent or invalid. */
  text(key: string, maxCharacters = MAX_STATUS_CHARACTERS): string | null {
    const value = this.raw(key);
    if (value === undefined) return null;
    if (typeof value !== 'string') return this.refuse(key, 'wrong_type', 'must be text.');
    return this.bounded(key, value, maxCharacters);
  }

  private bounded(key: string, text: string, maxCharacters: number): string | null {
    if (isTooLong(text, maxCharacters))
      return this.refuse(key, 'too_long', `is longer than ${maxCharacters} characters; shorten it.`);
    if (BAD_CHARACTERS.test(text))
      return this.refuse(key, 'bad_characters', 'contains control characters or an unpaired surrogate; remove them.');
    return text;
  }

  /** A status (see `statusText`). Null if it is missing, not text, or empty after cleaning. */
  readableStatus(key: string): string | null {
    const value = this.raw(key);
    return typeof value === 'string' ? statusText(value) || null : null;
  }

  /** Text such as a mode, cleaned and truncated. Null if it is missing, not text, or empty after cleaning. */
  readableText(key: string, maxCharacters = MAX_STATUS_CHARACTERS): string | null {
    const value = this.raw(key);
    if (typeof value !== 'string') return null;
    return firstCharacters(withoutBadCharacters(value), maxCharacters) || null;
  }

  /** A finite number, or text that contains one in decimal notation. Null for anything else. */
  readableNumber(key: string): number | null {
    const value = this.raw(key);
    if (typeof value === 'string' ? !DECIMAL.test(value) : typeof value !== 'number' && typeof value !== 'bigint')
      return null;
    const number = Number(value);
    // -0 and 0 are encoded differently, so equal carts would not have equal bytes.
    return Number.isFinite(number) ? (number === 0 ? 0 : number) : null;
  }

  /** Descriptive text, cleaned and truncated. Null if it is missing, not text, or empty after cleaning. */
  label(key: string): string | null {
    const text = idText(this.raw(key));
    return text === null ? null : cleanLabel(text);
  }

  /** A list; null for anything else. */
  readableList(key: string): Json[] | null {
    const value = this.raw(key);
    return Array.isArray(value) ? value : null;
  }

  /** An object. Null if absent or invalid. */
  child(key: string): JsonObject | null {
    const value = this.raw(key);
    if (value === undefined) return null;
    return isObject(value) ? value : this.refuse(key, 'wrong_type', 'must be an object.');
  }
}

/** Limits count code points; each consists of one or two code units. */
const isTooLong = (text: string, maxCharacters: number): boolean =>
  text.length > 2 * maxCharacters || (text.length > maxCharacters && [...text].length > maxCharacters);
const firstCharacters = (text: string, count: number): string =>
  isTooLong(text, count) ? [...text.slice(0, 2 * count)].slice(0, count).join('') : text;

const readable = (id: string | null): string | null =>
  id === null || isTooLong(id, MAX_ID_CHARACTERS) || BAD_CHARACTERS.test(id) ? null : id;

const withoutBadCharacters = (text: string): string =>
  BAD_CHARACTERS.test(text) ? text.replace(/[\p{Cc}\p{Cs}]/gu, '') : text;

/** A status in the form that events and conditions compare: cleaned, trimmed, in lower case, truncated. */
export const statusText = (text: string): string =>
  firstCharacters(withoutBadCharacters(text).trim().toLowerCase(), MAX_STATUS_CHARACTERS).trim();

/**
 * Text to display: without control characters and unpaired surrogates, at most MAX_LABEL_CHARACTERS code units. Null if
 * nothing is left.
 */
export function cleanLabel(text: string): string | null {
  const clean = withoutBadCharacters(text.slice(0, MAX_LABEL_CHARACTERS)).trim();
  return clean === '' ? null : clean;
}
