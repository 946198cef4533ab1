/** §2 of the semantics: which `cart_status` events are changes, and what is odd about them. */
import type { Anomaly } from '../../schemas/types.ts';
import type { CartRecord } from './order.ts';
import { FIRST_UNKNOWN, NO_LIFECYCLE_RANK, isOver, lifecycleRankOf } from './statuses.ts';
import type { StatusHistory } from './summary.ts';

export interface Change {
  status: number;
  at: number;
  /** NO_STATUS for the first. */
  previous: number;
  reentered: boolean;
  anomaly: Anomaly | null;
}

/** Takes the next `cart_status` event in order; answers the change that it is, if it is one. */
export function takeStatus(history: StatusHistory, record: CartRecord): Change | undefined {
  const { status } = record;
  if (status === history.current) return undefined;
  const change = {
    status,
    at: record.at,
    previous: history.current,
    reentered: wasSeen(history, status),
    anomaly: anomalyOf(history, record),
  };
  history.stays.change(status, record.at, change.reentered, history.since);
  history.current = status;
  history.since = record.at;
  addSeen(history, status);
  const rank = lifecycleRankOf(status);
  if (rank !== NO_LIFECYCLE_RANK) history.lifecycleRank = rank;
  return change;
}

/** The first anomaly that applies. */
function anomalyOf(history: StatusHistory, record: CartRecord): Anomaly | null {
  if (isOver(history.seen, record.status)) return 'after_terminal';
  if (record.wrongMode) return 'wrong_mode';
  const rank = lifecycleRankOf(record.status);
  return rank !== NO_LIFECYCLE_RANK && rank < history.lifecycleRank ? 'backward' : null;
}

function wasSeen(history: StatusHistory, status: number): boolean {
  if (status < FIRST_UNKNOWN) return (history.seen & (1 << status)) !== 0;
  const index = status - FIRST_UNKNOWN;
  return index < history.seenFirst || history.seenUnknown?.[index] === true;
}

function addSeen(history: StatusHistory, status: number): void {
  if (status < FIRST_UNKNOWN) history.seen |= 1 << status;
  else (history.seenUnknown ??= [])[status - FIRST_UNKNOWN] = true;
}

/**
 * Whether an event's own reservation mode contradicts its status.
 * @param name of the status
 */
export function isWrongMode(name: string, mode: string | null): boolean {
  if (mode === 'delivery') return name === 'ready_for_pickup';
  return (mode === 'pickup' || mode === 'kiosk' || mode === 'curbside') && name.startsWith('delivery_');
}
