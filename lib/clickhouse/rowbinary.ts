/**
 * ClickHouse's format RowBinary: rows follow each other without separators, each with its columns in order. Numbers are
 * little endian; a string is its length as a varint and its UTF-8 bytes; a nullable value is preceded by a byte that is 1
 * for null; LowCardinality is written like its inner type.
 */

/** A buffer that grows by doubling and is reused after {@link RowBinaryWriter.take}. */
export class RowBinaryWriter {
  private buffer: Buffer;
  private view: DataView;
  private length = 0;

  constructor(initialBytes = 64 * 1024) {
    this.buffer = Buffer.allocUnsafeSlow(initialBytes);
    this.view = new DataView(this.buffer.buffer);
  }

  /** Bytes written since the last take. */
  get size(): number {
    return this.length;
  }

  /** Returns a copy of the written bytes and empties the writer. */
  take(): Buffer {
    const bytes = Buffer.allocUnsafeSlow(this.length);
    this.buffer.copy(bytes, 0, 0, this.length);
    this.length = 0;
    return bytes;
  }

  /** Discards everything after `size` bytes, for a row that could not be encoded. */
  truncate(size: number): void {
    this.length = size;
  }

  u8(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  u16(value: number): void {
    this.reserve(2);
    this.view.setUint16(this.length, value, true);
    this.length += 2;
  }

  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  /** Writes a safe integer that is not negative. */
  u64(value: number): void {
    this.reserve(8);
    this.view.setUint32(this.length, value % TWO_32, true);
    this.view.setUint32(this.length + 4, Math.floor(value / TWO_32), true);
    this.length += 8;
  }

  u128(value: bigint): void {
    this.reserve(16);
    this.view.setBigUint64(this.length, value & MASK_64, true);
    this.view.setBigUint64(this.length + 8, value >> 64n, true);
    this.length += 16;
  }

  /** Writes a safe integer. */
  i64(value: number): void {
    this.reserve(8);
    const high = Math.floor(value / TWO_32);
    this.view.setUint32(this.length, value - high * TWO_32, true);
    this.view.setInt32(this.length + 4, high, true);
    this.length += 8;
  }

  f64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[this.length++] = rest;
  }

  string(value: string): void {
    // Short texts are nearly always ASCII; writing them here avoids a call into native code.
    if (value.length < SHORT && this.shortAscii(value)) return;
    this.varint(Buffer.byteLength(value));
    this.reserve(value.length * 3);
    this.length += this.buffer.write(value, this.length, 'utf8');
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  /** Writes the text and returns true if it is ASCII; otherwise writes nothing and returns false. */
  private shortAscii(value: string): boolean {
    const size = value.length;
    this.reserve(size + 1);
    const start = this.length;
    this.buffer[start] = size;
    for (let i = 0; i < size; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80) return false;
      this.buffer[start + 1 + i] = code;
    }
    this.length = start + 1 + size;
    return true;
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    let capacity = this.buffer.length * 2;
    while (capacity < needed) capacity *= 2;
    const grown = Buffer.allocUnsafeSlow(capacity);
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }
}

const TWO_32 = 2 ** 32;
const MASK_64 = (1n << 64n) - 1n;
/** Limit for short texts: their length must fit into one byte of a varint. */
const SHORT = 48;

/** How the value of a column is encoded, and its type in ClickHouse. */
export interface ColumnType<T> {
  /** The type as shown in `system.columns`. */
  readonly sql: string;
  write(writer: RowBinaryWriter, value: T): void;
}

export const string: ColumnType<string> = { sql: 'String', write: (writer, value) => writer.string(value) };
/** Bytes, in a String column. */
export const bytes: ColumnType<Uint8Array> = { sql: 'String', write: (writer, value) => writer.bytes(value) };
export const uint8: ColumnType<number> = { sql: 'UInt8', write: (writer, value) => writer.u8(value) };
export const uint16: ColumnType<number> = { sql: 'UInt16', write: (writer, value) => writer.u16(value) };
export const uint32: ColumnType<number> = { sql: 'UInt32', write: (writer, value) => writer.u32(value) };
/** Safe integers only. */
export const uint64: ColumnType<number> = { sql: 'UInt64', write: (writer, value) => writer.u64(value) };
export const float64: ColumnType<number> = { sql: 'Float64', write: (writer, value) => writer.f64(value) };
export const bool: ColumnType<boolean> = { sql: 'Bool', write: (writer, value) => writer.u8(value ? 1 : 0) };
/** Unix milliseconds. */
export const dateTime64: ColumnType<number> = {
  sql: "DateTime64(3, 'UTC')",
  write: (writer, value) => writer.i64(value),
};

export const nullable = <T>(inner: ColumnType<T>): ColumnType<T | null> => ({
  sql: `Nullable(${inner.sql})`,
  write: (writer, value) => {
    if (value === null) {
      writer.u8(1);
    } else {
      writer.u8(0);
      inner.write(writer, value);
    }
  },
});

/** For few distinct values: encoded like the inner type, stored as a dictionary. */
export const lowCardinality = <T>(inner: ColumnType<T>): ColumnType<T> => ({
  sql: `LowCardinality(${inner.sql})`,
  write: (writer, value) => inner.write(writer, value),
});

export const array = <T>(inner: ColumnType<T>): ColumnType<readonly T[]> => ({
  sql: `Array(${inner.sql})`,
  write: (writer, values) => {
    writer.varint(values.length);
    for (const value of values) inner.write(writer, value);
  },
});

type Fields = Record<string, ColumnType<never>>;
/** The row type of these columns. */
export type RowOf<F extends Fields> = {
  [K in keyof F]: F[K] extends ColumnType<infer T> ? T : never;
};

/** A named tuple; its value is an object with these keys. */
export function tuple<F extends Fields>(fields: F): ColumnType<RowOf<F>> {
  const parts = compile(fields);
  return {
    sql: `Tuple(${Object.entries(fields)
      .map(([name, type]) => `${name} ${type.sql}`)
      .join(', ')})`,
    write: (writer, value) => writeParts(parts, writer, value),
  };
}

/** A table's columns in the order in which rows are written. */
export interface RowEncoder<Row> {
  readonly table: string;
  readonly columns: readonly string[];
  /** By column. */
  readonly types: Readonly<Record<string, string>>;
  write(writer: RowBinaryWriter, row: Row): void;
}

/** The encoder of the rows of a table; a row is an object with the column names as keys. */
export function rowEncoder<F extends Fields>(table: string, fields: F): RowEncoder<RowOf<F>> {
  const parts = compile(fields);
  return {
    table,
    columns: Object.keys(fields),
    types: Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, type.sql])),
    write: (writer, row) => writeParts(parts, writer, row),
  };
}

interface Part {
  readonly name: string;
  readonly type: ColumnType<unknown>;
}

const compile = (fields: Fields): readonly Part[] =>
  Object.entries(fields).map(([name, type]) => ({ name, type: type as ColumnType<unknown> }));

function writeParts(parts: readonly Part[], writer: RowBinaryWriter, row: object): void {
  const values = row as Record<string, unknown>;
  for (const part of parts) part.type.write(writer, values[part.name]);
}
