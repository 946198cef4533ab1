/** What the oracle keeps. Times are minutes; a place is the number of a record. */
import { createHash } from 'node:crypto';
import type { Flow } from '../definition.ts';

export interface Event {
  id: string;
  cart: string;
  trait: string;
  status: string;
  t: number;
  last: number | null;
  replaces: string | null;
  /** Assertions and retractions in the order of the log. */
  history: { place: number; on: boolean; counts: number }[];
}

export interface Run {
  flow: string;
  definition: Flow;
  id: string;
  cart: string;
  person: string;
  events: Event[];
  at: number;
  place: number;
  node: string | null;
  reachedAt: number;
  reachedPlace: number;
  timer: number | null;
  /** How it continues, and since when it could. */
  ready: { at: number; edge: string | null | undefined; shown: boolean } | null;
  ended: string | null;
}

export interface Message {
  run: Run;
  node: string;
  person: string;
  at: number;
  place: number;
  state: 'out' | 'sent' | 'not sent';
}

export const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
export const MINUTES = { seconds: 1 / 60, minutes: 1, hours: 60, days: 1440, weeks: 10_080, months: 43_200 };
export const CAUSES = [
  'checkout',
  'activity',
  'event',
  'retracted',
  'merged',
  'parted',
  'cancelled',
  'archived',
  'erased',
];
export const NO_ORDER = ['pending', 'cancelled', 'dismissed'];
