/**
 * Applies one event in order: the rules of §2 and §3 of docs/semantics.md together. New events use it, and so
 * does folding a whole cart again.
 */
import { takeStatus, type Change } from './changes.ts';
import { endOverdue, takeVisit, type Abandonment } from './episodes.ts';
import { KIND_STATUS, type CartRecord } from './order.ts';
import { recovers } from './statuses.ts';
import type { Walk } from './summary.ts';

/** The effects of an event: at most one abandonment, because an episode that has just run out leaves none open. */
export interface Found {
  abandonment: Abandonment | undefined;
  change: Change | undefined;
}

/** Folds the event that comes after all those that `walk` has taken. */
export function applyEvent(walk: Walk, record: CartRecord): Found {
  const overdue = endOverdue(walk, record.at);
  takePosition(walk, record);
  const change = record.kind === KIND_STATUS ? takeStatus(walk.status, record) : undefined;
  const own = takeVisit(walk, record);
  const { visits } = walk;
  // Every abandonment comes before the first checkout, so the first status that recovers one recovers them all.
  if (record.kind === KIND_STATUS && Number.isNaN(visits.recoveredAt) && recovers(record.status)) {
    visits.recoveredAt = record.at;
  }
  return { abandonment: overdue ?? own, change };
}

function takePosition({ position, values }: Walk, record: CartRecord): void {
  position.at = record.at;
  position.precedence = record.precedence;
  if (Number.isNaN(position.firstAt)) position.firstAt = record.at;
  for (let which = 0, rest = record.carries; rest !== 0; which++, rest >>= 1) {
    if ((rest & 1) !== 0) values[which] = record.values[which]!;
  }
}
