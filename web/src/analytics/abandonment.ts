import type { Schemas } from '../../../lib/client/index.ts';

export type Abandonment = Schemas['Abandonment'];
export type Bucket = Abandonment['buckets'][number];

export interface AbandonmentTotals {
  abandoned: number;
  recovered: number;
  amount: number;
  recoveredAmount: number;
  checkouts: number;
}

/** Cents are added, so that sums have no errors of binary fractions. */
const sumOf = (values: readonly number[]): number =>
  Math.round(values.reduce((sum, value) => sum + Math.round(value * 100), 0)) / 100;

export function abandonmentTotals(buckets: readonly Bucket[]): AbandonmentTotals {
  const count = (pick: (bucket: Bucket) => number): number => buckets.reduce((sum, bucket) => sum + pick(bucket), 0);
  return {
    abandoned: count(({ abandoned }) => abandoned),
    recovered: count(({ recovered }) => recovered),
    amount: sumOf(buckets.map(({ amount }) => amount)),
    recoveredAmount: sumOf(buckets.map(({ recovered_amount }) => recovered_amount)),
    checkouts: count(({ checkouts }) => checkouts),
  };
}

/** A bucket as charts show it: what was abandoned is divided into what came back and what did not. */
export interface AbandonmentPoint {
  fromMs: number;
  recovered: number;
  lost: number;
  recoveredAmount: number;
  lostAmount: number;
  checkouts: number;
}

export const abandonmentPoints = (buckets: readonly Bucket[]): AbandonmentPoint[] =>
  buckets.map((bucket) => ({
    fromMs: Date.parse(bucket.from),
    recovered: bucket.recovered,
    lost: bucket.abandoned - bucket.recovered,
    recoveredAmount: bucket.recovered_amount,
    lostAmount: sumOf([bucket.amount, -bucket.recovered_amount]),
    checkouts: bucket.checkouts,
  }));

/** Buckets that have not begun: the range may end later today. */
export const begunOf = (buckets: readonly Bucket[], nowMs: number): Bucket[] =>
  buckets.filter(({ from }) => Date.parse(from) <= nowMs);

/** A change against the time before: `+12 %`, `−3 %`; null when there was nothing before. */
export function changeText(now: number, before: number): string | null {
  if (before === 0) return null;
  const change = Math.round((100 * (now - before)) / before);
  if (change === 0) return '±0 %';
  return `${change > 0 ? '+' : '−'}${Math.abs(change).toLocaleString('en-US')} %`;
}
