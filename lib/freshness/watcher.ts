import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from '../kafka/index.ts';
import type { StagePosition } from '../telemetry/index.ts';
import type { Stage } from './stages.ts';

/** A member of a stage's group, as it was last seen. */
export interface StageMember {
  url: string;
  partitions: number[];
  /** Answered when it was asked last. */
  reachable: boolean;
}

/** A stage has passed the asked ends. */
export interface Passed {
  /** The earliest deadline that still waited when its partition passed; Unix ms. */
  earliestDueMs: number | null;
}

export interface WatcherOptions {
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

/** Nobody waits for the answer any more. */
export class NobodyWaitsError extends Error {
  override readonly name = 'NobodyWaitsError';
}

const GROUP_TTL_MS = 1_000;
const POLL_MIN_MS = 10;
const POLL_MAX_MS = 250;

/**
 * Knows how far a stage is by asking the members of its group, and only while somebody waits for it.
 * A position is a fact that stays true, whoever reported it; a deadline counts only from a member that
 * is running, for one that restores does not know it yet.
 */
export class StageWatcher {
  members: StageMember[] = [];
  #describedAt = -Infinity;
  #waiters = new Set<Waiter>();
  #polling = false;

  constructor(
    readonly stage: Stage,
    readonly options: WatcherOptions,
  ) {}

  /** Resolves once every partition has passed its end: not while one has no owner. Rejects when abandoned. */
  pass(ends: number[]): Promise<Passed> {
    return new Promise((done, fail) => {
      this.#waiters.add({
        ends,
        left: new Set(ends.keys()),
        earliestDueMs: null,
        startedAtMs: performance.now(),
        done,
        fail,
      });
      if (!this.#polling) void this.#poll();
    });
  }

  /** Lets go of everybody who waits. */
  abandon(): void {
    for (const waiter of this.#waiters) waiter.fail(new NobodyWaitsError('nobody asks any more'));
    this.#waiters.clear();
  }

  /** The positions that all members report now, and who the members are. */
  async ask(): Promise<StagePosition[]> {
    await this.#describe();
    const answers = await Promise.all(
      this.members.map(async (member) => {
        try {
          const positions = await this.options.positionsOf(member.url);
          member.reachable = true;
          return positions.filter(({ topic }) => topic === this.stage.topic);
        } catch {
          member.reachable = false;
          // It may be gone: the group says who has its partitions now.
          this.#describedAt = -Infinity;
          return [];
        }
      }),
    );
    return answers.flat();
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    while (this.#waiters.size > 0) {
      try {
        this.#take(await this.ask());
      } catch {
        // Kafka does not answer: nobody passes, and the next round asks again.
        this.#describedAt = -Infinity;
      }
      if (this.#waiters.size > 0) await sleep(this.#pauseMs());
    }
    this.#polling = false;
  }

  #take(positions: StagePosition[]): void {
    for (const waiter of this.#waiters) {
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
        this.#waiters.delete(waiter);
        waiter.done({ earliestDueMs: waiter.earliestDueMs });
      }
    }
  }

  /** Quick at first, when the answer is near; patient with a stage that is far behind. */
  #pauseMs(): number {
    const newest = Math.max(...[...this.#waiters].map((waiter) => waiter.startedAtMs));
    return Math.min(POLL_MAX_MS, Math.max(POLL_MIN_MS, (performance.now() - newest) / 4));
  }

  async #describe(): Promise<void> {
    const now = performance.now();
    const owned = new Set(this.members.flatMap((member) => member.partitions));
    if (owned.size > 0 && now - this.#describedAt < GROUP_TTL_MS) return;
    const { members } = await this.options.kafka.describeGroup(this.stage.groupId);
    this.#describedAt = now;
    const known = new Map(this.members.map((member) => [member.url, member.reachable]));
    this.members = members.flatMap(({ url, partitions }) =>
      url === null ? [] : [{ url, partitions, reachable: known.get(url) ?? true }],
    );
  }
}
