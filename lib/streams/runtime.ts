import type { Logger } from 'pino';
import type { Registry as MetricsRegistry } from 'prom-client';
import type { Clock } from '../clock/index.ts';
import type { Kafka, Producer } from '../kafka/index.ts';
import type { Moved, StagePosition } from '../telemetry/index.ts';
import type { TopicName } from '../topics.ts';
import { changelogSpec } from './changelog.ts';
import { streamMetrics } from './metrics.ts';
import { PartitionGroup } from './partition-group.ts';
import { RESTORE_RULES, type RestoreRules } from './restore.ts';
import { SKIPS_TOPIC_SPEC, covers, followSkips, type Skips } from './skips.ts';
import { TASK_LIMITS, type TaskLimits } from './limits.ts';
import { Task, type TaskDeps } from './task.ts';
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
  /** For tests only: how much one transaction holds. */
  limits?: TaskLimits;
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
  /** From now on, calls `moved` whenever one of them has moved. */
  onMoved(moved: Moved): void;
  /**
   * True once this process has joined the group and every assigned partition is running or stopped. A stopped partition
   * does not block the others.
   */
  ready(): boolean;
  /** Finishes the current transactions and leaves the group. */
  stop(): Promise<void>;
}

/** A tick that is not written in time is replaced by a later one. */
const TICK_DELIVERY_MS = 5_000;

class Runtime<I> implements RunningTopology {
  private readonly group: PartitionGroup;
  private readonly tickProducer: Producer | null;
  private readonly skips: Skips;
  private stopped: Promise<void> | null = null;

  constructor(options: RunOptions<I>) {
    const { topology, kafka, logger, shadow, clock, healthUrl, sessionTimeoutMs } = options;
    const metrics = streamMetrics(options.metrics);
    const name = shadow?.name ?? topology.name;
    const skips = (this.skips = followSkips({ kafka, clock, logger }));
    const ticking = topology.tick !== undefined && shadow === undefined;
    this.tickProducer = ticking ? kafka.createProducer({ deliveryTimeoutMs: TICK_DELIVERY_MS }) : null;
    const deps: Omit<TaskDeps<I>, 'reader'> = {
      topology,
      kafka,
      tickProducer: this.tickProducer,
      logger,
      metrics,
      clock,
      skips,
      isConfirmed: () => this.group.isConfirmed,
      limits: options.limits ?? TASK_LIMITS,
      name,
      outputOf: (topic) => shadow?.outputOf(topic) ?? topic,
      restoreRules: options.restoreRules ?? RESTORE_RULES,
    };
    const { topic } = topology.input;
    this.group = new PartitionGroup({
      stage: topology.name,
      groupId: name,
      topic,
      open: (partition, reader, events) => new Task(partition, { ...deps, reader }, events),
      isSkipped: (partition, offset, part) => {
        const skip = skips.find(topic, partition, offset);
        return skip !== undefined && covers(skip, part);
      },
      kafka,
      logger,
      metrics,
      healthUrl,
      clock,
      sessionTimeoutMs,
    });
  }

  positions(): StagePosition[] {
    return this.group.positions();
  }

  onMoved(moved: Moved): void {
    this.group.onMoved(moved);
  }

  ready(): boolean {
    return this.group.ready();
  }

  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  private async end(): Promise<void> {
    const ended = this.group.stop();
    const ticked = this.tickProducer?.close();
    await ended;
    await this.skips.stop();
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
  await kafka.ensureTopics([SKIPS_TOPIC_SPEC, changelogSpec(shadow?.name ?? topology.name, partitions)]);
  return new Runtime(options);
}
