import { step, type Unit } from '../../lib/time/index.ts';

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
