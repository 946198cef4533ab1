import type { Clock } from '../clock/index.ts';
import type { Kafka } from '../kafka/index.ts';
import type { StagePosition, Target } from '../telemetry/index.ts';
import { PassGroup } from './pass-group.ts';
import type { Stage } from './stages.ts';

/** A member of the consumer group of a stage, as last seen. */
export interface StageMember {
  url: string;
  partitions: number[];
  /** Whether it answered the last request. */
  reachable: boolean;
}

/** A stage has passed the end offsets that were asked for. */
export interface Passed {
  /** The earliest deadline that was open when its partition passed; Unix ms. */
  earliestDueMs: number | null;
  /** How far each of them was then: its end offset or further. */
  positions: ReadonlyMap<number, number>;
}

export interface WatcherOptions {
  clock: Clock;
  kafka: Pick<Kafka, 'describeGroup'>;
  /**
   * GET <url>/positions of a member: all of them, or those of a target, once they have reached it. A member may answer
   * earlier. Rejects when it does not answer.
   */
  positionsOf(url: string, target?: Target): Promise<StagePosition[]>;
}

export interface PassOptions {
  /** Aborted when the answer is no longer needed. */
  signal: AbortSignal;
  /** The partitions that have to pass; all of them when left out. */
  partitions?: readonly number[] | undefined;
}

/** The caller of `pass` no longer needs the answer. */
export class AbandonedError extends Error {
  override readonly name = 'AbandonedError';
}

const GROUP_TTL_MS = 1_000;
/** A group that may have changed is described again after this time. */
const DESCRIBE_AGAIN_MS = 100;

/**
 * Follows the positions of a stage by asking the members of its group, only while a caller waits. A position remains
 * valid, no matter which member reported it. A deadline counts only from a running member, because a restoring one does
 * not know it yet. A member that is slow to answer does not delay the others.
 */
export class StageWatcher {
  members: StageMember[] = [];
  private describedAtMs = -Infinity;
  private describing: Promise<void> | null = null;
  /** Those who wait, by the partitions that they wait for. */
  private readonly groups = new Map<string, PassGroup>();

  constructor(
    readonly stage: Stage,
    readonly options: WatcherOptions,
  ) {}

  /**
   * Resolves once the partitions have passed their end offsets, which a partition without an owner cannot. Rejects with
   * AbandonedError when the signal is aborted.
   */
  pass(ends: readonly number[], { signal, partitions = [...ends.keys()] }: PassOptions): Promise<Passed> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new AbandonedError('the answer is no longer needed'));
      const abandon = (): void => {
        leave();
        reject(new AbandonedError('the answer is no longer needed'));
      };
      const done = (passed: Passed): void => {
        signal.removeEventListener('abort', abandon);
        resolve(passed);
      };
      signal.addEventListener('abort', abandon);
      const leave = this.groupOf(partitions).wait(ends, done);
    });
  }

  private groupOf(partitions: readonly number[]): PassGroup {
    const key = partitions.join();
    let group = this.groups.get(key);
    if (group === undefined) {
      group = new PassGroup(partitions, this, () => this.groups.delete(key));
      this.groups.set(key, group);
    }
    return group;
  }

  /** As `pass` for one partition and this offset of it; resolves with how far the partition was then. */
  async passOffset(partition: number, offset: number, signal: AbortSignal): Promise<number> {
    const ends: number[] = [];
    ends[partition] = offset;
    const { positions } = await this.pass(ends, { signal, partitions: [partition] });
    return positions.get(partition) ?? offset;
  }

  /** The positions that the members report now; also refreshes `members`. */
  async ask(): Promise<StagePosition[]> {
    await this.describe();
    return (await Promise.all(this.members.map((member) => this.askMember(member)))).flat();
  }

  /** The positions that a member reports, of the target if there is one; none if it does not answer. */
  async askMember(member: StageMember, target?: Target): Promise<StagePosition[]> {
    try {
      const positions = await this.options.positionsOf(member.url, target);
      member.reachable = true;
      return positions.filter(({ topic }) => topic === this.stage.topic);
    } catch {
      member.reachable = false;
      // It may be gone: ask the group for the current owners of its partitions.
      this.describeAgain();
      return [];
    }
  }

  /** What is known of the group may be wrong: the next `describe` asks again, but not more often than that is useful. */
  describeAgain(): void {
    const { clock } = this.options;
    this.describedAtMs = Math.min(this.describedAtMs, clock.elapsedMs() - GROUP_TTL_MS + DESCRIBE_AGAIN_MS);
  }

  /** Refreshes `members` if they are not known, or were asked for a while ago. Rejects when Kafka does not answer. */
  async describe(): Promise<void> {
    const nowMs = this.options.clock.elapsedMs();
    const owned = new Set(this.members.flatMap((member) => member.partitions));
    if (owned.size > 0 && nowMs - this.describedAtMs < GROUP_TTL_MS) return;
    this.describing ??= this.describeNow(nowMs).finally(() => (this.describing = null));
    await this.describing;
  }

  private async describeNow(nowMs: number): Promise<void> {
    const { members } = await this.options.kafka.describeGroup(this.stage.groupId);
    this.describedAtMs = nowMs;
    const known = new Map(this.members.map((member) => [member.url, member.reachable]));
    this.members = members.flatMap(({ url, partitions }) =>
      url === null ? [] : [{ url, partitions, reachable: known.get(url) ?? true }],
    );
  }
}
