/**
 * Which abandonment takes the place of one that is gone (semantics §3, `replaces`). A change of the same status needs
 * no search: a late event can displace one change at most, and then it is itself the change that takes its place.
 */
import type { TraitEvent } from './traits.ts';
import { NEVER } from './summary.ts';

/** An abandonment that the walk no longer yields. */
interface Gone {
  /** T of the abandonment. */
  at: number;
  /** T of the trait event to be named: its own if it counted, else the one whose place it was to take. */
  named: number;
}

/**
 * Tells the abandonments that may take a place whose it is. The nearest in time takes it: among those that the walk
 * has only now yielded, and the one, not yet counting, whose episode has swallowed the place.
 * @param gone abandonments that the walk no longer yields, with their decisions
 * @param waiting abandonments that do not count yet
 * @param isNew whether the walk did not yield it before
 */
export function handOver(
  gone: readonly TraitEvent[],
  waiting: readonly TraitEvent[],
  isNew: (trait: TraitEvent) => boolean,
): void {
  const distances = new Map<TraitEvent, number>();
  for (const { at, named } of gone.flatMap(toNamed)) {
    let nearest: TraitEvent | undefined;
    for (const candidate of waiting) {
      if (candidate.at === named || !(isNew(candidate) || swallows(candidate, at))) continue;
      if (nearest === undefined || Math.abs(candidate.at - at) < Math.abs(nearest.at - at)) nearest = candidate;
    }
    if (nearest === undefined) continue;
    const distance = Math.abs(nearest.at - at);
    const taken = distances.get(nearest);
    // A place that it was to take already counts as nearest of all, unless this one was closer.
    if (taken === undefined ? Number.isNaN(nearest.replaces) : distance < taken) {
      nearest.replaces = named;
      distances.set(nearest, distance);
    }
  }
}

function toNamed(trait: TraitEvent): Gone[] {
  const named = Number.isNaN(trait.detectedAt) ? trait.replaces : trait.at;
  return Number.isNaN(named) ? [] : [{ at: trait.at, named }];
}

function swallows(candidate: TraitEvent, at: number): boolean {
  return candidate.openedAt <= at && at <= candidate.at;
}

/** An abandonment that the walk yields again is not replaced after all. */
export function dropReturned(waiting: readonly TraitEvent[], after: readonly TraitEvent[]): void {
  for (const trait of waiting) {
    if (Number.isNaN(trait.replaces)) continue;
    if (after.some((other) => other.status === trait.status && other.at === trait.replaces)) trait.replaces = NEVER;
  }
}
