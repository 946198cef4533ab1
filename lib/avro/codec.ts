import avsc from 'avsc';

/** Confluent's wire format: a zero byte, the schema's id (4 bytes, big-endian), the Avro body. */
const HEADER_BYTES = 5;
const SCRATCH_BYTES = 64 * 1024;

/** Encodes and decodes the records of one topic. */
export interface Codec<T> {
  /** Id in the registry of the schema that this build writes. */
  readonly schemaId: number;
  /** The value in the wire format. Throws an Error when the value does not match the schema. */
  encode(value: T): Buffer;
  /**
   * Decodes a record that was written with any version of the schema into the version of this build. Throws
   * UnknownSchemaError when the writer's schema is not loaded, UndecodableError when the bytes are not a record of this
   * topic.
   */
  decode(buf: Buffer): T;
  /** Loads the writers' schemas of these records that are not loaded yet. Rejects with the error of `fetchSchema`. */
  load(buffers: readonly Buffer[]): Promise<void>;
}

/** The writer's schema is not loaded yet: await `load()` and decode again. */
export class UnknownSchemaError extends Error {
  override readonly name = 'UnknownSchemaError';
  constructor(
    readonly schemaId: number,
    readonly load: () => Promise<void>,
  ) {
    super(`schema ${schemaId} is not loaded`);
  }
}

/** The bytes are not a record of this topic. */
export class UndecodableError extends Error {
  override readonly name = 'UndecodableError';
}

/** Fetches a writer's schema by its id. */
export type FetchSchema = (id: number) => Promise<avsc.Schema>;

/** The id of the writer's schema. Throws UndecodableError when the bytes are not in the wire format. */
export function schemaIdOf(buf: Buffer): number {
  if (buf.length < HEADER_BYTES || buf[0] !== 0) throw new UndecodableError('not in the Confluent wire format');
  return buf.readUInt32BE(1);
}

function parse(schema: avsc.Schema): avsc.Type {
  // Names are local to a schema: the same name in two topics means two types.
  return avsc.Type.forSchema(schema, { registry: {}, logicalTypes: {} });
}

/** A codec for a schema whose id is known. `fetchSchema` fetches the schemas of other writers. */
export function createCodec<T>(schema: unknown, schemaId: number, fetchSchema: FetchSchema): Codec<T> {
  const type = parse(schema as avsc.Schema);
  // By schema id. undefined: the schema of this build, which needs no resolution.
  const resolvers = new Map<number, ReturnType<avsc.Type['createResolver']> | undefined>([[schemaId, undefined]]);

  const loadId = async (id: number): Promise<void> => {
    if (resolvers.has(id)) return;
    const writer = parse(await fetchSchema(id));
    resolvers.set(id, type.createResolver(writer));
  };

  // Records are encoded into this buffer, which grows to the largest one. Encoding is synchronous.
  let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

  return {
    schemaId,
    encode(value) {
      let end = type.encode(value, scratch, HEADER_BYTES);
      if (end < 0) {
        // avsc returns the number of missing bytes, negated.
        scratch = Buffer.allocUnsafeSlow((scratch.length - end) * 2);
        end = type.encode(value, scratch, HEADER_BYTES);
      }
      const buf = Buffer.allocUnsafe(end);
      scratch.copy(buf, HEADER_BYTES, HEADER_BYTES, end);
      buf[0] = 0;
      buf.writeUInt32BE(schemaId, 1);
      return buf;
    },
    decode(buf) {
      const id = schemaIdOf(buf);
      const resolver = resolvers.get(id);
      if (resolver === undefined && !resolvers.has(id)) throw new UnknownSchemaError(id, () => loadId(id));
      let decoded: { value: T; offset: number };
      try {
        decoded = type.decode(buf, HEADER_BYTES, resolver) as { value: T; offset: number };
      } catch (error) {
        throw new UndecodableError(`cannot decode the record with schema ${id}`, { cause: error });
      }
      if (decoded.offset !== buf.length)
        throw new UndecodableError(`${buf.length - decoded.offset} bytes follow the record`);
      return decoded.value;
    },
    async load(buffers) {
      const missing = new Set<number>();
      for (const buf of buffers) {
        if (buf.length < HEADER_BYTES || buf[0] !== 0) continue;
        const id = buf.readUInt32BE(1);
        if (!resolvers.has(id)) missing.add(id);
      }
      await Promise.all([...missing].map(loadId));
    },
  };
}
