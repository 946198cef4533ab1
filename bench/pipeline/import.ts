/** b, c: a bulk import from its first byte until `fresh_through` says that all of it is counted. */
import { bodyOf, createIngestClient, ndjsonBytes } from '../../lib/client/index.ts';
import { waitUntil } from '../../test/harness/client.ts';
import { countCpu, type CpuSpent } from './cpu.ts';
import type { BenchInstallation } from './installation.ts';
import { readStages, type StageTotals } from './stages.ts';
import type { ImportFile } from './traffic.ts';
import { newWorkspace, traitCounts, untilFresh } from './workspace.ts';

export interface ImportRun {
  lines: number;
  /** Bytes on the wire. */
  bytes: number;
  /** Until it was answered 200, seconds. */
  takenSeconds: number;
  /** Until it was counted, seconds. */
  countedSeconds: number;
  linesPerSecond: number;
  takenPerSecond: number;
  /** Until it was counted. */
  cpu: CpuSpent;
  /** Input records per CPU-second: lines of ingest and of the processor, outcomes of the sink. */
  perCpuSecond: { ingest: number; processor: number; sink: number };
  totals: StageTotals;
}

/** How long after the import abandonments may take: the workspace's grace of a minute, and some. */
const GRACE_MS = 120_000;

/** One import into a new workspace; throws unless exactly what the file amounts to is counted. */
export async function importRun(
  installation: BenchInstallation,
  file: ImportFile,
  form: 'plain' | 'gzip',
): Promise<ImportRun> {
  const workspace = await newWorkspace(installation);
  const body = file[form];
  const stages = await readStages(installation);
  const spentSince = countCpu(installation.pids);
  const startedMs = performance.now();
  const ingest = createIngestClient({ baseUrl: installation.ingestUrl, key: workspace.keys.ingest });
  const lines = ndjsonBytes(body, form === 'gzip' ? 'gzip' : undefined);
  const answer = await bodyOf(ingest.POST('/v1/events', lines));
  if (answer.accepted !== file.lines)
    throw new Error(`the import was not accepted: ${JSON.stringify(answer).slice(0, 300)}`);
  const takenSeconds = (performance.now() - startedMs) / 1_000;
  await untilFresh(installation, workspace, Date.now());
  const countedSeconds = (performance.now() - startedMs) / 1_000;
  const cpu = spentSince();
  const totals = await stages.totals();
  const { changes } = await traitCounts(installation, workspace);
  if (changes !== file.changes) throw new Error(`${changes} changes of status are counted instead of ${file.changes}`);
  // They are concluded after the grace period; until then they would disturb what is measured next.
  await waitUntil(
    `${file.abandonments} abandonments`,
    async () => (await traitCounts(installation, workspace)).abandonments === file.abandonments,
    { timeoutMs: GRACE_MS, everyMs: 1_000 },
  );
  await untilFresh(installation, workspace, Date.now());
  return {
    lines: file.lines,
    bytes: body.length,
    takenSeconds,
    countedSeconds,
    linesPerSecond: file.lines / countedSeconds,
    takenPerSecond: file.lines / takenSeconds,
    cpu,
    perCpuSecond: {
      ingest: file.lines / cpu.spent['ingest']!,
      processor: file.lines / cpu.spent['processor']!,
      sink: totals.traitEvents / cpu.spent['sink']!,
    },
    totals,
  };
}
