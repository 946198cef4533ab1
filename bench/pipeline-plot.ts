/**
 * `npm run bench -- pipeline-plot --from FILE`: draws the figures that `npm run bench -- pipeline --json FILE` wrote, as
 * docs/pictures/bench-latency.svg and bench-cpu.svg; with `--beside`, those of another run too.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { PipelineReport } from './pipeline.ts';
import type { LatencyRun } from './pipeline/latency.ts';
import { BLUES, document, line, scale, text, type Scale } from './pipeline/svg.ts';

export const HELP = `Draws bench-latency.svg and bench-cpu.svg from the figures that npm run bench -- pipeline --json FILE wrote.

  npm run bench -- pipeline-plot --from FILE [--beside FILE] [--to FOLDER] [--name NAME]

  --beside FILE the same figures of another release: its latencies are drawn in the same picture
  --name NAME   of the picture of latencies (bench-latency); the other picture is drawn without it only
  --to FOLDER   where the pictures go (docs/pictures)
  --help
`;

const WIDTH = 860;
const FLOOR_MS = 1_000;

export function run(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      from: { type: 'string' },
      beside: { type: 'string' },
      to: { type: 'string', default: 'docs/pictures' },
      name: { type: 'string' },
    },
  });
  if (values.from === undefined) throw new Error('usage: npm run bench -- pipeline-plot --from FILE [--to FOLDER]');
  const read = (file: string): PipelineReport => JSON.parse(readFileSync(file, 'utf8')) as PipelineReport;
  const report = read(values.from);
  const pictures = {
    [`${values.name ?? 'bench-latency'}.svg`]: latencyPicture(
      report,
      values.beside === undefined ? null : { latency: read(values.beside).latency, name: 'the release before' },
    ),
    ...(values.name === undefined && { 'bench-cpu.svg': cpuPicture(report) }),
  };
  for (const [name, picture] of Object.entries(pictures)) {
    writeFileSync(join(values.to, name), picture);
    console.log(join(values.to, name));
  }
}

const LATENCY_TICKS = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];
const SHARES: [number, string][] = [
  [0, '0'],
  [0.5, 'p50'],
  [0.9, 'p90'],
  [0.99, 'p99'],
  [0.999, 'p99.9'],
];
/** The last quantile that is drawn: above it are only a few webhooks. */
const LAST_SHARE = 0.9995;

const BESIDE_COLOR = '#e8590c';

/** The runs that a picture shows. */
export interface DrawnRuns {
  latency: readonly LatencyRun[];
  options: Pick<PipelineReport['options'], 'rate' | 'latencySeconds'>;
}

/**
 * Three panels: quantiles of each run; the slowest webhook of each second of the first one; and how many were sent in each.
 * Other runs, such as those of another release, are drawn beside them.
 */
export function latencyPicture(
  { latency, options }: DrawnRuns,
  beside: { latency: readonly LatencyRun[]; name: string } | null,
): string {
  const others = beside?.latency ?? [];
  const all = [...latency, ...others].flatMap((run) => [...run.curve.map(([, ms]) => ms), ...run.worstBySecond]);
  const high = Math.max(1.5 * FLOOR_MS, ...all);
  const low = Math.max(1, Math.min(...all.filter((ms) => ms > 0)) * 0.8);
  const y = scale([Math.log10(low), Math.log10(high)], [330, 60]);
  const tail = (share: number): number => -Math.log10(1 - Math.min(share, LAST_SHARE));
  const left = scale([0, tail(LAST_SHARE)], [70, 420]);
  const right = scale([0, options.latencySeconds], [500, 840]);
  const at = (ms: number): number => y(Math.log10(Math.max(low, ms)));
  const runs = [...latency.map((run, i) => ({ run, color: BLUES[i % BLUES.length]! }))];
  runs.push(...others.map((run) => ({ run, color: BESIDE_COLOR })));
  const curveOf = ({ run, color }: (typeof runs)[number]): string =>
    line(
      run.curve.filter(([share]) => share <= LAST_SHARE).map(([share, ms]) => [left(tail(share)), at(ms)]),
      color,
    );
  const bySecond = (values: readonly number[], height: Scale, color: string): string =>
    line(
      values.slice(0, options.latencySeconds).map((value, second) => [right(second + 0.5), height(value)]),
      color,
    );
  const firsts = [...(latency[0] ? [{ run: latency[0], color: BLUES[0]! }] : [])];
  firsts.push(...others.slice(0, 1).map((run) => ({ run, color: BESIDE_COLOR })));
  const sent = scale([0, 2 * options.rate], [470, 385]);
  const heights = [0, options.rate, 2 * options.rate];
  // Files of earlier versions do not have it.
  const isSentKnown = firsts.some(({ run }) => run.sentBySecond !== undefined);
  return document(WIDTH, 510, [
    text(20, 26, `From webhook to count at ${options.rate} per second, open loop`, { size: 16, bold: true }),
    ...(beside === null ? [] : [text(840, 26, `orange: ${beside.name}`, { anchor: 'end', color: BESIDE_COLOR })]),
    text(70, 48, 'by share of webhooks, each run'),
    text(500, 48, 'slowest webhook of each second, first run'),
    ...grid(y, low, high, [
      [70, 420],
      [500, 840],
    ]),
    ...SHARES.map(([share, name]) => text(left(tail(share)), 350, name, { anchor: 'middle' })),
    ...[0, 0.25, 0.5, 0.75, 1].map((part) => {
      const second = Math.round(part * options.latencySeconds);
      return text(right(second), 490, `${second} s`, { anchor: 'middle' });
    }),
    ...(isSentKnown
      ? [
          text(500, 375, 'webhooks sent in each second'),
          ...heights.map((value) => text(494, sent(value) + 4, String(value), { anchor: 'end' })),
        ]
      : []),
    line(
      [
        [70, at(FLOOR_MS)],
        [420, at(FLOOR_MS)],
      ],
      '#c92a2a',
      { dashed: true },
    ),
    text(416, at(FLOOR_MS) - 5, 'p99 must be below', { anchor: 'end', color: '#c92a2a' }),
    ...runs.map(curveOf),
    ...firsts.map(({ run, color }) => bySecond(run.worstBySecond, at, color)),
    ...firsts.map(({ run, color }) => bySecond(run.sentBySecond ?? [], sent, color)),
  ]);
}

/** Lines and names of milliseconds on a logarithmic scale, across some panels. */
function grid(y: Scale, low: number, high: number, panels: [number, number][]): string[] {
  return LATENCY_TICKS.filter((ms) => ms >= low && ms <= high).flatMap((ms) =>
    panels.flatMap(([from, to]) => [
      line(
        [
          [from, y(Math.log10(ms))],
          [to, y(Math.log10(ms))],
        ],
        '#dee2e6',
      ),
      text(from - 6, y(Math.log10(ms)) + 4, ms >= 1_000 ? `${ms / 1_000} s` : `${ms} ms`, { anchor: 'end' }),
    ]),
  );
}

const COLORS: Record<string, string> = {
  ingest: '#1c7ed6',
  processor: '#2f9e44',
  sink: '#f08c00',
  api: '#ae3ec9',
  kafka: '#495057',
  clickhouse: '#e8b800',
  registry: '#adb5bd',
};

/** A bar for each situation: the share of each process in the CPU time of the installation. */
function cpuPicture({ webhooks, importPlain, importGzip, latency, options }: PipelineReport): string {
  const situations: [string, readonly { cpu: PipelineReport['latency'][number]['cpu'] }[]][] = [
    [`${options.rate} webhooks per second`, latency],
    ['webhooks, as fast as possible', webhooks],
    ['bulk import', [...importPlain, ...importGzip]],
  ];
  const x = scale([0, 1], [210, 840]);
  const parts = situations.flatMap(([name, runs], i) => {
    if (runs.length === 0) return [];
    const sum = (process: string): number => runs.reduce((total, { cpu }) => total + (cpu.spent[process] ?? 0), 0);
    const total = Object.keys(COLORS).reduce((all, process) => all + sum(process), 0);
    const seconds = runs.reduce((all, { cpu }) => all + cpu.seconds, 0);
    const top = 60 + i * 64;
    let share = 0;
    const bars = Object.entries(COLORS).flatMap(([process, color]) => {
      const from = x(share);
      const own = sum(process) / total;
      share += own;
      const width = x(share) - from;
      const bar = `<rect x="${from.toFixed(1)}" y="${top}" width="${width.toFixed(1)}" height="36" fill="${color}"/>`;
      const percent = `${Math.round(own * 100)} %`;
      return width < 30 ? [bar] : [bar, text(from + width / 2, top + 23, percent, { anchor: 'middle', color: '#fff' })];
    });
    const cores = `${(total / seconds).toFixed(2)} cores`;
    return [text(200, top + 16, name, { anchor: 'end' }), text(200, top + 33, cores, { anchor: 'end' }), ...bars];
  });
  const legend = Object.entries(COLORS).flatMap(([process, color], i) => [
    `<rect x="${210 + i * 90}" y="262" width="12" height="12" fill="${color}"/>`,
    text(227 + i * 90, 273, process),
  ]);
  return document(WIDTH, 292, [
    text(20, 26, 'Where the processor time goes', { size: 16, bold: true }),
    ...parts,
    ...legend,
  ]);
}
