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
/** How long a member may hold its answer until its partitions have passed. */
const HOLD_MS = 200;
/** A timer may be early by a little. */
const TIMER_MS = 5;
/** A request names at most this many partitions, so that its line stays short; the others follow. */
const NAMED_MAX = 256;

/**
 * Those who wait until the same partitions of a stage have passed some offsets. A member holds its answer until it has
 * passed what the first of them needs of it; an answer serves everybody.
 */
export class PassGroup {
  /** In the order in which they came. */
  private readonly waiters = new Set<Waiter>();
  private polling = false;
  /** Aborted when the members are asked again at once: somebody is done, or a member has held its answer to the end. */
  private round = new AbortController();
  /** What members have been asked for and have not answered yet, by address. */
  private readonly asking = new Map<string, ReadonlyMap<number, number>>();

  /** @param onEmpty nobody waits any more */
  constructor(
    private readonly partitions: readonly number[],
    private readonly watcher: StageWatcher,
    private readonly onEmpty: () => void,
  ) {}

  /** Calls `done` once the partitions have passed `ends`. Returns what to call when that is no longer needed. */
  wait(ends: readonly number[], done: (passed: Passed) => void): () => void {
    const startedAtMs = this.watcher.options.clock.elapsedMs();
    const left = new Set(this.partitions);
    if (left.size === 0) done({ earliestDueMs: null, positions: new Map() });
    const waiter: Waiter = { ends, left, positions: new Map(), earliestDueMs: null, startedAtMs, done };
    if (left.size > 0) this.waiters.add(waiter);
    this.endRound();
    if (!this.polling) void this.poll();
    return () => {
      this.waiters.delete(waiter);
      this.endRound();
    };
  }

  /** The next round begins now. */
  private endRound(): void {
    this.round.abort('ended');
  }

  private async poll(): Promise<void> {
    const { watcher } = this;
    this.polling = true;
    while (this.waiters.size > 0) {
      const round = (this.round = new AbortController());
      try {
        const described = watcher.describe();
        // Otherwise those who are known are asked meanwhile; a failure is repeated in the next round.
        if (watcher.members.length === 0) await described;
        else described.catch(() => undefined);
        await this.askOwners(round.signal);
      } catch {
        // Kafka does not answer: try again in the next round.
        watcher.describeAgain();
      }
      if (this.waiters.size > 0) await watcher.options.clock.sleep(this.pauseMs(), round.signal);
    }
    this.polling = false;
    this.onEmpty();
  }

  /**
   * Asks the owners of the partitions that have not passed, unless a request is open; all members while nobody owns
   * them. Resolves when they have answered, or after a short while.
   */
  private async askOwners(ended: AbortSignal): Promise<void> {
    const wanted = this.watcher.members.map((member) => ({ member, offsets: this.wantedOf(member) }));
    const owners = wanted.filter(({ offsets }) => offsets.size > 0);
    const [first] = this.waiters;
    const ofNobody = first === undefined ? new Map<number, number>() : this.leastOf([...first.left]);
    const asked = (owners.length > 0 ? owners : wanted.map(({ member }) => ({ member, offsets: ofNobody })))
      .filter(({ member, offsets }) => offsets.size > 0 && !this.isAsked(member, offsets))
      .map(({ member, offsets }) => this.ask(member, offsets));
    const answered = new AbortController();
    const all = Promise.all(asked).then(() => answered.abort('answered'));
    const { clock } = this.watcher.options;
    await Promise.race([all, clock.sleep(ROUND_MAX_MS, AbortSignal.any([answered.signal, ended]))]);
  }

  /** What the first one who waits for partitions of the member needs of it. */
  private wantedOf({ partitions }: StageMember): Map<number, number> {
    for (const { left } of this.waiters) {
      const own = partitions.filter((partition) => left.has(partition));
      if (own.length > 0) return this.leastOf(own);
    }
    return new Map();
  }

  /** The least offset that anybody waits for, by partition. */
  private leastOf(partitions: readonly number[]): Map<number, number> {
    const least = new Map(partitions.slice(0, NAMED_MAX).map((partition) => [partition, Infinity]));
    for (const { left, ends } of this.waiters) {
      for (const [partition, offset] of least) {
        if (left.has(partition)) least.set(partition, Math.min(offset, ends[partition] ?? 0));
      }
    }
    return least;
  }

  /** Whether a request that is open is answered no later than one for these offsets would be. */
  private isAsked({ url }: StageMember, offsets: ReadonlyMap<number, number>): boolean {
    const open = this.asking.get(url);
    return open !== undefined && [...open].every(([partition, offset]) => (offsets.get(partition) ?? -1) >= offset);
  }

  private async ask(member: StageMember, offsets: ReadonlyMap<number, number>): Promise<void> {
    const { watcher } = this;
    const { clock } = watcher.options;
    const askedAtMs = clock.elapsedMs();
    this.asking.set(member.url, offsets);
    const positions = await watcher.askMember(member, { topic: watcher.stage.topic, offsets, waitMs: HOLD_MS });
    if (this.asking.get(member.url) === offsets) this.asking.delete(member.url);
    // Its partitions have moved: the group knows where to.
    const isOwner = member.partitions.some((partition) => offsets.has(partition));
    if (isOwner && positions.length < offsets.size) watcher.describeAgain();
    const isHeld = clock.elapsedMs() - askedAtMs >= HOLD_MS - TIMER_MS;
    if (this.take(positions) || isHeld) this.endRound();
  }

  /** Returns whether somebody is done. */
  private take(positions: StagePosition[]): boolean {
    let isAnyDone = false;
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
        isAnyDone = true;
        this.waiters.delete(waiter);
        waiter.done({ earliestDueMs: waiter.earliestDueMs, positions: waiter.positions });
      }
    }
    return isAnyDone;
  }

  /** Short at first, when the answer may be near; longer for a stage that is far behind. */
  private pauseMs(): number {
    const newest = Math.max(...[...this.waiters].map((waiter) => waiter.startedAtMs));
    return Math.min(POLL_MAX_MS, Math.max(POLL_MIN_MS, (this.watcher.options.clock.elapsedMs() - newest) / 4));
  }
}
