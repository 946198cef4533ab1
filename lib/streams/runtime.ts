import type { Logger } from 'pino';
import type { Registry as MetricsRegistry } from 'prom-client';
import type { Clock } from '../clock/index.ts';
import { UnreadablePartitionError, type Kafka, type Member, type Reader } from '../kafka/index.ts';
import type { StagePosition } from '../telemetry/positions.ts';
import { changelogOf, type TopicName } from '../topics.ts';
import { streamMetrics, type StreamMetrics } from './metrics.ts';
import { RESTORE_RULES, type RestoreRules } from './restore.ts';
import { PartitionSupervisor } from './partition-supervisor.ts';
import { SKIPS_TOPIC_SPEC, readSkips } from './skips.ts';
import { Task, type TaskDeps, type TaskEvents } from './task.ts';
import type { Topology } from './topology.ts';

export interface RunOptions<I> {
  topology: Topology<I>;
  kafka: Kafka;
  logger: Logger;
  metrics?: MetricsRegistry;
  /** Base URL of this process's health server; it is part of the group's description. */
  healthUrl: string | null;
  /** This process's clock. A topology never sees it. */
  clock: Clock;
  /** Runs beside the live group: see Shadow. */
  shadow?: Shadow;
  /** For tests only. */
  restoreRules?: RestoreRules;
  sessionTimeoutMs?: number;
}

/**
 * A second run of a topology over the same input, with its own group, changelog and outputs, for example for a rebuild.
 * It never writes to a live topic, so it appends no ticks: it uses the records and ticks of the live run.
 */
export interface Shadow {
  /** Names its group and changelog. */
  name: string;
  outputOf(topic: TopicName): string;
}

export interface RunningTopology {
  /** One for each partition that is assigned to this process. */
  positions(): StagePosition[];
  /**
   * True once this process has joined the group and every assigned partition is running or stopped. A stopped partition
   * does not block the others.
   */
  ready(): boolean;
  /** Finishes the current transactions and leaves the group. */
  stop(): Promise<void>;
}

const POLL_MS = 500;
/** A tick that is not written in time is replaced by a later one. */
const TICK_DELIVERY_MS = 5_000;

class Runtime<I> implements RunningTopology {
  private readonly supervisors = new Map<number, PartitionSupervisor>();
  private readonly member: Member;
  private readonly reader: Reader;
  private readonly deps: TaskDeps<I>;
  private readonly metrics: StreamMetrics;
  private readonly polling: Promise<void>;
  private stopping = false;

  constructor(private readonly options: RunOptions<I>) {
    const { topology, kafka, logger, shadow } = options;
    this.metrics = streamMetrics(options.metrics);
    this.reader = kafka.createReader({ isolation: 'read_committed' });
    const name = shadow?.name ?? topology.name;
    const ticking = topology.tick !== undefined && shadow === undefined;
    this.deps = {
      topology,
      kafka,
      reader: this.reader,
      tickProducer: ticking ? kafka.createProducer({ deliveryTimeoutMs: TICK_DELIVERY_MS }) : null,
      logger,
      metrics: this.metrics,
      clock: options.clock,
      name,
      outputOf: (topic) => shadow?.outputOf(topic) ?? topic,
      restoreRules: options.restoreRules ?? RESTORE_RULES,
    };
    this.member = kafka.joinGroup({
      groupId: name,
      topic: topology.input.topic,
      url: options.healthUrl,
      onAssigned: (partitions, generation) => this.assigned(partitions, generation),
      onRevoked: (partitions) => this.revoke(partitions),
      onLost: (partitions) => this.revoke(partitions),
      ...(options.sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs: options.sessionTimeoutMs }),
    });
    this.polling = this.poll();
  }

  private assigned(partitions: readonly number[], generation: number): void {
    if (this.stopping) return;
    for (const partition of partitions) this.supervisorOf(partition).assign(generation);
  }

  private supervisorOf(partition: number): PartitionSupervisor {
    let supervisor = this.supervisors.get(partition);
    if (supervisor === undefined) {
      const { member, metrics } = this;
      const { logger, topology, kafka, clock } = this.options;
      const open = (events: TaskEvents) => new Task(partition, this.deps, events);
      const { topic } = topology.input;
      supervisor = new PartitionSupervisor({
        topology: topology.name,
        topic,
        partition,
        open,
        isSkipped: async (offset) => (await readSkips(kafka, clock, topic, partition)).has(offset),
        member,
        clock,
        logger,
        metrics,
      });
      this.supervisors.set(partition, supervisor);
    }
    return supervisor;
  }

  private revoke(partitions: readonly number[]): void {
    for (const partition of partitions) this.supervisors.get(partition)?.revoke();
  }

  private async poll(): Promise<void> {
    while (!this.stopping) {
      try {
        for (const batch of await this.reader.poll(POLL_MS)) this.supervisors.get(batch.partition)?.offer(batch);
      } catch (error) {
        if (error instanceof UnreadablePartitionError) this.supervisors.get(error.partition)?.fail(error);
        else this.unreadable(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  private unreadable(err: Error): void {
    this.options.logger.error(
      { topology: this.options.topology.name, err },
      'cannot read the input; restarting all tasks',
    );
    for (const supervisor of this.supervisors.values()) supervisor.fail(err);
  }

  positions(): StagePosition[] {
    const { name, input } = this.options.topology;
    return this.member.partitions.map((partition) => {
      const view = this.supervisors.get(partition)?.view;
      return {
        stage: name,
        topic: input.topic,
        partition,
        position: view?.position ?? null,
        end: view?.end ?? null,
        logTimeMs: view?.logTimeMs ?? null,
        earliestDueMs: view?.earliestDueMs ?? null,
        state: view?.state ?? 'waiting',
        ...(view?.failingOffset === undefined ? {} : { failingOffset: view.failingOffset }),
      };
    });
  }

  ready(): boolean {
    if (this.member.generation < 0) return false;
    return this.member.partitions.every((partition) => {
      const state = this.supervisors.get(partition)?.view.state;
      return state === 'running' || state === 'stopped';
    });
  }

  async stop(): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    const supervisors = [...this.supervisors.values()];
    for (const supervisor of supervisors) supervisor.revoke();
    const ticked = this.deps.tickProducer?.close();
    await Promise.all(supervisors.map((supervisor) => supervisor.ended()));
    await this.member.leave();
    await this.reader.close();
    await this.polling;
    await ticked;
  }
}

/**
 * Runs a topology as a member of its group: a task for every partition that the group gives to this process. Creates
 * the changelog; the topics that it reads and writes must exist.
 */
export async function runTopology<I>(options: RunOptions<I>): Promise<RunningTopology> {
  const { kafka, topology, shadow } = options;
  const partitions = await kafka.partitionsOf(topology.input.topic);
  await kafka.ensureTopics([
    SKIPS_TOPIC_SPEC,
    {
      topic: changelogOf(shadow?.name ?? topology.name),
      partitions,
      config: {
        'cleanup.policy': 'compact',
        // Superseded entries are compacted away soon, because a restart reads the whole changelog.
        'segment.ms': '3600000',
        'min.cleanable.dirty.ratio': '0.2',
        'max.compaction.lag.ms': '86400000',
      },
    },
  ]);
  return new Runtime(options);
}
