/** §3 of the semantics: the walk over a cart's events that decides when it was abandoned. */
import type { AbandonmentSource } from '../../schemas/types.ts';
import { RANK_ACTIVITY, RANK_EMPTYING, RANK_OWN, type CartRecord } from './order.ts';
import { NEVER, type Summary } from './summary.ts';

export interface Abandonment {
  /** D of the episode, or Jane's T. */
  at: number;
  source: AbandonmentSource;
  /** T of the episode's first activity; NEVER for Jane's own. */
  openedAt: number;
  /** A timer's counts once log time is past `at` and past this; NEVER for Jane's own, which count at once. */
  settledAt: number;
  /** Places of the values that hold for it. */
  values: number[];
}

/** Rule 1, before anything else of an event with this T: the open episode may have run out. */
export function endOverdue(summary: Summary, at: number): Abandonment | undefined {
  if (!summary.open || at <= summary.deadline) return undefined;
  const abandonment = openAbandonment(summary);
  endEpisode(summary);
  summary.rests = true;
  return abandonment;
}

/** The open episode as the abandonment that it becomes unless something comes (rules 1 and 6). */
export function openAbandonment(summary: Summary): Abandonment {
  return {
    at: summary.deadline,
    source: 'timer',
    openedAt: summary.openedAt,
    settledAt: summary.settledAt,
    values: summary.values.slice(),
  };
}

/** Rules 2 to 5, for an event whose values are taken; answers Jane's own abandonment, if it is one. */
export function takeStep(summary: Summary, record: CartRecord): Abandonment | undefined {
  if (record.rank === RANK_ACTIVITY) summary.lastActivityAt = record.at;
  if (summary.stopped) return undefined;
  switch (record.rank) {
    case RANK_ACTIVITY:
      extendEpisode(summary, record);
      return undefined;
    case RANK_EMPTYING:
      endEpisode(summary);
      return undefined;
    case RANK_OWN:
      return takeOwn(summary, record);
    default:
      endEpisode(summary);
      summary.stopped = true;
      return undefined;
  }
}

/** Rule 2. */
function extendEpisode(summary: Summary, record: CartRecord): void {
  if (!summary.open) {
    summary.open = true;
    summary.openedAt = record.at;
    summary.lastTurn = -1;
  }
  summary.deadline = record.at + record.windowMs;
  if (record.turn > summary.lastTurn) {
    summary.lastTurn = record.turn;
    summary.settledAt = record.arrival + record.graceMs;
  }
  summary.rests = false;
}

/** Rule 4. */
function takeOwn(summary: Summary, record: CartRecord): Abandonment | undefined {
  if (summary.rests) return undefined;
  endEpisode(summary);
  summary.rests = true;
  return { at: record.at, source: 'jane', openedAt: NEVER, settledAt: NEVER, values: summary.values.slice() };
}

function endEpisode(summary: Summary): void {
  summary.open = false;
  summary.openConcluded = false;
}
