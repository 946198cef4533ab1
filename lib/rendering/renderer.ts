import { Worker } from 'node:worker_threads';
import { NoAnswerError, within, type Clock } from '../clock/index.ts';
import type { MessageContent, MessageTemplate, TemplateContext } from '../templates/index.ts';

export interface RenderRequest {
  template: MessageTemplate;
  context: TemplateContext;
}

export type RenderAnswer = { content: MessageContent } | { problem: string };
export type WorkerMessage = 'started' | RenderAnswer;

/** A template failed, or took more time or memory than it may. The same request fails again. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

export interface RendererOptions {
  /** The bundled worker: dist/lib/rendering/worker.js. */
  workerUrl: URL;
  clock: Clock;
  /** Hard limit of one rendering (default 2 s), after which its thread is killed. */
  timeoutMs?: number;
}

/** Renders messages one after the other in a thread, so that no template can block the process or exhaust its memory. */
export interface Renderer {
  /** Throws a TemplateError; another Error when the thread cannot be started. */
  render(request: RenderRequest): Promise<MessageContent>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 2_000;
const START_TIMEOUT_MS = 30_000;
const MEMORY_MB = 64;
/** A process that was frozen exceeds the limit without its template's fault: only the second time proves it. */
const ATTEMPTS_MAX = 2;

/** The thread starts with the first rendering. */
export function createRenderer({ workerUrl, clock, timeoutMs = TIMEOUT_MS }: RendererOptions): Renderer {
  let worker: Worker | null = null;
  /** Settled when all renderings so far have ended: the next one waits for it. */
  let last: Promise<unknown> = Promise.resolve();

  async function discard(): Promise<void> {
    const former = worker;
    worker = null;
    await former?.terminate();
  }

  async function started(): Promise<Worker> {
    if (worker !== null) return worker;
    const next = new Worker(workerUrl, { resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB } });
    next.unref();
    worker = next;
    await within(messageOf(next), START_TIMEOUT_MS, clock);
    return next;
  }

  async function attempt(request: RenderRequest): Promise<RenderAnswer | 'too slow'> {
    try {
      const thread = await started();
      const answer = messageOf(thread);
      thread.postMessage(request);
      return (await within(answer, timeoutMs, clock)) as RenderAnswer;
    } catch (error) {
      await discard();
      if (error instanceof NoAnswerError) return 'too slow';
      if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY')
        return { problem: 'needs too much memory' };
      throw error;
    }
  }

  async function renderNow(request: RenderRequest): Promise<MessageContent> {
    for (let attempts = 1; ; attempts++) {
      const answer = await attempt(request);
      if (answer === 'too slow') {
        if (attempts === ATTEMPTS_MAX) throw new TemplateError(`not rendered within ${timeoutMs} ms`);
      } else if ('problem' in answer) throw new TemplateError(answer.problem);
      else return answer.content;
    }
  }

  return {
    render(request) {
      const rendered = last.then(() => renderNow(request));
      last = rendered.catch(() => undefined);
      return rendered;
    },
    close: discard,
  };
}

/** The next message of a thread. Rejects when the thread ends. */
function messageOf(worker: Worker): Promise<WorkerMessage> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void): void => {
      worker.off('message', onMessage);
      worker.off('error', onError);
      worker.off('exit', onExit);
      finish();
    };
    const onMessage = (message: WorkerMessage): void => end(() => resolve(message));
    const onError = (error: Error): void => end(() => reject(error));
    const onExit = (code: number): void => end(() => reject(new Error(`the thread ended with exit code ${code}`)));
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.on('exit', onExit);
  });
}
