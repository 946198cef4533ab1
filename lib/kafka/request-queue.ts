import type { Broker, RequestQueue, SocketRequest } from 'kafkajs-internals';
import { Deadlines, type Clock } from '../clock/index.ts';

/** Ends requests that are not answered in time. `close` leaves no sleep behind once all requests have ended. */
export interface RequestTimeouts {
  start(timeoutMs: number, expire: () => void): () => void;
  close(): void;
}

export function createRequestTimeouts(clock: Clock): RequestTimeouts {
  /** By length, because few lengths occur, and those of one length expire in the order in which they were started. */
  const deadlines = new Map<number, Deadlines>();
  let closed = false;
  return {
    start(timeoutMs, expire) {
      let ofLength = deadlines.get(timeoutMs);
      if (ofLength === undefined) {
        deadlines.set(timeoutMs, (ofLength = new Deadlines(clock, timeoutMs)));
        if (closed) ofLength.close();
      }
      return ofLength.start(expire);
    },
    close() {
      closed = true;
      for (const ofLength of deadlines.values()) ofLength.close();
    },
  };
}

/**
 * Replaces two timers in the request queues of a broker's connections. kafkajs checks every 100 ms for requests that are
 * overdue, and after the first answer on a connection it checks every millisecond for requests that wait to be sent, also
 * when none does: together 2 % of a core in a process that does nothing.
 */
export function sleepWhenIdle(broker: Broker, timeouts: RequestTimeouts): Broker {
  for (const { requestQueue } of broker.connectionPool.pool) quietQueue(requestQueue, timeouts);
  return broker;
}

/** The connections must be opened with `enforceRequestTimeout: false`: requests time out here. */
export function quietQueue(queue: RequestQueue, timeouts: RequestTimeouts): void {
  const schedule = queue.scheduleCheckPendingRequests.bind(queue);
  // Requests wait only while the broker throttles this client.
  queue.scheduleCheckPendingRequests = () => {
    if (queue.pending.length > 0) schedule();
  };
  const create = queue.createSocketRequest.bind(queue);
  queue.createSocketRequest = (pushed) => {
    const { entry, sendRequest } = pushed;
    let end = (): void => undefined;
    const request: SocketRequest = create({
      ...pushed,
      entry: {
        ...entry,
        resolve: (answer) => {
          end();
          entry.resolve(answer);
        },
        reject: (error) => {
          end();
          entry.reject(error);
        },
      },
      sendRequest: () => {
        end = timeouts.start(request.requestTimeout, () => request.timeoutRequest());
        sendRequest();
      },
    });
    return request;
  };
}
