import { UndecodableError, UnknownSchemaError, type Codec } from '../../lib/avro/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import type { KafkaRecord } from '../../lib/kafka/types.ts';
import type { Message } from './cursor.ts';

const SCHEMA_ATTEMPTS = 10;
const SCHEMA_PAUSE_MS = 1_000;

/** The decoded record; undefined when its writer's schema has to be fetched first. Throws what the codec throws. */
export function decode<M>(codec: Codec<M>, record: KafkaRecord): Message<M> | undefined {
  const value = valueOf(record);
  try {
    return { offset: record.offset, timestampMs: record.timestampMs, value, body: codec.decode(value) };
  } catch (error) {
    if (error instanceof UnknownSchemaError) return undefined;
    throw error;
  }
}

/** Fetches the writer's schema and decodes. While the registry is unavailable it retries, ten times at most. */
export async function decodeUnknown<M>(
  codec: Codec<M>,
  record: KafkaRecord,
  clock: Clock,
  signal: AbortSignal,
): Promise<Message<M>> {
  const value = valueOf(record);
  for (let attempt = 1; ; attempt++) {
    try {
      await codec.load([value]);
      return { offset: record.offset, timestampMs: record.timestampMs, value, body: codec.decode(value) };
    } catch (error) {
      if (error instanceof UndecodableError || attempt === SCHEMA_ATTEMPTS || signal.aborted) throw error;
      await clock.sleep(SCHEMA_PAUSE_MS, signal);
    }
  }
}

function valueOf(record: KafkaRecord): Buffer {
  if (record.value === null) throw new Error('the record has no value');
  return record.value;
}
