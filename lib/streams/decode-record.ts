import type { Logger } from 'pino';
import { MissingSchemaError, UndecodableError, UnknownSchemaError } from '../avro/index.ts';
import { Backoff } from '../clock/index.ts';
import type { KafkaRecord } from '../kafka/types.ts';
import { ClosedError, RecordFailedError } from './errors.ts';
import type { StreamMetrics } from './metrics.ts';
import type { Topology } from './topology.ts';

const LOAD_PAUSES = { firstMs: 100, maxMs: 5_000 };
/** A registry that has just started may not know its schemas yet: it is asked this many times again, for 11 seconds. */
const MAX_MISSING = 7;

/** What decoding needs from its task. */
export interface Decoding<I> {
  topology: { name: string; input: Pick<Topology<I>['input'], 'topic' | 'decode'> };
  partition: number;
  logger: Logger;
  metrics: StreamMetrics;
  /** The result of `work`, or a ClosedError as soon as the task is closing. */
  unlessEnding<T>(work: Promise<T>): Promise<T>;
  /** Throws a ClosedError when the task is closing. */
  pause(ms: number): Promise<void>;
}

/**
 * The decoded record; waits until its schema is loaded. Undefined for a record that no codec can read, because it must
 * not block those that follow. Throws a RecordFailedError when the topology's decoder fails or the registry does not have
 * the schema, and a ClosedError when the task is closing.
 */
export async function decodeRecord<I>(record: KafkaRecord, decoding: Decoding<I>): Promise<I | undefined> {
  const { topology, partition, logger, metrics } = decoding;
  let backoff: Backoff | null = null;
  let missing = 0;
  for (;;) {
    try {
      if (record.value === null) throw new UndecodableError('no value');
      return topology.input.decode(record.value);
    } catch (error) {
      const where = { topology: topology.name, partition, offset: record.offset };
      if (error instanceof UndecodableError) {
        logger.error({ ...where, err: error.message }, 'cannot decode a record; skipping it');
        metrics.skipped.inc({ topology: topology.name });
        return undefined;
      }
      if (!(error instanceof UnknownSchemaError)) {
        throw new RecordFailedError(topology.input.topic, partition, record.offset, error);
      }
      try {
        await decoding.unlessEnding(error.load());
      } catch (cause) {
        if (cause instanceof ClosedError) throw cause;
        if (cause instanceof MissingSchemaError && ++missing > MAX_MISSING) {
          throw new RecordFailedError(topology.input.topic, partition, record.offset, cause);
        }
        logger.error({ ...where, schema: error.schemaId, err: cause }, 'cannot load the schema of a record; retrying');
        backoff ??= new Backoff(LOAD_PAUSES);
        await decoding.pause(backoff.nextMs());
      }
    }
  }
}
