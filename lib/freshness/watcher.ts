import type { Clock } from '../clock/index.ts';
import type { Kafka } from '../kafka/index.ts';
import type { StagePosition } from '../telemetry/index.ts';
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
}

export interface WatcherOptions {
  clock: Clock;
  kafka: Pick<Kafka, 'describeGroup'>;
  /** GET <url>/positions of a member; rejects when it does not answer. */
  positionsOf(url: string): Promise<StagePosition[]>;
}

interface Waiter {
  ends: number[];
  /** Partitions that have not passed yet. */
  left: Set<number>;
  earliestDueMs: number | null;
  startedAtMs: number;
  done: (passed: Passed) => void;
  fail: (error: Error) => void;
}

/** The caller of `pass` no longer needs the answer. */
export class AbandonedError extends Error {
  override readonly name = 'AbandonedError';
}

const GROUP_TTL_MS = 1_000;
const POLL_MIN_MS = 10;
const POLL_MAX_MS = 250;

/**
 * Follows the positions of a stage by asking the members of its group, only while a caller waits. A position remains valid, no matter which member reported it. A deadline counts only from a running member, because a restoring one does not know it
 * yet.
 */
export class StageWatcher {
  members: StageMember[] = [];
  private describedAtMs = -Infinity;
  private waiters = new Set<Waiter>();
  private polling = false;

  constructor(
    readonly stage: Stage,
    readonly options: WatcherOptions,
  ) {}

  /**
   * Resolves once every partition has passed its end offset, which a partition without an owner cannot. Rejects with
   * AbandonedError.
   */
  pass(ends: number[]): Promise<Passed> {
    return new Promise((done, fail) => {
      this.waiters.add({
        ends,
        left: new Set(ends.keys()),
        earliestDueMs: null,
        startedAtMs: this.options.clock.elapsedMs(),
        done,
        fail,
      });
      if (!this.polling) void this.poll();
    });
  }

  /** Rejects all calls of `pass` that still wait. */
  abandon(): void {
    for (const waiter of this.waiters) waiter.fail(new AbandonedError('the answer is no longer needed'));
    this.waiters.clear();
  }

  /** The positions that the members report now; also refreshes `members`. */
  async ask(): Promise<StagePosition[]> {
    await this.describe();
    const answers = await Promise.all(
      this.members.map(async (member) => {
        try {
          const positions = await this.options.positionsOf(member.url);
          member.reachable = true;
          return positions.filter(({ topic }) => topic === this.stage.topic);
        } catch {
          member.reachable = false;
          // It may be gone: ask the group for the present owners of its partitions.
          this.describedAtMs = -Infinity;
          return [];
        }
      }),
    );
    return answers.flat();
  }

  private async poll(): Promise<void> {
    this.polling = true;
    while (this.waiters.size > 0) {
      try {
        this.take(await this.ask());
      } catch {
        // Kafka does not answer: try again in the next round.
        this.describedAtMs = -Infinity;
      }
      if (this.waiters.size > 0) await this.options.clock.sleep(this.pauseMs());
    }
    this.polling = false;
  }

  private take(positions: StagePosition[]): void {
    for (const waiter of this.waiters) {
      const passing = new Set<number>();
      for (const { partition, position, state, earliestDueMs } of positions) {
        const end = waiter.ends[partition];
        if (end === undefined || !waiter.left.has(partition) || state !== 'running') continue;
        if (position === null || position < end) continue;
        passing.add(partition);
        if (earliestDueMs !== null) waiter.earliestDueMs = Math.min(waiter.earliestDueMs ?? Infinity, earliestDueMs);
      }
      for (const partition of passing) waiter.left.delete(partition);
      if (waiter.left.size === 0) {
        this.waiters.delete(waiter);
        waiter.done({ earliestDueMs: waiter.earliestDueMs });
      }
    }
  }

  /** Short at first, when the answer may be near; longer for a stage that is far behind. */
  private pauseMs(): number {
    const newest = Math.max(...[...this.waiters].map((waiter) => waiter.startedAtMs));
    return Math.min(POLL_MAX_MS, Math.max(POLL_MIN_MS, (this.options.clock.elapsedMs() - newest) / 4));
  }

  private async describe(): Promise<void> {
    const nowMs = this.options.clock.elapsedMs();
    const owned = new Set(this.members.flatMap((member) => member.partitions));
    if (owned.size > 0 && nowMs - this.describedAtMs < GROUP_TTL_MS) return;
    const { members } = await this.options.kafka.describeGroup(this.stage.groupId);
    this.describedAtMs = nowMs;
    const known = new Map(this.members.map((member) => [member.url, member.reachable]));
    this.members = members.flatMap(({ url, partitions }) =>
      url === null ? [] : [{ url, partitions, reachable: known.get(url) ?? true }],
    );
  }
}
