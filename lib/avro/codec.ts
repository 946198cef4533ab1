import avsc from 'avsc';

/** Confluent's wire format: a zero byte, the schema's id (4 bytes, big-endian), the Avro body. */
const HEADER_BYTES = 5;

/** Turns records of one topic into bytes and back. */
export interface Codec<T> {
  /** Id of our own schema in the registry. */
  readonly schemaId: number;
  /** The whole value in the wire format. Throws when the value does not fit the schema. */
  encode(value: T): Buffer;
  /**
   * Reads a record written with any version of the schema, as the version of this build. Throws UnknownSchemaError when
   * the writer's schema is not loaded, UndecodableError when the bytes are not a record of this topic.
   */
  decode(buf: Buffer): T;
  /** Fetches the writers' schemas that are not loaded yet. */
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

/** Fetches the document of a writer's schema by its id. */
export type FetchSchema = (id: number) => Promise<avsc.Schema>;

/** The id of the writer's schema. Throws UndecodableError. */
export function schemaIdOf(buf: Buffer): number {
  if (buf.length < HEADER_BYTES || buf[0] !== 0) throw new UndecodableError('not in the Confluent wire format');
  return buf.readUInt32BE(1);
}

/** Encoding space that grows to the largest record seen and is reused, as encoding is synchronous. */
let scratch = Buffer.allocUnsafeSlow(64 * 1024);

function parse(schema: avsc.Schema): avsc.Type {
  // Names are local to a schema: the same name in two topics means two types.
  return avsc.Type.forSchema(schema, { registry: {}, logicalTypes: {} });
}

/** A codec for a schema whose id is known. `fetchSchema` fetches the schemas of other writers. */
export function createCodec<T>(schema: unknown, schemaId: number, fetchSchema: FetchSchema): Codec<T> {
  const type = parse(schema as avsc.Schema);
  // undefined: written with our own schema, no resolution needed.
  const resolvers = new Map<number, ReturnType<avsc.Type['createResolver']> | undefined>([[schemaId, undefined]]);

  const loadId = async (id: number): Promise<void> => {
    if (resolvers.has(id)) return;
    const writer = parse(await fetchSchema(id));
    resolvers.set(id, type.createResolver(writer));
  };

  return {
    schemaId,
    encode(value) {
      let end = type.encode(value, scratch, HEADER_BYTES);
      if (end < 0) {
        // avsc returns the missing bytes as a negative number.
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
        throw new UndecodableError(`not a record of schema ${id}`, { cause: error });
      }
      if (decoded.offset !== buf.length) throw new UndecodableError(`${buf.length} bytes are not one record`);
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
