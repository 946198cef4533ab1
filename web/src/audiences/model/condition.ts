/**
 * One condition as the builder edits it: a leaf of an audience that may be incomplete. A member that is there is shown,
 * also while it is empty; `null` stands for a number that is not entered yet.
 */
import type { Audience, DwellNode, EveryoneNode, TraitNode } from '../../../../lib/audiences/tree.ts';

export type Unit = 'minutes' | 'hours' | 'days' | 'weeks' | 'months';
export const UNITS: readonly Unit[] = ['minutes', 'hours', 'days', 'weeks', 'months'];

export type Operator = 'in_last' | 'in_next' | 'after' | 'on' | 'before' | 'between';

/** Days are `YYYY-MM-DD`, instants RFC 3339; empty while not entered. */
export type TimeDraft =
  | { operator: 'in_last' | 'in_next'; amount: number | null; unit: Unit }
  | { operator: 'after' | 'on' | 'before'; date: string }
  | { operator: 'between'; from: string; to: string };

export type Subject = 'cart_abandoned' | 'cart_status_updated' | 'dwell' | 'everyone';

export interface Condition {
  /** True for "has not". */
  negated: boolean;
  subject: Subject;
  status?: string[];
  /** Absent: at any time. */
  time?: TimeDraft;
  store_id?: string[];
  at_least?: number | null;
  recovered?: boolean;
  anomaly?: boolean;
  mode?: string[];
  amount?: { min: number | null; max: number | null };
  product_id?: string[];
  /** How long in the status; only of `dwell`. */
  for?: { amount: number | null; unit: Unit };
}

/** Members that are added and removed as filters. */
export const FILTERS = ['at_least', 'store_id', 'mode', 'amount', 'product_id', 'recovered', 'anomaly'] as const;
export type Filter = (typeof FILTERS)[number];

const LISTS = ['status', 'store_id', 'mode', 'product_id'] as const;

export type LeafNode = Extract<Audience, TraitNode | DwellNode | EveryoneNode>;

/** A condition that is complete from the start: the most common question. */
export const newCondition = (): Condition => ({
  negated: false,
  subject: 'cart_abandoned',
  time: { operator: 'in_last', amount: 30, unit: 'minutes' },
});

export function conditionOf(leaf: LeafNode, negated = false): Condition {
  if ('everyone' in leaf) return { negated, subject: 'everyone' };
  if ('dwell' in leaf) {
    const { status, for: duration, store_id } = leaf.dwell;
    return { negated, subject: 'dwell', status, for: duration, ...(store_id?.length ? { store_id } : {}) };
  }
  const { trait, ...rest } = leaf;
  const condition: Condition = { negated, subject: trait };
  for (const key of LISTS) if (rest[key]?.length) condition[key] = rest[key];
  if (rest.time) condition.time = rest.time;
  if (rest.at_least !== undefined) condition.at_least = rest.at_least;
  if (rest.recovered !== undefined) condition.recovered = rest.recovered;
  if (rest.anomaly !== undefined) condition.anomaly = rest.anomaly;
  if (rest.amount) condition.amount = { min: rest.amount.min ?? null, max: rest.amount.max ?? null };
  return condition;
}

/** The leaf of a condition without problems, without its negation. */
export function leafOfCondition(condition: Condition): LeafNode {
  const { subject, time, at_least, recovered, anomaly, amount } = condition;
  if (subject === 'everyone') return { everyone: true };
  const lists = Object.fromEntries(LISTS.filter((key) => condition[key]?.length).map((key) => [key, condition[key]]));
  if (subject === 'dwell') {
    const duration = condition.for as { amount: number; unit: Unit };
    return { dwell: { status: condition.status ?? [], for: duration, ...lists } } as DwellNode;
  }
  return {
    trait: subject,
    ...lists,
    ...(time === undefined ? {} : { time }),
    ...(at_least === undefined ? {} : { at_least }),
    ...(recovered === undefined ? {} : { recovered }),
    ...(anomaly === undefined ? {} : { anomaly }),
    ...(amount === undefined ? {} : { amount: bounds(amount) }),
  } as TraitNode;
}

const bounds = ({ min, max }: { min: number | null; max: number | null }) => ({
  ...(min === null ? {} : { min }),
  ...(max === null ? {} : { max }),
});

const wholeIn = (value: number | null | undefined, max: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max;

/** The first thing that is missing or wrong, as a sentence; null for a complete condition. */
export function problemOf(condition: Condition): string | null {
  const { subject, status, time, at_least, amount } = condition;
  if (subject === 'dwell') {
    if (!status?.length) return 'Choose at least one status.';
    if (!wholeIn(condition.for?.amount, 100_000)) return 'Enter a whole number from 1 to 100,000.';
  }
  const timeProblem = time && problemOfTime(time);
  if (timeProblem) return timeProblem;
  if (at_least !== undefined && !wholeIn(at_least, 1_000)) return 'Enter how often: a whole number from 1 to 1,000.';
  if (amount) {
    const { min, max } = amount;
    if (min === null && max === null) return 'Enter the lowest or the highest amount.';
    if ((min ?? 0) < 0 || (max ?? 0) < 0) return 'An amount cannot be negative.';
    if (min !== null && max !== null && min > max) return 'The lowest amount is greater than the highest.';
  }
  return null;
}

function problemOfTime(time: TimeDraft): string | null {
  if ('amount' in time) return wholeIn(time.amount, 100_000) ? null : 'Enter a whole number from 1 to 100,000.';
  if ('date' in time) return time.date === '' ? 'Choose a day.' : null;
  if (time.from === '' || time.to === '') return 'Choose the first and the last day.';
  if (isDay(time.from) !== isDay(time.to)) return 'Use two days or two exact times.';
  const reversed = isDay(time.from) ? time.from > time.to : Date.parse(time.from) > Date.parse(time.to);
  return reversed ? 'The first day is after the last.' : null;
}

export const isDay = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text);

/** Statuses that can be due: the API knows when for these alone. */
export const NEXT_STATUSES: readonly string[] = ['ready_for_pickup', 'delivery_started'];

/** Filters that a condition of this kind can have. */
export function possibleFilters({ subject, time }: Condition): Filter[] {
  if (subject === 'everyone') return [];
  if (subject === 'dwell') return ['store_id'];
  const ahead = time?.operator === 'in_next';
  return FILTERS.filter((filter) => {
    if (filter === 'recovered') return subject === 'cart_abandoned' && !ahead;
    if (filter === 'anomaly') return subject === 'cart_status_updated' && !ahead;
    return true;
  });
}

/** Without the members that a condition of this kind cannot have. */
function fitting(condition: Condition): Condition {
  const { subject } = condition;
  const fit = { ...condition };
  const possible = possibleFilters(condition);
  for (const filter of FILTERS) if (!possible.includes(filter)) delete fit[filter];
  if (subject === 'cart_abandoned' || subject === 'everyone') delete fit.status;
  if (subject === 'dwell' || subject === 'everyone') delete fit.time;
  if (subject !== 'dwell') delete fit.for;
  if (fit.time?.operator === 'in_next' && fit.status) {
    const left = fit.status.filter((status) => NEXT_STATUSES.includes(status));
    if (left.length > 0) fit.status = left;
    else delete fit.status;
  }
  return fit;
}

/** The same condition about something else; what fits both is kept. */
export function withSubject(condition: Condition, subject: Subject): Condition {
  if (condition.subject === subject) return condition;
  const next = fitting({ ...condition, subject });
  if (subject === 'dwell') next.for ??= { amount: 45, unit: 'minutes' };
  else if (subject !== 'everyone' && condition.subject === 'dwell')
    next.time = { operator: 'in_last', amount: 30, unit: 'days' };
  else if (subject !== 'everyone' && condition.subject === 'everyone') next.time = newCondition().time!;
  return next;
}

/** The same condition with another operator, or at any time; what was entered is kept where it fits. */
export function withOperator(condition: Condition, operator: Operator | null, today: string): Condition {
  if (operator === null) {
    const { time: _, ...rest } = condition;
    return rest;
  }
  return fitting({ ...condition, time: timeWith(condition.time, operator, today) });
}

function timeWith(old: TimeDraft | undefined, operator: Operator, today: string): TimeDraft {
  const day = old === undefined || 'amount' in old ? today : 'date' in old ? old.date : old.from;
  switch (operator) {
    case 'in_last':
    case 'in_next': {
      const { amount, unit } = old && 'amount' in old ? old : { amount: 30, unit: 'minutes' as const };
      return { operator, amount, unit };
    }
    case 'between':
      return { operator, from: day, to: isDay(day) && day < today ? today : day };
    case 'on':
      return { operator, date: isDay(day) ? day : today };
    case 'after':
    case 'before':
      return { operator, date: day };
  }
}

export function withFilter(condition: Condition, filter: Filter): Condition {
  const initial: Required<Pick<Condition, Filter>> = {
    at_least: 2,
    store_id: [],
    mode: [],
    amount: { min: null, max: null },
    product_id: [],
    recovered: false,
    anomaly: true,
  };
  return { ...condition, [filter]: initial[filter] };
}

export function withoutFilter(condition: Condition, filter: Filter): Condition {
  const { [filter]: _, ...rest } = condition;
  return rest as Condition;
}
