import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Proxy {
  url: string;
  close(): Promise<void>;
}

/** What becomes of ClickHouse's answer to one request. */
type Fate = 'pass' | 'keep' | 'cut-before' | 'cut-after';

async function serve(target: string, fateOf: (query: string) => Fate, kept: () => void): Promise<Proxy> {
  const server = createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
    const asked = new URL(incoming.url ?? '/', target);
    const fate = fateOf(asked.searchParams.get('query') ?? '');
    if (fate === 'cut-before') return void incoming.socket.destroy();
    const { host: _, ...headers } = incoming.headers;
    const passed = request(asked, { method: incoming.method, headers }, (answer) => {
      if (fate === 'pass') {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      } else {
        answer.resume().on('end', () => (fate === 'keep' ? kept() : incoming.socket.destroy()));
      }
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Stands before ClickHouse and never passes on its answer to an insert of rows into `table`; `reached`
 * resolves when that insert is done.
 */
export async function silentAfter(table: string, target: string): Promise<Proxy & { reached: Promise<void> }> {
  let done = (): void => {};
  const reached = new Promise<void>((resolve) => (done = resolve));
  const proxy = await serve(target, (query) => (query.startsWith(`INSERT INTO ${table} `) ? 'keep' : 'pass'), done);
  return { ...proxy, reached };
}

/** Cuts connections, some before ClickHouse has heard the request, some after it has done it: two of `every` requests. */
export function flaky(every: number, target: string): Promise<Proxy> {
  let count = 0;
  const fates: Fate[] = ['cut-before', 'cut-after'];
  return serve(
    target,
    () => fates[count++ % every] ?? 'pass',
    () => {},
  );
}
