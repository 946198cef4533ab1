import { createAdaptorServer } from '@hono/node-server';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, type Clock } from '../clock/index.ts';
import { answerBrokenRequests } from './broken-requests.ts';

export interface Serving {
  /** With the actual port, also when port 0 (any free one) was asked for. */
  url: string;
  port: number;
  /** Stops accepting connections, waits up to `graceMs` for open requests, then closes the remaining ones. */
  close(graceMs?: number): Promise<void>;
}

interface Fetching {
  fetch(request: Request, env?: unknown): Response | Promise<Response>;
}

/** The address cannot be listened on; the message names the port and the remedy. */
export class ListenError extends Error {
  override name = 'ListenError';
}

/**
 * Serves an app. Throws ListenError when the address is not available; its message names `portVariable`, such as
 * `API_PORT`.
 */
export async function serve(
  app: Fetching,
  options: { clock: Clock; host: string; port: number; portVariable?: string },
): Promise<Serving> {
  const server = createAdaptorServer({
    fetch: (request, env) => app.fetch(request, env),
    serverOptions: { requestTimeout: 0, headersTimeout: 20_000, keepAliveTimeout: 60_000, maxHeaderSize: 16_384 },
  }) as Server;
  answerBrokenRequests(server, options.clock);
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const shown = options.host === '0.0.0.0' || options.host === '::' ? '127.0.0.1' : options.host;
  return {
    url: `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`,
    port,
    close: (graceMs = 10_000) => close(server, options.clock, graceMs),
  };
}

function listen(server: Server, options: { host: string; port: number; portVariable?: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new ListenError(explain(error, options), { cause: error }));
    });
    server.listen(options.port, options.host, () => resolve());
  });
}

function explain(error: NodeJS.ErrnoException, { host, port, portVariable }: Parameters<typeof listen>[1]): string {
  const remedy = portVariable ? `; set ${portVariable} to another port` : '';
  if (error.code === 'EADDRINUSE') return `port ${port} on ${host} is in use by another program${remedy}`;
  if (error.code === 'EACCES')
    return `this process does not have the privileges to listen on port ${port} of ${host}${remedy}`;
  if (error.code === 'EADDRNOTAVAIL')
    return `${host} is not an address of this machine; set HOST to one of its addresses`;
  return `cannot listen on ${host}:${port}: ${error.message}`;
}

async function close(server: Server, clock: Clock, graceMs: number): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cancel = after(clock, graceMs, () => server.closeAllConnections());
  await ended;
  cancel();
}
