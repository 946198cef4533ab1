import { SCHEMAS } from '../../schemas/documents.ts';
import type { TopicName } from '../topics.ts';
import { createCodec, type Codec } from './codec.ts';
import { SchemaRefusedError } from './registry.ts';

/** A codec without a registry. Its schema id is 1; it decodes only what it has encoded itself. */
export function localCodec<T>(topic: TopicName): Codec<T> {
  return createCodec<T>(SCHEMAS[topic], 1, (id) =>
    Promise.reject(new SchemaRefusedError(`schema ${id} does not exist`)),
  );
}
