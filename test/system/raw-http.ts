/** Requests that fetch would not send: bodies that break off, stall or never begin. */
import { connect } from 'node:net';

export interface RawAnswer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/**
 * Sends a head and this much of its body, and listens. `then`: says that no more comes, or keeps the connection open
 * without a word until `signal` ends it.
 */
export function sendPart(
  url: string,
  head: Record<string, string>,
  body: string | Buffer,
  { method = 'POST', then = 'end', signal }: { method?: string; then?: 'end' | 'wait'; signal?: AbortSignal } = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const { hostname, port, pathname } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const headers = Object.entries({ host: 'raw', ...head }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`${method} ${pathname} HTTP/1.1\r\n${headers.join('')}\r\n`);
    if (then === 'end') socket.end(body);
    else socket.write(body);
    signal?.addEventListener('abort', () => socket.destroy(new Error('given up')));
    let heard = '';
    const answer = (): void => {
      const [first = '', json] = heard.split('\r\n\r\n');
      const length = Number(/^content-length: (\d+)$/im.exec(first)?.[1] ?? Infinity);
      if (json === undefined || (Buffer.byteLength(json) < length && !socket.readableEnded)) return;
      const lines = first.split('\r\n').slice(1);
      const pairs = lines.map((line): [string, string] => [
        line.split(':')[0]!,
        line.slice(line.indexOf(':') + 1).trim(),
      ]);
      socket.destroy();
      resolve({
        status: Number(first.split(' ')[1]),
        headers: new Headers(pairs),
        body: JSON.parse(json || '{}') as Record<string, unknown>,
      });
    };
    socket.on('data', (piece) => {
      heard += String(piece);
      answer();
    });
    socket.on('error', reject).on('end', answer);
  });
}
