/** One benchmark of two checkouts, alternately, so that both meet the same machine: the ratio of each figure. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { printTable } from './measure.ts';

/** One figure of one run of a benchmark. */
export interface Reading {
  name: string;
  unit: string;
  value: number;
}

export interface AgainstOptions {
  bench: string;
  /** Arguments of the benchmark itself. */
  args: readonly string[];
  /** Folder of the other checkout; its packages are installed when they are missing. */
  other: string;
  rounds: number;
}

/** Runs the benchmark in both folders, `rounds` times each, and prints the ratios. Throws when a run fails. */
export async function runAgainst({ bench, args, other, rounds }: AgainstOptions): Promise<void> {
  const folders = [process.cwd(), resolve(other)] as const;
  if (!existsSync(join(folders[1], 'scripts', 'run.mjs')))
    throw new Error(`${other} is not a checkout of this project`);
  const readings: [Reading[][], Reading[][]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    // Each goes first every second time: a machine that slows down steadily favours neither.
    for (const which of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      process.stderr.write(`bench: round ${round + 1} of ${rounds}: ${which === 0 ? 'this checkout' : other}\n`);
      readings[which].push(await runIn(folders[which], bench, args));
    }
  }
  console.log(`${bench}: this checkout against ${basename(folders[1])}; rounds: ${rounds}\n`);
  const ratios = compare(readings[0], readings[1]);
  printTable(
    ['', 'unit', 'better', 'this', 'other', 'ratio min', 'median', 'max'],
    ratios.map(({ name, unit, ours, theirs, ratio }) => [
      name,
      unit,
      isTime(unit) ? 'less' : 'more',
      shown(ours),
      shown(theirs),
      ...[ratio.min, ratio.median, ratio.max].map((value) => value.toFixed(3)),
    ]),
  );
  console.log(`\n${JSON.stringify({ bench, against: basename(folders[1]), rounds, ratios })}`);
}

const isTime = (unit: string): boolean => unit === 'ms';
const shown = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : String(Math.round(value * 10) / 10);

export interface Ratio {
  name: string;
  unit: string;
  /** Medians of all rounds. */
  ours: number;
  theirs: number;
  /** Ours divided by theirs, round by round. */
  ratio: { min: number; median: number; max: number };
}

/** The ratio of every figure that both checkouts report. One element of `ours` and `theirs` is one round. */
export function compare(ours: readonly Reading[][], theirs: readonly Reading[][]): Ratio[] {
  return (ours[0] ?? []).flatMap(({ name, unit }) => {
    const valuesOf = (rounds: readonly Reading[][]): number[] =>
      rounds.flatMap((readings) => readings.find((reading) => reading.name === name)?.value ?? []);
    const [a, b] = [valuesOf(ours), valuesOf(theirs)];
    if (a.length !== ours.length || b.length !== theirs.length) return [];
    const ratios = a.map((value, round) => value / b[round]!).sort((x, y) => x - y);
    const ratio = { min: ratios[0]!, median: median(ratios), max: ratios.at(-1)! };
    return [{ name, unit, ours: median(a), theirs: median(b), ratio }];
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

async function runIn(folder: string, bench: string, args: readonly string[]): Promise<Reading[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'jane-traits-against-'));
  const file = join(scratch, 'figures.json');
  try {
    const output = await outputOf(folder, [bench, ...args, ...(bench === 'pipeline' ? ['--json', file] : [])]);
    const report = existsSync(file) ? readFileSync(file, 'utf8') : (/^\{"bench":.*$/m.exec(output)?.[0] ?? '');
    if (report === '') throw new Error(`${bench} reported no figures in ${folder}:\n${output}`);
    return readingsOf(JSON.parse(report) as Report);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** What a benchmark's process prints on stdout. Its exit code is ignored: it is 1 when a floor was missed. */
function outputOf(folder: string, args: readonly string[]): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join('scripts', 'run.mjs'), 'bench', ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const stop = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGINT', stop).on('SIGTERM', stop);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', fail).once('close', (_, signal) => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      if (signal === null) done(output);
      else fail(new Error(`the benchmark was ended by ${signal}`));
    });
  });
}

/** The parts of a benchmark's report that are compared. */
interface Report {
  /** Of `carts` and `people`. */
  measurements?: { name: string; perCpuSecond: { median: number } }[];
  /** Of `pipeline`. */
  figures?: { name: string; unit: string; median: number }[];
}

/** The figures of a report, each with a name of its own. */
export function readingsOf({ measurements = [], figures = [] }: Report): Reading[] {
  let subject = '';
  return [
    ...measurements.map(({ name, perCpuSecond }) => ({ name, unit: '/CPU-s', value: perCpuSecond.median })),
    ...figures.map(({ name, unit, median: value }) => {
      // A name that begins with "…" continues the one before it.
      if (!name.startsWith('…')) subject = name;
      return { name: name.startsWith('…') ? `${subject} ${name}` : name, unit, value };
    }),
  ];
}
