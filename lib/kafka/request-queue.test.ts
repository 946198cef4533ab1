import KafkajsRequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import type { PushedRequest, RequestQueue } from 'kafkajs-internals';
import { expect, it } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import { createRequestTimeouts, quietQueue } from './request-queue.ts';

const TIMEOUT_MS = 15_000;

/** A queue of kafkajs as the port configures it, and what became of its requests by correlation id. */
function open() {
  const clock = new ManualClock();
  const timeouts = createRequestTimeouts(clock);
  const logger = { debug: () => undefined, warn: () => undefined };
  const queue: RequestQueue = new KafkajsRequestQueue({
    ...{ maxInFlightRequests: null, requestTimeout: TIMEOUT_MS, enforceRequestTimeout: false, logger },
    ...{ clientId: 'test', broker: 'localhost:9092' },
  });
  quietQueue(queue, timeouts);
  const sent: number[] = [];
  let whenSent = (): void => undefined;
  const nextSent = (): Promise<void> => new Promise((resolve) => (whenSent = resolve));
  const ended: [id: number, how: string, atMs: number][] = [];
  const push = (correlationId: number, requestTimeout: number | null = null): void => {
    const sendRequest = (): void => {
      sent.push(correlationId);
      whenSent();
    };
    const note = (how: string): void => void ended.push([correlationId, how, clock.elapsedMs()]);
    const entry: PushedRequest['entry'] = {
      ...{ apiKey: 1, apiName: 'Fetch', apiVersion: 11, correlationId },
      ...{ resolve: () => note('answered'), reject: ({ name }) => note(name) },
    };
    queue.push({ entry, expectResponse: true, requestTimeout, sendRequest });
  };
  const answer = (correlationId: number): void => queue.fulfillRequest({ correlationId, payload: null, size: 0 });
  return { clock, timeouts, queue, sent, nextSent, ended, push, answer };
}

const timersOfProcess = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

it('leaves no timer behind when every request is answered', () => {
  const { push, answer, ended } = open();
  const before = timersOfProcess();
  for (const id of [1, 2, 3]) {
    push(id);
    answer(id);
  }
  expect(timersOfProcess()).toBe(before);
  expect(ended.map(([id, how]) => [id, how])).toEqual([1, 2, 3].map((id) => [id, 'answered']));
});

it('fails a request that is not answered in time, and those with a longer timeout later', async () => {
  const { clock, push, answer, ended } = open();
  push(1, 30_000);
  push(2);
  await clock.advance(1_000);
  push(3);
  push(4);
  answer(4);
  await clock.advance(60_000);
  expect(ended).toEqual([
    [4, 'answered', 1_000],
    [2, 'KafkaJSRequestTimeoutError', TIMEOUT_MS],
    [3, 'KafkaJSRequestTimeoutError', TIMEOUT_MS + 1_000],
    [1, 'KafkaJSRequestTimeoutError', 30_000],
  ]);
});

it('sleeps no longer once it is closed and its requests have failed, also those that begin later', async () => {
  const { clock, timeouts, queue, push } = open();
  push(1);
  await clock.advance(1);
  timeouts.close();
  expect(clock.nextWakeMs).not.toBeNull();
  queue.rejectAll(new Error('the connection was closed'));
  expect(clock.nextWakeMs).toBeNull();
  push(2, 20_000);
  queue.rejectAll(new Error('the connection was closed'));
  await clock.advance(0);
  expect(clock.nextWakeMs).toBeNull();
});

it('sends what waits while the broker throttles the client, once that is over', async () => {
  const { queue, push, sent, nextSent, answer } = open();
  push(1);
  queue.maybeThrottle(20);
  push(2);
  answer(1);
  expect(sent).toEqual([1]);
  await nextSent();
  expect(sent).toEqual([1, 2]);
  queue.destroy();
});
