/** Figures of several runs: minimum, median and maximum; and quantiles of durations. */

export interface Figure {
  name: string;
  unit: string;
  min: number;
  median: number;
  max: number;
  /** One per run, in their order. */
  runs: number[];
  /** The required maximum or minimum. */
  floor?: { value: number; better: 'less' | 'more' };
}

export function figure(name: string, unit: string, runs: readonly number[], floor?: Figure['floor']): Figure {
  const sorted = [...runs].sort((a, b) => a - b);
  return {
    name,
    unit,
    min: sorted[0] ?? NaN,
    median: sorted[sorted.length >> 1] ?? NaN,
    max: sorted.at(-1) ?? NaN,
    runs: [...runs],
    ...(floor && { floor }),
  };
}

/** Whether the median misses the floor. */
export function missed({ median, floor }: Figure): boolean {
  if (floor === undefined) return false;
  return floor.better === 'less' ? median > floor.value : median < floor.value;
}

/** The quantile `q` of sorted values. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.min(sorted.length - 1, Math.ceil(sorted.length * q) - 1))] ?? NaN;
}

export interface Spread {
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

/** The quantiles of durations, in milliseconds rounded to a tenth. */
export function spread(times: readonly number[]): Spread {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (q: number): number => Math.round(quantile(sorted, q) * 10) / 10;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) };
}

/** Quantiles from 0 to 1, dense towards 1, for a curve. */
export function curve(times: readonly number[]): [number, number][] {
  const sorted = [...times].sort((a, b) => a - b);
  const shares = [
    ...Array.from({ length: 50 }, (_, i) => i / 50),
    0.98,
    0.985,
    0.99,
    0.993,
    0.995,
    0.997,
    0.998,
    0.999,
    0.9995,
    1,
  ];
  return shares.map((share) => [share, Math.round(quantile(sorted, share) * 10) / 10]);
}
