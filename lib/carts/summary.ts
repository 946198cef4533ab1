/**
 * The head of a cart's state: what its events, in order, have come to. An event later than all others is folded into
 * it alone; the records behind it are read only when something arrives late or falls due.
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

/** What the next record may refer to instead of stating it again. Depends on the order of arrival. */
export interface Stated {
  /** Settings of the last activity to arrive. */
  windowMs: number;
  graceMs: number;
  /** References to the values stated last (values.ts). */
  values: number[];
  names: Names;
}

/** Where the last event stands in the order of the cart's events (order.ts). */
export interface Position {
  at: number;
  precedence: number;
  /** The smallest T. */
  firstAt: number;
}

/** Semantics §2. */
export interface StatusHistory {
  current: number;
  /** T of the change to the current status. */
  since: number;
  /** A bit for each known status that the cart had. */
  seen: number;
  /** Of the unknown ones all below this number, and those that are true. */
  seenFirst: number;
  seenUnknown: boolean[] | undefined;
  /** Rank of the last status that has one. */
  lifecycleRank: number;
  /** Empty in a state of a version that does not have them (format.ts). */
  stays: Stays;
}

/** An open episode: it becomes an abandonment unless an event ends it. */
export interface Episode {
  /** T of its first activity; NEVER when the episode was read from a state. */
  openedAt: number;
  deadline: number;
  /** Last arrival among its events + that event's grace. */
  settledAt: number;
  /** Index of that event by arrival; -1 when the episode was read from a state. */
  lastIndex: number;
  /** It is past its deadline and counts as abandoned. Depends on log time. */
  concluded: boolean;
}

/** Semantics §3, as far as the events decide it. */
export interface Visits {
  lastActivityAt: number;
  episode: Episode | undefined;
  /** The cart rests abandoned. */
  rests: boolean;
  /** A checkout has ended the walk. */
  stopped: boolean;
  recoveredAt: number;
}

/** What depends on log time too (fold.ts, refold.ts). */
export interface Conclusions {
  /** When the first of the ended episodes that do not count yet will: it does once log time is past this. */
  closedDue: number;
  /** T of the latest abandonment that counts. */
  abandonedAt: number;
  /** Some abandonment that does not count yet will replace a retracted one. */
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

/** What a walk over all events fills. */
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

/** Makes a summary that was used for another cart equal to a new one. Every member of every part is set here. */
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
  status.current = NO_STATUS;
  status.since = NEVER;
  status.seen = 0;
  status.seenFirst = 0;
  status.seenUnknown = undefined;
  status.lifecycleRank = NO_LIFECYCLE_RANK;
  status.stays.clear();
  visits.lastActivityAt = NEVER;
  visits.episode = undefined;
  visits.rests = false;
  visits.stopped = false;
  visits.recoveredAt = NEVER;
  conclusions.closedDue = NEVER;
  conclusions.abandonedAt = NEVER;
  conclusions.claimed = false;
}

/** No reference to any value: one for each of VALUES (values.ts). */
export const noValues = (): number[] => [0, 0, 0, 0, 0, 0, 0];

/** When the open episode will count as abandoned: once log time is past this. NEVER when there is none. */
export function episodeDue({ episode }: Visits): number {
  return episode === undefined || episode.concluded ? NEVER : Math.max(episode.deadline, episode.settledAt);
}

/** When the next abandonment will count; NEVER when none is on its way. */
export function nextDue({ visits, conclusions }: Pick<Summary, 'visits' | 'conclusions'>): number {
  return earlier(conclusions.closedDue, episodeDue(visits));
}

/** The earlier of two times, either of which may be NEVER. */
export function earlier(a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  return b < a ? b : a;
}
