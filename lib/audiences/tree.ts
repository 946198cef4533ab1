import type { Trait } from '../../schemas/types.ts';
import type { Unit } from '../time/index.ts';

/**
 * An audience: one typed tree for every executor. Lists mean "any of"; an empty list is treated as absent.
 */
export type Audience = TraitNode | EveryoneNode | AndNode | OrNode | NotNode | DwellNode;

export interface TraitNode {
  trait: Trait;
  /** For cart_status_updated only. */
  status?: string[];
  time?: TimeCondition;
  store_id?: string[];
  /** Minimum number of trait events of one person: 1 (default) to 1,000. */
  at_least?: number;
  /** For cart_abandoned only. */
  recovered?: boolean;
  /** For cart_status_updated only: whether it has an anomaly. */
  anomaly?: boolean;
  mode?: string[];
  /** Inclusive; one of the two, or both. */
  amount?: { min?: number; max?: number };
  product_id?: string[];
}

export interface EveryoneNode {
  everyone: true;
}
export interface AndNode {
  and: Audience[];
}
export interface OrNode {
  or: Audience[];
}
export interface NotNode {
  not: Audience;
}
export interface DwellNode {
  dwell: { status: string[]; for: { amount: number; unit: Unit }; store_id?: string[] };
}

/** Days are `YYYY-MM-DD` in the workspace's zone, instants RFC 3339. */
export type TimeCondition =
  | { operator: 'after' | 'on' | 'before'; date: string }
  | { operator: 'between'; from: string; to: string }
  | { operator: 'in_last' | 'in_next'; amount: number; unit: Unit };

export const OPERATORS = ['after', 'on', 'before', 'between', 'in_last', 'in_next'] as const;

/** Whether any node is one that refers to the current state of carts: `in_next` or `dwell`. */
export function looksAtNow(audience: Audience): boolean {
  if ('and' in audience) return audience.and.some(looksAtNow);
  if ('or' in audience) return audience.or.some(looksAtNow);
  if ('not' in audience) return looksAtNow(audience.not);
  if ('dwell' in audience) return true;
  return 'trait' in audience && audience.time?.operator === 'in_next';
}
