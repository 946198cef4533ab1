/** An audience as lines, to compare two versions of it side by side. */
import type { Audience } from '../../../../lib/audiences/tree.ts';
import { inWords } from './text.ts';

export interface Line {
  text: string;
  /** How deep it is nested, from 0. */
  depth: number;
}

/** One line for every condition and for every group, in order. */
export function linesOf(audience: Audience, depth = 0): Line[] {
  if ('and' in audience)
    return [{ text: 'All of:', depth }, ...audience.and.flatMap((child) => linesOf(child, depth + 1))];
  if ('or' in audience)
    return [{ text: 'Any of:', depth }, ...audience.or.flatMap((child) => linesOf(child, depth + 1))];
  if ('not' in audience && ('and' in audience.not || 'or' in audience.not || 'not' in audience.not))
    return [{ text: 'Not:', depth }, ...linesOf(audience.not, depth + 1)];
  const words = inWords(audience)
    .replace(/^People who /, '')
    .replace(/\.$/, '');
  return [{ text: words.charAt(0).toUpperCase() + words.slice(1), depth }];
}

type Marked = Line & { same: boolean };

const keyOf = ({ text, depth }: Line): string => `${depth} ${text}`;

/** Marks the lines that both sides have, in the same order: the longest common subsequence. */
export function matchLines(left: readonly Line[], right: readonly Line[]): [Marked[], Marked[]] {
  const lengths = Array.from({ length: left.length + 1 }, () => new Array<number>(right.length + 1).fill(0));
  for (let i = left.length - 1; i >= 0; i--)
    for (let j = right.length - 1; j >= 0; j--)
      lengths[i]![j] =
        keyOf(left[i]!) === keyOf(right[j]!)
          ? lengths[i + 1]![j + 1]! + 1
          : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
  const marked: [Marked[], Marked[]] = [
    left.map((line) => ({ ...line, same: false })),
    right.map((line) => ({ ...line, same: false })),
  ];
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    if (keyOf(left[i]!) === keyOf(right[j]!)) {
      marked[0][i++]!.same = true;
      marked[1][j++]!.same = true;
    } else if (lengths[i + 1]![j]! >= lengths[i]![j + 1]!) i++;
    else j++;
  }
  return marked;
}
