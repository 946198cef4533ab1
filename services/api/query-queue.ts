import type { Clock } from '../../lib/clock/index.ts';

/** A workspace has too many concurrent queries: its queue is full, or a query has waited too long. */
export class QueryQueueError extends Error {
  override readonly name = 'QueryQueueError';

  constructor(
    message: string,
    readonly workspace: string,
    /** True once per workspace and interval, so that a client that keeps asking does not fill the log. */
    readonly shouldLog: boolean,
  ) {
    super(message);
  }
}

/** How long further errors of a workspace are not logged. */
const LOG_INTERVAL_MS = 10_000;

export interface QueryQueueOptions {
  clock: Clock;
  /** Queries that run at once. */
  runningMax: number;
  /** The same for one workspace, so that slow queries of one do not block the others. */
  runningPerWorkspaceMax: number;
  /** Queries that may wait, for each workspace. */
  waitingMax: number;
  /** How long a query may wait. */
  waitMaxMs: number;
}

interface Waiting {
  start: () => void;
}

/**
 * Limits how many queries run at once. The others wait in a queue of their workspace, and the queues are served round
 * robin: a workspace with a thousand concurrent queries delays its own, not those of others.
 */
export class QueryQueue {
  private running = 0;
  /** By workspace, without zeros. */
  private readonly runningBy = new Map<string, number>();
  /** By workspace, in the order in which they are served next. Without empty queues. */
  private readonly queues = new Map<string, Waiting[]>();
  /** When an error of a workspace was last marked for the log, by `elapsedMs`. */
  private readonly loggedAtMs = new Map<string, number>();

  constructor(private readonly options: QueryQueueOptions) {}

  /** Runs `query` as soon as it may run. Throws QueryQueueError, or the reason of `signal` if it aborts before. */
  async run<T>(workspace: string, query: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.mayRun(workspace)) this.count(workspace, 1);
    else await this.wait(workspace, signal);
    try {
      return await query();
    } finally {
      this.count(workspace, -1);
      this.startWaiting();
    }
  }

  private mayRun(workspace: string): boolean {
    const { runningMax, runningPerWorkspaceMax } = this.options;
    return this.running < runningMax && (this.runningBy.get(workspace) ?? 0) < runningPerWorkspaceMax;
  }

  private count(workspace: string, by: 1 | -1): void {
    this.running += by;
    const own = (this.runningBy.get(workspace) ?? 0) + by;
    if (own === 0) this.runningBy.delete(workspace);
    else this.runningBy.set(workspace, own);
  }

  /** Resolves when the query may run; it is counted as running by then. */
  private wait(workspace: string, signal?: AbortSignal): Promise<void> {
    const { clock, waitingMax, waitMaxMs } = this.options;
    const queue = this.queues.get(workspace) ?? [];
    if (queue.length >= waitingMax)
      return Promise.reject(this.error(workspace, `${waitingMax} queries of this workspace are waiting already`));
    this.queues.set(workspace, queue);
    return new Promise((resolve, reject) => {
      const settled = new AbortController();
      const leave = (reason: Error): void => {
        settled.abort();
        queue.splice(queue.indexOf(waiting), 1);
        if (queue.length === 0) this.queues.delete(workspace);
        reject(reason);
      };
      const waiting: Waiting = {
        start: () => {
          settled.abort();
          resolve();
        },
      };
      queue.push(waiting);
      const onAbort = (): void => leave(signal?.reason as Error);
      signal?.addEventListener('abort', onAbort, { once: true, signal: settled.signal });
      void clock.sleep(waitMaxMs, settled.signal).then(() => {
        if (!settled.signal.aborted) leave(this.error(workspace, `the query has waited for ${waitMaxMs} ms`));
      });
    });
  }

  private error(workspace: string, message: string): QueryQueueError {
    const nowMs = this.options.clock.elapsedMs();
    const shouldLog = nowMs - (this.loggedAtMs.get(workspace) ?? -Infinity) >= LOG_INTERVAL_MS;
    if (shouldLog) this.loggedAtMs.set(workspace, nowMs);
    return new QueryQueueError(message, workspace, shouldLog);
  }

  /** Starts the first query of every queue that may run one; a queue that was served moves to the end. */
  private startWaiting(): void {
    for (const [workspace, queue] of [...this.queues]) {
      if (!this.mayRun(workspace)) continue;
      this.queues.delete(workspace);
      const next = queue.shift();
      if (queue.length > 0) this.queues.set(workspace, queue);
      if (next === undefined) continue;
      this.count(workspace, 1);
      next.start();
    }
  }
}
