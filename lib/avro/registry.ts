import { setTimeout as sleep } from 'node:timers/promises';
import { SchemaRegistry, SchemaType, COMPATIBILITY } from '@kafkajs/confluent-schema-registry';
import type { Schema } from 'avsc';
import type { Logger } from 'pino';
import { SCHEMAS } from '../../schemas/documents.ts';
import { subjectOf, type TopicName } from '../topics.ts';
import { authHeaders, type RegistryAuth } from './auth.ts';
import { createCodec, type Codec } from './codec.ts';

export interface Registry {
  /** Registers the topic's schema under `<prefix><topic>-value` and answers with its codec. Waits for a registry that boots. */
  codec<T>(topic: TopicName): Promise<Codec<T>>;
}

export interface RegistryOptions {
  /** Base of the Confluent-compatible API. */
  url: string;
  /** Of a registry that asks who asks. */
  auth?: RegistryAuth | undefined;
  topicPrefix: string;
  logger: Logger;
  /** How long to wait for a registry that does not answer (default 60 s). */
  bootTimeoutMs?: number;
}

/** The registry refused a schema, or does not have it. */
export class SchemaRefusedError extends Error {
  override readonly name = 'SchemaRefusedError';
}

/** Every version must read what any version before it wrote. */
const LEVEL = COMPATIBILITY.BACKWARD_TRANSITIVE;
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

/** Another process set the compatibility of the same new subject at the same moment: looking again settles it. */
const isRace = (error: unknown): boolean =>
  statusOf(error) === 409 &&
  typeof error === 'object' &&
  error !== null &&
  'url' in error &&
  /^put .*\/config\//i.test(String(error.url));

/** The level that a subject has instead of ours, from the client's complaint about it. */
const otherLevel = (error: unknown): string | undefined =>
  error instanceof Error && error.name === 'ConfluentSchemaRegistryCompatibilityError'
    ? (/!= (\w+)\)/.exec(error.message)?.[1] ?? 'unknown')
    : undefined;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * A subject is made first and gets its level after that, by whoever made it; that process may have died between.
 * What it answers does not matter: registering again tells how it stands.
 */
async function setLevel(url: string, auth: RegistryAuth | undefined, subject: string): Promise<void> {
  await fetch(`${url}/config/${encodeURIComponent(subject)}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json', ...authHeaders(auth) },
    body: JSON.stringify({ compatibility: LEVEL }),
    signal: AbortSignal.timeout(10_000),
  }).then(
    (response) => response.arrayBuffer(),
    () => undefined,
  );
}

/** The installation's schema registry: our schemas go in when a codec is asked for, writers' schemas come out by id. */
export function createRegistry(options: RegistryOptions): Registry {
  const { url, auth, topicPrefix, logger, bootTimeoutMs = 60_000 } = options;
  const client = new SchemaRegistry({
    host: url,
    clientId: 'jane-traits',
    retry: { retries: 0 },
    ...(auth ? { auth: { ...auth } } : {}),
  });
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
          { subject, compatibility: LEVEL },
        );
        return createCodec(document, id, fetchSchema);
      } catch (error) {
        const level = otherLevel(error);
        const refused = level === undefined ? isRefusal(error) && !isRace(error) : level !== 'NONE';
        if (refused || performance.now() > deadline) {
          throw new SchemaRefusedError(`registry ${url}: ${subject}: ${messageOf(error)}`, { cause: error });
        }
        if (level !== undefined) await setLevel(url, auth, subject);
        else if (attempt === 1) logger.info({ subject, err: messageOf(error) }, 'waiting for the schema registry');
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
