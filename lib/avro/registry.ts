import { SchemaRegistry, SchemaType, COMPATIBILITY } from '@kafkajs/confluent-schema-registry';
import type { Schema } from 'avsc';
import type { Logger } from 'pino';
import { SCHEMAS } from '../../schemas/documents.ts';
import { subjectOf, type TopicName } from '../topics.ts';
import { createCodec, type Codec } from './codec.ts';

export interface Registry {
  /** Registers the topic's schema under `<prefix><topic>-value` and answers with its codec. Waits for a registry that boots. */
  codec<T>(topic: TopicName): Promise<Codec<T>>;
}

export interface RegistryOptions {
  /** Base of the Confluent-compatible API. */
  url: string;
  topicPrefix: string;
  logger: Logger;
  /** How long to wait for a registry that does not answer (default 60 s). */
  bootTimeoutMs?: number;
}

/** The registry refused a schema, or does not have it. */
export class SchemaRefusedError extends Error {
  override readonly name = 'SchemaRefusedError';
}

/** How long a refusal (4xx) is believed before the registry is asked again. */
const REFUSAL_TTL_MS = 5_000;
const RETRY_PAUSE_MS = 250;

const statusOf = (error: unknown): number | undefined =>
  typeof error === 'object' && error !== null && 'status' in error && typeof error.status === 'number'
    ? error.status
    : undefined;

/** A registry's own no. (The client answers with 400 also when there is nobody at the address.) */
const REFUSALS = new Set([401, 403, 404, 409, 422]);

const isRefusal = (error: unknown): boolean => REFUSALS.has(statusOf(error) ?? 0);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The installation's schema registry: our schemas go in when a codec is asked for, writers' schemas come out by id. */
export function createRegistry({ url, topicPrefix, logger, bootTimeoutMs = 60_000 }: RegistryOptions): Registry {
  const client = new SchemaRegistry({ host: url, clientId: 'jane-traits', retry: { retries: 0 } });
  const codecs = new Map<string, Promise<Codec<unknown>>>();
  const schemas = new Map<number, Promise<Schema>>();

  const fetchSchema = (id: number): Promise<Schema> => {
    let pending = schemas.get(id);
    if (pending === undefined) {
      // One question for everybody who misses the same id; a refusal is kept for a while, other failures are not.
      pending = client.getSchema(id).then(
        (found) => (found as unknown as { schema(options: object): Schema }).schema({ exportAttrs: true }),
        (error: unknown) => {
          setTimeout(() => schemas.delete(id), isRefusal(error) ? REFUSAL_TTL_MS : 0).unref();
          throw new SchemaRefusedError(`schema ${id}: ${messageOf(error)}`, { cause: error });
        },
      );
      schemas.set(id, pending);
    }
    return pending;
  };

  const register = async (topic: TopicName): Promise<Codec<unknown>> => {
    const document = SCHEMAS[topic];
    const subject = topicPrefix + subjectOf(topic);
    const deadline = performance.now() + bootTimeoutMs;
    for (let attempt = 1; ; attempt++) {
      try {
        const { id } = await client.register(
          { type: SchemaType.AVRO, schema: JSON.stringify(document) },
          { subject, compatibility: COMPATIBILITY.BACKWARD_TRANSITIVE },
        );
        return createCodec(document, id, fetchSchema);
      } catch (error) {
        if (isRefusal(error) || performance.now() > deadline) {
          throw new SchemaRefusedError(`registry ${url}: ${subject}: ${messageOf(error)}`, { cause: error });
        }
        if (attempt === 1) logger.info({ subject, err: messageOf(error) }, 'waiting for the schema registry');
        await sleep(RETRY_PAUSE_MS);
      }
    }
  };

  return {
    codec<T>(topic: TopicName): Promise<Codec<T>> {
      let pending = codecs.get(topic);
      if (pending === undefined) {
        pending = register(topic).catch((error: unknown) => {
          codecs.delete(topic);
          throw error;
        });
        codecs.set(topic, pending);
      }
      return pending as Promise<Codec<T>>;
    },
  };
}

/** A codec without a registry, for tests and tools that read only what they wrote themselves. Schema id 1. */
export function localCodec<T>(topic: TopicName): Codec<T> {
  return createCodec<T>(SCHEMAS[topic], 1, (id) => Promise.reject(new SchemaRefusedError(`schema ${id} is not here`)));
}
