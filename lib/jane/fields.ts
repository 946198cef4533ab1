import { idText } from '../people/identifiers.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { MAX_ID_CHARACTERS, MAX_LABEL_CHARACTERS, MAX_STATUS_CHARACTERS } from './limits.ts';
import { Unusable, pointerStep, type UnusableReason } from './unusable.ts';

const BAD_CHARACTERS = /[\p{Cc}\p{Cs}]/u;
const DECIMAL = /^-?\d{1,300}(?:\.\d{1,300})?$/;

/**
 * Reads the members of one JSON object. What decides something (ids, statuses, counts) must be right, or
 * `problem` holds the first thing that is not; what only describes (names) is cut, cleaned or left out.
 */
export class Fields {
  problem: Unusable | null = null;
  private readonly object: JsonObject;
  private readonly at: string;

  constructor(object: JsonObject, at: string) {
    this.object = object;
    this.at = at;
  }

  /** The member itself; undefined where it is not there or null. */
  raw(key: string): Exclude<Json, null> | undefined {
    return this.object[key] ?? undefined;
  }

  refuse(key: string, reason: UnusableReason, what: string): null {
    this.problem ??= new Unusable(reason, `${this.at}${pointerStep(key)}`, what);
    return null;
  }

  /** Refuses members other than these. */
  only(keys: ReadonlySet<string>): void {
    for (const key of Object.keys(this.object))
      if (!keys.has(key))
        this.refuse(
          key,
          'unknown_field',
          `is no field of this; drop it, or put it where it belongs. Fields: ${[...keys].join(', ')}.`,
        );
  }

  /** An id: text, or a number in decimal. Null where there is none. */
  id(key: string, maxCharacters = MAX_ID_CHARACTERS): string | null {
    const value = this.raw(key);
    if (value === undefined) return null;
    if (typeof value === 'object' || typeof value === 'boolean')
      return this.refuse(key, 'wrong_type', 'must be text or a number.');
    if (typeof value === 'number' && !Number.isFinite(value))
      return this.refuse(key, 'wrong_value', 'is a number beyond all bounds; send it as text.');
    const text = idText(value);
    return text === null ? null : this.bounded(key, text, maxCharacters);
  }

  /** Text that is kept literally, such as a status. Null where there is none; the empty text is text. */
  text(key: string, maxCharacters = MAX_STATUS_CHARACTERS): string | null {
    const value = this.raw(key);
    if (value === undefined) return null;
    if (typeof value !== 'string') return this.refuse(key, 'wrong_type', 'must be text.');
    return this.bounded(key, value, maxCharacters);
  }

  private bounded(key: string, text: string, maxCharacters: number): string | null {
    if (text.length > maxCharacters && [...text].length > maxCharacters)
      return this.refuse(key, 'too_long', `is longer than ${maxCharacters} characters; shorten it.`);
    if (BAD_CHARACTERS.test(text))
      return this.refuse(key, 'bad_characters', 'holds control characters or half a surrogate pair; take them out.');
    return text;
  }

  /** A finite number, or text that is one in decimal. Null where there is none. */
  number(key: string): number | null {
    const value = this.raw(key);
    if (value === undefined || value === '') return null;
    if (typeof value === 'string' ? !DECIMAL.test(value) : typeof value !== 'number' && typeof value !== 'bigint')
      return this.refuse(key, 'wrong_type', 'must be a number.');
    const number = Number(value);
    if (!Number.isFinite(number)) return this.refuse(key, 'wrong_value', 'must be a finite number.');
    // Negative zero would be another value to whoever compares bytes.
    return number === 0 ? 0 : number;
  }

  /** What only describes: cleaned and cut; null where there is none or it is no text. */
  label(key: string): string | null {
    const text = idText(this.raw(key));
    return text === null ? null : cleanLabel(text);
  }

  /** A list; null where there is none. */
  list(key: string): Json[] | null {
    const value = this.raw(key);
    if (value === undefined) return null;
    return Array.isArray(value) ? value : this.refuse(key, 'wrong_type', 'must be a list.');
  }

  /** An object; null where there is none. */
  child(key: string): JsonObject | null {
    const value = this.raw(key);
    if (value === undefined) return null;
    return isObject(value) ? value : this.refuse(key, 'wrong_type', 'must be an object.');
  }
}

/** Text to show: without control characters and halves of surrogate pairs, at most MAX_LABEL_CHARACTERS code units. */
export function cleanLabel(text: string): string | null {
  const cut = text.slice(0, MAX_LABEL_CHARACTERS);
  const clean = (BAD_CHARACTERS.test(cut) ? cut.replace(/[\p{Cc}\p{Cs}]/gu, '') : cut).trim();
  return clean === '' ? null : clean;
}
