import { createAdaptorServer } from '@hono/node-server';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerBrokenRequests } from './broken-requests.ts';

export interface Serving {
  /** With the port that was really taken (0 asks for any). */
  url: string;
  port: number;
  /** Stops accepting, lets requests under way end (at most `graceMs`), then closes what is left. */
  close(graceMs?: number): Promise<void>;
}

interface Fetching {
  fetch(request: Request, env?: unknown): Response | Promise<Response>;
}

/** Could not listen; the message says which port and what to do. */
export class ListenError extends Error {
  override name = 'ListenError';
}

/**
 * Serves an app. Throws ListenError when the address cannot be had.
 * `portVariable` is named in the message, as `API_PORT`.
 */
export async function serve(
  app: Fetching,
  options: { host: string; port: number; portVariable?: string },
): Promise<Serving> {
  const server = createAdaptorServer({
    fetch: (request, env) => app.fetch(request, env),
    serverOptions: { requestTimeout: 0, headersTimeout: 20_000, keepAliveTimeout: 60_000, maxHeaderSize: 16_384 },
  }) as Server;
  answerBrokenRequests(server);
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const shown = options.host === '0.0.0.0' || options.host === '::' ? '127.0.0.1' : options.host;
  return {
    url: `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`,
    port,
    close: (graceMs = 10_000) => close(server, graceMs),
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
  const remedy = portVariable ? `; set ${portVariable} to another one` : '';
  if (error.code === 'EADDRINUSE') return `port ${port} on ${host} is taken by another program${remedy}`;
  if (error.code === 'EACCES')
    return `port ${port} on ${host} needs privileges that this process does not have${remedy}`;
  if (error.code === 'EADDRNOTAVAIL') return `${host} is no address of this machine; set HOST to one that is`;
  return `cannot listen on ${host}:${port}: ${error.message}`;
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
