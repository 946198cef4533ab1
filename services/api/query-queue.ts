/** A workspace asks more at once than can be answered: too many wait already, or one has waited for too long. */
export class QueryQueueError extends Error {
  override readonly name = 'QueryQueueError';

  constructor(
    message: string,
    readonly workspace: string,
    /** The first for this workspace in a while: whoever repeats it endlessly fills no log. */
    readonly isNews: boolean,
  ) {
    super(message);
  }
}

/** So long a workspace without a turn is no news. */
const NEWS_INTERVAL_MS = 10_000;

export interface QueryQueueOptions {
  /** Pieces of work that run at once. */
  runningMax: number;
  /** Of one workspace, so that slow work of one does not take every place. */
  runningOfOneMax: number;
  /** In the line of one workspace. */
  waitingMax: number;
  /** How long one may wait. */
  waitMaxMs: number;
}

interface Waiting {
  begin: () => void;
}

/**
 * Lets a number of pieces of work run at once. What finds no place waits in the line of its workspace, and the lines
 * are taken from in turn: a workspace that asks a thousand questions at once makes its own wait, not those of others.
 */
export class QueryQueue {
  private running = 0;
  /** By workspace, without zeros. */
  private readonly runningOf = new Map<string, number>();
  /** In the order of turns: whoever was taken from goes to the end. Without empty lines. */
  private readonly lines = new Map<string, Waiting[]>();
  /** When a workspace's lack of turns was news last, by the process's own clock. */
  private readonly newsAtMs = new Map<string, number>();

  constructor(private readonly options: QueryQueueOptions) {}

  /** Runs `work` when its turn has come. Throws QueryQueueError, or the reason of `signal` while it waits. */
  async run<T>(workspace: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.isFree(workspace)) this.count(workspace, 1);
    else await this.wait(workspace, signal);
    try {
      return await work();
    } finally {
      this.count(workspace, -1);
      this.passOn();
    }
  }

  private isFree(workspace: string): boolean {
    const { runningMax, runningOfOneMax } = this.options;
    return this.running < runningMax && (this.runningOf.get(workspace) ?? 0) < runningOfOneMax;
  }

  private count(workspace: string, by: 1 | -1): void {
    this.running += by;
    const ofOne = (this.runningOf.get(workspace) ?? 0) + by;
    if (ofOne === 0) this.runningOf.delete(workspace);
    else this.runningOf.set(workspace, ofOne);
  }

  /** Resolves with a place that is counted already. */
  private wait(workspace: string, signal?: AbortSignal): Promise<void> {
    const { waitingMax, waitMaxMs } = this.options;
    const line = this.lines.get(workspace) ?? [];
    if (line.length >= waitingMax) return Promise.reject(this.noTurn(workspace, `${waitingMax} wait already`));
    this.lines.set(workspace, line);
    return new Promise((resolve, reject) => {
      const ended = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onGone);
      };
      const leave = (why: Error): void => {
        ended();
        line.splice(line.indexOf(waiting), 1);
        if (line.length === 0) this.lines.delete(workspace);
        reject(why);
      };
      const onGone = (): void => leave(signal?.reason as Error);
      const waiting: Waiting = {
        begin: () => {
          ended();
          resolve();
        },
      };
      const timer = setTimeout(() => leave(this.noTurn(workspace, `no turn within ${waitMaxMs} ms`)), waitMaxMs);
      line.push(waiting);
      signal?.addEventListener('abort', onGone, { once: true });
    });
  }

  private noTurn(workspace: string, why: string): QueryQueueError {
    const now = performance.now();
    const isNews = now - (this.newsAtMs.get(workspace) ?? -Infinity) >= NEWS_INTERVAL_MS;
    if (isNews) this.newsAtMs.set(workspace, now);
    return new QueryQueueError(why, workspace, isNews);
  }

  /** Free places go to the first of the lines whose turn it is and that may have them. */
  private passOn(): void {
    for (const [workspace, line] of [...this.lines]) {
      if (!this.isFree(workspace)) continue;
      this.lines.delete(workspace);
      const next = line.shift();
      if (line.length > 0) this.lines.set(workspace, line);
      if (next === undefined) continue;
      this.count(workspace, 1);
      next.begin();
    }
  }
}
