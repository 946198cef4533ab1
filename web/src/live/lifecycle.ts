import { STATUSES, type StatusName } from '../../../lib/jane/statuses.ts';
import type { Leaf, TimeCondition, Trait } from '../data/api.ts';
import { dayIn } from '../design/time.ts';
import { statusLabel } from '../design/words.ts';

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

/** Where the board shows each status. */
const GROUP_OF: Record<StatusName, keyof typeof GROUP_TITLES> = {
  pending: 'before',
  verification: 'store',
  staff_member_review: 'store',
  preparing: 'store',
  ready_for_pickup: 'handover',
  delivery_started: 'handover',
  delivery_finished: 'handover',
  finished: 'done',
  finished_without_review: 'done',
  with_review: 'done',
  cancelled: 'off',
  dismissed: 'off',
};

const order = (status: string): Cell => ({ trait: 'cart_status_updated', status, label: statusLabel(status) });

export const ABANDONED: Cell = { trait: 'cart_abandoned', status: '', label: 'Abandoned' };

/** The lifecycle of a cart from left to right. */
export const GROUPS: readonly Group[] = Object.entries(GROUP_TITLES).map(([id, title]) => {
  const cells = STATUSES.flatMap(({ status }) => (GROUP_OF[status] === id ? [order(status)] : []));
  return { title, cells: id === 'before' ? [...cells, ABANDONED] : cells };
});

const KNOWN: ReadonlySet<string> = new Set(STATUSES.map(({ status }) => status));

export const labelOf = (trait: Trait, status: string): string =>
  trait === 'cart_abandoned' ? ABANDONED.label : statusLabel(status);

/** A group of the unknown statuses that were seen; none without any. */
export function otherGroup(statuses: readonly string[]): Group[] {
  const others = statuses.filter((status) => !KNOWN.has(status)).sort();
  if (others.length === 0) return [];
  const cells = others.map(order);
  return [{ title: 'Other statuses', cells }];
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
