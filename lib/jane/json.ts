import { isUtf8 } from 'node:buffer';
import { MAX_DEPTH } from './limits.ts';
import { Unusable } from './unusable.ts';

/**
 * A parsed JSON value. Integers that a double cannot hold exactly are bigints, so that long ids keep their digits; those
 * of over 400 characters are infinite.
 */
export type Json = null | boolean | number | bigint | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LONG_INTEGER_DIGITS = 16; // 2^53 has 16 digits
/** Longer integers are not ids; keeping them exactly would take time quadratic in their length. */
const MAX_EXACT_CHARACTERS = 400;

/**
 * Parses UTF-8 bytes as one JSON value; a leading byte order mark is skipped, of a repeated key the
 * last one counts (as everywhere in JavaScript).
 */
export function parseJson(bytes: Uint8Array): { value: Json } | Unusable {
  if (!isUtf8(bytes)) return new Unusable('not_utf8', '', 'The body is not UTF-8: send JSON encoded as UTF-8.');
  const { depth, longInteger } = survey(bytes);
  if (depth > MAX_DEPTH)
    return new Unusable(
      'too_deep',
      '',
      `The body is nested more than ${MAX_DEPTH} levels deep: send Jane's flat payload.`,
    );
  let text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  try {
    const value = JSON.parse(text) as Json;
    return { value: longInteger ? parseExactly(text) : value };
  } catch (error) {
    return new Unusable('not_json', '', `The body is not JSON: ${reasonOf(error, text)}`);
  }
}

/** V8 quotes the text in its messages. Ours must not contain personal data, so only the position is kept. */
function reasonOf(error: unknown, text: string): string {
  if (text.trim() === '') return 'it is empty.';
  const position = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
  return position === undefined ? 'it is incomplete, or contains something else.' : `see the character at ${position}.`;
}

/** One pass over the bytes: how deeply it nests, and whether an integer is too long for a double. */
function survey(bytes: Uint8Array): { depth: number; longInteger: boolean } {
  let depth = 0;
  let deepest = 0;
  let digits = 0;
  let longInteger = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x30 && byte <= 0x39) {
      if (++digits >= LONG_INTEGER_DIGITS) longInteger = true;
      continue;
    }
    digits = 0;
    if (byte === QUOTE) i = endOfString(bytes, i + 1);
    else if (byte === 0x7b || byte === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return { depth: deepest, longInteger };
}

/** Index of the quote that ends the string whose content begins at `start` (or the end of the bytes). */
function endOfString(bytes: Uint8Array, start: number): number {
  let i = start;
  while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}

const TOKEN = /[ \t\r\n]*(?:("(?:[^"\\]|\\.)*")|(-?[0-9][0-9.eE+-]*)|(true|false|null)|([{}[\],:]))/y;

interface Frame {
  container: Json[] | JsonObject;
  key: string | null;
}

/**
 * The same value as JSON.parse gives for a text that is known to be valid, but with exact integers. Iterative, so that
 * deep nesting cannot overflow the stack.
 */
function parseExactly(text: string): Json {
  const stack: Frame[] = [];
  let result: Json = null;
  const add = (value: Json) => {
    const top = stack.at(-1);
    if (top === undefined) result = value;
    else if (Array.isArray(top.container)) top.container.push(value);
    else {
      // A plain assignment to __proto__ would change the prototype instead of adding a member.
      Object.defineProperty(top.container, top.key!, { value, writable: true, enumerable: true, configurable: true });
      top.key = null;
    }
  };
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const [, string, number, word, mark] = match;
    const top = stack.at(-1);
    if (string !== undefined) {
      const value = JSON.parse(string) as string;
      if (top !== undefined && !Array.isArray(top.container) && top.key === null) top.key = value;
      else add(value);
    } else if (number !== undefined) add(exactNumber(number));
    else if (word !== undefined) add(word === 'null' ? null : word === 'true');
    else if (mark === '{' || mark === '[') {
      const container: Json[] | JsonObject = mark === '{' ? {} : [];
      add(container);
      stack.push({ container, key: null });
    } else if (mark === '}' || mark === ']') stack.pop();
  }
  return result;
}

/**
 * The text of a member of a JSON object, character by character; undefined if absent. The text must be a valid JSON object; if a name is repeated, the last member counts.
 */
export function memberText(text: string, name: string): string | undefined {
  let found: string | undefined;
  let depth = 0;
  let key: string | null = null;
  let start = 0;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const [, string, , , mark] = match;
    if (depth === 1) {
      if (mark === ':') start = TOKEN.lastIndex;
      else if (mark === ',' || mark === '}') {
        if (key === name) found = text.slice(start, match.index).trim();
        key = null;
      } else if (string !== undefined) key ??= JSON.parse(string) as string;
    }
    if (mark === '{' || mark === '[') depth++;
    else if (mark === '}' || mark === ']') depth--;
  }
  return found;
}

function exactNumber(literal: string): number | bigint {
  const value = Number(literal);
  const isShort = literal.length <= MAX_EXACT_CHARACTERS;
  return Number.isSafeInteger(value) || !isShort || !/^-?\d+$/.test(literal) ? value : BigInt(literal);
}
