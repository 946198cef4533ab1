import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeStatus, STATUSES, type StatusDescription } from './statuses.ts';

const semantics = readFileSync('docs/semantics.md', 'utf8');
const all: readonly StatusDescription[] = STATUSES;

/** The statuses in backticks in a piece of the document. */
const namesIn = (text: string): string[] =>
  [...text.matchAll(/`([a-z_]+)`/g)].flatMap(([, name = '']) => (describeStatus(name) ? [name] : []));
function find(pattern: RegExp): string {
  const found = pattern.exec(semantics)?.[1];
  if (found === undefined) throw new Error(`docs/semantics.md has nothing like ${String(pattern)}`);
  return found;
}
const those = (is: (status: StatusDescription) => boolean): string[] => all.filter(is).map(({ status }) => status);

describe('the table of statuses agrees with docs/semantics.md', () => {
  it('on the ranks in the lifecycle', () => {
    const ranks = new Map<string, number>();
    for (const [, names = '', rank] of find(/(`pending` 0,[^|\n]*)/).matchAll(/((?:`[a-z_]+`(?: and )?)+) (\d)/g))
      for (const name of namesIn(names)) ranks.set(name, Number(rank));
    expect(Object.fromEntries(ranks)).toEqual(
      Object.fromEntries(all.flatMap(({ status, rank }) => (rank === null ? [] : [[status, rank]]))),
    );
  });

  it('on the terminal statuses', () => {
    expect(namesIn(find(/\| \*\*terminal\*\* \|([^|]*)\|/)).sort()).toEqual(those(({ terminal }) => terminal).sort());
  });

  it('on the statuses that do not recover an abandoned cart', () => {
    expect(namesIn(find(/\*\*Recovered\.\*\*(.*)/)).sort()).toEqual(those(({ recovers }) => !recovers).sort());
  });

  it('on the order of simultaneous statuses', () => {
    expect(namesIn(find(/statuses, in this order:(.*)/))).toEqual(those(({ status }) => status !== 'pending'));
  });
});
