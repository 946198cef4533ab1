/** When the answer about a person may change though nothing happens. */
import { nextStepChange } from '../time/transitions.ts';
import { boundsOf, isWithin, OPEN } from './bounds.ts';
import type { EvaluateOptions } from './evaluate.ts';
import type { PersonFacts, TraitEventFacts } from './facts.ts';
import { leavesOf, type Leaf } from './leaves.ts';
import { dwellRule, eventRule, nextRule } from './rules.ts';
import type { Audience, DwellNode, TimeCondition, TraitNode } from './tree.ts';

/** An amount of time. */
type Span = Extract<TimeCondition, { amount: number }>;

/** Without `knownAtMs`: what is known changes by events alone. */
export type ChangeOptions = Omit<EvaluateOptions, 'knownAtMs'>;

/**
 * The first instant after now at which time alone may change whether the person is in the audience, Unix ms; null: never
 * in the years to 2200. It may be too early (another condition may decide), never too late.
 */
export const nextChange = (audience: Audience, facts: PersonFacts, options: ChangeOptions): number | null =>
  prepareNextChange(audience, options)(facts);

/** As {@link nextChange}, at one instant for many people: what depends on the audience alone is computed once. */
export function prepareNextChange(audience: Audience, options: ChangeOptions): (facts: PersonFacts) => number | null {
  const leaves = leavesOf(audience).map((leaf) => changesAt(leaf, options));
  return (facts) => {
    if (facts.anonymous && !options.includeAnonymous) return null;
    // Before that nobody is in the universe, so nothing else matters.
    if (facts.firstAtMs > options.nowMs) return facts.firstAtMs;
    let first = Infinity;
    for (const changes of leaves) {
      for (const at of changes(facts)) if (at !== null && at > options.nowMs) first = Math.min(first, at);
    }
    return first === Infinity ? null : first;
  };
}

/** Instants of a person, in no order, of which those after now count: of each event or cart at least the first. */
type Changes = (facts: PersonFacts) => (number | null)[];

function changesAt(leaf: Leaf, options: ChangeOptions): Changes {
  if ('dwell' in leaf) return dwellChanges(leaf, options);
  return leaf.time?.operator === 'in_next' ? dueChanges(leaf, leaf.time, options) : eventChanges(leaf, options);
}

function dwellChanges(leaf: DwellNode, { nowMs, zone }: ChangeOptions): Changes {
  const { amount, unit } = leaf.dwell.for;
  const rule = dwellRule(leaf);
  return ({ carts }) =>
    carts.map((cart) => {
      const { fails, sinceMs } = rule(cart);
      return fails.length === 0 && sinceMs !== null ? nextStepChange(nowMs, -amount, unit, zone, sinceMs) : null;
    });
}

function dueChanges(leaf: TraitNode, { amount, unit }: Span, { nowMs, zone }: ChangeOptions): Changes {
  const rule = nextRule(leaf);
  return ({ carts }) =>
    carts.flatMap((cart) => {
      const { fails, dueAtMs } = rule(cart);
      // What was due is not due again.
      if (fails.length > 0 || dueAtMs === null || dueAtMs <= nowMs) return [];
      return [dueAtMs, nextStepChange(nowMs, amount, unit, zone, dueAtMs)];
    });
}

function eventChanges(leaf: TraitNode, options: ChangeOptions): Changes {
  const rule = eventRule(leaf);
  const change = changeOfEvent(leaf, options);
  return ({ traitEvents }) =>
    traitEvents.map((event) =>
      event.trait === leaf.trait && event.retracted_at === null && rule(event).length === 0 ? change(event) : null,
    );
}

/** An event comes in by T ≤ now, may be recovered later, and leaves and enters `in_last`. */
function changeOfEvent(
  { time, recovered }: TraitNode,
  { nowMs, zone }: ChangeOptions,
): (event: TraitEventFacts) => number | null {
  const bounds = time === undefined || time.operator === 'in_last' ? OPEN : boundsOf(time, nowMs, zone);
  return ({ occurred_at, recovered_at }) => {
    if (occurred_at > nowMs) return occurred_at;
    const isRecoveredLater = recovered !== undefined && recovered_at !== null && recovered_at > nowMs;
    const recoveredAt = isRecoveredLater ? recovered_at : null;
    if (time?.operator !== 'in_last') return isWithin(occurred_at, bounds) ? recoveredAt : null;
    const edge = nextStepChange(nowMs, -time.amount, time.unit, zone, occurred_at + 1);
    return recoveredAt === null || edge === null ? (recoveredAt ?? edge) : Math.min(recoveredAt, edge);
  };
}
