import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import type { StagePosition } from './positions.ts';
import { targetOf, type Target } from './progress.ts';

export interface HealthOptions {
  host: string;
  /** Host in `url`; default: the bound address. */
  advertisedHost?: string;
  /** 0, the default, takes any free port. */
  port?: number;
  logger: Logger;
  metrics: Metrics;
  ready: () => boolean | Promise<boolean>;
  positions?: () => StagePosition[];
  /** The positions of a target, once they have reached it. */
  reach?: (target: Target) => Promise<StagePosition[]>;
}

export interface HealthServer {
  /** http://host:port, without a trailing slash. */
  url: string;
  close(): Promise<void>;
}

/**
 * Serves /healthz, /readyz (200 or 503), /metrics and /positions, which can wait for a stage: see {@link Target}, whose
 * parts are the query parameters topic, offsets and wait_ms.
 */
export async function serveHealth(options: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      options.logger.error({ err: error }, 'cannot answer a health request; answering 500');
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host =
    options.advertisedHost ?? (options.host === '0.0.0.0' || options.host === '::' ? '127.0.0.1' : options.host);
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  options.logger.info({ health_url: url }, 'health server is listening');
  return {
    url,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(options: HealthOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path, query] = (request.url ?? '').split('?', 2);
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return json(response, 405, { status: 'method not allowed' });
  if (path === '/healthz') return json(response, 200, { status: 'ok' });
  if (path === '/readyz') {
    const ready = await options.ready();
    return json(response, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready' });
  }
  if (path === '/positions') return positions(options, new URLSearchParams(query), response);
  if (path === '/metrics') {
    response.writeHead(200, { 'content-type': options.metrics.contentType });
    response.end(await options.metrics.metrics());
    return;
  }
  json(response, 404, { status: 'not found' });
}

async function positions(options: HealthOptions, query: URLSearchParams, response: ServerResponse): Promise<void> {
  let target: Target | null;
  try {
    target = targetOf(query);
  } catch (error) {
    return json(response, 400, { status: error instanceof Error ? error.message : String(error) });
  }
  const reported = target === null ? options.positions?.() : await options.reach?.(target);
  json(response, 200, reported ?? []);
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
