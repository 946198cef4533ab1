import type { Outcome, PersonErasure } from '../../schemas/types.ts';

/** Why a person may have changed: a set of these bits. */
export const TOUCH = {
  /** A trait event was asserted or updated. */
  asserted: 1,
  /** A trait event was retracted. */
  retracted: 2,
  /** The profile or a cart changed. */
  facts: 4,
  /** Two people were merged, one was parted, or a cart found its owner. */
  merged: 8,
  erased: 16,
} as const;

/** Stable words of the feed: why somebody entered or left. */
export type Cause = 'event' | 'retraction' | 'time' | 'merge' | 'definition' | 'erasure';

/** The people who may have changed by an outcome, with the bits of `TOUCH`. */
export function touchedBy(outcome: Outcome): [personId: number, touch: number][] {
  const { trait, cart, person, merge, erasure } = outcome;
  if (trait !== null) {
    return moved(trait.person_id, trait.moved_from, trait.op === 'retracted' ? TOUCH.retracted : TOUCH.asserted);
  }
  if (cart !== null) return moved(cart.person_id, cart.moved_from, TOUCH.facts);
  if (person !== null) return [[person.person_id, TOUCH.facts]];
  if (erasure !== null) return erasedBy(erasure);
  if (merge === null) return [];
  return [
    [merge.loser, TOUCH.merged],
    [merge.winner, TOUCH.merged],
  ];
}

function erasedBy({ person_id, former_ids, carts, trait_events }: PersonErasure): [number, number][] {
  const people = [...former_ids, ...[...carts, ...trait_events].map((row) => row.person_id)];
  if (person_id !== null) people.push(person_id);
  return [...new Set(people)].map((personId) => [personId, TOUCH.erased]);
}

function moved(personId: number, from: number | null, touch: number): [number, number][] {
  if (from === null) return [[personId, touch]];
  return [
    [personId, touch | TOUCH.merged],
    [from, TOUCH.merged],
  ];
}

/**
 * The cause of a change. Several may have come together: what can explain the direction of the change goes first.
 * `isDue`: the time had come at which time alone might change it.
 */
export function causeOf(entered: boolean, touch: number, isDue: boolean): Cause {
  if ((touch & TOUCH.erased) !== 0) return 'erasure';
  if ((touch & TOUCH.merged) !== 0) return 'merge';
  if (entered) {
    if ((touch & TOUCH.asserted) !== 0) return 'event';
    if ((touch & TOUCH.retracted) !== 0) return 'retraction';
    return touch === 0 ? 'time' : 'event';
  }
  if ((touch & TOUCH.retracted) !== 0) return 'retraction';
  return touch === 0 || isDue ? 'time' : 'event';
}

/** People who may have changed since they were evaluated last, by workspace. */
export class Touched {
  private readonly workspaces = new Map<string, Map<number, number>>();
  size = 0;

  add(workspace: string, personId: number, touch: number): void {
    let people = this.workspaces.get(workspace);
    if (people === undefined) this.workspaces.set(workspace, (people = new Map()));
    const before = people.get(personId);
    if (before === undefined) this.size++;
    people.set(personId, (before ?? 0) | touch);
  }

  addAll(others: Touched): void {
    for (const [workspace, people] of others.workspaces) {
      for (const [personId, touch] of people) this.add(workspace, personId, touch);
    }
  }

  has(workspace: string, personId: number): boolean {
    return this.workspaces.get(workspace)?.has(personId) === true;
  }

  of(workspace: string): ReadonlyMap<number, number> {
    return this.workspaces.get(workspace) ?? NOBODY;
  }

  names(): string[] {
    return [...this.workspaces.keys()];
  }
}

const NOBODY: ReadonlyMap<number, number> = new Map();
