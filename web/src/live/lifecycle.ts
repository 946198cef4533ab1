import { describeStatus, STATUSES, type StatusName } from '../../../lib/jane/statuses.ts';
import type { Leaf, TimeCondition, Trait } from '../api.ts';
import { dayIn } from '../time.ts';

/** One count on the board: a trait and, for orders, a status. */
export interface Cell {
  trait: Trait;
  /** Empty for cart_abandoned. */
  status: string;
  label: string;
}

export interface Group {
  title: string;
  cells: Cell[];
}

const GROUP_TITLES = {
  before: 'Before checkout',
  store: 'At the store',
  handover: 'Pickup and delivery',
  done: 'Done',
  off: 'Not completed',
} as const;

/** How the board shows each status; what a status means is described in lib/jane/statuses.ts. */
const SHOWN: Record<StatusName, { group: keyof typeof GROUP_TITLES; label: string }> = {
  pending: { group: 'before', label: 'Pending' },
  verification: { group: 'store', label: 'Verification' },
  staff_member_review: { group: 'store', label: 'Staff review' },
  preparing: { group: 'store', label: 'Preparing' },
  ready_for_pickup: { group: 'handover', label: 'Ready for pickup' },
  delivery_started: { group: 'handover', label: 'Delivery started' },
  delivery_finished: { group: 'handover', label: 'Delivery finished' },
  finished: { group: 'done', label: 'Finished' },
  finished_without_review: { group: 'done', label: 'Without review' },
  with_review: { group: 'done', label: 'With review' },
  cancelled: { group: 'off', label: 'Cancelled' },
  dismissed: { group: 'off', label: 'Dismissed' },
};

const order = (status: string, label: string): Cell => ({ trait: 'cart_status_updated', status, label });

export const ABANDONED: Cell = { trait: 'cart_abandoned', status: '', label: 'Abandoned' };

/** The lifecycle of a cart from left to right. */
export const GROUPS: readonly Group[] = Object.entries(GROUP_TITLES).map(([id, title]) => {
  const cells = STATUSES.flatMap(({ status }) => {
    const { group, label } = SHOWN[status];
    return group === id ? [order(status, label)] : [];
  });
  return { title, cells: id === 'before' ? [...cells, ABANDONED] : cells };
});

const LABELS = new Map(GROUPS.flatMap(({ cells }) => cells.map((cell) => [cell.status, cell.label] as const)));
const KNOWN = new Set(LABELS.keys());

/** The label of a status; an unknown one is spelled out: `delivery_arrived` → `Delivery arrived`. */
export function labelOf(trait: Trait, status: string): string {
  if (trait === 'cart_abandoned') return ABANDONED.label;
  const words = status.replaceAll('_', ' ');
  return LABELS.get(status) ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** A group of the unknown statuses that were seen; none without any. */
export function otherGroup(statuses: readonly string[]): Group[] {
  const others = statuses.filter((status) => !KNOWN.has(status)).sort();
  if (others.length === 0) return [];
  const cells = others.map((status) => order(status, labelOf('cart_status_updated', status)));
  return [{ title: 'Other statuses', cells }];
}

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

export type Range = 'half-hour' | 'today' | 'week';

export const RANGES: readonly { value: Range; label: string }[] = [
  { value: 'half-hour', label: '30 minutes' },
  { value: 'today', label: 'Today' },
  { value: 'week', label: '7 days' },
];

/** Today is the current day in the time zone of the workspace. */
export function timeOf(range: Range, timeZone: string, nowMs: number): TimeCondition {
  if (range === 'half-hour') return { operator: 'in_last', amount: 30, unit: 'minutes' };
  if (range === 'week') return { operator: 'in_last', amount: 7, unit: 'days' };
  return { operator: 'on', date: dayIn(timeZone, nowMs) };
}

export function leafOf(cell: Cell, time: TimeCondition): Leaf {
  return cell.trait === 'cart_abandoned'
    ? { trait: cell.trait, time }
    : { trait: cell.trait, status: [cell.status], time };
}
