/**
 * The parameters in the addresses of these pages. Every page of the console loads this file with the routes, so it needs
 * no library.
 */
import { textIn, textsIn, wholeNumberIn, type Given } from '../app/address.ts';

/** Ranges that move with the calendar, by the number of their days; each ends with the current one. */
export const PRESET_DAYS = { today: 1, '7d': 7, '30d': 30, '90d': 90, '365d': 365 } as const;
export type Preset = keyof typeof PRESET_DAYS;

/** The parameters of an address. */
export interface RangeSearch {
  /** Absent: the default, or the days from `from` to `to`. */
  range?: Preset;
  /** Days, both included. */
  from?: string;
  to?: string;
  /** Ids of stores; absent: all. */
  store?: string[];
}

/** `YYYY-MM-DD` of the calendar; `Date` would move 30 February to March. */
function isDate(text: string): boolean {
  const ms = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

/** Days that the API takes. */
const isDay = (value: unknown): value is string =>
  typeof value === 'string' && isDate(value) && value >= '1970-01-02' && value <= '2199-12-31';

/** Reads the address; what it does not know, and days that are reversed, it leaves out. */
export function readRangeSearch(raw: Given): RangeSearch {
  const { range, from, to } = raw;
  const stores = textsIn(raw['store']);
  const store = stores.length === 0 ? {} : { store: stores };
  if (isDay(from) && isDay(to) && from <= to) return { from, to, ...store };
  return typeof range === 'string' && Object.hasOwn(PRESET_DAYS, range) ? { range: range as Preset, ...store } : store;
}

export const OVER_MINUTES_DEFAULT = 45;
export const OVER_MINUTES_MAX = 100_000;
export const BOARD_DAYS_DEFAULT = 30;
export const BOARD_DAYS_MAX = 36_500;

/** The parameters of the board's address; what has its default is left out. */
export interface BoardSearch {
  /** Orders that have had their status for longer stand out. */
  over?: number;
  /** Statuses that changed within this number of days. */
  days?: number;
  /** Ids of stores; absent: all. */
  store?: string[];
  /** The status whose orders are listed. */
  status?: string;
}

export function readBoardSearch(raw: Given): BoardSearch {
  const over = wholeNumberIn(raw['over'], OVER_MINUTES_MAX);
  const days = wholeNumberIn(raw['days'], BOARD_DAYS_MAX);
  const store = textsIn(raw['store']);
  const status = textIn(raw['status']);
  return {
    ...(over === undefined || over === OVER_MINUTES_DEFAULT ? {} : { over }),
    ...(days === undefined || days === BOARD_DAYS_DEFAULT ? {} : { days }),
    ...(store.length === 0 ? {} : { store }),
    ...(status === undefined ? {} : { status }),
  };
}
