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
/** A request names at most this many partitions, so that its line stays short; the others follow. */
const NAMED_MAX = 256;

/**
 * Those who wait until the same partitions of a stage have passed some offsets. Members hold their answers until the
 * least of these offsets are passed, which is when somebody may be done; an answer serves everybody.
 */
export class PassGroup {
  /** In the order in which they came. */
  private readonly waiters = new Set<Waiter>();
  private polling = false;
  /** Aborted when the members are asked again at once: somebody is done, or a member has held its answer to the end. */
  private round = new AbortController();
  /** Addresses of members that have not answered yet. */
  private readonly asking = new Set<string>();

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
    const wanted = this.wanted();
    const { members } = this.watcher;
    const owners = members.filter(({ partitions }) => partitions.some((partition) => wanted.has(partition)));
    const asked = (owners.length > 0 ? owners : members)
      .filter(({ url }) => !this.asking.has(url))
      .map((member) => this.ask(member, wanted));
    const answered = new AbortController();
    const all = Promise.all(asked).then(() => answered.abort('answered'));
    await Promise.race([
      all,
      this.watcher.options.clock.sleep(ROUND_MAX_MS, AbortSignal.any([answered.signal, ended])),
    ]);
  }

  /** The least offset that somebody waits for, by partition. */
  private wanted(): Map<number, number> {
    const wanted = new Map<number, number>();
    for (const { left, ends } of this.waiters) {
      for (const partition of left) {
        wanted.set(partition, Math.min(wanted.get(partition) ?? Infinity, ends[partition] ?? 0));
      }
    }
    return wanted;
  }

  private async ask(member: StageMember, wanted: ReadonlyMap<number, number>): Promise<void> {
    const { watcher } = this;
    const { clock } = watcher.options;
    const own = [...wanted].filter(([partition]) => member.partitions.includes(partition));
    const offsets = new Map((own.length > 0 ? own : [...wanted]).slice(0, NAMED_MAX));
    const askedAtMs = clock.elapsedMs();
    this.asking.add(member.url);
    const positions = await watcher.askMember(member, { topic: watcher.stage.topic, offsets, waitMs: HOLD_MS });
    this.asking.delete(member.url);
    const isHeld = clock.elapsedMs() - askedAtMs >= HOLD_MS;
    // Its partitions have moved: the group knows where to.
    const isMoved = own.length > 0 && positions.length < offsets.size;
    if (isMoved) watcher.describeAgain();
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
