/** §3 of the semantics: the walk over a cart's events that decides when it was abandoned. */
import type { AbandonmentSource } from '../../schemas/types.ts';
import { invariant } from '../bytes/index.ts';
import { PRECEDENCE_ACTIVITY, PRECEDENCE_EMPTYING, PRECEDENCE_OWN, type CartRecord } from './order.ts';
import { NEVER, type Visits, type Walk } from './summary.ts';

export interface Abandonment {
  /** D of the episode, or Jane's T. */
  at: number;
  source: AbandonmentSource;
  /** T of the episode's first activity; NEVER for Jane's own. */
  openedAt: number;
  /** T of the episode's last activity; NEVER for Jane's own without an open episode. */
  lastActivityAt: number;
  /** A timer's counts once log time is past `at` and past this; NEVER for Jane's own, which count at once. */
  settledAt: number;
  /** References to the values that hold for it. */
  values: number[];
}

/** How an event changes episodes, and which event an abandonment takes its values from. */
type Abandonable = Pick<Walk, 'visits' | 'values'>;

/** Rule 1, before anything else of an event with this T: the open episode may have run out. */
export function endOverdue(walk: Abandonable, at: number): Abandonment | undefined {
  const { visits } = walk;
  if (visits.episode === undefined || at <= visits.episode.deadline) return undefined;
  const abandonment = openAbandonment(walk);
  visits.episode = undefined;
  visits.rests = true;
  return abandonment;
}

/** The open episode, which there has to be, as the abandonment that it becomes unless something comes (rules 1, 6). */
export function openAbandonment({ visits, values }: Abandonable): Abandonment {
  const { episode } = visits;
  invariant(episode !== undefined, 'only an open episode becomes an abandonment');
  const { deadline, openedAt, settledAt } = episode;
  const { lastActivityAt } = visits;
  return { at: deadline, source: 'timer', openedAt, lastActivityAt, settledAt, values: values.slice() };
}

/** Rules 2 to 5, for an event whose values are taken; returns Jane's own abandonment, if it is one. */
export function takeVisit({ visits, values }: Abandonable, record: CartRecord): Abandonment | undefined {
  if (record.precedence === PRECEDENCE_ACTIVITY) visits.lastActivityAt = record.at;
  if (visits.stopped) return undefined;
  switch (record.precedence) {
    case PRECEDENCE_ACTIVITY:
      extendEpisode(visits, record);
      return undefined;
    case PRECEDENCE_EMPTYING:
      visits.episode = undefined;
      return undefined;
    case PRECEDENCE_OWN:
      return visits.rests ? undefined : takeOwn(visits, record.at, values);
    default:
      visits.episode = undefined;
      visits.stopped = true;
      return undefined;
  }
}

/** Rule 4, for a cart that does not rest abandoned. */
function takeOwn(visits: Visits, at: number, values: readonly number[]): Abandonment {
  const lastActivityAt = visits.episode === undefined ? NEVER : visits.lastActivityAt;
  visits.episode = undefined;
  visits.rests = true;
  return { at, source: 'jane', openedAt: NEVER, lastActivityAt, settledAt: NEVER, values: values.slice() };
}

/** Rule 2. */
function extendEpisode(visits: Visits, record: CartRecord): void {
  const { at, windowMs, index, arrival, graceMs } = record;
  visits.rests = false;
  const { episode } = visits;
  if (episode === undefined) {
    const settledAt = arrival + graceMs;
    visits.episode = { openedAt: at, deadline: at + windowMs, settledAt, lastIndex: index, concluded: false };
    return;
  }
  episode.deadline = at + windowMs;
  if (index > episode.lastIndex) {
    episode.lastIndex = index;
    episode.settledAt = arrival + graceMs;
  }
}
