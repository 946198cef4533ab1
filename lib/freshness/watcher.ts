import { Waker, type Clock } from '../clock/index.ts';
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
  /** How far each of them was then: its end offset or further. */
  positions: ReadonlyMap<number, number>;
}

export interface WatcherOptions {
  clock: Clock;
  kafka: Pick<Kafka, 'describeGroup'>;
  /** GET <url>/positions of a member; rejects when it does not answer. */
  positionsOf(url: string): Promise<StagePosition[]>;
}

export interface PassOptions {
  /** Aborted when the answer is no longer needed. */
  signal: AbortSignal;
  /** The partitions that have to pass; all of them when left out. */
  partitions?: readonly number[] | undefined;
}

interface Waiter {
  ends: readonly number[];
  /** Partitions that have not passed yet. */
  left: Set<number>;
  positions: Map<number, number>;
  earliestDueMs: number | null;
  startedAtMs: number;
  done: (passed: Passed) => void;
}

/** The caller of `pass` no longer needs the answer. */
export class AbandonedError extends Error {
  override readonly name = 'AbandonedError';
}

const GROUP_TTL_MS = 1_000;
const POLL_MIN_MS = 10;
const POLL_MAX_MS = 250;
/** The next request does not wait longer than this for a member that is slow to answer. */
const ROUND_MAX_MS = 50;

/**
 * Follows the positions of a stage by asking the members of its group, only while a caller waits. A position remains
 * valid, no matter which member reported it. A deadline counts only from a running member, because a restoring one does
 * not know it yet. A member that is slow to answer does not delay the others.
 */
export class StageWatcher {
  members: StageMember[] = [];
  private describedAtMs = -Infinity;
  private describing: Promise<void> | null = null;
  private readonly waiters = new Set<Waiter>();
  private polling = false;
  /** Addresses of members that have not answered yet. */
  private readonly asking = new Set<string>();
  private readonly waker: Waker;

  constructor(
    readonly stage: Stage,
    readonly options: WatcherOptions,
  ) {
    this.waker = new Waker(options.clock);
  }

  /**
   * Resolves once the partitions have passed their end offsets, which a partition without an owner cannot. Rejects with
   * AbandonedError when the signal is aborted.
   */
  pass(ends: readonly number[], { signal, partitions = [...ends.keys()] }: PassOptions): Promise<Passed> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new AbandonedError('the answer is no longer needed'));
      const abandon = (): void => {
        this.waiters.delete(waiter);
        this.waker.wake();
        reject(new AbandonedError('the answer is no longer needed'));
      };
      const done = (passed: Passed): void => {
        signal.removeEventListener('abort', abandon);
        resolve(passed);
      };
      const startedAtMs = this.options.clock.elapsedMs();
      const left = new Set(partitions);
      const waiter: Waiter = { ends, left, positions: new Map(), earliestDueMs: null, startedAtMs, done };
      signal.addEventListener('abort', abandon);
      this.waiters.add(waiter);
      this.waker.wake();
      if (!this.polling) void this.poll();
    });
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

  private async askMember(member: StageMember): Promise<StagePosition[]> {
    try {
      const positions = await this.options.positionsOf(member.url);
      member.reachable = true;
      return positions.filter(({ topic }) => topic === this.stage.topic);
    } catch {
      member.reachable = false;
      // It may be gone: ask the group for the current owners of its partitions.
      this.describedAtMs = -Infinity;
      return [];
    }
  }

  private async poll(): Promise<void> {
    this.polling = true;
    while (this.waiters.size > 0) {
      try {
        const described = this.describe();
        // Otherwise those who are known are asked meanwhile; a failure is repeated in the next round.
        if (this.members.length === 0) await described;
        else described.catch(() => undefined);
        await this.askWaiting();
      } catch {
        // Kafka does not answer: try again in the next round.
        this.describedAtMs = -Infinity;
      }
      if (this.waiters.size > 0) await this.waker.sleep(this.pauseMs());
    }
    this.polling = false;
  }

  /** Asks the members that have answered the last request; resolves when they have answered, or after a short while. */
  private async askWaiting(): Promise<void> {
    const asked = this.members
      .filter(({ url }) => !this.asking.has(url))
      .map(async (member) => {
        this.asking.add(member.url);
        this.take(await this.askMember(member));
        this.asking.delete(member.url);
      });
    const answered = new AbortController();
    const all = Promise.all(asked).then(() => answered.abort());
    await Promise.race([all, this.options.clock.sleep(ROUND_MAX_MS, answered.signal)]);
  }

  private take(positions: StagePosition[]): void {
    for (const waiter of this.waiters) {
      const passing = new Set<number>();
      for (const { partition, position, state, earliestDueMs } of positions) {
        const end = waiter.ends[partition];
        if (end === undefined || !waiter.left.has(partition) || state !== 'running') continue;
        if (position === null || position < end) continue;
        passing.add(partition);
        waiter.positions.set(partition, position);
        if (earliestDueMs !== null) waiter.earliestDueMs = Math.min(waiter.earliestDueMs ?? Infinity, earliestDueMs);
      }
      for (const partition of passing) waiter.left.delete(partition);
      if (waiter.left.size === 0) {
        this.waiters.delete(waiter);
        waiter.done({ earliestDueMs: waiter.earliestDueMs, positions: waiter.positions });
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
