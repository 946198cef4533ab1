/** `npm run bench -- fairness`: webhooks of one workspace while another one imports. See docs/benchmarks.md. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { bodyOf, createIngestClient, ndjsonBytes } from '../lib/client/index.ts';
import { printJson, printTable } from './measure.ts';
import { latencyPicture } from './pipeline-plot.ts';
import { startOwnInstallation, type BenchInstallation } from './pipeline/installation.ts';
import { latencyRun, type LatencyRun } from './pipeline/latency.ts';
import { importFile, type ImportFile } from './pipeline/traffic.ts';
import { webhooksRun } from './pipeline/webhooks.ts';
import { newWorkspace } from './pipeline/workspace.ts';

export const HELP = `Measures webhook → counted in one workspace, without and with a bulk import in another one.

  npm run bench -- fairness [options]

  --seconds N            duration of each of the two runs, open loop (120)
  --alone-seconds N      duration of the run without an import, if it should be another one
  --warm-up-seconds N    webhooks at the same rate before each, not measured (20)
  --rate N               webhooks per second (100)
  --lines N              approximate number of lines of one import; imports follow each other (20000)
  --poll-ms N            interval of queries to ClickHouse, in milliseconds (50)
  --unpaced              imports do not wait for the stages behind them (IMPORT_DELAY_MS=0)
  --seed N               equal seeds send the same (1)
  --picture FILE         draw both runs, with the webhooks sent in each second, as SVG
  --help

It starts and stops its own installation. All results are verified: every webhook must be counted, and every import
must be accepted with all of its lines.
`;

/** The p99 with an import may be this many times the p99 without. */
const MAX_RATIO = 3;
const FILES = 3;
const WARM_UP_SECONDS = 10;

/** Throws Error for options that are unknown or out of range, and when something sent is not counted. */
export async function run(args: string[]): Promise<void> {
  const text = (fallback: number) => ({ type: 'string', default: String(fallback) }) as const;
  const { values } = parseArgs({
    args,
    options: {
      seconds: text(120),
      'alone-seconds': { type: 'string' },
      'warm-up-seconds': text(20),
      rate: text(100),
      lines: text(20_000),
      'poll-ms': text(50),
      seed: text(1),
      unpaced: { type: 'boolean', default: false },
      picture: { type: 'string' },
    },
  });
  const whole = (name: Exclude<keyof typeof values, 'unpaced' | 'picture'>): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= 1) return value;
    throw new Error(`--${name} must be a whole number from 1, not "${values[name]}"`);
  };
  const options = {
    rate: whole('rate'),
    seconds: whole('seconds'),
    warmUpSeconds: whole('warm-up-seconds'),
    pollMs: whole('poll-ms'),
    seed: whole('seed'),
  };
  // Generating a file blocks for seconds, so it is done before anything is measured.
  const files = Array.from({ length: FILES }, (_, i) => importFile(whole('lines'), options.seed + i));
  if (values.unpaced) process.env['IMPORT_DELAY_MS'] = '0';
  const installation = await startOwnInstallation(false);
  try {
    await webhooksRun(installation, { seconds: WARM_UP_SECONDS, connections: 16 });
    const aloneSeconds = values['alone-seconds'] === undefined ? options.seconds : whole('alone-seconds');
    const alone = await latencyRun(installation, { ...options, seconds: aloneSeconds });
    const imports = new Imports(installation, files);
    const importing = imports.run();
    // A failed import ends the run, also while webhooks are measured.
    const failed = importing.then(() => new Promise<never>(() => undefined));
    try {
      const beside = await Promise.race([latencyRun(installation, { ...options, seed: options.seed + 1 }), failed]);
      imports.stop();
      await importing;
      print(values.unpaced, alone, beside, imports);
      if (values.picture !== undefined) {
        const { rate, seconds: latencySeconds } = options;
        const others = { latency: [alone], name: 'without an import' };
        writeFileSync(values.picture, latencyPicture({ latency: [beside], options: { rate, latencySeconds } }, others));
      }
    } finally {
      imports.stop();
    }
  } finally {
    await installation.stop();
  }
}

/** One import after the other, each into a workspace of its own, until it is stopped. */
class Imports {
  lines = 0;
  seconds = 0;
  private readonly stopping = new AbortController();

  constructor(
    private readonly installation: BenchInstallation,
    private readonly files: readonly ImportFile[],
  ) {}

  /** Counts the lines of finished imports only. Throws when one is not accepted as a whole. */
  async run(): Promise<void> {
    const startedMs = performance.now();
    for (let n = 0; !this.stopping.signal.aborted; n++) {
      const file = this.files[n % this.files.length]!;
      const isDone = await this.send(file);
      if (!isDone) break;
      this.lines += file.lines;
      this.seconds = (performance.now() - startedMs) / 1_000;
    }
  }

  private async send(file: ImportFile): Promise<boolean> {
    const { ingestUrl } = this.installation;
    const { keys } = await newWorkspace(this.installation);
    const ingest = createIngestClient({ baseUrl: ingestUrl, key: keys.ingest });
    const { signal } = this.stopping;
    try {
      const answer = await bodyOf(ingest.POST('/v1/events', { ...ndjsonBytes(file.plain), signal }));
      if (answer.accepted === file.lines) return true;
      throw new Error(`the import was not accepted: ${JSON.stringify(answer).slice(0, 300)}`);
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  stop(): void {
    this.stopping.abort();
  }
}

function print(unpaced: boolean, alone: LatencyRun, beside: LatencyRun, { lines, seconds }: Imports): void {
  const row = (name: string, { webhooks, counted }: LatencyRun): string[] => [
    name,
    ...[webhooks, counted.p50, counted.p99, counted.max].map((value) => Math.round(value).toLocaleString('en')),
  ];
  for (const run of [alone, beside]) {
    const rows = Object.entries(run.stages).map(([stage, { p50, p99, max }]) => [
      stage,
      ...[p50, p99, max].map((ms) => String(Math.round(ms))),
    ]);
    printTable([run === alone ? 'without an import, ms' : 'beside an import, ms', 'p50', 'p99', 'max'], rows);
    console.log('');
  }
  printTable(
    ['webhook → counted, ms', 'webhooks', 'p50', 'p99', 'max'],
    [row('without an import', alone), row(unpaced ? 'beside an unpaced import' : 'beside an import', beside)],
  );
  const ratio = beside.counted.p99 / alone.counted.p99;
  const isMissed = !unpaced && ratio > MAX_RATIO;
  if (isMissed) process.exitCode = 1;
  console.log(
    `\np99 beside an import: ${ratio.toFixed(2)} times that without${isMissed ? `, at most ${MAX_RATIO} MISSED` : ''}`,
  );
  const linesPerSecond = seconds > 0 ? lines / seconds : 0;
  console.log(`finished imports: ${lines.toLocaleString('en')} lines, ${Math.round(linesPerSecond)} per second`);
  printJson('fairness', { unpaced, ratio, linesPerSecond, alone: alone.counted, beside: beside.counted });
}
