import { ByteReader, ByteWriter } from '../bytes/index.ts';
import { kindIndexOf } from './keys.ts';
import { SHOWN_OF_KIND } from './profile.ts';

/** Which identifiers link people, and which are junk: shared by too many people to identify anybody. */
export interface LinkRules {
  /** An identifier seen together with more distinct values of one other kind than this is junk. */
  limit: number;
  /** Words that are never junk. */
  allow: ReadonlySet<string>;
  /** Words that are always junk, even if they are allowed. */
  deny: ReadonlySet<string>;
}

/** The highest limit that link rules can ask for. */
export const HIGHEST_LIMIT = 100;

/** Limits of what one event or record can add to the state, and of one step; tests use lower ones. */
export interface Bounds {
  /** The number of identifiers of one kind that a profile shows. */
  shownOfKind: number;
  /** The number of values of one kind up to which pairs are counted exactly. */
  highestLimit: number;
  /** The number of moved carts that are emitted in one step. */
  cartsPerStep: number;
  /** When link rules change: a step ends when it has read this many identifiers, */
  identifiersPerStep: number;
  /** or when this many entries of the state are in memory. */
  entriesPerStep: number;
}

const CARTS_PER_STEP = 100;
const IDENTIFIERS_PER_STEP = 5_000;
const ENTRIES_PER_STEP = 2_000;

export const DEFAULT_BOUNDS: Bounds = {
  shownOfKind: SHOWN_OF_KIND,
  highestLimit: HIGHEST_LIMIT,
  cartsPerStep: CARTS_PER_STEP,
  identifiersPerStep: IDENTIFIERS_PER_STEP,
  entriesPerStep: ENTRIES_PER_STEP,
};

/**
 * Whether an identifier is junk under every limit up to `highestLimit`, unless it is allowed. With how many more
 * values it is seen makes no difference then, so no pair is recorded for its sake.
 */
export function isSaturated(highestLimit: number, word: string, seenWith: readonly number[]): boolean {
  const own = kindIndexOf(word);
  return seenWith.some((count, kind) => kind !== own && count > highestLimit);
}

export const DEFAULT_RULES: LinkRules = { limit: 25, allow: new Set(), deny: new Set() };

/** `seenWith` counts, by kind, the distinct values that the identifier was seen together with. */
export function isJunk(rules: LinkRules, word: string, seenWith: readonly number[]): boolean {
  if (rules.deny.has(word)) return true;
  if (rules.allow.has(word)) return false;
  const own = kindIndexOf(word);
  return seenWith.some((count, kind) => kind !== own && count > rules.limit);
}

/** The rules of a workspace, and the number of the change in definitions that set them. */
export interface StoredRules extends LinkRules {
  number: number;
}

const FORMAT = 1;
/** Decoded rules by their stored bytes: they are needed for each record, but change rarely. */
const decoded = new WeakMap<Buffer, StoredRules>();

export function encodeRules(rules: StoredRules): Buffer {
  const writer = new ByteWriter();
  writer.byte(FORMAT);
  writer.unsigned(rules.number);
  writer.unsigned(rules.limit);
  for (const words of [rules.allow, rules.deny]) {
    writer.unsigned(words.size);
    for (const word of words) writer.text(word);
  }
  return writer.take();
}

export function decodeRules(buffer: Buffer): StoredRules {
  const known = decoded.get(buffer);
  if (known !== undefined) return known;
  const reader = new ByteReader(buffer, 'the link rules of a workspace');
  if (reader.byte() !== FORMAT) reader.fail(`the format ${FORMAT}`, 0);
  const [number, limit] = [reader.unsigned(), reader.unsigned()];
  const words = (): Set<string> => new Set(Array.from({ length: reader.unsigned() }, () => reader.text()));
  const rules = { number, limit, allow: words(), deny: words() };
  reader.expectEnd();
  decoded.set(buffer, rules);
  return rules;
}
