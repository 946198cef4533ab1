/**
 * The naive oracle: docs/semantics.md §5 taken literally, for one person after merges. It was written from that text
 * alone and shares no code with the executors; keep it that way.
 */
import type { Audience, DwellNode, TimeCondition, TraitNode } from '../tree.ts';
import { startOfDay, step } from './calendar.ts';

/** A trait event, as §2 and §3 describe it. */
export interface PastEvent {
  trait: 'cart_abandoned' | 'cart_status_updated';
  /** Empty for cart_abandoned. */
  status: string;
  at: number;
  detectedAt: number;
  retractedAt: number | null;
  recoveredAt: number | null;
  anomaly: string | null;
  cart: string;
  store: string | null;
  mode: string | null;
  amount: number | null;
  products: { id: string; count: number }[];
}

/** A cart: every change of its status, in order, and its latest values. */
export interface PastCart {
  cart: string;
  changes: { status: string; at: number }[];
  store: string | null;
  mode: string | null;
  amount: number | null;
  products: { id: string; count: number }[];
  /** D of the open episode. */
  deadline: number | null;
  /** The latest reservation_start_window. */
  reservation: number | null;
}

export interface History {
  firstAt: number;
  anonymous: boolean;
  events: PastEvent[];
  carts: PastCart[];
}

export interface Asked {
  now: number;
  knownAt?: number;
  zone: string;
  includeAnonymous: boolean;
}

/** Of each key of a leaf, whether what was found satisfies it. */
export type Verdict = Partial<Record<string, boolean>>;

const isInstant = (text: string): boolean => text.includes('T') || text.includes('t');

/** First and last millisecond; null: open. */
export function rangeOf(time: TimeCondition, now: number, zone: string): { from: number | null; to: number | null } {
  switch (time.operator) {
    case 'after':
      return { from: isInstant(time.date) ? Date.parse(time.date) + 1 : startOfDay(time.date, zone, 1), to: null };
    case 'on':
      return { from: startOfDay(time.date, zone), to: startOfDay(time.date, zone, 1) - 1 };
    case 'before':
      return { from: null, to: (isInstant(time.date) ? Date.parse(time.date) : startOfDay(time.date, zone)) - 1 };
    case 'between':
      return isInstant(time.from)
        ? { from: Date.parse(time.from), to: Date.parse(time.to) }
        : { from: startOfDay(time.from, zone), to: startOfDay(time.to, zone, 1) - 1 };
    case 'in_last':
      return { from: step(now, -time.amount, time.unit, zone), to: now };
    case 'in_next':
      return { from: now + 1, to: step(now, time.amount, time.unit, zone) };
  }
}

const within = (at: number, { from, to }: { from: number | null; to: number | null }): boolean =>
  (from === null || from <= at) && (to === null || at <= to);

const anyOf = (list: string[] | undefined, value: string | null): boolean =>
  list === undefined || list.length === 0 || (value !== null && list.includes(value));

/** Statuses are read as those of events: trimmed, in lower case. */
const read = (statuses: string[] | undefined): string[] | undefined => statuses?.map((s) => s.trim().toLowerCase());

/** Store, mode, amount and products, of a trait event or of a cart. */
function values(leaf: TraitNode, found: Pick<PastCart, 'store' | 'mode' | 'amount' | 'products'>): Verdict {
  const { amount } = found;
  const wanted = leaf.product_id ?? [];
  return {
    store_id: anyOf(leaf.store_id, found.store),
    mode: anyOf(leaf.mode, found.mode),
    amount:
      leaf.amount === undefined ||
      (amount !== null && amount >= (leaf.amount.min ?? -Infinity) && amount <= (leaf.amount.max ?? Infinity)),
    product_id: wanted.length === 0 || found.products.some(({ id, count }) => count > 0 && wanted.includes(id)),
  };
}

export function ofEvent(leaf: TraitNode, event: PastEvent, { now, zone }: Asked): Verdict {
  const recovered = event.recoveredAt !== null && event.recoveredAt <= now;
  return {
    status: anyOf(read(leaf.status), event.status),
    // Only trait events with T ≤ now count, with or without a time.
    time: event.at <= now && (leaf.time === undefined || within(event.at, rangeOf(leaf.time, now, zone))),
    recovered: leaf.recovered === undefined || leaf.recovered === recovered,
    anomaly: leaf.anomaly === undefined || leaf.anomaly === (event.anomaly !== null),
    ...values(leaf, event),
  };
}

/** Of this trait, concluded and not retracted: today, or as it was known. */
export function counts(leaf: TraitNode, event: PastEvent, { knownAt }: Asked): boolean {
  if (event.trait !== leaf.trait) return false;
  if (knownAt === undefined) return event.retractedAt === null;
  return event.detectedAt <= knownAt && !(event.retractedAt !== null && event.retractedAt <= knownAt);
}

const PLACE: Record<string, number> = {
  pending: 0,
  verification: 1,
  staff_member_review: 2,
  preparing: 3,
  ready_for_pickup: 4,
  delivery_started: 4,
  delivery_finished: 5,
  finished: 6,
  finished_without_review: 7,
  with_review: 7,
};
const OVER = ['pending', 'finished', 'cancelled', 'dismissed', 'with_review', 'finished_without_review'];

/** Whether the cart can still come to one of the statuses that are asked for. */
function isAwaited(leaf: TraitNode, cart: PastCart): boolean {
  const current = cart.changes.at(-1)?.status;
  if (current === undefined || OVER.includes(current)) return false;
  const asked = leaf.status === undefined || leaf.status.length === 0 ? [] : read(leaf.status)!;
  for (const status of ['ready_for_pickup', 'delivery_started']) {
    if (asked.length > 0 && !asked.includes(status)) continue;
    if ((status === 'delivery_started') !== (cart.mode === 'delivery')) continue;
    if (cart.changes.some((change) => change.status === status)) continue;
    if (Object.hasOwn(PLACE, current) && PLACE[current]! > PLACE[status]!) continue;
    return true;
  }
  return false;
}

/** `in_next`. Without a `status` that could fail, it is `time` that fails for a cart that can come to none. */
export function ofNext(leaf: TraitNode, cart: PastCart, { now, zone }: Asked): Verdict {
  const range = rangeOf(leaf.time!, now, zone);
  if (leaf.trait === 'cart_abandoned')
    return { time: cart.deadline !== null && within(cart.deadline, range), ...values(leaf, cart) };
  const awaited = isAwaited(leaf, cart);
  const isAsked = leaf.status !== undefined && leaf.status.length > 0;
  const due = cart.reservation !== null && within(cart.reservation, range);
  return { status: !isAsked || awaited, time: due && (isAsked || awaited), ...values(leaf, cart) };
}

/** The change after which all have been in the list. */
export function ofDwell({ dwell }: DwellNode, cart: PastCart, { now, zone }: Asked): Verdict {
  const list = read(dwell.status)!;
  let since: number | null = null;
  for (const { status, at } of cart.changes) {
    if (!list.includes(status)) since = null;
    else since ??= at;
  }
  const latest = step(now, -dwell.for.amount, dwell.for.unit, zone);
  return {
    status: cart.changes.length > 0 && list.includes(cart.changes.at(-1)!.status),
    for: since !== null && latest !== null && since <= latest,
    store_id: anyOf(dwell.store_id, cart.store),
  };
}

export const isSatisfied = (verdict: Verdict): boolean => Object.values(verdict).every((holds) => holds === true);

/** The verdicts on everything of the person that a leaf looks at. */
export function verdicts(leaf: TraitNode | DwellNode, history: History, asked: Asked): Verdict[] {
  if ('dwell' in leaf) return history.carts.map((cart) => ofDwell(leaf, cart, asked));
  if (leaf.time?.operator === 'in_next') return history.carts.map((cart) => ofNext(leaf, cart, asked));
  return history.events.filter((event) => counts(leaf, event, asked)).map((event) => ofEvent(leaf, event, asked));
}

/** Whether the person is in the node's set, which is within the universe. */
export function isMember(node: Audience, history: History, asked: Asked): boolean {
  if (history.firstAt > asked.now || (history.anonymous && !asked.includeAnonymous)) return false;
  if ('everyone' in node) return true;
  if ('and' in node) return node.and.every((child) => isMember(child, history, asked));
  if ('or' in node) return node.or.some((child) => isMember(child, history, asked));
  if ('not' in node) return !isMember(node.not, history, asked);
  const atLeast = 'dwell' in node ? 1 : (node.at_least ?? 1);
  return verdicts(node, history, asked).filter(isSatisfied).length >= atLeast;
}
