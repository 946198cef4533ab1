import type { Clock } from '../clock/index.ts';
import type { StagePosition } from './positions.ts';

/** What a request of /positions waits for: a stage has reached these offsets in the partitions that the process has. */
export interface Target {
  topic: string;
  /** By partition. Partitions of other processes do not matter. */
  offsets: ReadonlyMap<number, number>;
  /** The answer comes after this time at the latest. */
  waitMs: number;
}

/** A stage has moved to this position: the next offset, see StagePosition. */
export type Moved = (topic: string, partition: number, position: number) => void;

interface Waiting {
  target: Target;
  /** What has not been reached yet, by partition. */
  left: Map<number, number>;
  ended: AbortController;
}

/** The longest wait that a request may ask for. */
const WAIT_MAX_MS = 1_000;
const OFFSETS = /^\d{1,9}:\d{1,16}(,\d{1,9}:\d{1,16})*$/;

/** The query string of a target. */
export function targetQuery({ topic, offsets, waitMs }: Target): string {
  const list = [...offsets].map(([partition, offset]) => `${partition}:${offset}`).join(',');
  return new URLSearchParams({ topic, offsets: list, wait_ms: String(Math.floor(waitMs)) }).toString();
}

/** The target of a query string; null if it names none. Throws a RangeError that says what is wrong. */
export function targetOf(query: URLSearchParams): Target | null {
  const topic = query.get('topic');
  if (topic === null) return null;
  const list = query.get('offsets') ?? '';
  const waitMs = Number(query.get('wait_ms') ?? 0);
  if (!OFFSETS.test(list)) throw new RangeError('offsets must be a list of partition:offset, such as 0:17,3:5');
  if (!Number.isInteger(waitMs) || waitMs < 0 || waitMs > WAIT_MAX_MS)
    throw new RangeError(`wait_ms must be a whole number from 0 to ${WAIT_MAX_MS}`);
  const pairs = list.split(',').map((pair) => pair.split(':').map(Number) as [number, number]);
  return { topic, offsets: new Map(pairs), waitMs };
}

/** Answers requests for positions, those that wait once a stage has reached what they wait for. */
export class Progress {
  private readonly waiting = new Set<Waiting>();
  private isAnnounced = false;

  /** @param positions what the process reports now */
  constructor(
    private readonly positions: () => StagePosition[],
    private readonly clock: Clock,
  ) {}

  /** From now on, `moved` is called whenever a position has moved. Requests do not wait before that. */
  announced(): void {
    this.isAnnounced = true;
  }

  readonly moved: Moved = (topic, partition, position) => {
    for (const { target, left, ended } of this.waiting) {
      if (target.topic !== topic || position < (left.get(partition) ?? Infinity)) continue;
      left.delete(partition);
      // With a reason, no error with a stack is built.
      if (left.size === 0) ended.abort('reached');
    }
  };

  /** The positions that the target names, once they have reached it, or when its time is over. */
  async reach(target: Target): Promise<StagePosition[]> {
    const { offsets, waitMs } = target;
    const named = this.named(target);
    const left = new Map<number, number>();
    for (const { partition, position, state } of named) {
      const offset = offsets.get(partition) ?? 0;
      if (state !== 'running' || position === null || position < offset) left.set(partition, offset);
    }
    if (!this.isAnnounced || waitMs === 0 || left.size === 0) return named;
    const waiting = { target, left, ended: new AbortController() };
    this.waiting.add(waiting);
    await this.clock.sleep(waitMs, waiting.ended.signal);
    this.waiting.delete(waiting);
    return this.named(target);
  }

  private named({ topic, offsets }: Target): StagePosition[] {
    return this.positions().filter((at) => at.topic === topic && offsets.has(at.partition));
  }
}
