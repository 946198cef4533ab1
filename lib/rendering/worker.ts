/** The thread that renders messages: started by renderer.ts, and killed by it when a template takes too long. */
import { parentPort } from 'node:worker_threads';
import { renderMessage } from '../templates/index.ts';
import type { RenderRequest, WorkerMessage } from './renderer.ts';

const post = (message: WorkerMessage): void => parentPort?.postMessage(message);

parentPort?.on('message', ({ template, context }: RenderRequest) => {
  try {
    post({ content: renderMessage(template, context) });
  } catch (error) {
    post({ problem: error instanceof Error ? error.message.split('\n')[0]! : String(error) });
  }
});
post('started');
