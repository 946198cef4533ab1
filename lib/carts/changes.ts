/** §2 of the semantics: which `cart_status` events are changes, and what is odd about them. */
import type { Anomaly } from '../../schemas/types.ts';
import type { CartRecord } from './order.ts';
import { FIRST_UNKNOWN, NO_PLACE, isOver, placeOf } from './statuses.ts';
import type { Summary } from './summary.ts';

export interface Change {
  status: number;
  at: number;
  /** NO_STATUS for the first. */
  previous: number;
  reentered: boolean;
  anomaly: Anomaly | null;
}

/** Takes the next `cart_status` event in order; answers the change that it is, if it is one. */
export function takeStatus(summary: Summary, record: CartRecord): Change | undefined {
  const { status } = record;
  if (status === summary.current) return undefined;
  const change = {
    status,
    at: record.at,
    previous: summary.current,
    reentered: wasSeen(summary, status),
    anomaly: anomalyOf(summary, record),
  };
  summary.current = status;
  summary.since = record.at;
  markSeen(summary, status);
  const place = placeOf(status);
  if (place !== NO_PLACE) summary.place = place;
  return change;
}

/** The first anomaly that applies. */
function anomalyOf(summary: Summary, record: CartRecord): Anomaly | null {
  if (isOver(summary.seen, record.status)) return 'after_terminal';
  if (record.wrongMode) return 'wrong_mode';
  const place = placeOf(record.status);
  return place !== NO_PLACE && place < summary.place ? 'backward' : null;
}

function wasSeen(summary: Summary, status: number): boolean {
  if (status < FIRST_UNKNOWN) return (summary.seen & (1 << status)) !== 0;
  const index = status - FIRST_UNKNOWN;
  return index < summary.seenFirst || summary.seenUnknown[index] === true;
}

function markSeen(summary: Summary, status: number): void {
  if (status < FIRST_UNKNOWN) summary.seen |= 1 << status;
  else summary.seenUnknown[status - FIRST_UNKNOWN] = true;
}

/**
 * Whether an event's own reservation mode contradicts its status.
 * @param name of the status
 */
export function isWrongMode(name: string, mode: string | null): boolean {
  if (mode === 'delivery') return name === 'ready_for_pickup';
  return (mode === 'pickup' || mode === 'kiosk' || mode === 'curbside') && name.startsWith('delivery_');
}
