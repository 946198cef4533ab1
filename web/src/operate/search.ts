/** What the addresses of these pages hold after the `?`. Anything else in them is ignored. */
import { SOURCE_WORDS, type LetterSource } from './words.ts';

type Given = Readonly<Record<string, unknown>>;

export interface LettersSearch {
  /** The dead letter that is open. */
  id?: string;
  source?: LetterSource;
  reason?: string;
}

export interface StatusSearch {
  /** The stage whose partitions are shown. */
  stage?: string;
}

function textIn(given: Given, key: string): string | undefined {
  const value = given[key];
  // An address may hold a number where a text is meant.
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** The member only if it has a value, as exact optional properties need it. */
const member = <K extends string, V>(key: K, value: V | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };

const isSource = (text: string | undefined): text is LetterSource =>
  text !== undefined && Object.hasOwn(SOURCE_WORDS, text);

export function lettersSearch(given: Given): LettersSearch {
  const source = textIn(given, 'source');
  return {
    ...member('id', textIn(given, 'id')),
    ...member('source', isSource(source) ? source : undefined),
    ...member('reason', textIn(given, 'reason')),
  };
}

export const statusSearch = (given: Given): StatusSearch => member('stage', textIn(given, 'stage'));
