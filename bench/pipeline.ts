/** `npm run bench -- pipeline`: the whole pipeline on its own installation. See docs/benchmarks.md. */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { printTable } from './measure.ts';
import type { CpuSpent } from './pipeline/cpu.ts';
import { figure, missed, type Figure } from './pipeline/figures.ts';
import { importRun, type ImportRun } from './pipeline/import.ts';
import { startOwnInstallation, type BenchInstallation } from './pipeline/installation.ts';
import { latencyRun, type LatencyRun } from './pipeline/latency.ts';
import { importFile } from './pipeline/traffic.ts';
import { webhooksRun, type WebhooksRun } from './pipeline/webhooks.ts';

export const HELP = `Measures the whole pipeline on an installation that it starts and stops.

  npm run bench -- pipeline [options]

  --only LIST            comma-separated list of webhooks, import, latency (all)
  --runs N               runs of webhooks and import, after a warm-up (3)
  --seconds N            duration of a run of webhooks, sent as fast as they are answered (10)
  --connections N        connections in such a run, each with one request at a time (64)
  --lines N              approximate number of lines of a bulk import (100000)
  --latency-runs N       runs of latency (1)
  --latency-seconds N    duration of a run of latency, open loop (180)
  --warm-up-seconds N    warm-up before it at the same rate (30)
  --rate N               webhooks per second in a run of latency (200)
  --poll-ms N            interval of queries to ClickHouse in a run of latency, in milliseconds (50)
  --seed N               equal seeds send the same (1)
  --json FILE            write all figures to FILE, e.g. for npm run bench -- pipeline-plot
  --keep                 keep the folder of the installation, with the logs of its processes
  --help

All results are verified: every answer, and that the counts match what was sent.
Other programs on the machine affect the figures; the CPU time that they used is printed below the tables.
`;

const PARTS = ['webhooks', 'import', 'latency'] as const;
/** Milliseconds. */
const FLOOR_P99 = 1_000;
/** Duration of the warm-up before anything is measured. */
const WARM_UP_SECONDS = 10;

interface Options {
  only: string[];
  runs: number;
  seconds: number;
  connections: number;
  lines: number;
  latencyRuns: number;
  latencySeconds: number;
  warmUpSeconds: number;
  rate: number;
  pollMs: number;
  seed: number;
  json: string | undefined;
  keep: boolean;
}

/** Throws Error for options that are unknown or out of range. */
function readOptions(args: string[]): Options {
  const text = (fallback: number) => ({ type: 'string', default: String(fallback) }) as const;
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: PARTS.join(',') },
      runs: text(3),
      seconds: text(10),
      connections: text(64),
      lines: text(100_000),
      'latency-runs': text(1),
      'latency-seconds': text(180),
      'warm-up-seconds': text(30),
      rate: text(200),
      'poll-ms': text(50),
      seed: text(1),
      json: { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  });
  const whole = (name: Exclude<keyof typeof values, 'only' | 'json' | 'keep'>, high: number): number => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1 || value > high)
      throw new Error(`--${name} must be a whole number from 1 to ${high}, not "${values[name]}"`);
    return value;
  };
  const only = values.only.split(',');
  const unknown = only.find((part) => !PARTS.some((known) => known === part));
  if (unknown !== undefined) throw new Error(`--only must list some of ${PARTS.join(', ')}, not "${unknown}"`);
  return {
    only,
    runs: whole('runs', 100),
    seconds: whole('seconds', 600),
    connections: whole('connections', 1_000),
    lines: whole('lines', 2_000_000),
    latencyRuns: whole('latency-runs', 100),
    latencySeconds: whole('latency-seconds', 3_600),
    warmUpSeconds: whole('warm-up-seconds', 600),
    rate: whole('rate', 5_000),
    pollMs: whole('poll-ms', 1_000),
    seed: whole('seed', 1_000_000),
    json: values.json,
    keep: values.keep,
  };
}

export interface PipelineReport {
  at: string;
  node: string;
  machine: { cpu: string; cores: number; memoryGiB: number; loadBefore: number[]; loadAfter: number[] };
  options: Options;
  figures: Figure[];
  webhooks: WebhooksRun[];
  importPlain: ImportRun[];
  importGzip: ImportRun[];
  latency: LatencyRun[];
}

const say = (message: string): void => void process.stderr.write(`bench: ${message}\n`);

/** Throws Error when an answer or a count is not the expected one. */
export async function run(args: string[]): Promise<void> {
  const options = readOptions(args);
  const loadBefore = loadavg();
  say('starting an installation');
  const installation = await startOwnInstallation(options.keep);
  const stop = (): void => void installation.stop().finally(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const report: PipelineReport = {
    at: new Date().toISOString(),
    node: process.version,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      loadBefore,
      loadAfter: [],
    },
    options,
    figures: [],
    webhooks: [],
    importPlain: [],
    importGzip: [],
    latency: [],
  };
  try {
    await measureAll(installation, options, report);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await installation.stop();
  }
  report.machine.loadAfter = loadavg();
  report.figures = figuresOf(report);
  print(report);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
}

async function measureAll(installation: BenchInstallation, options: Options, report: PipelineReport): Promise<void> {
  const { only, runs, seed } = options;
  // Java and Node compile hot code: an installation that has just started is slower than a running one.
  say('warming up');
  await webhooksRun(installation, { ...options, seconds: WARM_UP_SECONDS });
  if (only.includes('latency')) {
    for (let run = 1; run <= options.latencyRuns; run++) {
      say(`latency, run ${run} of ${options.latencyRuns}: ${options.latencySeconds} s`);
      const seconds = options.latencySeconds;
      report.latency.push(await latencyRun(installation, { ...options, seconds, seed: seed + run }));
    }
  }
  if (only.includes('webhooks')) {
    for (let run = 1; run <= runs; run++) {
      say(`webhooks, run ${run} of ${runs}`);
      report.webhooks.push(await webhooksRun(installation, options));
    }
  }
  if (only.includes('import')) {
    say('import: warming up');
    await importRun(installation, importFile(Math.ceil(options.lines / 5), seed), 'plain');
    for (let run = 1; run <= runs; run++) {
      const file = importFile(options.lines, seed + run);
      // Generating the file blocks for seconds: this lets the process notice connections that were closed meanwhile.
      await sleep(100);
      for (const form of ['plain', 'gzip'] as const) {
        say(`import, ${form}, run ${run} of ${runs}: ${file.lines} lines`);
        const to = form === 'plain' ? report.importPlain : report.importGzip;
        to.push(await importRun(installation, file, form));
      }
    }
  }
}

function figuresOf({ webhooks, importPlain, importGzip, latency }: PipelineReport): Figure[] {
  const floor = { value: FLOOR_P99, better: 'less' } as const;
  const all = [
    figure(
      'webhooks to a durable 202',
      '/s',
      webhooks.map((run) => run.perSecond),
    ),
    figure(
      '… by CPU time of ingest',
      '/CPU-s',
      webhooks.map((run) => run.perIngestCpuSecond),
    ),
    figure(
      '… from sent to 202, p50',
      'ms',
      webhooks.map((run) => run.answerMs.p50),
    ),
    figure(
      '… p99',
      'ms',
      webhooks.map((run) => run.answerMs.p99),
    ),
    figure(
      '… counted',
      '/s',
      webhooks.map((run) => run.countedPerSecond),
    ),
    figure(
      'bulk import, plain, counted',
      'lines/s',
      importPlain.map((run) => run.linesPerSecond),
    ),
    figure(
      '… answered 200',
      'lines/s',
      importPlain.map((run) => run.takenPerSecond),
    ),
    figure(
      'bulk import, gzip, counted',
      'lines/s',
      importGzip.map((run) => run.linesPerSecond),
    ),
    figure(
      '… answered 200',
      'lines/s',
      importGzip.map((run) => run.takenPerSecond),
    ),
    ...(['ingest', 'processor', 'sink'] as const).map((name) =>
      figure(
        `${name}, during imports`,
        name === 'ingest' ? 'lines/CPU-s' : name === 'processor' ? 'events/CPU-s' : 'outcomes/CPU-s',
        [...importPlain, ...importGzip].map((run) => run.perCpuSecond[name]),
      ),
    ),
    figure(
      'webhook → counted, p50',
      'ms',
      latency.map((run) => run.counted.p50),
    ),
    figure(
      '… p99',
      'ms',
      latency.map((run) => run.counted.p99),
      floor,
    ),
    figure(
      '… max',
      'ms',
      latency.map((run) => run.counted.max),
    ),
    figure(
      'webhook → first answer that counts it, p50',
      'ms',
      latency.map((run) => run.observed.p50),
    ),
    figure(
      '… p99',
      'ms',
      latency.map((run) => run.observed.p99),
    ),
  ];
  return all.filter(({ runs }) => runs.length > 0);
}

const show = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : String(Math.round(value * 10) / 10);

function print(report: PipelineReport): void {
  const { machine, options } = report;
  const load = (values: number[]): string => values.map((value) => value.toFixed(1)).join(' ');
  console.log(`${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, Node ${report.node}`);
  console.log(`load before ${load(machine.loadBefore)}, after ${load(machine.loadAfter)}\n`);
  printTable(
    ['', 'runs', 'min', 'median', 'max', 'unit', 'floor'],
    report.figures.map((it) => [
      it.name,
      String(it.runs.length),
      show(it.min),
      show(it.median),
      show(it.max),
      it.unit,
      it.floor ? `${it.floor.better === 'less' ? '<' : '>'} ${show(it.floor.value)}${missed(it) ? ' MISSED' : ''}` : '',
    ]),
  );
  printCpu('CPU while webhooks are sent as fast as they are answered', report.webhooks);
  printCpu('CPU during an import, plain', report.importPlain);
  printCpu('CPU during an import, gzip', report.importGzip);
  printCpu(`CPU at ${options.rate} webhooks per second`, report.latency);
  for (const { stages, totals, resolution, look } of report.latency.slice(0, 1)) {
    console.log('\ntime in each step from webhook to count, first run, milliseconds');
    const row = (name: string, { p50, p99, max }: LatencyRun['counted']): string[] => [
      name,
      show(p50),
      show(p99),
      show(max),
    ];
    printTable(
      ['', 'p50', 'p99', 'max'],
      [
        ...Object.entries(stages).map(([name, times]) => row(name, times)),
        row('resolution of the end', resolution),
        row('one query to ClickHouse', look),
      ],
    );
    console.log(`\n${JSON.stringify(totals)}`);
  }
}

/** Prints the mean of all runs as shares of one core, and the CPU time of other programs. */
function printCpu(title: string, runs: readonly { cpu: CpuSpent }[]): void {
  if (runs.length === 0) return;
  const seconds = runs.reduce((sum, { cpu }) => sum + cpu.seconds, 0);
  const percent = (of: (cpu: CpuSpent) => number): string =>
    `${((runs.reduce((sum, { cpu }) => sum + of(cpu), 0) / seconds) * 100).toFixed(1)} %`;
  const pressure = percent((cpu) => cpu.pressure * cpu.seconds);
  console.log(`\n${title}; processes waited for a CPU ${pressure} of the time`);
  printTable(
    ['of one core', 'spent', 'waited'],
    [
      ...Object.keys(runs[0]!.cpu.spent).map((name) => [
        name,
        percent((cpu) => cpu.spent[name] ?? 0),
        percent((cpu) => cpu.waited[name] ?? 0),
      ]),
      ['this benchmark', percent((cpu) => cpu.bench), ''],
      ['others on this machine', percent((cpu) => cpu.others), ''],
    ],
  );
}
