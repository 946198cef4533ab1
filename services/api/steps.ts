import { invalid } from '../../lib/http/index.ts';
import { step, type Unit } from '../../lib/time/index.ts';

/** The maximum number of buckets in one answer. */
export const BUCKETS_MAX = 400;

export interface Steps {
  fromMs: number;
  toMs: number;
  amount: number;
  unit: Unit;
  /** The workspace's zone, which calendar steps are in. */
  zone: string;
  /** Stops after this many. */
  countMax: number;
}

/**
 * `fromMs` and the times after each further step that are not after `toMs`, Unix ms. The k-th is one step of k times the
 * amount, so that a month from the 31st is cut once and not for good. Throws UnknownZoneError.
 */
export function stepsBetween({ fromMs, toMs, amount, unit, zone, countMax }: Steps): number[] {
  const times: number[] = [];
  for (let atMs: number | null = fromMs; atMs !== null && atMs <= toMs && times.length < countMax;) {
    times.push(atMs);
    atMs = step(fromMs, times.length * amount, unit, zone);
  }
  return times;
}

/** Where the buckets of a range begin, which ends before `toMs`. Throws HttpProblem 422 for more than BUCKETS_MAX of them. */
export function bucketStarts({ toMs, ...steps }: Omit<Steps, 'countMax'>): number[] {
  const starts = stepsBetween({ ...steps, toMs: toMs - 1, countMax: BUCKETS_MAX + 1 });
  if (starts.length > BUCKETS_MAX)
    throw invalid([{ path: '/step', message: `makes more than ${BUCKETS_MAX} buckets` }]);
  return starts;
}
