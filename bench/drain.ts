/** `npm run bench -- drain`: a backlog of imported lines, once the processor works again. See docs/benchmarks.md. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { bodyOf, createIngestClient, ndjsonBytes } from '../lib/client/index.ts';
import { request, type Workspace } from '../test/harness/client.ts';
import { printJson, printTable } from './measure.ts';
import { countCpu } from './pipeline/cpu.ts';
import { startOwnInstallation, type BenchInstallation } from './pipeline/installation.ts';
import { importFile, type ImportFile } from './pipeline/traffic.ts';
import { webhooksRun } from './pipeline/webhooks.ts';
import { newWorkspace, traitCounts, untilFresh } from './pipeline/workspace.ts';

export const HELP = `Measures how fast carts, people and the sink work off a backlog of imported lines.

  npm run bench -- drain [options]

  --lines N         approximate number of lines, spread over the workspaces (200000)
  --workspaces N    workspaces, each with the same share of the lines (8)
  --seed N          equal seeds send the same (1)
  --help

It starts and stops its own installation, and stops its processor while the lines are imported. All results are verified.
`;

const WARM_UP_SECONDS = 5;
const LOOK_EVERY_MS = 1_000;
const DRAINED_WITHIN_MS = 1_800_000;

/** How far the partitions of the topic of carts are, from 0 to 1: the least and the most advanced. */
interface Progress {
  seconds: number;
  least: number;
  most: number;
}

/** Throws Error for options that are unknown or out of range, and when something is not counted. */
export async function run(args: string[]): Promise<void> {
  const text = (fallback: number) => ({ type: 'string', default: String(fallback) }) as const;
  const { values } = parseArgs({ args, options: { lines: text(200_000), workspaces: text(8), seed: text(1) } });
  const whole = (name: keyof typeof values): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= 1) return value;
    throw new Error(`--${name} must be a whole number from 1, not "${values[name]}"`);
  };
  const file = importFile(Math.ceil(whole('lines') / whole('workspaces')), whole('seed'));
  process.env['IMPORT_DELAY_MS'] = '0';
  const installation = await startOwnInstallation(false);
  const processor = installation.pids()['processor']!;
  try {
    await webhooksRun(installation, { seconds: WARM_UP_SECONDS, connections: 16 });
    const workspaces: Workspace[] = [];
    for (let i = 0; i < whole('workspaces'); i++) workspaces.push(await newWorkspace(installation));
    process.kill(processor, 'SIGSTOP');
    for (const workspace of workspaces) await send(installation, workspace, file);
    await measure(installation, workspaces, file, () => process.kill(processor, 'SIGCONT'));
  } finally {
    process.kill(processor, 'SIGCONT');
    await installation.stop();
  }
}

async function send({ ingestUrl }: BenchInstallation, { keys }: Workspace, file: ImportFile): Promise<void> {
  const ingest = createIngestClient({ baseUrl: ingestUrl, key: keys.ingest });
  const answer = await bodyOf(ingest.POST('/v1/events', ndjsonBytes(file.plain)));
  if (answer.accepted !== file.lines)
    throw new Error(`the import was not accepted: ${JSON.stringify(answer).slice(0, 300)}`);
}

async function measure(
  installation: BenchInstallation,
  workspaces: readonly Workspace[],
  file: ImportFile,
  begin: () => void,
): Promise<void> {
  const lines = file.lines * workspaces.length;
  const sentMs = Date.now();
  const spentSince = countCpu(installation.pids);
  const startedMs = performance.now();
  begin();
  const watch = new ProgressWatch(installation, startedMs);
  const watching = watch.run();
  for (const workspace of workspaces) await untilFresh(installation, workspace, sentMs, DRAINED_WITHIN_MS);
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpu = spentSince();
  watch.isOver = true;
  await watching;
  for (const workspace of workspaces) {
    const { changes } = await traitCounts(installation, workspace);
    if (changes !== file.changes)
      throw new Error(`${changes} changes of status are counted instead of ${file.changes}`);
  }
  const busy = watch.progress.filter(({ most, least }) => most > 0 && least < 1);
  const spread = Math.max(0, ...busy.map(({ most, least }) => most - least));
  printTable(
    ['', 'value', 'unit'],
    [
      ['backlog', lines.toLocaleString('en'), 'lines'],
      ['until everything is counted', seconds.toFixed(1), 's'],
      ['the same', Math.round(lines / seconds).toLocaleString('en'), 'lines per second'],
      ['first line of every partition handled after', (watch.allMovedSeconds ?? NaN).toFixed(1), 's'],
      ['carts: most advanced partition before the last, at most', (100 * spread).toFixed(0), '% of its backlog'],
      ...Object.entries(cpu.spent).map(([name, spent]) => [
        `CPU of ${name}`,
        ((100 * spent) / cpu.seconds).toFixed(0),
        '% of a core',
      ]),
    ],
  );
  printJson('drain', { lines, seconds, spread, allMovedSeconds: watch.allMovedSeconds, progress: watch.progress });
}

/** Follows the positions of carts while they work the backlog off. */
class ProgressWatch {
  readonly progress: Progress[] = [];
  /** Until each partition had handled something. */
  allMovedSeconds: number | undefined;
  isOver = false;
  private first: Map<number, number> | undefined;

  constructor(
    private readonly installation: BenchInstallation,
    private readonly startedMs: number,
  ) {}

  async run(): Promise<void> {
    while (!this.isOver) {
      // While the processor restores its state, it knows no positions.
      await this.look().catch(() => undefined);
      await sleep(LOOK_EVERY_MS);
    }
  }

  private async look(): Promise<void> {
    const { apiUrl, adminKey } = this.installation;
    const { body } = await request<Status>(`${apiUrl}/v1/status`, { key: adminKey });
    const carts = body.stages.find(({ stage }) => stage === 'carts')?.partitions ?? [];
    if (carts.length === 0 || carts.some(({ position }) => position === null)) return;
    this.first ??= new Map(carts.map(({ partition, position }) => [partition, position!]));
    const shares = carts.map(({ partition, position, end }) => {
      const from = this.first?.get(partition) ?? 0;
      return end > from ? (position! - from) / (end - from) : 1;
    });
    const seconds = (performance.now() - this.startedMs) / 1_000;
    if (shares.every((share) => share > 0)) this.allMovedSeconds ??= seconds;
    this.progress.push({ seconds, least: Math.min(...shares), most: Math.max(...shares) });
  }
}

interface Status {
  stages: { stage: string; partitions: { partition: number; position: number | null; end: number }[] }[];
}
