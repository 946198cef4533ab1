/**
 * The head of a cart's state: the result of folding its events in order. An event that is later than all others is folded
 * into it alone; the records behind it are read only when an event arrives late or an abandonment falls due.
 */
import { NO_LIFECYCLE_RANK, NO_STATUS, Names } from './statuses.ts';
import { NEVER, Stays } from './stays.ts';
import { VALUES } from './values.ts';

export { NEVER };

/** One life of a cart, from its first event until it is forgotten. */
export interface Life {
  /** It began after an earlier one was forgotten. */
  beyondHorizon: boolean;
  /** Number of events. */
  count: number;
  /** Log time of the last event to arrive. */
  lastArrival: number;
}

/** Sizes in bytes of the sections of the state. */
export interface Sizes {
  decisions: number;
  products: number;
  index: number;
  records: number;
}

/** Values that the next record may refer to instead of repeating them. They depend on the order of arrival. */
export interface Stated {
  /** The settings that the last activity carried. */
  windowMs: number;
  graceMs: number;
  /** References to the values stated last (values.ts). */
  values: number[];
  names: Names;
}

/** The place of the last event in the order of the cart's events (order.ts). */
export interface Position {
  at: number;
  precedence: number;
  /** The smallest T. */
  firstAt: number;
}

/** The statuses that a cart has had, as semantics §2 needs them. */
export interface StatusHistory {
  current: number;
  /** T of the change to the current status. */
  since: number;
  /** A bit for each known status that the cart had. */
  seen: number;
  /** The unknown statuses with a number below this one were had. */
  seenFirst: number;
  /** The others that were had are true here, by number. */
  seenUnknown: boolean[] | undefined;
  /** Rank of the last status that has one. */
  lifecycleRank: number;
  /** Empty in a state of a version that does not have them (format.ts). */
  stays: Stays;
}

/** An open episode; it becomes an abandonment unless an event ends it. */
export interface Episode {
  /** T of its first activity; NEVER when the episode was read from a state. */
  openedAt: number;
  deadline: number;
  /** The arrival of its last event, plus that event's grace. */
  settledAt: number;
  /** Index of that event by arrival; -1 when the episode was read from a state. */
  lastIndex: number;
  /** Whether it is past its deadline and counts as abandoned. This depends on log time. */
  concluded: boolean;
}

/** Activities and abandonments, as far as the events determine them (semantics §3). */
export interface Visits {
  lastActivityAt: number;
  episode: Episode | undefined;
  /** Whether the cart was abandoned and nothing has happened since. */
  rests: boolean;
  /** Whether a checkout has occurred: later activities begin no episode. */
  stopped: boolean;
  recoveredAt: number;
}

/** What also depends on log time (fold.ts, refold.ts). */
export interface Conclusions {
  /** The earliest time at which an ended episode that does not count yet will count: once log time is past it. */
  closedDue: number;
  /** T of the latest abandonment that counts. */
  abandonedAt: number;
  /** Whether an abandonment that does not count yet will replace a retracted one. */
  claimed: boolean;
}

export interface Summary {
  life: Life;
  sizes: Sizes;
  stated: Stated;
  // The next four are functions of the events in their order (apply.ts).
  position: Position;
  /** References to the values of the latest events that carry one (values.ts). */
  values: number[];
  status: StatusHistory;
  visits: Visits;
  conclusions: Conclusions;
}

/** The summary of a cart without events, in its first life. */
export function newSummary(): Summary {
  return {
    life: { beyondHorizon: false, count: 0, lastArrival: 0 },
    sizes: { decisions: 0, products: 0, index: 0, records: 0 },
    stated: { windowMs: 0, graceMs: 0, values: noValues(), names: new Names() },
    ...newWalk(),
  };
}

/** The parts of a summary that follow from the events in their order. */
export type Walk = Pick<Summary, 'position' | 'values' | 'status' | 'visits' | 'conclusions'>;

export function newWalk(): Walk {
  return {
    position: { at: NEVER, precedence: 0, firstAt: NEVER },
    values: noValues(),
    status: {
      current: NO_STATUS,
      since: NEVER,
      seen: 0,
      seenFirst: 0,
      seenUnknown: undefined,
      lifecycleRank: NO_LIFECYCLE_RANK,
      stays: new Stays(),
    },
    visits: { lastActivityAt: NEVER, episode: undefined, rests: false, stopped: false, recoveredAt: NEVER },
    conclusions: { closedDue: NEVER, abandonedAt: NEVER, claimed: false },
  };
}

/** An episode to be filled. */
export const newEpisode = (): Episode => ({
  openedAt: NEVER,
  deadline: NEVER,
  settledAt: NEVER,
  lastIndex: -1,
  concluded: false,
});

/** Makes a summary that was used for another cart equal to a new one. It sets every member of every part. */
export function clearSummary({ life, sizes, stated, position, values, status, visits, conclusions }: Summary): void {
  life.beyondHorizon = false;
  life.count = 0;
  life.lastArrival = 0;
  sizes.decisions = 0;
  sizes.products = 0;
  sizes.index = 0;
  sizes.records = 0;
  stated.windowMs = 0;
  stated.graceMs = 0;
  stated.names.clear();
  position.at = NEVER;
  position.precedence = 0;
  position.firstAt = NEVER;
  for (let which = 0; which < VALUES; which++) {
    values[which] = 0;
    stated.values[which] = 0;
  }
  clearStatus(status);
  visits.lastActivityAt = NEVER;
  visits.episode = undefined;
  visits.rests = false;
  visits.stopped = false;
  visits.recoveredAt = NEVER;
  conclusions.closedDue = NEVER;
  conclusions.abandonedAt = NEVER;
  conclusions.claimed = false;
}

/** Makes the history that of a cart without a status. */
export function clearStatus(status: StatusHistory): void {
  status.current = NO_STATUS;
  status.since = NEVER;
  status.seen = 0;
  status.seenFirst = 0;
  status.seenUnknown = undefined;
  status.lifecycleRank = NO_LIFECYCLE_RANK;
  status.stays.clear();
}

/** No reference to any value: one for each of VALUES (values.ts). */
export const noValues = (): number[] => [0, 0, 0, 0, 0, 0, 0];

/** The log time past which the open episode counts as abandoned; NEVER without an open episode. */
export function episodeDue({ episode }: Visits): number {
  return episode === undefined || episode.concluded ? NEVER : Math.max(episode.deadline, episode.settledAt);
}

/** The log time past which the next abandonment counts; NEVER when no abandonment can follow. */
export function nextDue({ visits, conclusions }: Pick<Summary, 'visits' | 'conclusions'>): number {
  return earlier(conclusions.closedDue, episodeDue(visits));
}

/** The earlier of two times, either of which may be NEVER. */
export function earlier(a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  return b < a ? b : a;
}
