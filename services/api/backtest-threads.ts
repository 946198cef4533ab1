import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../lib/clock/index.ts';
import { errorOf, type BacktestRequest, type FromThread, type Question, type ToThread } from './backtest-play.ts';
import type { PartOfReport } from './backtest-report.ts';
import type { Texts } from './database.ts';
import { QueryQueue } from './query-queue.ts';

/** A worker of node:worker_threads, or a stand-in. */
export interface BacktestThread {
  postMessage(message: ToThread): void;
  on(event: 'message', listener: (message: FromThread) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: (code: number) => void): unknown;
  terminate(): Promise<unknown>;
}

export interface BacktestThreadsOptions {
  clock: Clock;
  start: () => BacktestThread;
  /** How many play one back-test (default: 2, or 1 on a machine with one core). */
  threadsMax?: number;
}

export interface PlayOptions {
  request: BacktestRequest;
  /** The ids of the people who are played together. */
  groups: readonly number[][];
  rows: Texts;
  signal: AbortSignal;
}

/** One back-test of a workspace at once. The others wait, for minutes if need be: that is what millions of events take. */
const QUEUE = { runningMax: 2, runningPerWorkspaceMax: 1, waitingMax: 20, waitMaxMs: 10 * 60_000 };
/** Two groups of 2,000 people, and what the program itself takes, are far below it. */
const MEMORY_MB = 1_024;

/** @param url the bundled worker: dist/services/api/backtest-worker.js */
export const startBacktestThread = (url: URL): BacktestThread =>
  new Worker(url, { resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB } });

/** Plays groups of people in threads, so that a back-test uses several cores and does not delay other requests. */
export class BacktestThreads {
  private readonly queue: QueryQueue;
  private readonly running = new Set<BacktestThread>();

  constructor(private readonly options: BacktestThreadsOptions) {
    this.queue = new QueryQueue({ ...QUEUE, clock: options.clock });
  }

  /** Runs a back-test as soon as it may run. Throws QueryQueueError, or the reason of the signal if it aborts before. */
  inTurn<T>(workspace: string, backtest: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.queue.run(workspace, backtest, signal);
  }

  /** Threads take one group after the other. When it settles, all of them have ended. */
  async play(options: PlayOptions): Promise<PartOfReport[]> {
    const { threadsMax = Math.min(2, availableParallelism()), start } = this.options;
    const { groups, rows, signal } = options;
    signal.throwIfAborted();
    const next = groups.values();
    const answer = (question: Question): Promise<unknown> =>
      question.ask === 'group'
        ? Promise.resolve(next.next().value ?? null)
        : rows.text(question.query, question.params);
    const threads: BacktestThread[] = [];
    try {
      while (threads.length < Math.min(threadsMax, groups.length)) {
        const thread = start();
        this.running.add(thread);
        threads.push(thread);
      }
      return await Promise.all(threads.map((thread) => partOf(thread, options, answer)));
    } finally {
      await Promise.all(threads.map((thread) => thread.terminate()));
      for (const thread of threads) this.running.delete(thread);
    }
  }

  /** Ends all threads; their back-tests fail. */
  async close(): Promise<void> {
    await Promise.all([...this.running].map((thread) => thread.terminate()));
  }
}

/** Rejects when a question cannot be answered, the thread fails or ends, or the signal aborts. */
function partOf(
  thread: BacktestThread,
  { request, signal }: PlayOptions,
  answer: (question: Question) => Promise<unknown>,
): Promise<PartOfReport> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    thread.on('message', (message) => {
      if ('part' in message) resolve(message.part);
      else if ('failed' in message) reject(errorOf(message.failed));
      else {
        const { id, ...question } = message;
        answer(question).then((given) => thread.postMessage({ id, answer: given }), reject);
      }
    });
    thread.on('error', reject);
    thread.on('exit', (code) => reject(new Error(`a thread of a back-test ended with exit code ${code}`)));
    thread.postMessage({ request });
  });
}
