import { Waker } from '../clock/index.ts';
import type { StagePosition } from '../telemetry/index.ts';
import type { Passed, StageMember, StageWatcher } from './watcher.ts';

interface Waiter {
  ends: readonly number[];
  /** Partitions that have not passed yet. */
  left: Set<number>;
  positions: Map<number, number>;
  earliestDueMs: number | null;
  startedAtMs: number;
  done: (passed: Passed) => void;
}

const POLL_MIN_MS = 10;
const POLL_MAX_MS = 250;
/** The next request does not wait longer than this for a member that is slow to answer. */
const ROUND_MAX_MS = 50;
/** How long a member may wait with its answer until its partitions have passed. */
const HOLD_MS = 200;

/**
 * Those who wait until the same partitions of a stage have passed some end offsets. Ends only grow, so the one who came
 * first is done first: members are asked to answer once they have passed its ends, and their answers serve the others
 * as well.
 */
export class PassGroup {
  /** In the order of their coming. */
  private readonly waiters = new Set<Waiter>();
  private polling = false;
  /** Somebody is done since the last round began. */
  private hasPassed = false;
  /** Addresses of members that have not answered yet. */
  private readonly asking = new Set<string>();
  private readonly waker: Waker;

  /** @param onEmpty nobody waits any more */
  constructor(
    private readonly partitions: readonly number[],
    private readonly watcher: StageWatcher,
    private readonly onEmpty: () => void,
  ) {
    this.waker = new Waker(watcher.options.clock);
  }

  /** Calls `done` once the partitions have passed `ends`. Returns what to call when that is no longer needed. */
  wait(ends: readonly number[], done: (passed: Passed) => void): () => void {
    const startedAtMs = this.watcher.options.clock.elapsedMs();
    const left = new Set(this.partitions);
    if (left.size === 0) done({ earliestDueMs: null, positions: new Map() });
    const waiter: Waiter = { ends, left, positions: new Map(), earliestDueMs: null, startedAtMs, done };
    if (left.size > 0) this.waiters.add(waiter);
    this.waker.wake();
    if (!this.polling) void this.poll();
    return () => {
      this.waiters.delete(waiter);
      this.waker.wake();
    };
  }

  private async poll(): Promise<void> {
    const { watcher } = this;
    const { clock } = watcher.options;
    this.polling = true;
    while (this.waiters.size > 0) {
      const beganAtMs = clock.elapsedMs();
      this.hasPassed = false;
      try {
        const described = watcher.describe();
        // Otherwise those who are known are asked meanwhile; a failure is repeated in the next round.
        if (watcher.members.length === 0) await described;
        else described.catch(() => undefined);
        await this.askWaiting();
      } catch {
        // Kafka does not answer: try again in the next round.
        watcher.describeAgain();
      }
      if (this.waiters.size === 0 || this.hasPassed) continue;
      // A member that waited with its answer was a pause already.
      const pauseMs = this.pauseMs() - (clock.elapsedMs() - beganAtMs);
      if (pauseMs > 0) await this.waker.sleep(pauseMs);
    }
    this.polling = false;
    this.onEmpty();
  }

  /** Asks the members that have answered the last request; resolves when they have answered, or after a short while. */
  private async askWaiting(): Promise<void> {
    const [first] = this.waiters;
    if (first === undefined) return;
    const { members } = this.watcher;
    const owners = members.filter(({ partitions }) => partitions.some((partition) => first.left.has(partition)));
    const asked = (owners.length > 0 ? owners : members)
      .filter(({ url }) => !this.asking.has(url))
      .map((member) => this.ask(member, first));
    const answered = new AbortController();
    const all = Promise.all(asked).then(() => answered.abort());
    await Promise.race([all, this.watcher.options.clock.sleep(ROUND_MAX_MS, answered.signal)]);
  }

  private async ask(member: StageMember, { left, ends }: Waiter): Promise<void> {
    const { topic } = this.watcher.stage;
    const offsets = new Map([...left].map((partition) => [partition, ends[partition] ?? 0]));
    this.asking.add(member.url);
    this.take(await this.watcher.askMember(member, { topic, offsets, waitMs: HOLD_MS }));
    this.asking.delete(member.url);
    if (this.hasPassed) this.waker.wake();
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
        this.hasPassed = true;
        this.waiters.delete(waiter);
        waiter.done({ earliestDueMs: waiter.earliestDueMs, positions: waiter.positions });
      }
    }
  }

  /** Short at first, when the answer may be near; longer for a stage that is far behind. */
  private pauseMs(): number {
    const newest = Math.max(...[...this.waiters].map((waiter) => waiter.startedAtMs));
    return Math.min(POLL_MAX_MS, Math.max(POLL_MIN_MS, (this.watcher.options.clock.elapsedMs() - newest) / 4));
  }
}
