import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Proxy {
  url: string;
  /** Resolves when ClickHouse has done the insert whose answer is kept back. */
  reached: Promise<void>;
  close(): Promise<void>;
}

/** Stands before ClickHouse and never passes on its answer to an insert of rows into `table`. */
export const silentAfter = async (table: string, target: string): Promise<Proxy> => {
  let done = (): void => {};
  const reached = new Promise<void>((resolve) => (done = resolve));
  const server = createServer((incoming, outgoing) => {
    const asked = new URL(incoming.url ?? '/', target);
    const last = (asked.searchParams.get('query') ?? '').startsWith(`INSERT INTO ${table} `);
    const { host: _, ...headers } = incoming.headers;
    const passed = request(asked, { method: incoming.method, headers }, (answer) => {
      if (last) {
        answer.resume().on('end', done);
      } else {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      }
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reached,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
