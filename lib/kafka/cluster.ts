import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import Cluster from 'kafkajs/src/cluster/index.js';
import loggers from 'kafkajs/src/loggers/index.js';
import type { SASLOptions, logCreator } from 'kafkajs';
import type { Logger } from 'pino';
import { Backoff, within, type Clock } from '../clock/index.ts';
import { RETRY_PAUSES } from './retries.ts';
import type { KafkaSecurity } from './types.ts';
import { acceptLeaderless } from './metadata.ts';
import { createRequestTimeouts, sleepWhenIdle } from './request-queue.ts';
import { KafkaUnavailableError, kafkaErrorType, messageOf } from './errors.ts';

/** Opens a connection to a broker, over TLS if `ssl` is given. Calls `onConnect` once it is established. */
export type SocketFactory = (options: {
  host: string;
  port: number;
  ssl?: object | null;
  onConnect: () => void;
}) => Socket;

/** How to connect to the brokers. */
export interface ConnectionOptions {
  brokers: string[];
  clientId: string;
  logger: Logger;
  clock: Clock;
  security?: KafkaSecurity;
  /** Replaces the TCP and TLS connections to the brokers, for tests. */
  socketFactory?: SocketFactory;
}

const KEEP_ALIVE_DELAY_MS = 60_000;

/** Nagle's algorithm is off: each request waits for its answer, so delaying a small one would only add latency. */
const directSocket: SocketFactory = ({ host, port, ssl, onConnect }) => {
  const plain = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS };
  if (!ssl) return connect(plain, onConnect);
  // TLS servers are identified by name; an address is not a name.
  const name = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ ...plain, ...name, ...ssl }, onConnect)
    .setNoDelay(true)
    .setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
};

/** The options of kafkajs for these security settings. */
export const securityOptions = ({ tls, sasl }: KafkaSecurity = {}): { ssl?: object; sasl?: SASLOptions } => ({
  ...(tls ? { ssl: tls } : {}),
  ...(sasl ? { sasl } : {}),
});

export const CONNECTION_TIMEOUT_MS = 3_000;
export const REQUEST_TIMEOUT_MS = 15_000;
const CLOSE_GRACE_MS = 500;

/**
 * The log of kafkajs, at level debug: kafkajs logs every error, even those that it recovers from. This port logs the
 * errors that matter itself.
 */
export const clientLog =
  (logger: Logger): logCreator =>
  () =>
  ({ namespace, label, log }) => {
    const detail = typeof log['error'] === 'string' ? log['error'] : undefined;
    logger.debug({ client: namespace, label, detail }, log.message);
  };

/** Connections to the brokers of one cluster, established or being established. */
export interface Connections {
  readonly ready: Promise<Cluster>;
  /** Closes the connections to one broker and fails the requests on them. The next request opens new ones. */
  drop(nodeId: number | string): void;
  /**
   * Closes the connections: at once if none is in use, otherwise after at most CLOSE_GRACE_MS. kafkajs itself would
   * wait for a broker that does not answer.
   */
  close(): Promise<void>;
}

/**
 * Opens a set of connections of its own. The broker answers the requests on one connection in order, so requests that
 * may wait long (a fetch, joining a group) must not share connections with others. `ready` rejects if no broker can be
 * reached.
 */
export function openConnections({
  brokers,
  clientId,
  logger,
  clock,
  security,
  socketFactory = directSocket,
}: ConnectionOptions): Connections {
  /** Each with its `host:port`. */
  const sockets = new Map<Socket, string>();
  let closed = false;
  const cluster = new Cluster({
    logger: loggers.createLogger({ level: loggers.LEVELS.WARN, logCreator: clientLog(logger) }),
    socketFactory: (options: Parameters<SocketFactory>[0]) => {
      const socket = socketFactory(options);
      sockets.set(socket, `${options.host}:${options.port}`);
      // kafkajs still opens sockets for a while after `close`.
      if (closed) setImmediate(() => socket.destroy(new Error('the connections were closed')));
      let isEnded = false;
      socket.once('end', () => (isEnded = true));
      return socket.once('close', (hadError) => {
        sockets.delete(socket);
        // Otherwise kafkajs would not notice, and would wait for replies on it.
        if (!hadError && !isEnded) socket.emit('error', new Error('the connection was closed'));
      });
    },
    brokers,
    clientId,
    ...securityOptions(security),
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    authenticationTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // sleepWhenIdle does that.
    enforceRequestTimeout: false,
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    retry: { retries: 3, initialRetryTime: 50, maxRetryTime: 1_000, factor: 0.2, multiplier: 2 },
    maxInFlightRequests: null,
  });
  const { brokerPool } = cluster;
  const createBroker = brokerPool.createBroker.bind(brokerPool);
  const timeouts = createRequestTimeouts(clock);
  brokerPool.createBroker = (options) => sleepWhenIdle(acceptLeaderless(createBroker(options)), timeouts);
  const ready = cluster.connect().then(() => cluster);
  ready.catch(() => undefined);
  return {
    ready,
    drop(nodeId) {
      const pool = brokerPool.brokers[nodeId]?.connectionPool;
      if (pool === undefined) return;
      const address = `${pool.host}:${pool.port}`;
      for (const [socket, to] of sockets) if (to === address) socket.destroy(new Error('dropped'));
    },
    async close() {
      closed = true;
      const finished = ready.then(() => cluster.disconnect()).catch(() => undefined);
      await within(finished, CLOSE_GRACE_MS, clock).catch(() => undefined);
      for (const socket of sockets.keys()) socket.destroy(new Error('the connections were closed'));
      timeouts.close();
    },
  };
}

/** Kafka's names of errors that a retry cannot resolve. */
const FINAL = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_GROUP_ID',
  'UNSUPPORTED_VERSION',
]);

/**
 * Sends short requests over connections that are opened on demand. After an error the connections are replaced and the
 * request is retried.
 */
export class ControlCluster {
  private connections: Connections | null = null;
  private closed = false;

  constructor(
    private readonly connection: ConnectionOptions,
    private readonly retryForMs = 20_000,
  ) {}

  /**
   * Runs `request` and retries it until `retryForMs` have passed; then throws KafkaUnavailableError. An error that is
   * final (FINAL, or `isFinal` returns true) is thrown at once. `what` completes "cannot …" in the message.
   */
  async ask<T>(
    what: string,
    request: (cluster: Cluster) => Promise<T>,
    isFinal?: (error: unknown) => boolean,
  ): Promise<T> {
    const { clock } = this.connection;
    const deadline = clock.elapsedMs() + this.retryForMs;
    const backoff = new Backoff(RETRY_PAUSES);
    for (;;) {
      try {
        return await within(this.connected().then(request), deadline - clock.elapsedMs(), clock);
      } catch (error) {
        if (isFinal?.(error) === true || FINAL.has(kafkaErrorType(error) ?? '')) throw error;
        await this.drop();
        const pauseMs = backoff.nextMs();
        if (this.closed || clock.elapsedMs() + pauseMs > deadline) {
          throw new KafkaUnavailableError(`cannot ${what}: ${messageOf(error)}`, { cause: error });
        }
        await clock.sleep(pauseMs);
      }
    }
  }

  private connected(): Promise<Cluster> {
    this.connections ??= openConnections(this.connection);
    return this.connections.ready;
  }

  private async drop(): Promise<void> {
    const { connections } = this;
    this.connections = null;
    await connections?.close();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.drop();
  }
}
