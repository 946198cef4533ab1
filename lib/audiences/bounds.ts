import { readInstant, startOfDay, step } from '../time/index.ts';
import type { TimeCondition } from './tree.ts';

/** First and last millisecond that satisfy a condition; null: open. From after to: nothing does. */
export interface Bounds {
  fromMs: number | null;
  toMs: number | null;
}

/** Every time satisfies them. */
export const OPEN: Bounds = { fromMs: null, toMs: null };

export const isWithin = (at: number, { fromMs, toMs }: Bounds): boolean =>
  (fromMs === null || at >= fromMs) && (toMs === null || at <= toMs);

/** The bounds of a checked condition, before the rule that only what is not after now counts. */
export function boundsOf(time: TimeCondition, nowMs: number, zone: string): Bounds {
  switch (time.operator) {
    case 'after': {
      const instant = readInstant(time.date);
      return { fromMs: instant === null ? startOfDay(time.date, zone, 1) : instant + 1, toMs: null };
    }
    case 'on':
      return { fromMs: startOfDay(time.date, zone), toMs: startOfDay(time.date, zone, 1) - 1 };
    case 'before':
      return { fromMs: null, toMs: (readInstant(time.date) ?? startOfDay(time.date, zone)) - 1 };
    case 'between':
      return {
        fromMs: readInstant(time.from) ?? startOfDay(time.from, zone),
        toMs: readInstant(time.to) ?? startOfDay(time.to, zone, 1) - 1,
      };
    case 'in_last':
      return { fromMs: step(nowMs, -time.amount, time.unit, zone), toMs: nowMs };
    case 'in_next':
      return { fromMs: nowMs + 1, toMs: step(nowMs, time.amount, time.unit, zone) };
  }
}
