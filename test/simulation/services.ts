import pino, { type Logger } from 'pino';
import { Registry } from 'prom-client';
import type { Random } from '../../lib/carts/testing/random.ts';
import { FencedError, TransactionError } from '../../lib/kafka/errors.ts';
import type { SimulatedBroker } from '../../lib/kafka/testing/broker.ts';
import type { EventLoop, SimulatedProcess } from '../../lib/kafka/testing/event-loop.ts';
import type { Network } from '../../lib/kafka/testing/network.ts';
import { simulatedKafka } from '../../lib/kafka/testing/simulated-kafka.ts';
import type { GroupOptions, Kafka, Member, Transactional } from '../../lib/kafka/types.ts';
import { RESTORE_RULES, runTopology, type RestoreRules, type TaskLimits } from '../../lib/streams/index.ts';
import type { StagePosition } from '../../lib/telemetry/index.ts';
import { Ledger } from '../../services/sink/ledger.ts';
import { createSinkMetrics } from '../../services/sink/metrics.ts';
import { SINK_RULES, type SinkRules } from '../../services/sink/rules.ts';
import { TopicConsumer } from '../../services/sink/topic-consumer.ts';
import { BlockWriter } from '../../services/sink/writer.ts';
import { InvariantError, type FenceCheck } from './checks.ts';
import type { SimulatedClickHouse } from './clickhouse.ts';
import { contentOf, simulatedCodec } from './sink-content.ts';
import { TOPOLOGY_NAME, simulatedTopology } from './topology.ts';

/** The rules on which exactness rests; a planted fault is another value of one of them. */
export interface Rules {
  restore: RestoreRules;
  /** When a fenced task may open again. `at once`: being fenced is a failure like any other. */
  reopenFenced: 'in a newer generation' | 'at once';
  /** Whether a process fences a partition's producers although the group may have given the partition away. */
  fenceUnconfirmed: boolean;
  sink: SinkRules;
}

export const PRODUCT_RULES: Rules = {
  restore: RESTORE_RULES,
  reopenFenced: 'in a newer generation',
  fenceUnconfirmed: false,
  sink: SINK_RULES,
};

/** What a running service offers to the simulation. */
export interface Running {
  ready(): boolean;
  positions(): StagePosition[];
  /** Asks its group for a new generation. */
  rejoin(): void;
  stop(): Promise<void>;
}

export interface ServiceDeps {
  loop: EventLoop;
  broker: SimulatedBroker;
  network: Network;
  random: Random;
  clickHouse: SimulatedClickHouse;
  fences: FenceCheck;
  rules: Rules;
  limits: TaskLimits;
  note(text: string, isRoutine?: boolean): void;
  /** Notes what the product logs, too. */
  isVerbose: boolean;
}

export type StartService = (process: SimulatedProcess) => Promise<Running>;

const BOOT_PAUSE_MS = 500;

/** A process of the processor with the simulated topology. */
export const runtimeService =
  (deps: ServiceDeps): StartService =>
  async (process) => {
    const watched = watchedKafka(deps, process);
    const { kafka } = watched;
    const logger = loggerOf(deps, process);
    for (;;) {
      try {
        const running = await runTopology({
          ...{ topology: simulatedTopology, kafka, logger, healthUrl: null, clock: process.clock },
          restoreRules: deps.rules.restore,
          limits: deps.limits,
        });
        return { ...runningOf(watched, running), stop: () => running.stop() };
      } catch {
        await process.clock.sleep(BOOT_PAUSE_MS);
      }
    }
  };

const SETTINGS = {
  ...{ blockIntervalMs: 100, ledgerIntervalMs: 200, acceptLost: false },
  ...{ blockRecordsMax: 20, blockBytesMax: 1 << 20 },
};

/** A process of the sink with one consumer. */
export const sinkService =
  (deps: ServiceDeps, outputPartitions: number): StartService =>
  (process) => {
    const watched = watchedKafka(deps, process);
    const { kafka } = watched;
    const logger = loggerOf(deps, process);
    const { clock } = process;
    const content = contentOf(outputPartitions);
    const { topic } = content;
    const metrics = createSinkMetrics(new Registry());
    const database = deps.clickHouse.databaseOf(process);
    const givingUp = new AbortController();
    const { signal } = givingUp;
    const ledger = new Ledger({ database, topic, clock, signal, rules: deps.rules.sink });
    const writer = new BlockWriter({ database, ledger, logger, metrics, topic, clock, signal });
    const consumer = new TopicConsumer({
      ...{ content, kafka, codec: simulatedCodec, groupId: 'sink', url: null, ledger, writer, givingUp },
      ...{ settings: SETTINGS, logger, metrics, clock },
    });
    consumer.start();
    return Promise.resolve({ ...runningOf(watched, consumer), stop: () => consumer.stop() });
  };

const runningOf = (
  watched: { member: Member | null },
  service: Pick<Running, 'ready' | 'positions'>,
): Omit<Running, 'stop'> => ({
  rejoin: () => watched.member?.rejoin(),
  ready: () => service.ready(),
  positions: () => service.positions(),
});

/** The process's Kafka, and its member as soon as it joins: what comes of transactional ids is noted and checked. */
function watchedKafka(deps: ServiceDeps, process: SimulatedProcess): { kafka: Kafka; member: Member | null } {
  const { broker, network, random, note, loop, rules } = deps;
  const port = simulatedKafka({ process, broker, network, random });
  const holding: Holding = { generation: -1, revocations: new Map() };
  const revoked = (partitions: readonly number[]): void => {
    for (const p of partitions) holding.revocations.set(p, (holding.revocations.get(p) ?? 0) + 1);
  };
  const call = (callback: () => void): void => {
    try {
      callback();
    } catch (error) {
      loop.fail(error as Error);
    }
  };
  const watched: { kafka: Kafka; member: Member | null } = {
    member: null,
    kafka: {
      ...port,
      joinGroup(options: GroupOptions) {
        const member = port.joinGroup({
          ...options,
          onAssigned(partitions, newGeneration) {
            holding.generation = newGeneration;
            note(`${process.name} has [${partitions.join(' ')}] in generation ${newGeneration}`);
            call(() => options.onAssigned(partitions, newGeneration));
          },
          onRevoked(partitions) {
            note(`${process.name} gives up [${partitions.join(' ')}]`);
            revoked(partitions);
            call(() => options.onRevoked(partitions));
          },
          onLost(partitions) {
            note(`${process.name} is thrown out of ${options.groupId}`);
            revoked(partitions);
            call(() => options.onLost(partitions));
          },
        });
        watched.member = member;
        if (!rules.fenceUnconfirmed) return member;
        return new Proxy(member, {
          get: (target, name) => {
            if (name === 'isConfirmed') return true;
            const value: unknown = Reflect.get(target, name);
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        });
      },
      transactional: (id) => {
        const memberId = (): string => watched.member?.memberId ?? '';
        return watchedTransactional(deps, process, { id, memberId }, port.transactional(id), holding);
      },
    },
  };
  return watched;
}

/** What a process knows of its group. */
interface Holding {
  generation: number;
  /** By partition: how often it was revoked or lost. */
  revocations: Map<number, number>;
}

function watchedTransactional(
  { fences, rules, note, loop, broker }: ServiceDeps,
  process: SimulatedProcess,
  { id, memberId }: { id: string; memberId(): string },
  inner: Transactional,
  holding: Holding,
): Transactional {
  const partition = Number(id.split('-').pop());
  const revocations = (): number => holding.revocations.get(partition) ?? 0;
  const revocationsBefore = revocations();
  const watch = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      note(`${process.name} ${id}: ${what}`, what !== 'init');
    } catch (error) {
      note(`${process.name} ${id}: ${what} fails, ${String(error)}`);
      if (!(error instanceof FencedError)) throw error;
      // If the partition was revoked meanwhile, its task is closing in any case.
      if (revocations() === revocationsBefore) fences.fenced(process.name, id, holding.generation);
      throw rules.reopenFenced === 'at once' ? new TransactionError(error.message) : error;
    }
  };
  return {
    init: (mayFence = () => true) => {
      const checked = (check: () => void): void => {
        try {
          check();
        } catch (error) {
          loop.fail(error as Error);
        }
      };
      checked(() => fences.initialised(process.name, id, holding.generation));
      const mayFenceNow = (): boolean => {
        if (!mayFence() && !rules.fenceUnconfirmed) return false;
        // What this plant shows is found by the check before.
        if (rules.reopenFenced === 'at once') return true;
        const owner = broker.findGroup(TOPOLOGY_NAME)?.ownerOf(partition) ?? null;
        checked(() => fences.sendsInit(process.name, id, memberId(), owner));
        return true;
      };
      return watch('init', () => inner.init(mayFenceNow));
    },
    send: (records) => watch(`sends ${records.length} records`, () => inner.send(records)),
    commit: (offsets, records = []) =>
      watch(`commits ${offsets.offset} with ${records.length} records`, () => inner.commit(offsets, records)),
    close: () => inner.close(),
  };
}

/** Errors that the product may log in no run: they show a defect, or a log that is not the one that was read. */
const NEVER =
  /partition stopped: |"(IllegalTransitionError|InvariantError|AssertionError|BrokenInvariantError|DamagedStateError|RecordFailedError|BrokenContinuityError|UncoveredStateError|UnusableStateError|UnusableOffsetError|TypeError)"/;

function loggerOf({ note, isVerbose, loop }: ServiceDeps, process: SimulatedProcess): Logger {
  const write = (line: string): void => {
    const found = NEVER.exec(line);
    if (found !== null) loop.fail(new InvariantError(`${process.name} logs ${line.slice(0, 1_000)}`));
    if (!isVerbose) return;
    const { msg, level: _, ...rest } = JSON.parse(line) as Record<string, unknown>;
    note(`${process.name} logs: ${String(msg)} ${JSON.stringify(rest).slice(0, 300)}`);
  };
  return pino({ level: isVerbose ? 'info' : 'warn', base: null, timestamp: false }, { write });
}
