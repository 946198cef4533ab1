import type { Random } from '../../lib/carts/testing/random.ts';
import { TASK_LIMITS, type TaskLimits } from '../../lib/streams/limits.ts';
import type { RequestFault, RequestKind } from '../../lib/kafka/testing/network.ts';

/** What goes wrong, and when, in milliseconds since the start. `process` counts the runtimes first, then the sinks. */
export type Fault = { atMs: number } & (
  | { kind: 'kill' | 'freeze' | 'stop'; process: number; forMs: number }
  /** It reaches no server, or only not the coordinator of its group. */
  | { kind: 'cut off'; process: number; from: 'all' | 'group'; forMs: number }
  /** The process asks its group for a new generation. */
  | { kind: 'rejoin'; process: number }
  /** The next request of a kind, of one process or of whoever sends it. */
  | { kind: 'request'; request: RequestKind; fault: RequestFault; process?: number }
  /** Whoever sends the next request of a kind is killed, or frozen, by the time that it arrives. */
  | { kind: 'kill at' | 'freeze at'; request: RequestKind; forMs: number }
  /** The next insert leaves a part of its rows behind and fails. */
  | { kind: 'partial insert' }
  /** All sinks are killed, and ClickHouse loses some of the blocks that it took last. */
  | { kind: 'power loss'; forMs: number }
  /** Input that was handled, and output that is in ClickHouse, are deleted. */
  | { kind: 'retention' }
  /** The changelog is compacted. */
  | { kind: 'compaction' }
);

/** Everything about a run that is drawn from its seed. */
export interface Plan {
  seed: number;
  partitions: number;
  /** Number of partitions of the topology's output. */
  outputPartitions: number;
  runtimes: number;
  sinks: number;
  keys: number;
  /** Faults and input end here. */
  faultsEndMs: number;
  /** By process: how far its wall clock is ahead of the brokers'. */
  skewsMs: number[];
  /** Mean pause between two appends to the input. */
  feedPauseMs: number;
  /** How much the topology puts into one transaction. */
  limits: TaskLimits;
  faults: Fault[];
}

const KAFKA_REQUESTS: readonly RequestKind[] = [
  'metadata',
  'offsets',
  'committed offsets',
  'fetch',
  'join',
  'heartbeat',
  'init producer',
  'add partitions',
  'produce',
  'commit offsets',
  'end transaction',
];
const SINK_REQUESTS: readonly RequestKind[] = ['insert', 'append to ledger', 'read ledger'];
/** By these a task learns where it stands. */
const OPENING: readonly RequestKind[] = ['committed offsets', 'offsets', 'fetch', 'init producer'];
const GROUP_REQUESTS: readonly RequestKind[] = ['join', 'heartbeat'];
/** Between these a transaction is open. */
const IN_TRANSACTION: readonly RequestKind[] = ['add partitions', 'produce', 'commit offsets', 'end transaction'];

/** How many processes of each service there are. */
type Services = Pick<Plan, 'runtimes' | 'sinks'>;
type Draw = (random: Random, services: Services) => FaultWithoutTime | (FaultWithoutTime & { afterMs?: number })[];
type FaultWithoutTime = Fault extends infer F ? (F extends Fault ? Omit<F, 'atMs'> : never) : never;

function requestFault(random: Random): RequestFault {
  const draw = random.below(5);
  const ms = random.pick([50, 500, 3_000, 8_000, 15_000]);
  if (draw === 0) return { kind: 'refuse' };
  if (draw === 1) return { kind: 'delay', ms };
  if (draw === 2) return { kind: 'delay reply', ms };
  return { kind: 'lose reply', silent: random.chance(0.5) };
}

const downForMs = (random: Random): number => random.pick([50, 500, 2_000, 9_000]);
/** Long enough, sometimes, for the session to end. */
const frozenForMs = (random: Random): number => random.pick([500, 4_000, 7_500, 12_000]);

const anyOf = (random: Random, { runtimes, sinks }: Services): number => random.below(runtimes + sinks);

const cutOff = (random: Random, services: Services, from: 'all' | 'group'): FaultWithoutTime => ({
  ...{ kind: 'cut off', process: anyOf(random, services), from, forMs: frozenForMs(random) },
});

/**
 * One runtime goes and comes back, so that another one must give up partitions again; that one hears of it late, and
 * works on while the new owner opens them, which takes a while.
 */
const lateHandover: Draw = (random, { runtimes }) => {
  const isKilled = random.chance(0.5);
  const process = random.below(runtimes);
  const other = (process + 1) % runtimes;
  const ms = random.pick([800, 2_500, 4_500]);
  return [
    { kind: isKilled ? 'kill' : 'stop', process, forMs: isKilled ? 9_000 : 2_000 },
    {
      ...{ kind: 'request', request: 'join', process: other, fault: { kind: 'delay reply', ms } },
      afterMs: isKilled ? 8_000 : 1_500,
    },
    {
      ...{ kind: 'request', request: random.pick(OPENING), process, fault: { kind: 'delay reply', ms: 1_500 } },
      afterMs: isKilled ? 9_000 : 1_900,
    },
  ];
};

/** A runtime comes back, and is frozen for longer than its session while it opens its partitions. */
const frozenWhileOpening: Draw = (random, { runtimes }) => {
  const process = random.below(runtimes);
  return [
    { kind: 'kill', process, forMs: 1_000 },
    { kind: 'freeze', process, forMs: random.pick([7_500, 12_000]), afterMs: 1_000 + random.below(1_000) },
  ];
};

const KINDS: readonly Draw[] = [
  (random, services) => ({ kind: 'kill', process: anyOf(random, services), forMs: downForMs(random) }),
  (random, services) => ({ kind: 'freeze', process: anyOf(random, services), forMs: frozenForMs(random) }),
  (random, services) => cutOff(random, services, 'all'),
  (random, services) => cutOff(random, services, 'group'),
  (random, services) => cutOff(random, services, 'group'),
  (random, services) => ({ kind: 'stop', process: anyOf(random, services), forMs: downForMs(random) }),
  (random, services) => ({ kind: 'rejoin', process: anyOf(random, services) }),
  (random) => ({ kind: 'request', request: random.pick(KAFKA_REQUESTS), fault: requestFault(random) }),
  (random) => ({ kind: 'request', request: random.pick(GROUP_REQUESTS), fault: requestFault(random) }),
  (random) => ({ kind: 'request', request: random.pick(IN_TRANSACTION), fault: requestFault(random) }),
  (random) => ({ kind: 'request', request: random.pick(SINK_REQUESTS), fault: requestFault(random) }),
  (random) => ({ kind: 'kill at', request: random.pick(IN_TRANSACTION), forMs: downForMs(random) }),
  (random) => ({ kind: 'kill at', request: random.pick(SINK_REQUESTS), forMs: downForMs(random) }),
  (random) => ({ kind: 'freeze at', request: random.pick(IN_TRANSACTION), forMs: frozenForMs(random) }),
  (random) => ({ kind: 'freeze at', request: random.pick(SINK_REQUESTS), forMs: frozenForMs(random) }),
  (random) => ({ kind: 'freeze at', request: random.pick(OPENING), forMs: frozenForMs(random) }),
  (random) => ({ kind: 'freeze at', request: random.pick(GROUP_REQUESTS), forMs: frozenForMs(random) }),
  frozenWhileOpening,
  () => ({ kind: 'partial insert' }),
  (random) => ({ kind: 'power loss', forMs: downForMs(random) }),
  lateHandover,
  lateHandover,
  () => ({ kind: 'retention' }),
  () => ({ kind: 'compaction' }),
];

/** Each run has some kinds of faults and lacks others: what one kind would hide, another run shows. */
export function drawPlan(seed: number, random: Random): Plan {
  const runtimes = random.pick([1, 2, 2, 3]);
  const sinks = 1 + random.below(2);
  const faultsEndMs = 5_000 + random.below(25_000);
  const kinds = KINDS.filter(() => random.chance(0.5));
  const count = kinds.length === 0 ? 0 : random.below(40);
  const faults = Array.from({ length: count }, () =>
    drawFaults(random, kinds, faultsEndMs, { runtimes, sinks }),
  ).flat();
  return {
    seed,
    partitions: 1 + random.below(3),
    outputPartitions: 1 + random.below(3),
    runtimes,
    sinks,
    keys: 2 + random.below(12),
    faultsEndMs,
    skewsMs: Array.from({ length: runtimes + sinks }, () => (random.chance(0.5) ? 0 : random.below(4_000) - 2_000)),
    feedPauseMs: random.pick([60, 150, 400, 1_000]),
    limits: { ...TASK_LIMITS, ...random.pick([{}, { effects: 1 }, { effects: 4 }, { records: 1 }]) },
    faults: faults.sort((a, b) => a.atMs - b.atMs),
  };
}

function drawFaults(random: Random, kinds: readonly Draw[], endMs: number, services: Services): Fault[] {
  const atMs = 500 + random.below(endMs - 500);
  const drawn = random.pick(kinds)(random, services);
  if (!Array.isArray(drawn)) return [{ atMs, ...drawn }];
  return drawn.map(({ afterMs = 0, ...fault }) => ({ atMs: atMs + afterMs, ...fault }));
}

export function describeFault(fault: Fault): string {
  const { atMs, kind, ...rest } = fault;
  return `${(atMs / 1_000).toFixed(3)} s ${kind} ${JSON.stringify(rest)}`;
}
