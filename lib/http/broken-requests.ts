import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { HttpProblem } from './problem.ts';

/** How often it is looked whether a broken body was taken up to where it broke (milliseconds). */
const TAKEN_MS = 5;

/**
 * Answers requests that are no HTTP, or stop being it, with problem details, where Node would send an empty 400. A
 * body that breaks off while the sender still listens fails as a stream does, after everything that came before it:
 * whoever handles the request says how far it came.
 */
export function answerBrokenRequests(server: Server): void {
  const underWay = new WeakMap<Duplex, { request: IncomingMessage; response: ServerResponse }>();
  const broken = new WeakSet<Duplex>();
  server.prependListener('request', (request, response) => underWay.set(request.socket, { request, response }));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // The same parser fails again at whatever else comes.
    if (broken.has(socket)) return;
    broken.add(socket);
    const { request, response } = underWay.get(socket) ?? {};
    // Answered before its body was read: that the body breaks off afterwards has no answer of its own.
    if (response?.writableFinished === true && request?.complete === false) socket.end(() => socket.destroy());
    else if (request === undefined || response === undefined || response.writableFinished) refuse(error, socket);
    else if (!socket.writable) socket.destroy();
    else letAnswer(error, request, response);
  });
}

/** The handler's answer is the last on this connection. */
function letAnswer(error: Error, request: IncomingMessage, response: ServerResponse): void {
  response.shouldKeepAlive = false;
  response.once('finish', () => request.socket.end());
  if (request.complete) return;
  // Without this the socket, and with it the answer, would go together with the body.
  request._destroy = (cause, done) => done(cause);
  request.on('error', () => undefined);
  const timer = setInterval(() => {
    // Whoever comes to read a stream that has failed already would wait for ever, or take it for an empty one.
    const isRead = request.readableFlowing !== null && request.readableLength === 0;
    if (!isRead && !response.writableEnded) return;
    clearInterval(timer);
    request.destroy(error);
  }, TAKEN_MS);
  response.once('close', () => clearInterval(timer));
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
  if (code === 'HPE_HEADER_OVERFLOW') return new HttpProblem(431, 'the headers are too large');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new HttpProblem(408, 'the headers did not arrive in time');
  return new HttpProblem(400, 'this is no HTTP request');
}
