/** Measurements of benchmarks: several runs after a warm-up, by CPU time, printed as a table and as JSON. */

/** Figures of one measurement; rates are operations per CPU-second (user and system, garbage collection included). */
export interface Measurement {
  name: string;
  operations: number;
  runs: number;
  perCpuSecond: { min: number; median: number; max: number };
  /** Median wall-clock time of a run, milliseconds. */
  wallMs: number;
  /** The required minimum per CPU-second; null if there is none. */
  floor: number | null;
}

export interface MeasureOptions {
  name: string;
  runs?: number;
  warmUps?: number;
  floor?: number;
  /**
   * One run: calls `timed` with pieces of work that return their number of operations. Code outside `timed`, such as
   * generating input, is not measured. So a run need not keep all of its input in memory, which would make garbage
   * collection slower.
   */
  once: (timed: (work: () => number) => void) => void;
}

/** Inputs that are made at a time: few, so that they die young, as those do that come from Kafka. */
const BLOCK = 100;

/** Times `work` on what `make` returns for each item, in order. Inputs are made in blocks, outside the measured time. */
export function timeInBlocks<T, I>(
  timed: (work: () => number) => void,
  items: readonly T[],
  make: (item: T) => I,
  work: (input: I, index: number) => void,
): void {
  for (let from = 0; from < items.length; from += BLOCK) {
    const block = items.slice(from, from + BLOCK).map(make);
    timed(() => {
      for (const [i, input] of block.entries()) work(input, from + i);
      return block.length;
    });
  }
}

export function measure({ name, runs = 7, warmUps = 2, floor, once }: MeasureOptions): Measurement {
  const rates: number[] = [];
  const walls: number[] = [];
  let operations = 0;
  for (let run = -warmUps; run < runs; run++) {
    let cpuMicros = 0;
    let wallMs = 0;
    operations = 0;
    once((work) => {
      const startedMs = performance.now();
      const before = process.cpuUsage();
      operations += work();
      const { user, system } = process.cpuUsage(before);
      cpuMicros += user + system;
      wallMs += performance.now() - startedMs;
    });
    if (run < 0) continue;
    rates.push(operations / (cpuMicros / 1e6));
    walls.push(wallMs);
  }
  rates.sort((a, b) => a - b);
  walls.sort((a, b) => a - b);
  return {
    name,
    operations,
    runs,
    perCpuSecond: { min: rates[0]!, median: rates[runs >> 1]!, max: rates.at(-1)! },
    wallMs: walls[runs >> 1]!,
    floor: floor ?? null,
  };
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');

/** Prints measurements as an aligned table. Marks a missed floor, and sets the exit code to 1. */
export function printMeasurements(measurements: readonly Measurement[]): void {
  const missed = (m: Measurement): boolean => m.floor !== null && m.perCpuSecond.median < m.floor;
  if (measurements.some(missed)) process.exitCode = 1;
  const rows = measurements.map((m) => [
    m.name,
    whole(m.operations),
    whole(m.perCpuSecond.min),
    whole(m.perCpuSecond.median),
    whole(m.perCpuSecond.max),
    whole(m.wallMs),
    m.floor === null ? '' : `${whole(m.floor)}${missed(m) ? ' MISSED' : ''}`,
  ]);
  printTable(['', 'operations', 'min /CPU-s', 'median', 'max', 'wall ms', 'floor'], rows);
}

/** Prints an aligned table: the first column left, the others right. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  for (const row of [head, ...rows]) {
    console.log(
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    );
  }
}

/** Prints one line of JSON, for comparisons. */
export function printJson(name: string, figures: unknown): void {
  console.log(`\n${JSON.stringify({ bench: name, node: process.version, ...(figures as object) })}`);
}
