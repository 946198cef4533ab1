import type { Leaf, TimeCondition, Trait } from '../api.ts';
import { dayIn } from '../time.ts';

/** One count of the board: a trait and, of orders, a status. */
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

const order = (status: string, label: string): Cell => ({ trait: 'cart_status_updated', status, label });

export const ABANDONED: Cell = { trait: 'cart_abandoned', status: '', label: 'Abandoned' };

/** The life of a cart from left to right. */
export const GROUPS: readonly Group[] = [
  { title: 'Before checkout', cells: [order('pending', 'Pending'), ABANDONED] },
  {
    title: 'At the shop',
    cells: [
      order('verification', 'Verification'),
      order('staff_member_review', 'Staff review'),
      order('preparing', 'Preparing'),
    ],
  },
  {
    title: 'Handing over',
    cells: [
      order('ready_for_pickup', 'Ready for pickup'),
      order('delivery_started', 'Delivery started'),
      order('delivery_finished', 'Delivery finished'),
    ],
  },
  {
    title: 'Done',
    cells: [
      order('finished', 'Finished'),
      order('with_review', 'With review'),
      order('finished_without_review', 'Without review'),
    ],
  },
  { title: 'Called off', cells: [order('cancelled', 'Cancelled'), order('dismissed', 'Dismissed')] },
];

const LABELS = new Map(GROUPS.flatMap(({ cells }) => cells.map((cell) => [cell.status, cell.label] as const)));
const KNOWN = new Set(LABELS.keys());

/** `delivery_arrived` → `Delivery arrived`; the known ones have names of their own. */
export function labelOf(trait: Trait, status: string): string {
  if (trait === 'cart_abandoned') return ABANDONED.label;
  const words = status.replaceAll('_', ' ');
  return LABELS.get(status) ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** A group for what Jane sends beyond the twelve; none if nothing was. */
export function otherGroup(statuses: readonly string[]): Group[] {
  const others = statuses.filter((status) => !KNOWN.has(status)).sort();
  if (others.length === 0) return [];
  const cells = others.map((status) => order(status, labelOf('cart_status_updated', status)));
  return [{ title: 'Other statuses', cells }];
}

export type Tone = 'left' | 'moving' | 'done' | 'off';

/** The colour that an event has everywhere. */
export function toneOf(trait: Trait, status: string): Tone {
  if (trait === 'cart_abandoned') return 'left';
  if (status === 'cancelled' || status === 'dismissed') return 'off';
  return ['finished', 'with_review', 'finished_without_review', 'delivery_finished'].includes(status)
    ? 'done'
    : 'moving';
}

export type Range = 'half-hour' | 'today' | 'week';

export const RANGES: readonly { value: Range; label: string }[] = [
  { value: 'half-hour', label: '30 minutes' },
  { value: 'today', label: 'Today' },
  { value: 'week', label: '7 days' },
];

/** Today is the day that it is in the workspace's zone. */
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
