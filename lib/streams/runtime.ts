import type { Logger } from 'pino';
import type { Registry as MetricsRegistry } from 'prom-client';
import { FencedError, OffsetOutOfRangeError, messageOf, type Kafka, type Member, type Reader } from '../kafka/index.ts';
import type { StagePosition } from '../telemetry/positions.ts';
import { changelogOf, type TopicName } from '../topics.ts';
import { streamMetrics, type StreamMetrics } from './metrics.ts';
import { RESTORE_RULES, type RestoreRules } from './restore.ts';
import { Task, type TaskDeps } from './task.ts';
import type { Topology } from './topology.ts';

export interface RunOptions<I> {
  topology: Topology<I>;
  kafka: Kafka;
  logger: Logger;
  metrics?: MetricsRegistry;
  /** Base URL of this process's health server, told to everybody who describes the group. */
  healthUrl: string | null;
  /** This process's clock, Unix milliseconds (default Date.now). Never seen by a fold. */
  clock?: () => number;
  /** Runs beside the live group: see Shadow. */
  shadow?: Shadow;
  /** For tests only. */
  restoreRules?: RestoreRules;
  sessionTimeoutMs?: number;
}

/**
 * A second run of a topology over the same input, with its own group, changelog and outputs, as for a rebuild. It never
 * writes to a live topic, so it never ticks: it goes by the records and ticks that are there.
 */
export interface Shadow {
  /** Names its group and changelog. */
  name: string;
  outputOf(topic: TopicName): string;
}

export interface RunningTopology {
  /** One for every partition that is this process's own. */
  positions(): StagePosition[];
  /** In the group, and every partition of its own runs. */
  ready(): boolean;
  /** Finishes the transactions at hand and leaves the group. */
  stop(): Promise<void>;
}

const POLL_MS = 500;
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 15_000;
const CONFIRM_POLL_MS = 100;

/** What the runtime knows of one partition that it was given. */
interface Slot<I> {
  task: Task<I> | null;
  /** The generation in which it was fenced: only a later one may open it again. */
  fencedIn: number | null;
  pauseMs: number;
  timer: NodeJS.Timeout | null;
}

class Runtime<I> implements RunningTopology {
  private readonly slots = new Map<number, Slot<I>>();
  private readonly member: Member;
  private readonly reader: Reader;
  private readonly deps: TaskDeps<I>;
  private readonly metrics: StreamMetrics;
  private readonly closing = new Set<Promise<void>>();
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
      tickProducer: ticking ? kafka.createProducer() : null,
      logger,
      metrics: this.metrics,
      now: options.clock ?? Date.now,
      name,
      outputOf: (topic) => shadow?.outputOf(topic) ?? topic,
      restoreRules: options.restoreRules ?? RESTORE_RULES,
    };
    this.member = kafka.joinGroup({
      groupId: name,
      topic: topology.input.topic,
      url: options.healthUrl,
      onAssigned: (partitions, generation) => this.assigned(partitions, generation),
      onRevoked: (partitions) => this.giveUp(partitions),
      onLost: (partitions) => this.giveUp(partitions),
      ...(options.sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs: options.sessionTimeoutMs }),
    });
    this.polling = this.poll();
  }

  private assigned(partitions: readonly number[], generation: number): void {
    for (const partition of partitions) {
      let slot = this.slots.get(partition);
      if (slot === undefined) {
        slot = { task: null, fencedIn: null, pauseMs: 0, timer: null };
        this.slots.set(partition, slot);
      }
      if (slot.fencedIn !== null && generation > slot.fencedIn) void this.openConfirmed(partition, slot, generation);
      else if (slot.fencedIn === null && slot.task === null && slot.timer === null) this.open(partition, slot);
    }
  }

  /** Another has these, or may have: whatever is on its way is theirs to fence. */
  private giveUp(partitions: readonly number[]): void {
    for (const partition of partitions) {
      const slot = this.slots.get(partition);
      if (slot === undefined) continue;
      this.slots.delete(partition);
      if (slot.timer !== null) clearTimeout(slot.timer);
      if (slot.task !== null) this.track(slot.task.close());
    }
  }

  private track(closing: Promise<void>): void {
    this.closing.add(closing);
    void closing.finally(() => this.closing.delete(closing));
  }

  /** Opens what was fenced, once the group has confirmed this member after the new generation began. */
  private async openConfirmed(partition: number, slot: Slot<I>, generation: number): Promise<void> {
    const since = performance.now();
    while (this.member.confirmedAtMs <= since) {
      await new Promise((resolve) => setTimeout(resolve, CONFIRM_POLL_MS));
      if (this.stopping || this.slots.get(partition) !== slot || this.member.generation !== generation) return;
    }
    slot.fencedIn = null;
    if (slot.task === null) this.open(partition, slot);
  }

  private open(partition: number, slot: Slot<I>): void {
    if (this.stopping) return;
    const task = new Task(partition, this.deps);
    slot.task = task;
    const openedAt = performance.now();
    task.done.catch((error: unknown) => {
      slot.task = null;
      // Long enough well: the next trouble is another one.
      if (performance.now() - openedAt > 60_000) slot.pauseMs = 0;
      if (!this.stopping && this.slots.get(partition) === slot) this.failed(partition, slot, error);
    });
  }

  /** The task's state is gone with it; it is made anew from what is committed. */
  private failed(partition: number, slot: Slot<I>, error: unknown): void {
    const { logger, topology } = this.options;
    const fenced = error instanceof FencedError;
    const reason = error instanceof Error ? error.name : 'unknown';
    this.metrics.failures.inc({ topology: topology.name, reason });
    slot.pauseMs = Math.min(MAX_PAUSE_MS, Math.max(FIRST_PAUSE_MS, slot.pauseMs * 2));
    const where = { topology: topology.name, partition, generation: this.member.generation };
    if (fenced) {
      slot.fencedIn = this.member.generation;
      logger.warn({ ...where, err: messageOf(error) }, 'task closed: another producer has its transactional id');
    } else {
      logger.error({ ...where, err: error, retryMs: slot.pauseMs }, 'task failed; it starts anew');
    }
    slot.timer = setTimeout(() => {
      slot.timer = null;
      if (this.stopping || this.slots.get(partition) !== slot) return;
      if (slot.fencedIn !== null) this.member.rejoin();
      else this.open(partition, slot);
    }, slot.pauseMs);
  }

  private async poll(): Promise<void> {
    while (!this.stopping) {
      try {
        for (const batch of await this.reader.poll(POLL_MS)) this.slots.get(batch.partition)?.task?.offer(batch);
      } catch (error) {
        if (error instanceof OffsetOutOfRangeError) {
          this.reader.remove(error.topic, error.partition);
          this.slots.get(error.partition)?.task?.fail(error);
        } else this.unreadable(error);
      }
    }
  }

  private unreadable(error: unknown): void {
    this.options.logger.error({ topology: this.options.topology.name, err: error }, 'the input cannot be read');
    for (const slot of this.slots.values()) slot.task?.fail(error);
  }

  positions(): StagePosition[] {
    const { name, input } = this.options.topology;
    return this.member.partitions.map((partition) => {
      const view = this.slots.get(partition)?.task?.view;
      return {
        stage: name,
        topic: input.topic,
        partition,
        position: view?.position ?? 0,
        end: view?.end ?? 0,
        logTimeMs: view?.logTimeMs ?? null,
        earliestDueMs: view?.earliestDueMs ?? null,
        state: view?.state ?? 'restoring',
      };
    });
  }

  ready(): boolean {
    if (this.member.generation < 0) return false;
    return this.member.partitions.every((p) => this.slots.get(p)?.task?.view.state === 'running');
  }

  async stop(): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    const tasks = [...this.slots.values()].map((slot) => {
      if (slot.timer !== null) clearTimeout(slot.timer);
      return slot.task?.close();
    });
    await Promise.all([...tasks, ...this.closing]);
    await this.member.leave();
    await this.reader.close();
    await this.polling;
    await this.deps.tickProducer?.close();
  }
}

/**
 * Runs a topology as a member of its group: a task for every partition that the group gives to this process. Creates
 * the changelog; the topics that it reads and writes must be there.
 */
export async function runTopology<I>(options: RunOptions<I>): Promise<RunningTopology> {
  const { kafka, topology, shadow } = options;
  const partitions = await kafka.partitionsOf(topology.input.topic);
  await kafka.ensureTopics([
    {
      topic: changelogOf(shadow?.name ?? topology.name),
      partitions,
      config: {
        'cleanup.policy': 'compact',
        // What is superseded may go soon: restarts read the whole of it.
        'segment.ms': '3600000',
        'min.cleanable.dirty.ratio': '0.2',
        'max.compaction.lag.ms': '86400000',
      },
    },
  ]);
  return new Runtime(options);
}
