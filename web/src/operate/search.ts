/** What the addresses of these pages hold after the `?`. Anything else in them is ignored. */
import { oneOf, present, textIn, type Given } from '../app/address.ts';
import { SOURCE_WORDS, type LetterSource } from './words.ts';

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

const SOURCES = Object.keys(SOURCE_WORDS) as LetterSource[];

export const lettersSearch = (given: Given): LettersSearch =>
  present({ id: textIn(given['id']), source: oneOf(given['source'], SOURCES), reason: textIn(given['reason']) });

export const statusSearch = (given: Given): StatusSearch => present({ stage: textIn(given['stage']) });
