/**
 * The head of a cart's state: what its events, in order, have come to. An event later than all others is folded into
 * it alone; the records behind it are read only when something arrives late or falls due.
 */
import { NO_PLACE, NO_STATUS, Names } from './statuses.ts';
import { VALUES } from './values.ts';

/** No time: nothing of the kind has happened. */
export const NEVER = Number.NaN;

/** All times are Unix milliseconds. */
export class Summary {
  /** This life began after an earlier one was forgotten. */
  beyondHorizon = false;
  /** Nothing but the memory that there was a cart. */
  forgotten = false;

  /** Events. */
  count = 0;
  /** Sizes in bytes. */
  marksSize = 0;
  productsSize = 0;
  indexSize = 0;
  recordsSize = 0;
  lastArrival = 0;
  /** Stamped on the last activity to arrive. */
  windowMs = 0;
  graceMs = 0;
  names = new Names();
  /** Place of the value stated last by arrival: what the next record may refer to. */
  stated: number[] = new Array<number>(VALUES).fill(0);

  // What follows is a function of the events in their order (step.ts).
  /** Position of the last event. */
  at = NEVER;
  rank = 0;
  /** The smallest T. */
  firstAt = NEVER;
  /** Place of the value of the latest event that carries one. */
  values: number[] = new Array<number>(VALUES).fill(0);

  /** §2: the status now, since when, which ones there were, the last place in the lifecycle. */
  current = NO_STATUS;
  since = NEVER;
  seen = 0;
  /** Of the unknown ones the first so many, and those that are true. */
  seenFirst = 0;
  seenUnknown: boolean[] = [];
  place = NO_PLACE;

  /** §3: T of the last activity; the open episode; whether the cart rests abandoned, whether the walk has stopped. */
  lastActivityAt = NEVER;
  open = false;
  openedAt = NEVER;
  deadline = NEVER;
  /** Last arrival among the episode's events + that event's grace, and that event's turn. */
  settledAt = NEVER;
  lastTurn = -1;
  rests = false;
  stopped = false;
  recoveredAt = NEVER;

  // What follows depends on the log's clock too (fold.ts, refold.ts).
  /** The open episode is past its deadline and counts as abandoned. */
  openConcluded = false;
  /** When the first of the ended episodes that do not count yet will: it does once log time is past this. */
  closedDue = NEVER;
  /** T of the latest abandonment that counts. */
  abandonedAt = NEVER;
  /** Some abandonment that does not count yet will replace a retracted one. */
  claimed = false;

  /** When the open episode will count as abandoned: once log time is past this. */
  get openDue(): number {
    return this.open && !this.openConcluded ? Math.max(this.deadline, this.settledAt) : NEVER;
  }

  /** When the next abandonment will count, NEVER when none is on its way. */
  get due(): number {
    return earlier(this.closedDue, this.openDue);
  }
}

/** The earlier of two times, either of which may be NEVER. */
export function earlier(a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  return b < a ? b : a;
}
