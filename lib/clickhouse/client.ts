import { ClickHouseLogLevel, createClient, type ClickHouseClient, type ClickHouseSettings } from '@clickhouse/client';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';

/** Where ClickHouse is and how patient a process is with it. */
export interface ClickHouseOptions {
  /** Address of the HTTP interface: `http://host:port`. */
  url: string;
  user?: string;
  password?: string;
  /** The database that names without one mean. It need not exist until `migrate` has run. */
  database: string;
  /** How long one request may take, in milliseconds. */
  requestTimeoutMs?: number;
  /** Sockets at once; further requests wait for one. */
  connectionsMax?: number;
  /** Settings of all requests of this client, beside those of {@link createClickHouse}. */
  settings?: ClickHouseSettings;
}

/** A client that knows its own options, for the few places that need them (see `migrate`). */
export type ClickHouse = ClickHouseClient & { readonly options: Readonly<ClickHouseOptions> };

/** ClickHouse took an insert and says that it wrote another number of rows than were sent. */
export class WrittenRowsError extends Error {
  override readonly name = 'WrittenRowsError';
}

/**
 * A client over the HTTP interface. `async_insert` is off (it acknowledges what is not yet in a
 * part), an answer comes when the work is done, and idle sockets are closed before the server closes them. Close it with `close()`.
 */
export const createClickHouse = (options: ClickHouseOptions): ClickHouse => {
  const client = createClient({
    url: options.url,
    username: options.user ?? 'default',
    password: options.password ?? '',
    database: options.database,
    request_timeout: options.requestTimeoutMs ?? 60_000,
    max_open_connections: options.connectionsMax ?? 10,
    // Errors are thrown; who catches them logs them once, with what it knows.
    log: { level: ClickHouseLogLevel.OFF },
    keep_alive: { enabled: true, idle_socket_ttl: 2_000, eagerly_destroy_stale_sockets: true },
    clickhouse_settings: { async_insert: 0, wait_end_of_query: 1, ...options.settings },
  });
  return Object.assign(client, { options });
};

/** Rows of one table, encoded as RowBinary. */
export interface EncodedRows {
  table: string;
  /** In the order in which each row holds them. */
  columns: readonly string[];
  body: Buffer;
  rows: number;
}

/**
 * Inserts rows in one request; returns when they are durable as the table's settings say.
 * Throws what the client throws, and {@link WrittenRowsError} when not all rows were written. After
 * an error, an aborted `signal` among them, some partitions may hold the rows: insert the same again.
 */
export const insertRowBinary = async (
  client: ClickHouse,
  { table, columns, body, rows }: EncodedRows,
  signal?: AbortSignal,
): Promise<void> => {
  if (rows === 0) return;
  const result = await client.exec({
    query: `INSERT INTO ${table} (${columns.join(', ')}) FORMAT RowBinary`,
    values: Readable.from([body], { objectMode: false }),
    ...(signal === undefined ? {} : { abort_signal: signal }),
  });
  // The socket goes back to the pool when the (empty) answer has been read.
  result.stream.resume();
  await finished(result.stream);
  const written = Number(result.summary?.written_rows ?? Number.NaN);
  if (written !== rows) throw new WrittenRowsError(`${table}: ${rows} rows sent, ${written} written`);
};

/** The rows of a query, as JSON gives them: 64-bit integers as numbers, wider ones need toString. */
export const queryRows = async <T>(
  client: ClickHouse,
  query: string,
  params: Record<string, unknown> = {},
  settings: ClickHouseSettings = {},
  signal?: AbortSignal,
): Promise<T[]> => {
  const result = await client.query({
    query,
    query_params: params,
    clickhouse_settings: settings,
    format: 'JSONEachRow',
    ...(signal === undefined ? {} : { abort_signal: signal }),
  });
  return result.json<T>();
};
