/** The words of things: the same on every page. What a status means is described in lib/jane/statuses.ts. */
import { describeStatus, type StatusName } from '../../../lib/jane/statuses.ts';
import type { Trait } from '../data/api.ts';

export const TRAIT_LABELS: Record<Trait, string> = {
  cart_abandoned: 'Cart Abandoned',
  cart_status_updated: 'Cart Status Updated',
};

const STATUS_LABELS: Record<StatusName, string> = {
  pending: 'Pending',
  verification: 'Verification',
  staff_member_review: 'Staff review',
  preparing: 'Preparing',
  ready_for_pickup: 'Ready for pickup',
  delivery_started: 'Delivery started',
  delivery_finished: 'Delivery finished',
  finished: 'Finished',
  finished_without_review: 'Without review',
  with_review: 'With review',
  cancelled: 'Cancelled',
  dismissed: 'Dismissed',
};

/** The label of a status; an unknown one is spelled out: `delivery_arrived` → `Delivery arrived`. */
export const statusLabel = (status: string): string =>
  Object.hasOwn(STATUS_LABELS, status) ? STATUS_LABELS[status as StatusName] : capitalised(status.replaceAll('_', ' '));

/** How a status or an abandonment is coloured. */
export type Tone = 'left' | 'moving' | 'done' | 'off';

/** From this status on an order is done. */
const DONE_RANK = describeStatus('delivery_finished')?.rank ?? Infinity;

/** The colour of an event on every page. */
export function toneOf(trait: Trait, status: string): Tone {
  if (trait === 'cart_abandoned') return 'left';
  const known = describeStatus(status);
  if (known?.terminal && !known.recovers) return 'off';
  return (known?.rank ?? 0) >= DONE_RANK ? 'done' : 'moving';
}

export const capitalised = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

/** A number with a noun: `1 person`, `1,204 people`. */
export const counted = (value: number, one: string, many: string): string =>
  `${value.toLocaleString('en-US')} ${value === 1 ? one : many}`;

/** An amount of money; the API has no currency, and every store on Jane sells in dollars. */
export const money = (value: number): string =>
  value.toLocaleString('en-US', { style: 'currency', currency: 'USD', maximumFractionDigits: 2 });
