/** A TCP proxy before one Kafka broker that loses replies: the broker has done what was asked, and nobody hears of it. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** The requests of a transaction whose replies can be lost, with their keys in Kafka's protocol. */
export const LOSABLE = {
  Produce: 0,
  InitProducerId: 22,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
  TxnOffsetCommit: 28,
} as const;

export type Losable = keyof typeof LOSABLE;
export const LOSABLE_NAMES = Object.keys(LOSABLE) as Losable[];

/** `cut`: the connection is closed in place of the reply. `silent`: the reply never comes, and the connection stays. */
export type Loss = 'cut' | 'silent';

export interface ReplyDropper {
  port: number;
  /** The next `times` replies to such requests are lost; with `client`, only those of clients whose id begins so. */
  lose(request: Losable, loss: Loss, times?: number, client?: string): void;
  /** Replies lost so far. */
  readonly lost: Readonly<Record<Losable, number>>;
  /** Losses that were ordered and have met no reply yet are taken off. */
  relent(): void;
  close(): Promise<void>;
}

interface Order {
  request: Losable;
  loss: Loss;
  client: string;
  left: number;
}

/** Splits a stream into messages of Kafka's protocol, which begin with their length. */
class Messages {
  private pending: Buffer = Buffer.alloc(0);

  /** Complete messages, each with its length. */
  take(chunk: Buffer): Buffer[] {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    const messages: Buffer[] = [];
    while (this.pending.length >= 4) {
      const end = 4 + this.pending.readInt32BE(0);
      if (this.pending.length < end) break;
      messages.push(this.pending.subarray(0, end));
      this.pending = this.pending.subarray(end);
    }
    return messages;
  }
}

/** The header of a request: length, key, version, correlation id, client id. Nothing else of it is read. */
function headerOf(message: Buffer): { key: number; correlationId: number; client: string } {
  const length = message.readInt16BE(12);
  return {
    key: message.readInt16BE(4),
    correlationId: message.readInt32BE(8),
    client: length < 0 ? '' : message.toString('utf8', 14, 14 + length),
  };
}

/** Listens on `port`, or on a free one. */
export async function startReplyDropper(target: { host: string; port: number }, port = 0): Promise<ReplyDropper> {
  let orders: Order[] = [];
  const lost: Record<Losable, number> = {
    Produce: 0,
    InitProducerId: 0,
    AddOffsetsToTxn: 0,
    EndTxn: 0,
    TxnOffsetCommit: 0,
  };
  const sockets = new Set<Socket>();

  const orderFor = (key: number, client: string): Order | undefined =>
    orders.find((order) => LOSABLE[order.request] === key && client.startsWith(order.client));

  const server = createServer((client) => {
    const broker = connect(target);
    /** By correlation id: what becomes of the reply. */
    const fates = new Map<number, Order>();
    const [requests, replies] = [new Messages(), new Messages()];
    for (const [one, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => undefined);
      one.once('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.on('drain', () => other.resume());
    }
    client.on('data', (chunk: Buffer) => {
      for (const message of requests.take(chunk)) {
        const { key, correlationId, client: id } = headerOf(message);
        const order = orderFor(key, id);
        if (order === undefined) continue;
        if (--order.left === 0) orders = orders.filter((other) => other !== order);
        fates.set(correlationId, order);
      }
      if (!broker.write(chunk)) client.pause();
    });
    broker.on('data', (chunk: Buffer) => {
      for (const message of replies.take(chunk)) {
        const correlationId = message.readInt32BE(4);
        const fate = fates.get(correlationId);
        fates.delete(correlationId);
        if (fate === undefined) {
          if (!client.write(message)) broker.pause();
          continue;
        }
        lost[fate.request]++;
        if (fate.loss === 'cut') client.destroy();
      }
    });
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    lost,
    lose: (request, loss, times = 1, client = '') => void orders.push({ request, loss, client, left: times }),
    relent: () => void (orders = []),
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
