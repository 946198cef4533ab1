import Cluster from 'kafkajs/src/cluster/index.js';
import loggers from 'kafkajs/src/loggers/index.js';
import createSocketFactory from 'kafkajs/src/network/socketFactory.js';
import type { logCreator } from 'kafkajs';
import type { Logger } from 'pino';
import { KafkaUnavailableError, kafkaErrorType, messageOf } from './errors.ts';

export interface Connection {
  brokers: string[];
  clientId: string;
  logger: Logger;
}

export const CONNECTION_TIMEOUT_MS = 3_000;
export const REQUEST_TIMEOUT_MS = 15_000;

/** kafkajs tells of every error, also of those that it mends itself: our own words stand at the places that matter. */
export const clientLog =
  (logger: Logger): logCreator =>
  () =>
  ({ namespace, label, log }) => {
    const detail = typeof log['error'] === 'string' ? log['error'] : undefined;
    logger.debug({ client: namespace, label, detail }, log.message);
  };

/**
 * A set of connections of its own. Requests on one connection are answered in order, so whoever waits long (a fetch,
 * joining a group) must not share one with others.
 */
export function createCluster({ brokers, clientId, logger }: Connection): Cluster {
  return new Cluster({
    logger: loggers.createLogger({
      level: loggers.LEVELS.WARN,
      logCreator: clientLog(logger),
    }),
    socketFactory: createSocketFactory(),
    brokers,
    clientId,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    authenticationTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    retry: { retries: 3, initialRetryTime: 50, maxRetryTime: 1_000, factor: 0.2, multiplier: 2 },
    maxInFlightRequests: null,
  });
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Errors that no second try will mend. */
const FINAL = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_GROUP_ID',
  'UNSUPPORTED_VERSION',
]);

/** A lazily made cluster for short questions: after an error it is thrown away and the question asked anew. */
export class ControlCluster {
  private cluster: Promise<Cluster> | null = null;
  private closed = false;

  constructor(
    private readonly connection: Connection,
    private readonly patienceMs = 20_000,
  ) {}

  /** Runs `ask`, again after errors, until `patienceMs` have passed; then throws KafkaUnavailableError. */
  async ask<T>(what: string, ask: (cluster: Cluster) => Promise<T>, final?: (error: unknown) => boolean): Promise<T> {
    const deadline = performance.now() + this.patienceMs;
    for (let pauseMs = 50; ; pauseMs = Math.min(1_000, pauseMs * 2)) {
      try {
        return await ask(await this.connected());
      } catch (error) {
        if (final?.(error) === true || FINAL.has(kafkaErrorType(error) ?? '')) throw error;
        await this.drop();
        if (this.closed || performance.now() + pauseMs > deadline) {
          throw new KafkaUnavailableError(`${what}: ${messageOf(error)}`, { cause: error });
        }
        await sleep(pauseMs);
      }
    }
  }

  private connected(): Promise<Cluster> {
    this.cluster ??= (async () => {
      const cluster = createCluster(this.connection);
      await cluster.connect();
      return cluster;
    })();
    return this.cluster;
  }

  private async drop(): Promise<void> {
    const { cluster } = this;
    this.cluster = null;
    await cluster?.then((c) => c.disconnect()).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.drop();
  }
}
