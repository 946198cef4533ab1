import { NoAnswerError, within, type Clock } from '../../lib/clock/index.ts';
import type { Freshness, StageWatcher } from '../../lib/freshness/index.ts';
import type { Kafka } from '../../lib/kafka/index.ts';
import { TOPICS } from '../../lib/topics.ts';

export interface PublishingOptions {
  clock: Clock;
  kafka: Pick<Kafka, 'endOffsets'>;
  relay: Pick<StageWatcher, 'pass'>;
  freshness: Pick<Freshness, 'passed'>;
  logger: { warn(fields: object, message: string): void };
}

/** How long a check may take: the first publish of a large workspace takes minutes. */
const CHECK_MAX_MS = 10 * 60_000;

/**
 * Knows which published flows have reached the log of flows: the relay and then people have passed what was in their topics
 * when the check began. Nothing is written, and nothing runs while nobody asks.
 */
export class Publishing {
  private readonly options: PublishingOptions;
  private readonly passed = new Set<string>();
  /** The running check of each workspace, and the flows that it is about. */
  private readonly checks = new Map<string, { flows: ReadonlySet<string>; done: Promise<void> }>();
  private readonly stopping = new AbortController();

  constructor(options: PublishingOptions) {
    this.options = options;
  }

  /**
   * Those of `published` (ids of flows whose publish is folded) that have passed; waits up to `waitMs` for others. A flow
   * that has passed once stays passed.
   */
  async passedOf(workspace: string, published: readonly string[], waitMs: number): Promise<ReadonlySet<string>> {
    const missing = published.filter((id) => !this.passed.has(id));
    if (missing.length > 0) {
      const { clock } = this.options;
      await within(this.checked(workspace, missing), waitMs, clock).catch((error: unknown) => {
        if (!(error instanceof NoAnswerError)) throw error;
      });
    }
    return new Set(published.filter((id) => this.passed.has(id)));
  }

  stop(): void {
    this.stopping.abort();
  }

  /** Resolves once a check that covers these flows has ended, whether or not they have passed. */
  private async checked(workspace: string, flows: readonly string[]): Promise<void> {
    for (;;) {
      const running = this.checks.get(workspace);
      if (running === undefined) break;
      await running.done;
      if (flows.every((id) => running.flows.has(id))) return;
    }
    const ids = new Set(flows);
    const done = this.check(workspace, ids).finally(() => this.checks.delete(workspace));
    this.checks.set(workspace, { flows: ids, done });
    await done;
  }

  private async check(workspace: string, flows: ReadonlySet<string>): Promise<void> {
    const { clock, kafka, relay, freshness, logger } = this.options;
    const given = new AbortController();
    const abort = (): void => given.abort();
    this.stopping.signal.addEventListener('abort', abort, { once: true });
    try {
      const { signal } = given;
      const pass = async (): Promise<void> => {
        await relay.pass(await kafka.endOffsets(TOPICS.definitions), { signal });
        await freshness.passed('people', workspace, signal, 'people');
      };
      await within(pass(), CHECK_MAX_MS, clock);
      for (const id of flows) this.passed.add(id);
    } catch (error) {
      if (!this.stopping.signal.aborted)
        logger.warn({ err: error, workspace }, 'cannot follow a publish; it is checked again when somebody asks');
    } finally {
      this.stopping.signal.removeEventListener('abort', abort);
      given.abort();
    }
  }
}
