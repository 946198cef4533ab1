import type { Logger } from 'pino';
import type { Clock } from '../clock/index.ts';
import { UnreadablePartitionError, type Kafka, type Member, type Reader } from '../kafka/index.ts';
import type { FailingPart, Moved, StagePosition } from '../telemetry/index.ts';
import type { StreamMetrics } from './metrics.ts';
import { PartitionSupervisor, type SupervisedTask } from './partition-supervisor.ts';
import type { TaskEvents } from './task.ts';

const POLL_MS = 500;

export interface PartitionGroupOptions {
  /** Names the stage in logs, metrics and positions. */
  stage: string;
  groupId: string;
  /** The topic whose partitions the group shares. */
  topic: string;
  /** Creates a task for a partition, which starts at once and reads its input with this reader. */
  open(partition: number, reader: Reader, events: TaskEvents): SupervisedTask;
  /** Whether an operator has ordered to skip the part of a record that fails. */
  isSkipped(partition: number, offset: number, part: FailingPart): boolean;
  kafka: Kafka;
  logger: Logger;
  metrics: StreamMetrics;
  /** Base URL of this process's health server; it is part of the group's description. */
  healthUrl: string | null;
  clock: Clock;
  sessionTimeoutMs?: number | undefined;
}

/** A member of a consumer group with a supervised task for every partition that the group gives to this process. */
export class PartitionGroup {
  private readonly supervisors = new Map<number, PartitionSupervisor>();
  private readonly member: Member;
  private readonly reader: Reader;
  private readonly polling: Promise<void>;
  private stopping = false;
  private moved: Moved = () => undefined;

  constructor(private readonly options: PartitionGroupOptions) {
    const { kafka, groupId, topic, healthUrl, sessionTimeoutMs } = options;
    this.reader = kafka.createReader({ isolation: 'read_committed' });
    this.member = kafka.joinGroup({
      groupId,
      topic,
      url: healthUrl,
      onAssigned: (partitions, generation) => this.assigned(partitions, generation),
      onRevoked: (partitions) => this.revoke(partitions),
      onLost: (partitions) => this.revoke(partitions),
      ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
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
      const { stage, topic, open, isSkipped, clock, logger, metrics } = this.options;
      supervisor = new PartitionSupervisor({
        topology: stage,
        topic,
        partition,
        open: (events) => open(partition, this.reader, this.announcing(partition, events)),
        isSkipped: (offset, part) => isSkipped(partition, offset, part),
        member: this.member,
        clock,
        logger,
        metrics,
      });
      this.supervisors.set(partition, supervisor);
    }
    return supervisor;
  }

  private announcing(partition: number, events: TaskEvents): TaskEvents {
    const moved = (offset: number): void => this.moved(this.options.topic, partition, offset);
    return {
      onRunning: () => {
        events.onRunning();
        moved(this.supervisors.get(partition)?.view.position ?? 0);
      },
      onCommitted: (offset) => {
        events.onCommitted(offset);
        moved(offset);
      },
      onMoved: (offset) => {
        events.onMoved(offset);
        moved(offset);
      },
    };
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
    const { logger, stage } = this.options;
    logger.error({ topology: stage, err }, 'cannot read the input; restarting all tasks');
    for (const supervisor of this.supervisors.values()) supervisor.fail(err);
  }

  /** Whether the group has confirmed that this process owns its partitions: see Member. */
  get isConfirmed(): boolean {
    return this.member.isConfirmed;
  }

  /** One for each partition that is assigned to this process. */
  positions(): StagePosition[] {
    const { stage, topic } = this.options;
    return this.member.partitions.map((partition) => {
      const view = this.supervisors.get(partition)?.view;
      return {
        stage,
        topic,
        partition,
        position: view?.position ?? null,
        end: view?.end ?? null,
        logTimeMs: view?.logTimeMs ?? null,
        earliestDueMs: view?.earliestDueMs ?? null,
        state: view?.state ?? 'waiting',
        ...(view?.stopReason === undefined ? {} : { stopReason: view.stopReason }),
        ...(view?.failingOffset === undefined ? {} : { failingOffset: view.failingOffset }),
        ...(view?.failingPart === undefined ? {} : { failingPart: view.failingPart }),
      };
    });
  }

  /** From now on, calls `moved` whenever a position has moved. */
  onMoved(moved: Moved): void {
    this.moved = moved;
  }

  /**
   * True once this process has joined the group and every assigned partition is running or stopped. A stopped partition
   * does not block the others.
   */
  ready(): boolean {
    if (this.member.generation < 0) return false;
    return this.member.partitions.every((partition) => {
      const state = this.supervisors.get(partition)?.view.state;
      return state === 'running' || state === 'stopped';
    });
  }

  /** Finishes the current transactions and leaves the group. */
  async stop(): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    const supervisors = [...this.supervisors.values()];
    for (const supervisor of supervisors) supervisor.revoke();
    await Promise.all(supervisors.map((supervisor) => supervisor.ended()));
    await this.member.leave();
    await this.reader.close();
    await this.polling;
  }
}
