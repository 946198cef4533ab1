/** More wait in one workspace's line than may. */
export class LineFullError extends Error {
  override readonly name = 'LineFullError';
}

interface Waiting {
  begin: () => void;
}

/**
 * Lets a number of pieces of work run at once. What finds no place waits in the line of its workspace, and the lines
 * are taken from in turn: a workspace that asks a thousand questions at once makes its own wait, not those of others.
 */
export class Turns {
  private running = 0;
  /** In the order of turns: whoever was taken from goes to the end. Without empty lines. */
  private readonly lines = new Map<string, Waiting[]>();

  constructor(
    private readonly runningMax: number,
    /** In one line. */
    private readonly waitingMax: number,
  ) {}

  /** Runs `work` when its turn has come. Throws LineFullError, or the reason of `signal` while it waits. */
  async run<T>(workspace: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.running < this.runningMax) this.running++;
    else await this.wait(workspace, signal);
    try {
      return await work();
    } finally {
      this.passOn();
    }
  }

  /** Resolves with a place of whoever was done. */
  private wait(workspace: string, signal?: AbortSignal): Promise<void> {
    const line = this.lines.get(workspace) ?? [];
    if (line.length >= this.waitingMax)
      return Promise.reject(new LineFullError(`${this.waitingMax} questions of this workspace wait already`));
    this.lines.set(workspace, line);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        line.splice(line.indexOf(waiting), 1);
        if (line.length === 0) this.lines.delete(workspace);
        reject(signal?.reason as Error);
      };
      const waiting: Waiting = {
        begin: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      line.push(waiting);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  /** The place goes to the first of the line whose turn it is. */
  private passOn(): void {
    for (const [workspace, line] of this.lines) {
      this.lines.delete(workspace);
      const next = line.shift();
      if (line.length > 0) this.lines.set(workspace, line);
      if (next === undefined) continue;
      next.begin();
      return;
    }
    this.running--;
  }
}
