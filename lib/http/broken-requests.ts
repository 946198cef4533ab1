import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock/index.ts';
import { HttpProblem } from './problem.ts';

/** Interval of the check whether a handler has read a broken body up to the break. */
const CHECK_INTERVAL_MS = 5;

/**
 * Answers input that is not valid HTTP with problem details, where Node would send an empty 400. When a body breaks off
 * while the client still listens, the request stream fails after the last valid byte, so that the handler can report
 * how far it has read.
 */
export function answerBrokenRequests(server: Server, clock: Clock): void {
  const open = new WeakMap<Duplex, { request: IncomingMessage; response: ServerResponse }>();
  const broken = new WeakSet<Duplex>();
  server.prependListener('request', (request, response) => open.set(request.socket, { request, response }));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // The parser fails again on every later byte.
    if (broken.has(socket)) return;
    broken.add(socket);
    const { request, response } = open.get(socket) ?? {};
    // The answer was sent before the body was read, so a body that breaks off later gets no second answer.
    if (response?.writableFinished === true && request?.complete === false) socket.end(() => socket.destroy());
    else if (request === undefined || response === undefined || response.writableFinished) refuse(error, socket);
    else if (!socket.writable) socket.destroy();
    else void letAnswer(error, request, response, clock);
  });
}

/** Lets the handler answer, as the last answer on this connection. */
async function letAnswer(
  error: Error,
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
): Promise<void> {
  response.shouldKeepAlive = false;
  response.once('finish', () => request.socket.end());
  if (request.complete) return;
  // Without this, destroying the request would also destroy the socket, and with it the answer.
  request._destroy = (cause, done) => done(cause);
  request.on('error', () => undefined);
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  // A handler that starts to read after the failure would wait forever, or take the body for an empty one.
  const isRead = (): boolean => request.readableFlowing !== null && request.readableLength === 0;
  while (!closed.signal.aborted && !isRead() && !response.writableEnded)
    await clock.sleep(CHECK_INTERVAL_MS, closed.signal);
  if (!closed.signal.aborted) request.destroy(error);
}

function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { problem } = problemOf(error);
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function problemOf({ code }: NodeJS.ErrnoException): HttpProblem {
  if (code === 'HPE_HEADER_OVERFLOW') return new HttpProblem(431, 'the request headers are too large');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new HttpProblem(408, 'the request headers did not arrive in time');
  return new HttpProblem(400, 'this is not an HTTP request');
}
