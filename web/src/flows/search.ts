/** What the addresses of these pages hold after the `?`. Every page loads this file with the routes: it imports no library. */
import { oneOf, present, textIn, wholeNumberIn, type Given } from '../app/address.ts';

/** The template that a new flow begins with. */
export interface NewFlowSearch {
  template?: string;
}

export const readNewFlowSearch = (given: Given): NewFlowSearch => present({ template: textIn(given['template']) });

export const FLOW_TABS = ['overview', 'runs', 'check', 'messages', 'backtest'] as const;
export type FlowTab = (typeof FLOW_TABS)[number];

/** Times that end now, by their length in hours. */
export const RANGE_HOURS = { '24h': 24, '7d': 7 * 24, '30d': 30 * 24 } as const;
export type FlowRange = keyof typeof RANGE_HOURS;
const RANGES = Object.keys(RANGE_HOURS) as FlowRange[];

export const RUN_STATES = ['live', 'completed', 'exited'] as const;
export type RunState = (typeof RUN_STATES)[number];

/** The longest back-test that the API runs. */
export const BACKTEST_DAYS_MAX = 366;

/** What of a flow is on display. */
export interface FlowSearch {
  tab?: FlowTab;
  /** The time that the report counts; absent: all. */
  range?: FlowRange;
  /** Runs in this state only. */
  state?: RunState;
  /** The person of runs and messages, and of the spot check. */
  person?: string;
  /** The days that a back-test plays. */
  days?: number;
  /** The version of the definition; absent: the live one, else the latest. */
  version?: number;
}

export const readFlowSearch = (given: Given): FlowSearch =>
  present({
    tab: oneOf(given['tab'], FLOW_TABS),
    range: oneOf(given['range'], RANGES),
    state: oneOf(given['state'], RUN_STATES),
    person: textIn(given['person']),
    days: wholeNumberIn(given['days'], BACKTEST_DAYS_MAX),
    version: wholeNumberIn(given['version'], Number.MAX_SAFE_INTEGER),
  });
