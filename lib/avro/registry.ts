import { SchemaRegistry, SchemaType, COMPATIBILITY } from '@kafkajs/confluent-schema-registry';
import type { Schema } from 'avsc';
import type { Logger } from 'pino';
import { abortAfter, Backoff, type Clock } from '../clock/index.ts';
import { SCHEMAS } from '../../schemas/documents.ts';
import { subjectOf, type TopicName } from '../topics.ts';
import { authHeaders, type RegistryAuth } from './auth.ts';
import { createCodec, type Codec } from './codec.ts';

export interface Registry {
  /**
   * Registers the topic's schema under `<prefix><topic>-value` and returns its codec. Waits for a registry that is still
   * starting. Throws SchemaRefusedError.
   */
  codec<T>(topic: TopicName): Promise<Codec<T>>;
}

export interface RegistryOptions {
  /** Base URL of the Confluent-compatible API. */
  url: string;
  /** For a registry that requires a user and password. */
  auth?: RegistryAuth | undefined;
  topicPrefix: string;
  logger: Logger;
  clock: Clock;
  /** How long to wait for a registry that does not answer (default 60 s). */
  bootTimeoutMs?: number;
}

/** The registry rejected a schema, does not have it, or did not answer in time. */
export class SchemaRefusedError extends Error {
  override readonly name: string = 'SchemaRefusedError';
}

/** The registry answers, and does not have the schema. */
export class MissingSchemaError extends SchemaRefusedError {
  override readonly name = 'MissingSchemaError';
}

/** Every version must be able to read records of all earlier versions. */
const LEVEL = COMPATIBILITY.BACKWARD_TRANSITIVE;
/** How long a rejection (4xx) is cached. */
const REFUSAL_TTL_MS = 5_000;
/** How long setting a compatibility level may take. */
const LEVEL_TIMEOUT_MS = 10_000;

const statusOf = (error: unknown): number | undefined =>
  typeof error === 'object' && error !== null && 'status' in error && typeof error.status === 'number'
    ? error.status
    : undefined;

/**
 * Statuses that show that the registry itself rejected the request. (The client also reports 400 when nothing answers
 * at the address.)
 */
const REFUSALS = new Set([401, 403, 404, 409, 422]);

const isRefusal = (error: unknown): boolean => REFUSALS.has(statusOf(error) ?? 0);

/** Another process set the compatibility of the same new subject at the same time: a retry succeeds. */
const isRace = (error: unknown): boolean =>
  statusOf(error) === 409 &&
  typeof error === 'object' &&
  error !== null &&
  'url' in error &&
  /^put .*\/config\//i.test(String(error.url));

/** The compatibility level that a subject has instead of the required one, as reported in the client's error. */
const otherLevel = (error: unknown): string | undefined =>
  error instanceof Error && error.name === 'ConfluentSchemaRegistryCompatibilityError'
    ? (/!= (\w+)\)/.exec(error.message)?.[1] ?? 'unknown')
    : undefined;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Sets the compatibility level of a subject. The process that created the subject sets it in a second request, and may
 * have died in between. The answer is ignored: the next attempt to register shows the result.
 */
async function setLevel(
  { url, auth, clock }: Pick<RegistryOptions, 'url' | 'auth' | 'clock'>,
  subject: string,
): Promise<void> {
  const request = {
    method: 'PUT',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json', ...authHeaders(auth) },
    body: JSON.stringify({ compatibility: LEVEL }),
  };
  await abortAfter(LEVEL_TIMEOUT_MS, clock, async (signal) => {
    const response = await fetch(`${url}/config/${encodeURIComponent(subject)}`, { ...request, signal });
    await response.arrayBuffer();
  }).catch(() => undefined);
}

interface CachedSchema {
  schema: Promise<Schema>;
  /** On the clock's `elapsedMs`. */
  expiresAtMs: number;
}

/**
 * The installation's schema registry: registers a topic's schema when its codec is requested, and fetches writers'
 * schemas by id.
 */
export function createRegistry(options: RegistryOptions): Registry {
  const { url, auth, topicPrefix, logger, clock, bootTimeoutMs = 60_000 } = options;
  const client = new SchemaRegistry({
    host: url,
    clientId: 'jane-traits',
    retry: { retries: 0 },
    ...(auth ? { auth: { ...auth } } : {}),
  });
  const codecs = new Map<string, Promise<Codec<unknown>>>();
  const schemas = new Map<number, CachedSchema>();

  const fetchSchema = (id: number): Promise<Schema> => {
    const known = schemas.get(id);
    if (known !== undefined && clock.elapsedMs() < known.expiresAtMs) return known.schema;
    // Concurrent callers share one request. A rejection is cached for a while, other failures are not.
    const schema = client.getSchema(id).then(
      (found) => (found as unknown as { schema(options: object): Schema }).schema({ exportAttrs: true }),
      (error: unknown) => {
        cached.expiresAtMs = isRefusal(error) ? clock.elapsedMs() + REFUSAL_TTL_MS : 0;
        const Failure = statusOf(error) === 404 ? MissingSchemaError : SchemaRefusedError;
        throw new Failure(`cannot load schema ${id}: ${messageOf(error)}`, { cause: error });
      },
    );
    const cached: CachedSchema = { schema, expiresAtMs: Infinity };
    schemas.set(id, cached);
    return schema;
  };

  const register = async (topic: TopicName): Promise<Codec<unknown>> => {
    const document = SCHEMAS[topic];
    const subject = topicPrefix + subjectOf(topic);
    const deadlineMs = clock.elapsedMs() + bootTimeoutMs;
    const backoff = new Backoff({ firstMs: 100, maxMs: 1_000 });
    let isFirstAttempt = true;
    for (;;) {
      try {
        const { id } = await client.register(
          { type: SchemaType.AVRO, schema: JSON.stringify(document) },
          { subject, compatibility: LEVEL },
        );
        return createCodec(document, id, fetchSchema);
      } catch (error) {
        const level = otherLevel(error);
        const refused = level === undefined ? isRefusal(error) && !isRace(error) : level !== 'NONE';
        if (refused || clock.elapsedMs() > deadlineMs) {
          throw new SchemaRefusedError(`cannot register the schema of ${subject} at ${url}: ${messageOf(error)}`, {
            cause: error,
          });
        }
        if (level !== undefined) await setLevel(options, subject);
        else if (isFirstAttempt) logger.info({ subject, err: messageOf(error) }, 'waiting for the schema registry');
        isFirstAttempt = false;
        await clock.sleep(backoff.nextMs());
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
