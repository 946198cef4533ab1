/** `npm run bench -- flow-latency`: from a webhook to the message of a flow, and how late wakes are. See docs/benchmarks.md. */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { publishFlow, readFlowRecords, untilDone, type FlowMessage, type FlowRecords } from './flows/messages.ts';
import { printJson, printTable } from './measure.ts';
import { spread, type Spread } from './pipeline/figures.ts';
import { startOwnInstallation, type BenchInstallation } from './pipeline/installation.ts';
import { latencyRun, type Beside, type LatencyRun, type SentWebhook } from './pipeline/latency.ts';
import { webhooksRun } from './pipeline/webhooks.ts';
import type { Workspace } from '../test/harness/client.ts';

export const HELP = `Measures webhook → message of a flow beside webhook → counted in the same run, and how late wakes are.

  npm run bench -- flow-latency [options]

  --only LIST            comma-separated list of plain, exits, asking, wakes, idle (all)
  --seconds N            duration of each run but idle, open loop (180)
  --warm-up-seconds N    webhooks at the same rate before each, not measured (20)
  --rate N               webhooks per second, each of which starts a run (200)
  --wait-seconds N       how long the runs of wakes and idle wait (20)
  --poll-ms N            interval of queries to ClickHouse, in milliseconds (50)
  --seed N               equal seeds send the same (1)
  --json FILE            write all figures to FILE
  --keep                 keep the folder of the installation, with the logs of its processes
  --help

plain has neither questions nor exit_on; exits has exit_on, so that its messages wait until the log is settled; asking
has audience and while; wakes waits before the message; idle does so with 100 webhooks, and nothing else under way.
It starts and stops its own installation, and fails when a message is missing or not sent.
`;

const PARTS = ['plain', 'exits', 'asking', 'wakes', 'idle'] as const;
type Part = (typeof PARTS)[number];

/** The p99 of webhook → message may be this many times that of webhook → counted. */
const RATIOS: Partial<Record<Part, number>> = { plain: 1, exits: 1.5, asking: 3 };
/** Milliseconds, the p99 of due → woken in idle. */
const IDLE_P99_MS = 300;
const IDLE = { rate: 20, seconds: 5, warmUpSeconds: 0 };
const WARM_UP_SECONDS = 10;
const DONE_WITHIN_MS = 120_000;

const STATUS = { trait: 'cart_status_updated' };
const MESSAGE = { type: 'sms', class: 'transactional', text: '{{ workspace.name }}: {{ event.status }}', next: null };
const BASE = { triggers: [STATUS], reentry: { rule: 'always', per: 'cart' }, start: 'm', nodes: { m: MESSAGE } };
const CANCELLED = { ...STATUS, status: ['cancelled'] };

function flowOf(part: Part, waitSeconds: number): object {
  const wait = { type: 'wait', for: { amount: waitSeconds, unit: 'seconds' }, next: 'm' };
  const waiting = { ...BASE, name: 'Wakes', start: 'w', nodes: { w: wait, m: MESSAGE } };
  const flows: Record<Part, object> = {
    plain: { ...BASE, name: 'Plain' },
    exits: { ...BASE, name: 'Exits', exit_on: [{ event: CANCELLED, of: 'cart' }] },
    asking: {
      ...BASE,
      name: 'Asking',
      audience: { ...STATUS, time: { operator: 'in_last', amount: 1, unit: 'days' } },
      while: { not: CANCELLED },
    },
    wakes: waiting,
    idle: waiting,
  };
  return flows[part];
}

interface FlowRun {
  part: Part;
  webhooks: number;
  counted: Spread;
  /** From due to the message, of those who have an address. */
  message: Spread;
  messages: number;
  settled: number;
  stages: Record<string, Spread>;
  /** Of runs that wait. */
  wakes?: { woken: Spread; sent: Spread };
  others: number;
  /** CPU time of each process, as a share of one core. */
  cpu: Record<string, number>;
}

interface Options {
  rate: number;
  seconds: number;
  warmUpSeconds: number;
  pollMs: number;
  seed: number;
  waitSeconds: number;
}

/** Throws Error for options that are unknown or out of range, and when a message is missing or not sent. */
export async function run(args: string[]): Promise<void> {
  const text = (fallback: number) => ({ type: 'string', default: String(fallback) }) as const;
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: PARTS.join(',') },
      seconds: text(180),
      'warm-up-seconds': text(20),
      rate: text(200),
      'wait-seconds': text(20),
      'poll-ms': text(50),
      seed: text(1),
      json: { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  });
  const whole = (name: Exclude<keyof typeof values, 'only' | 'json' | 'keep'>): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= 1) return value;
    throw new Error(`--${name} must be a whole number from 1, not "${values[name]}"`);
  };
  const parts = values.only.split(',').map((name) => {
    const part = PARTS.find((known) => known === name);
    if (part === undefined) throw new Error(`--only must list some of ${PARTS.join(', ')}, not "${name}"`);
    return part;
  });
  const options: Options = {
    rate: whole('rate'),
    seconds: whole('seconds'),
    warmUpSeconds: whole('warm-up-seconds'),
    pollMs: whole('poll-ms'),
    seed: whole('seed'),
    waitSeconds: whole('wait-seconds'),
  };
  const loadBefore = loadavg();
  const installation = await startOwnInstallation(values.keep);
  const runs: FlowRun[] = [];
  try {
    await webhooksRun(installation, { seconds: WARM_UP_SECONDS, connections: 16 });
    for (const part of parts) {
      process.stderr.write(`bench: ${part}\n`);
      runs.push(await measure(installation, part, options));
    }
  } finally {
    await installation.stop();
  }
  const report = { options, loadBefore, loadAfter: loadavg(), runs };
  print(report.runs);
  printJson('flow-latency', report);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 1)}\n`);
}

async function measure(installation: BenchInstallation, part: Part, options: Options): Promise<FlowRun> {
  let figures: Omit<FlowRun, 'part' | 'counted' | 'others' | 'cpu' | 'webhooks'> | undefined;
  let workspace: Workspace | undefined;
  const read = await readFlowRecords(installation);
  const beside: Beside = {
    async begin(of) {
      workspace = of;
      await publishFlow(installation, of, flowOf(part, options.waitSeconds));
    },
    async end(measured, all) {
      const { id } = workspace!;
      const withinMs = DONE_WITHIN_MS + options.waitSeconds * 1_000;
      await untilDone(installation, workspace!, all.length, withinMs);
      figures = figuresOf(await read(id), measured, all);
    },
  };
  const size = part === 'idle' ? { ...options, ...IDLE } : options;
  const { webhooks, counted, cpu } = await latencyRun(installation, size, beside);
  return { part, webhooks, counted, ...figures!, ...sharesOf(cpu) };
}

/** Of one core. */
function sharesOf({ others, spent, seconds, bench }: LatencyRun['cpu']): Pick<FlowRun, 'others' | 'cpu'> {
  const shares = Object.entries({ ...spent, 'the benchmark': bench }).map(([name, of]) => [name, of / seconds]);
  return { others: others / seconds, cpu: Object.fromEntries(shares) as Record<string, number> };
}

function figuresOf(
  { messages, skipped, settled }: FlowRecords,
  measured: readonly SentWebhook[],
  all: readonly SentWebhook[],
): Pick<FlowRun, 'message' | 'messages' | 'settled' | 'stages' | 'wakes'> {
  if (messages.length + skipped !== all.length)
    throw new Error(`${messages.length} messages and ${skipped} skipped, of ${all.length} webhooks`);
  const byKey = new Map(messages.map((message) => [message.key, message]));
  const pairs = measured.flatMap((webhook): [SentWebhook, FlowMessage][] => {
    const message = byKey.get(webhook.key);
    return message === undefined ? [] : [[webhook, message]];
  });
  const times = (of: (webhook: SentWebhook, message: FlowMessage) => number): Spread =>
    spread(pairs.map(([webhook, message]) => of(webhook, message)));
  const waits = pairs.some(([, { wokenMs }]) => wokenMs !== undefined);
  return {
    message: times((webhook, message) => message.sentMs - webhook.dueMs),
    messages: pairs.length,
    settled,
    stages: {
      'due → in flow-inputs': times((webhook, { inputMs }) => inputMs - webhook.dueMs),
      'flow-inputs → send-requests': times((_, { inputMs, requestedMs }) => requestedMs - inputMs),
      ...questionTimes(pairs.map(([, message]) => message)),
      'send-requests → sent': times((_, { requestedMs, sentMs }) => sentMs - requestedMs),
    },
    ...(waits && {
      wakes: {
        woken: times((_, { dueMs, wokenMs }) => wokenMs! - dueMs),
        sent: times((_, { dueMs, sentMs }) => sentMs - dueMs),
      },
    }),
  };
}

/** The parts of the way from flow-inputs to send-requests for runs that ask; nothing for others. */
function questionTimes(messages: readonly FlowMessage[]): Record<string, Spread> {
  const count = Math.min(...messages.map(({ questions }) => questions.length));
  const times: Record<string, Spread> = {};
  for (let i = 0; i < count; i++) {
    const from = ({ inputMs, questions }: FlowMessage): number => (i === 0 ? inputMs : questions[i - 1]!.answeredMs);
    times[`  until question ${i + 1} is asked`] = spread(messages.map((of) => of.questions[i]!.askedMs - from(of)));
    times[`  until question ${i + 1} is answered`] = spread(
      messages.map(({ questions }) => questions[i]!.answeredMs - questions[i]!.askedMs),
    );
  }
  return times;
}

function print(runs: readonly FlowRun[]): void {
  const row = (name: string, { p50, p90, p99, max }: Spread, more: string[] = []): string[] => [
    name,
    ...[p50, p90, p99, max].map((ms) => Math.round(ms).toLocaleString('en')),
    ...more,
  ];
  const head = ['p50', 'p90', 'p99', 'max'];
  for (const { part, webhooks, messages, settled, counted, message, stages, wakes, others, cpu } of runs) {
    console.log(
      `\n${part}: ${webhooks} webhooks, ${messages} messages, ${settled} × settled; others used ${Math.round(others * 100)} % of a core\n`,
    );
    const rows = [row('webhook → counted', counted, [''])];
    if (wakes === undefined) rows.push(row('webhook → message', message, [judge(part, message.p99, counted.p99)]));
    for (const [name, times] of Object.entries(stages)) rows.push(row(`  ${name}`, times, ['']));
    if (wakes !== undefined) {
      const limit = part === 'idle' ? `< ${IDLE_P99_MS} ms${wakes.woken.p99 < IDLE_P99_MS ? '' : ' MISSED'}` : '';
      rows.push(row('due → woken', wakes.woken, [limit]), row('due → message', wakes.sent, ['']));
    }
    printTable(['ms', ...head, 'required of the p99'], rows);
    const percent = Object.entries(cpu).map(([name, share]) => `${name} ${Math.round(share * 100)}`);
    console.log(`CPU time, % of a core: ${percent.join(', ')}`);
  }
}

function judge(part: Part, message: number, counted: number): string {
  const allowed = RATIOS[part];
  if (allowed === undefined) return '';
  const ratio = message / counted;
  return `${ratio.toFixed(2)} × counted, at most ${allowed}${ratio <= allowed ? '' : ' MISSED'}`;
}
