import { within, type Clock } from '../clock/index.ts';
import type { Kafka } from '../kafka/index.ts';
import { partitionFor } from '../kafka/murmur2.ts';
import { CHAIN, type Stage } from './stages.ts';
import { FreshnessTracker, type Step } from './tracker.ts';
import { StageWatcher, type WatcherOptions } from './watcher.ts';

export interface FreshnessOptions extends WatcherOptions {
  clock: Clock;
  kafka: Pick<Kafka, 'describeGroup' | 'endOffsets'>;
  logger: { warn(fields: object, message: string): void };
  chain?: readonly Stage[];
}

/** How long a caller waits for a probe of its own. */
const WAIT_MS = 250;

/**
 * Measures how fresh counts are by following offsets through the stages. At time t0 a probe notes the end offsets of the
 * first topic; once its stage has passed them, it notes the ends of the next topic, and so on. Once the sink has passed
 * the last ones, everything that was answered with 2xx before t0 is counted, and so is every abandonment that was due
 * before t0; with an overdue deadline, everything before that deadline. Nothing is written, and nothing runs while
 * nobody asks.
 *
 * A workspace has one partition of every topic but the first, so that its freshness does not depend on the partitions of
 * other workspaces there.
 */
export class Freshness {
  readonly watchers: StageWatcher[];
  private readonly whole: FreshnessTracker;
  /** By the partitions of a workspace: as many as there are partitions. */
  private readonly trackers = new Map<string, FreshnessTracker>();
  /** Number of partitions of each topic, which never changes. */
  private readonly partitionCounts = new Map<string, number>();

  constructor(readonly options: FreshnessOptions) {
    this.watchers = (options.chain ?? CHAIN).map((stage) => new StageWatcher(stage, options));
    this.whole = this.trackerOf(this.watchers.map(() => undefined));
  }

  /** For each stage: Unix ms up to which all its partitions have passed everything, by the latest probes. */
  get passedMs(): ReadonlyMap<string, number> {
    return this.whole.passedMs;
  }

  /**
   * Everything of all workspaces before this time is in every count that begins after the call. Unix ms; null before the
   * first successful probe. Waits up to `waitMs` for a new probe when the last result is old.
   */
  current(waitMs = WAIT_MS): Promise<number | null> {
    return this.whole.current(waitMs);
  }

  /** As `current`, for one workspace. */
  async ofWorkspace(workspace: string, waitMs = WAIT_MS): Promise<number | null> {
    const partitions = await within(this.partitionsOf(workspace), waitMs, this.options.clock).catch(() => null);
    // Kafka does not answer.
    if (partitions === null) return null;
    const name = partitions.map((partition) => partition ?? '').join();
    const tracker = this.trackers.get(name) ?? this.trackerOf(partitions);
    this.trackers.set(name, tracker);
    return tracker.current(waitMs);
  }

  /**
   * Resolves once this stage and those after it, up to `through`, have passed what the workspace has in their topics now.
   * Rejects with AbandonedError when the signal is aborted, and with KafkaUnavailableError.
   */
  async passed(
    from: Stage['name'],
    workspace: string,
    signal: AbortSignal,
    through: Stage['name'] = this.watchers.at(-1)!.stage.name,
  ): Promise<void> {
    const steps = this.stepsOf(await this.partitionsOf(workspace));
    const indexOf = (name: string): number => steps.findIndex(({ stage }) => stage === name);
    for (const { pass } of steps.slice(indexOf(from), indexOf(through) + 1)) await pass(signal);
  }

  stop(): void {
    for (const tracker of [this.whole, ...this.trackers.values()]) tracker.stop();
  }

  /** For each stage the partition of the workspace; undefined where it has a part of all of them. */
  private partitionsOf(workspace: string): Promise<(number | undefined)[]> {
    return Promise.all(
      this.watchers.map(async ({ stage: { topic, byWorkspace } }) => {
        if (!byWorkspace) return undefined;
        const count = this.partitionCounts.get(topic) ?? (await this.options.kafka.endOffsets(topic)).length;
        this.partitionCounts.set(topic, count);
        return partitionFor(workspace, count);
      }),
    );
  }

  private trackerOf(partitions: readonly (number | undefined)[]): FreshnessTracker {
    const { clock, logger } = this.options;
    return new FreshnessTracker({ steps: this.stepsOf(partitions), clock, logger });
  }

  private stepsOf(partitions: readonly (number | undefined)[]): Step[] {
    const { kafka } = this.options;
    return this.watchers.map((watcher, i): Step => {
      const partition = partitions[i];
      return {
        stage: watcher.stage.name,
        pass: async (signal) =>
          watcher.pass(await kafka.endOffsets(watcher.stage.topic), {
            signal,
            partitions: partition === undefined ? undefined : [partition],
          }),
      };
    });
  }
}
