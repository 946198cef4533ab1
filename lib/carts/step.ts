/** One event in order: the rules of §2 and §3 together, the same for a new event and for a cart folded anew. */
import { takeStatus, type Change } from './changes.ts';
import { endOverdue, takeStep, type Abandonment } from './episodes.ts';
import { KIND_STATUS, type CartRecord } from './order.ts';
import { recovers } from './statuses.ts';
import type { Summary } from './summary.ts';
import { VALUES } from './values.ts';

/** What an event brings about. At most one abandonment: what has just run out rests abandoned. */
export interface Found {
  abandonment: Abandonment | undefined;
  change: Change | undefined;
}

/** Folds the event that comes after all those that `summary` has taken. */
export function step(summary: Summary, record: CartRecord): Found {
  const overdue = endOverdue(summary, record.at);
  takePosition(summary, record);
  const change = record.kind === KIND_STATUS ? takeStatus(summary, record) : undefined;
  const own = takeStep(summary, record);
  // Every abandonment comes before the first checkout, so the first status that recovers one recovers them all.
  if (record.kind === KIND_STATUS && Number.isNaN(summary.recoveredAt) && recovers(record.status)) {
    summary.recoveredAt = record.at;
  }
  return { abandonment: overdue ?? own, change };
}

function takePosition(summary: Summary, record: CartRecord): void {
  summary.at = record.at;
  summary.rank = record.rank;
  if (Number.isNaN(summary.firstAt)) summary.firstAt = record.at;
  const { values } = summary;
  for (let which = 0; which < VALUES; which++) {
    const place = record.values[which]!;
    if (place !== 0) values[which] = place;
  }
}
