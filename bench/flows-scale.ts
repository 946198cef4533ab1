/** Many runs of one flow in one partition, without engines: memory, restoring, wakes at once, and commands. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseArgs } from 'node:util';
import { TaskCore } from '../lib/streams/index.ts';
import type { FlowChange } from '../schemas/types.ts';
import {
  ParkedRuns,
  revokedOutcome,
  sentOutcome,
  shorterFlow,
  WAITING_FLOW,
} from '../services/processor/testing/parked-runs.ts';
import { flows } from '../services/processor/testing.ts';
import { Ledger } from './flows/ledger.ts';
import { StepTimer, type StepTimes } from './flows/steps.ts';
import { printJson, printTable } from './measure.ts';

export const HELP = `Measures one partition of flows with many runs that wait, without engines.

  npm run bench -- flows-scale [options]

  --only LIST    comma-separated list of memory, work (both)
  --resting N    runs whose memory is measured, and which are restored (1000000)
  --parked N     runs that wake at once, and that commands are about (100000)
  --times N      how often each work is measured (3)
  --help

It fails when wakes are out of order, when a node sends twice, or when runs are missing at the end.
`;

const START_MS = Date.parse('2026-03-02T15:00:00Z');

/** An abandoned cart with two products. */
const ABANDONED: Partial<FlowChange> = {
  trait: 'cart_abandoned',
  last_activity_at: START_MS - 30 * 60_000,
  store_id: '68',
  mode: 'pickup',
  amount: 41.8,
  products: [
    { product_id: '12345', count: 1, price: 20 },
    { product_id: '67890', count: 1, price: 21.8 },
  ],
};
const RECOVERY = { ...WAITING_FLOW, triggers: [{ trait: 'cart_abandoned' }] };

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: 'memory,work' },
      resting: { type: 'string', default: '1000000' },
      parked: { type: 'string', default: '100000' },
      times: { type: 'string', default: '3' },
    },
  });
  const only = values.only.split(',');
  const memory = only.includes('memory') ? measureMemory(Number(values.resting)) : undefined;
  const work = only.includes('work') ? await measureWork(Number(values.parked), Number(values.times)) : undefined;
  printJson('flows-scale', { memory, work });
}

const collectGarbage = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** Bytes of the heap and of buffers. */
function memoryBytes(): { heap: number; buffers: number } {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, buffers: arrayBuffers };
}

interface MemoryFigures {
  runs: number;
  startedPerCpuSecond: number;
  entries: Record<string, { count: number; bytes: number }>;
  heapPerRun: number;
  buffersPerRun: number;
  restore: { entries: number; cpuMs: number; wallMs: number };
}

function measureMemory(runs: number): MemoryFigures {
  const before = memoryBytes();
  const started = process.cpuUsage();
  const parked = new ParkedRuns({
    runs,
    startMs: START_MS,
    spreadMs: 60_000,
    flow: RECOVERY,
    change: ABANDONED,
    take: () => undefined,
  });
  const { user, system } = process.cpuUsage(started);
  const after = memoryBytes();
  const entries = entriesOf(parked.driver.entries());
  if (entries['run']?.count !== runs) throw new Error(`${entries['run']?.count} runs instead of ${runs}`);
  const figures = {
    runs,
    startedPerCpuSecond: runs / ((user + system) / 1e6),
    entries,
    heapPerRun: (after.heap - before.heap) / runs,
    buffersPerRun: (after.buffers - before.buffers) / runs,
    restore: restore(parked.driver.entries()),
  };
  printMemory(figures);
  return figures;
}

const KINDS: Record<string, string> = { r: 'run', c: 'cart', p: 'person' };

/** Entries of the state with their bytes, keys included. */
function entriesOf(state: Iterable<[string, Buffer]>): MemoryFigures['entries'] {
  const kinds: MemoryFigures['entries'] = {};
  for (const [key, value] of state) {
    const kind = (kinds[KINDS[key.slice(0, 1)] ?? 'other'] ??= { count: 0, bytes: 0 });
    kind.count++;
    kind.bytes += key.length + value.length;
  }
  return kinds;
}

/** What a task does with the entries of its changelog once they are read. */
function restore(state: Iterable<[string, Buffer]>): MemoryFigures['restore'] {
  const core = new TaskCore(flows());
  collectGarbage();
  const startedMs = performance.now();
  const started = process.cpuUsage();
  let read = 0;
  for (const [key, value] of state) {
    core.restore(key, value);
    read++;
  }
  const { user, system } = process.cpuUsage(started);
  const wallMs = performance.now() - startedMs;
  if (core.entries !== read) throw new Error(`${core.entries} entries restored instead of ${read}`);
  return { entries: core.entries, cpuMs: (user + system) / 1_000, wallMs };
}

function printMemory({ runs, startedPerCpuSecond, entries, heapPerRun, buffersPerRun, restore }: MemoryFigures): void {
  console.log(`${whole(runs)} runs that wait, each of a person and a cart of their own\n`);
  printTable(
    ['state', 'entries', 'bytes each, with key'],
    Object.entries(entries).map(([kind, { count, bytes }]) => [kind, whole(count), whole(bytes / count)]),
  );
  console.log(`\nmemory per run: ${whole(heapPerRun)} bytes of heap, ${whole(buffersPerRun)} of buffers`);
  console.log(`runs started: ${whole(startedPerCpuSecond)} per CPU-second, Avro out`);
  const { cpuMs, wallMs } = restore;
  console.log(`restoring ${whole(restore.entries)} entries: ${whole(cpuMs)} ms of CPU, ${whole(wallMs)} ms\n`);
}

interface WorkFigures extends StepTimes {
  name: string;
  runs: number;
}

async function measureWork(runs: number, times: number): Promise<WorkFigures[]> {
  const figures: WorkFigures[] = [];
  for (let i = 0; i < times; i++) {
    for (const scenario of [wake, pauseAndResume, archive, publish]) await scenario(new Measured(runs, figures));
  }
  const names = [...new Set(figures.map(({ name }) => name))];
  console.log(`${whole(runs)} runs of one flow, ${times} times\n`);
  printTable(
    ['', 'steps', 'min runs/CPU-s', 'median', 'max', 'CPU ms', 'longest step, ms', 'longest GC pause, ms'],
    names.map((name) => rowOf(name, figures)),
  );
  return figures;
}

function rowOf(name: string, all: readonly WorkFigures[]): string[] {
  const figures = all.filter((figure) => figure.name === name).toSorted((a, b) => a.cpuMs - b.cpuMs);
  const median = figures[figures.length >> 1]!;
  const rate = ({ runs, cpuMs }: WorkFigures): string => whole(runs / (cpuMs / 1_000));
  const longest = (of: (figure: WorkFigures) => number): string => tenths(Math.max(...figures.map(of)));
  return [
    name,
    whole(median.steps),
    rate(figures.at(-1)!),
    rate(median),
    rate(figures[0]!),
    whole(median.cpuMs),
    longest(({ longestMs }) => longestMs),
    longest(({ longestPauseMs }) => longestPauseMs),
  ];
}

/** Parked runs whose outputs go to a ledger, outside of what is measured. */
class Measured {
  readonly ledger = new Ledger();
  readonly parked: ParkedRuns;
  private readonly timer = new StepTimer();

  constructor(
    readonly runs: number,
    private readonly figures: WorkFigures[],
  ) {
    this.parked = new ParkedRuns({
      runs,
      startMs: START_MS,
      spreadMs: 1_000,
      topology: this.timer.wrap(flows()),
      take: (outputs) => this.timer.exclude(() => this.ledger.take(outputs)),
    });
    this.ledger.expect('started', runs);
    collectGarbage();
  }

  async measure(name: string, work: (parked: ParkedRuns) => void): Promise<void> {
    this.figures.push({ name, runs: this.runs, ...(await this.timer.measure(() => work(this.parked))) });
  }

  /** Minutes after the first start, and two seconds, so that all starts are over. */
  at(minutes: number): number {
    return this.parked.minute(minutes) + 2_000;
  }

  /** Everything that is out is sent. */
  async send(name: string, at: number): Promise<void> {
    const messages = [...this.ledger.open.values()];
    this.ledger.open.clear();
    if (messages.length !== this.runs) throw new Error(`${messages.length} messages are out instead of ${this.runs}`);
    await this.measure(name, (parked) => {
      for (const message of messages) parked.append(at, { outcome: sentOutcome(message) });
    });
  }

  end(): void {
    this.ledger.expectSum(this.parked.runs);
    this.ledger.expectSum(0);
  }
}

async function wake(measured: Measured): Promise<void> {
  const { ledger, runs } = measured;
  await measured.measure('wakes within one second', (parked) => parked.append(measured.at(60), {}));
  ledger.expect('woken', runs);
  ledger.expectOrder();
  await measured.send('outcomes of messages', measured.at(61));
  ledger.expect('completed', runs);
  measured.end();
}

async function pauseAndResume(measured: Measured): Promise<void> {
  const { ledger, runs } = measured;
  await measured.measure('pause, all wait', (parked) => parked.command(measured.at(1), 'pause'));
  await measured.measure('wakes while paused', (parked) => parked.append(measured.at(60), {}));
  ledger.expect('requested', 0);
  await measured.measure('resume, all are due', (parked) => parked.command(measured.at(61), 'resume'));
  ledger.expectOrder();
  await measured.measure('pause, all messages are out', (parked) => parked.command(measured.at(62), 'pause'));
  if (ledger.open.size !== 0) throw new Error(`${ledger.open.size} messages were not revoked`);
  await measured.measure('replies that nothing was sent', (parked) => {
    for (const revocation of ledger.revoked.splice(0))
      parked.append(measured.at(62), { outcome: revokedOutcome(revocation) });
  });
  await measured.measure('resume, all were revoked', (parked) => parked.command(measured.at(63), 'resume'));
  ledger.expectOrder();
  await measured.send('outcomes of messages', measured.at(64));
  ledger.expect('sent', runs);
  measured.end();
}

async function archive(measured: Measured): Promise<void> {
  await measured.measure('archive', (parked) => parked.command(measured.at(1), 'archive'));
  measured.ledger.expect('exited archived', measured.runs);
  measured.end();
}

async function publish(measured: Measured): Promise<void> {
  const { ledger, runs } = measured;
  await measured.measure('publish, finish', (parked) =>
    parked.publish(measured.at(1), { ...WAITING_FLOW, name: 'Another name' }),
  );
  ledger.expect('moved', 0);
  await measured.measure('publish, move to a wait that is over', (parked) =>
    parked.publish(measured.at(7), shorterFlow('n'), 'move'),
  );
  ledger.expect('moved', runs);
  await measured.send('outcomes of messages', measured.at(8));
  await measured.measure('publish, move while messages are out', (parked) =>
    parked.publish(measured.at(9), shorterFlow('m'), 'move'),
  );
  await measured.send('outcomes of messages', measured.at(10));
  ledger.expect('sent', 2 * runs);
  ledger.expect('completed', runs);
  measured.end();
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const tenths = (value: number): string => value.toFixed(1);
