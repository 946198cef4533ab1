import type { Clock } from '../clock/index.ts';
import { assertTransition } from '../transitions.ts';
import { ClosedError } from './errors.ts';
import { TASK_TRANSITIONS, type TaskState } from './task-state.ts';

/** How long a closing task may take to finish its transaction. After that, the broker or the next `init` aborts it. */
const CLOSE_TIMEOUT_MS = 5_000;

export interface TaskLifeOptions {
  partition: number;
  clock: Clock;
  /** The task begins to close: it takes no more input. */
  onEnding(): void;
  /** The transaction that was under way when the task began to close was not committed. */
  onUnfinished(error: unknown): void;
  /** Closes the producer of the transactions. May be called twice. */
  closeTransactions(): Promise<void>;
  /** The task has ended. */
  onClosed(): void;
}

/** What every task has: its states, its end, and waiting that the end cuts short. See `TaskState`. */
export class TaskLife {
  private state: TaskState = { name: 'restoring' };
  /** Aborted when the state becomes `closing`. */
  private readonly ending = new AbortController();

  constructor(private readonly options: TaskLifeOptions) {}

  /** The state as /positions shows it. */
  get stateName(): Exclude<TaskState['name'], 'closed'> {
    return this.state.name === 'closed' ? 'closing' : this.state.name;
  }

  get isEnding(): boolean {
    return this.signal.aborted;
  }

  /** Aborted when the task begins to close. */
  get signal(): AbortSignal {
    return this.ending.signal;
  }

  become(next: TaskState): void {
    assertTransition(`task of partition ${this.options.partition}`, TASK_TRANSITIONS, this.state.name, next.name);
    this.state = next;
  }

  /** Opens the task, then repeats `work` until it ends. Rejects with its failure, unless it was asked to close before that. */
  async run(open: () => Promise<void>, work: () => Promise<void>): Promise<void> {
    // Not before the caller has kept the promise.
    await Promise.resolve();
    try {
      await open();
      while (!this.isEnding) await work();
    } catch (error) {
      if (!this.isEnding) this.end(error instanceof Error ? error : new Error(String(error)));
      else if (!(error instanceof ClosedError)) this.options.onUnfinished(error);
    }
    await this.options.closeTransactions();
    this.options.onClosed();
    const failure = this.state.name === 'closing' ? this.state.failure : null;
    this.become({ name: 'closed' });
    if (failure !== null) throw failure;
  }

  /** Finishes the current transaction if that takes less than CLOSE_TIMEOUT_MS, then ends. `done`: what `run` returned. */
  async close(done: Promise<void>): Promise<void> {
    const { clock, closeTransactions } = this.options;
    const ended = done.catch(() => undefined);
    if (!this.isEnding) {
      // Before it runs there is no transaction to finish.
      const timeoutMs = this.state.name === 'restoring' ? 0 : CLOSE_TIMEOUT_MS;
      const isOver = new AbortController();
      void ended.then(() => isOver.abort());
      void clock.sleep(timeoutMs, isOver.signal).then(() => closeTransactions());
      this.end(null);
    }
    await ended;
  }

  /** The task takes no more input; the current transaction may still be committed. */
  private end(failure: Error | null): void {
    if (this.isEnding) return;
    this.become({ name: 'closing', failure });
    this.ending.abort(new ClosedError());
    this.options.onEnding();
  }

  /** The result of `work`, or a ClosedError as soon as the task is closing; the work itself is not cancelled. */
  async unlessEnding<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    work.catch(() => undefined);
    let onAbort!: () => void;
    const ended = new Promise<never>((_, reject) => {
      onAbort = () => reject(new ClosedError());
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
    });
    try {
      return await Promise.race([work, ended]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Throws a ClosedError when the task is closing. */
  async pause(ms: number): Promise<void> {
    await this.options.clock.sleep(ms, this.signal);
    if (this.isEnding) throw new ClosedError();
  }
}
