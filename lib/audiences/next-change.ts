/** When the answer about a person may change though nothing happens. */
import { nextStepChange } from '../time/transitions.ts';
import { boundsOf } from './bounds.ts';
import type { EvaluateOptions } from './evaluate.ts';
import type { PersonFacts, TraitEventFacts } from './facts.ts';
import { dwellRule, eventRule, nextRule } from './rules.ts';
import type { Audience, DwellNode, TraitNode } from './tree.ts';

/** Without `knownAtMs`: what is known changes by events alone. */
export type ChangeOptions = Omit<EvaluateOptions, 'knownAtMs'>;

/**
 * The first instant after now at which time alone may change whether the person is in the audience, Unix ms; null: never
 * in the years to 2200. It may be too early (another condition may decide), never too late.
 */
export function nextChange(audience: Audience, facts: PersonFacts, options: ChangeOptions): number | null {
  if (facts.anonymous && !options.includeAnonymous) return null;
  // Before that nobody is in the universe, so nothing else matters.
  if (facts.firstAtMs > options.nowMs) return facts.firstAtMs;
  let first = Infinity;
  for (const leaf of leavesOf(audience)) for (const at of changesOf(leaf, facts, options)) first = Math.min(first, at);
  return first === Infinity ? null : first;
}

function leavesOf(node: Audience): (TraitNode | DwellNode)[] {
  if ('and' in node) return node.and.flatMap(leavesOf);
  if ('or' in node) return node.or.flatMap(leavesOf);
  if ('not' in node) return leavesOf(node.not);
  return 'everyone' in node ? [] : [node];
}

/** Instants after now, in no order; of each event or cart at least the first at which it changes. */
function changesOf(leaf: TraitNode | DwellNode, facts: PersonFacts, options: ChangeOptions): number[] {
  const { nowMs, zone } = options;
  const found: (number | null)[] = [];
  if ('dwell' in leaf) {
    const { amount, unit } = leaf.dwell.for;
    const rule = dwellRule(leaf);
    for (const cart of facts.carts) {
      const { fails, sinceMs } = rule(cart);
      if (fails.length === 0 && sinceMs !== null) found.push(nextStepChange(nowMs, -amount, unit, zone, sinceMs));
    }
  } else if (leaf.time?.operator === 'in_next') {
    const { amount, unit } = leaf.time;
    const rule = nextRule(leaf);
    for (const cart of facts.carts) {
      const { fails, dueAtMs } = rule(cart);
      // What was due is not due again.
      if (fails.length > 0 || dueAtMs === null || dueAtMs <= nowMs) continue;
      found.push(dueAtMs, nextStepChange(nowMs, amount, unit, zone, dueAtMs));
    }
  } else {
    const rule = eventRule(leaf);
    for (const event of facts.traitEvents)
      if (event.trait === leaf.trait && event.retracted_at === null && rule(event).length === 0)
        found.push(changeOfEvent(leaf, event, options));
  }
  return found.filter((at) => at !== null && at > nowMs) as number[];
}

/** An event comes in by T ≤ now, may be recovered later, and leaves and enters `in_last`. */
function changeOfEvent(
  { time, recovered }: TraitNode,
  { occurred_at, recovered_at }: TraitEventFacts,
  { nowMs, zone }: ChangeOptions,
): number | null {
  if (occurred_at > nowMs) return occurred_at;
  const isRecoveredLater = recovered !== undefined && recovered_at !== null && recovered_at > nowMs;
  const recoveredAt = isRecoveredLater ? recovered_at : null;
  if (time === undefined) return recoveredAt;
  if (time.operator === 'in_last') {
    const edge = nextStepChange(nowMs, -time.amount, time.unit, zone, occurred_at + 1);
    return recoveredAt === null || edge === null ? (recoveredAt ?? edge) : Math.min(recoveredAt, edge);
  }
  const { fromMs, toMs } = boundsOf(time, nowMs, zone);
  const isWithin = (fromMs === null || occurred_at >= fromMs) && (toMs === null || occurred_at <= toMs);
  return isWithin ? recoveredAt : null;
}
