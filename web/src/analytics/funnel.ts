import type { Schemas } from '../../../lib/client/index.ts';
import { toneOf } from '../design/words.ts';

export type Funnel = Schemas['Funnel'];

/** One status of the funnel. Durations are milliseconds, null while no stay in the status has ended. */
export interface FunnelRow {
  status: string;
  carts: number;
  /** The share of all carts of the funnel, from 0 to 1. */
  share: number;
  medianMs: number | null;
  p90Ms: number | null;
  /** Cancelled or dismissed: where orders leave the funnel. */
  lost: boolean;
}

const minutesToMs = (minutes: number | null): number | null => (minutes === null ? null : minutes * 60_000);

/** The statuses in the order of an order's life, those where orders are lost last. */
export function funnelRows({ carts, steps }: Funnel): FunnelRow[] {
  const rows = steps.map(({ status, carts: reached, dwell_minutes: { p50, p90 } }): FunnelRow => ({
    status,
    carts: reached,
    share: carts === 0 ? 0 : reached / carts,
    medianMs: minutesToMs(p50),
    p90Ms: minutesToMs(p90),
    lost: toneOf('cart_status_updated', status) === 'off',
  }));
  return [...rows.filter(({ lost }) => !lost), ...rows.filter(({ lost }) => lost)];
}

/** The longest stay that the bars of dwell have to show, at least one minute. */
export const longestStayMs = (rows: readonly FunnelRow[]): number =>
  Math.max(60_000, ...rows.map(({ p90Ms, medianMs }) => p90Ms ?? medianMs ?? 0));

/** The status with the longest median stay; null when no stay has ended. */
export function slowestOf(rows: readonly FunnelRow[]): FunnelRow | null {
  const known = rows.filter(({ medianMs, lost }) => medianMs !== null && !lost);
  return known.reduce<FunnelRow | null>(
    (slowest, row) => (row.medianMs! > (slowest?.medianMs ?? -1) ? row : slowest),
    null,
  );
}
