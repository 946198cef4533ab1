/** Keep-alive HTTP/1.1 on a bare socket: a load generator that leaves the processor to what is measured. */
import { connect, type Socket } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');

/** One connection, one request at a time. */
export class Connection {
  private received: Buffer = Buffer.alloc(0);
  private waiting: { resolve: (status: number) => void; reject: (error: Error) => void } | undefined;
  private closed: Error | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly host: string,
  ) {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new Error('the connection was closed')));
  }

  static open(url: URL): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(url.port), url.hostname);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket, url.host));
      });
    });
  }

  /** Answers the status; rejects when the connection breaks, which it then stays. */
  post(path: string, headers: Readonly<Record<string, string>>, body: string): Promise<number> {
    if (this.closed) return Promise.reject(this.closed);
    let head = `POST ${path} HTTP/1.1\r\nhost: ${this.host}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
    for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket.write(`${head}\r\n${body}`);
    });
  }

  get usable(): boolean {
    return this.closed === undefined;
  }

  close(): void {
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    const headEnd = this.received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.received.toString('latin1', 0, headEnd);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    if (length === undefined) return this.fail(new Error(`an answer without a length: ${head.split('\r\n')[0]}`));
    if (this.received.length < headEnd + HEAD_END.length + Number(length)) return;
    this.received = Buffer.alloc(0);
    const waiting = this.waiting;
    this.waiting = undefined;
    waiting?.resolve(Number(head.slice(9, 12)));
  }

  private fail(error: Error): void {
    this.end(error);
    this.socket.destroy();
  }

  private end(error: Error): void {
    this.closed ??= error;
    this.waiting?.reject(error);
    this.waiting = undefined;
  }
}

/** Connections that are kept for reuse; another one is opened whenever all are busy, so nobody ever waits for one. */
export class ConnectionPool {
  private readonly idle: Connection[] = [];
  private readonly all = new Set<Connection>();

  constructor(private readonly url: URL) {}

  /** How many were opened. */
  get size(): number {
    return this.all.size;
  }

  async warm(count: number): Promise<void> {
    this.idle.push(...(await Promise.all(Array.from({ length: count }, () => this.open()))));
  }

  /**
   * Answers the status. A server closes connections that were idle for long, perhaps in the very moment of a request:
   * that one goes out again on a new connection, as any client does it. Rejects when that breaks too.
   */
  async post(headers: Readonly<Record<string, string>>, body: string): Promise<number> {
    for (let idle = this.idle.pop(); idle !== undefined; idle = this.idle.pop()) {
      if (!idle.usable) continue;
      try {
        return await this.postOn(idle, headers, body);
      } catch {
        break;
      }
    }
    return this.postOn(await this.open(), headers, body);
  }

  close(): void {
    for (const connection of this.all) connection.close();
  }

  private async postOn(
    connection: Connection,
    headers: Readonly<Record<string, string>>,
    body: string,
  ): Promise<number> {
    const status = await connection.post(this.url.pathname, headers, body);
    this.idle.push(connection);
    return status;
  }

  private async open(): Promise<Connection> {
    const connection = await Connection.open(this.url);
    this.all.add(connection);
    return connection;
  }
}
