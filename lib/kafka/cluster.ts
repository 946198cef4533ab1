import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import Cluster from 'kafkajs/src/cluster/index.js';
import loggers from 'kafkajs/src/loggers/index.js';
import type { SASLOptions, logCreator } from 'kafkajs';
import type { Logger } from 'pino';
import { Backoff, within, type Clock } from '../clock/index.ts';
import type { KafkaSecurity } from './types.ts';
import { KafkaUnavailableError, kafkaErrorType, messageOf } from './errors.ts';

/** Opens a connection to a broker, over TLS when `ssl` is given; calls `onConnect` when it is there. */
export type SocketFactory = (options: {
  host: string;
  port: number;
  ssl?: object | null;
  onConnect: () => void;
}) => Socket;

export interface Connection {
  brokers: string[];
  clientId: string;
  logger: Logger;
  clock: Clock;
  security?: KafkaSecurity;
  /** In the place of connections to the brokers themselves. */
  socketFactory?: SocketFactory;
}

const KEEP_ALIVE_DELAY_MS = 60_000;

/** Small requests go out at once: each waits for an answer, so nothing would come to fill a packet with. */
const directSocket: SocketFactory = ({ host, port, ssl, onConnect }) => {
  const plain = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS };
  if (!ssl) return connect(plain, onConnect);
  // TLS servers are identified by name; an address is not a name.
  const name = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ ...plain, ...name, ...ssl }, onConnect)
    .setNoDelay(true)
    .setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
};

/** What kafkajs asks for to speak to brokers so. */
export const securityOptions = ({ tls, sasl }: KafkaSecurity = {}): { ssl?: object; sasl?: SASLOptions } => ({
  ...(tls ? { ssl: tls } : {}),
  ...(sasl ? { sasl } : {}),
});

export const CONNECTION_TIMEOUT_MS = 3_000;
export const REQUEST_TIMEOUT_MS = 15_000;
const CLOSE_GRACE_MS = 500;

/** kafkajs logs every error, also those that it recovers from; this port logs those that matter. */
export const clientLog =
  (logger: Logger): logCreator =>
  () =>
  ({ namespace, label, log }) => {
    const detail = typeof log['error'] === 'string' ? log['error'] : undefined;
    logger.debug({ client: namespace, label, detail }, log.message);
  };

/** Connections that are there, or being made. */
export interface Link {
  readonly ready: Promise<Cluster>;
  /** Ends them at once or, when one is in use, after a moment: kafkajs alone would wait for a silent broker. */
  close(): Promise<void>;
}

/**
 * Creates a set of connections. Requests on one connection are answered in order, so requests that wait long (a fetch,
 * joining a group) must not share one with others.
 */
export function link({ brokers, clientId, logger, clock, security, socketFactory = directSocket }: Connection): Link {
  const sockets = new Set<Socket>();
  let closed = false;
  const cluster = new Cluster({
    logger: loggers.createLogger({ level: loggers.LEVELS.WARN, logCreator: clientLog(logger) }),
    socketFactory: (options: Parameters<SocketFactory>[0]) => {
      const socket = socketFactory(options);
      sockets.add(socket);
      // kafkajs retries for a while even after a close.
      if (closed) setImmediate(() => socket.destroy(new Error('closed')));
      return socket.once('close', () => sockets.delete(socket));
    },
    brokers,
    clientId,
    ...securityOptions(security),
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    authenticationTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    retry: { retries: 3, initialRetryTime: 50, maxRetryTime: 1_000, factor: 0.2, multiplier: 2 },
    maxInFlightRequests: null,
  });
  const ready = cluster.connect().then(() => cluster);
  ready.catch(() => undefined);
  return {
    ready,
    async close() {
      closed = true;
      const finished = ready.then(() => cluster.disconnect()).catch(() => undefined);
      await within(finished, CLOSE_GRACE_MS, clock).catch(() => undefined);
      for (const socket of sockets) socket.destroy(new Error('closed'));
    },
  };
}

const RETRY_PAUSES = { firstMs: 50, maxMs: 1_000 };

/** Errors that a retry cannot resolve. */
const FINAL = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_GROUP_ID',
  'UNSUPPORTED_VERSION',
]);

/** A lazily created cluster for short requests: after an error it is discarded and the request repeated. */
export class ControlCluster {
  private link: Link | null = null;
  private closed = false;

  constructor(
    private readonly connection: Connection,
    private readonly patienceMs = 20_000,
  ) {}

  /** Runs `ask`, again after errors, until `patienceMs` have passed; then throws KafkaUnavailableError. */
  async ask<T>(what: string, ask: (cluster: Cluster) => Promise<T>, final?: (error: unknown) => boolean): Promise<T> {
    const { clock } = this.connection;
    const deadline = clock.elapsedMs() + this.patienceMs;
    const backoff = new Backoff(RETRY_PAUSES);
    for (;;) {
      try {
        return await within(this.connected().then(ask), deadline - clock.elapsedMs(), clock);
      } catch (error) {
        if (final?.(error) === true || FINAL.has(kafkaErrorType(error) ?? '')) throw error;
        await this.drop();
        const pauseMs = backoff.nextMs();
        if (this.closed || clock.elapsedMs() + pauseMs > deadline) {
          throw new KafkaUnavailableError(`${what}: ${messageOf(error)}`, { cause: error });
        }
        await clock.sleep(pauseMs);
      }
    }
  }

  private connected(): Promise<Cluster> {
    this.link ??= link(this.connection);
    return this.link.ready;
  }

  private async drop(): Promise<void> {
    const { link } = this;
    this.link = null;
    await link?.close();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.drop();
  }
}
