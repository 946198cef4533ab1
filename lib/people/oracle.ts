import { KINDS } from './keys.ts';

/**
 * Who is who by the text of semantics.md §4 alone, worked out from everything at once and without regard
 * to cost: what the tests hold the fold against. Shares nothing with it but the order of kinds.
 */

export interface Seen {
  /** The cart's id; null: a record of /v1/people. */
  cart: string | null;
  /** `kind:value`. */
  identifiers: ReadonlySet<string>;
}

/** Identifiers that never and that always are junk, as `kind:value`. */
export interface Lists {
  allow?: readonly string[];
  deny?: readonly string[];
}

export const kindOf = (identifier: string): string => identifier.slice(0, identifier.indexOf(':'));

/** How many values of each kind an identifier was seen with on carts and records that were erased, by identifier. */
export type Ghosts = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** The people, each as the sorted list of its carts (`cart:id`) and identifiers. */
export function whoIsWho(
  seen: readonly Seen[],
  limit: number,
  lists: Lists = {},
  ghosts: Ghosts = new Map(),
): string[][] {
  const junk = junkOf(seen, limit, lists, ghosts);
  const groups: Set<string>[] = [];
  const group = (members: Iterable<string>): void => {
    const all = new Set(members);
    for (let i = groups.length - 1; i >= 0; i--) {
      const other = groups[i] as Set<string>;
      if (![...other].some((member) => all.has(member))) continue;
      for (const member of other) all.add(member);
      groups.splice(i, 1);
    }
    groups.push(all);
  };
  for (const { cart, identifiers } of seen) {
    const linking = [...identifiers].filter((identifier) => !junk.has(identifier));
    if (linking.length > 0) group(cart === null ? linking : [`cart:${cart}`, ...linking]);
    else if (cart !== null && identifiers.size > 0) group([`cart:${cart}`, nameOf([...identifiers])]);
    else if (cart !== null) group([`cart:${cart}`]);
  }
  return sortPeople(groups.map((members) => [...members]));
}

export const sortPeople = (people: string[][]): string[][] =>
  people.map((person) => [...person].sort()).sort((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1));

export function junkOf(
  seen: readonly Seen[],
  limit: number,
  { allow = [], deny = [] }: Lists,
  ghosts: Ghosts,
): Set<string> {
  const junk = new Set<string>();
  const all = new Set(seen.flatMap(({ identifiers }) => [...identifiers]));
  for (const one of all) {
    const together = new Set(
      seen.filter(({ identifiers }) => identifiers.has(one)).flatMap(({ identifiers }) => [...identifiers]),
    );
    for (const kind of KINDS) {
      if (kind === kindOf(one)) continue;
      const count = [...together].filter((other) => kindOf(other) === kind).length;
      if (count + (ghosts.get(one)?.get(kind) ?? 0) > limit) junk.add(one);
    }
  }
  for (const one of allow) junk.delete(one);
  for (const one of deny) junk.add(one);
  return junk;
}

function nameOf(identifiers: string[]): string {
  for (const kind of KINDS) {
    const least = identifiers.filter((identifier) => kindOf(identifier) === kind).sort()[0];
    if (least !== undefined) return least;
  }
  throw new Error('nobody is made of nothing');
}
