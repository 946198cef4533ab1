import { UnknownSchemaError, type Codec } from '../../lib/avro/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import type { KafkaRecord } from '../../lib/kafka/types.ts';
import type { Message } from './cursor.ts';

const SCHEMA_ATTEMPTS = 10;
const SCHEMA_PAUSE_MS = 1_000;

/** The decoded record, or that its writer's schema has to be fetched first. Throws what the codec throws. */
export function decode<M>(codec: Codec<M>, record: KafkaRecord): Message<M> | UnknownSchemaError {
  const value = valueOf(record);
  try {
    return { offset: record.offset, timestampMs: record.timestampMs, value, body: codec.decode(value) };
  } catch (error) {
    if (error instanceof UnknownSchemaError) return error;
    throw error;
  }
}

export interface SchemaLoading {
  clock: Clock;
  signal: AbortSignal;
  /** Called before each pause. */
  onFailure(error: unknown): void;
}

/**
 * Loads the schema of a record. All other partitions wait meanwhile, so it tries ten times at most, which is enough for a
 * registry that has just started; a schema in `givenUp` is tried once. Throws the last error.
 */
export async function loadSchema(
  { schemaId, load }: UnknownSchemaError,
  givenUp: Set<number>,
  { clock, signal, onFailure }: SchemaLoading,
): Promise<void> {
  const attempts = givenUp.has(schemaId) ? 1 : SCHEMA_ATTEMPTS;
  for (let attempt = 1; ; attempt++) {
    try {
      await load();
      givenUp.delete(schemaId);
      return;
    } catch (error) {
      if (signal.aborted) throw error;
      if (attempt === attempts) {
        givenUp.add(schemaId);
        throw error;
      }
      onFailure(error);
      await clock.sleep(SCHEMA_PAUSE_MS, signal);
    }
  }
}

function valueOf(record: KafkaRecord): Buffer {
  if (record.value === null) throw new Error('the record has no value');
  return record.value;
}
