import { ClickHouseLogLevel, createClient, type ClickHouseClient, type ClickHouseSettings } from '@clickhouse/client';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';

/** Address, login and limits of a ClickHouse client. */
export interface ClickHouseOptions {
  /** URL of the HTTP interface: `http://host:port`. */
  url: string;
  user?: string;
  password?: string;
  /** The default database of queries. It need not exist before `migrate` has run. */
  database: string;
  /** How long a request may take (default 60 s). */
  requestTimeoutMs?: number;
  /** Maximum number of concurrent connections (default 10); further requests wait for one. */
  connectionsMax?: number;
  /** Additional settings for all requests of this client. */
  settings?: ClickHouseSettings;
}

/** A client with its options, which `migrate` needs. */
export type ClickHouse = ClickHouseClient & { readonly options: Readonly<ClickHouseOptions> };

/** ClickHouse accepted an insert but reports a different number of rows than were sent. */
export class WrittenRowsError extends Error {
  override readonly name = 'WrittenRowsError';
}

/**
 * A client over HTTP. `async_insert` is off, because it acknowledges rows that are not in a part yet; responses are sent
 * when the work is done; idle connections are closed before the server closes them. Close it with `close()`.
 */
export function createClickHouse(options: ClickHouseOptions): ClickHouse {
  const client = createClient({
    url: options.url,
    username: options.user ?? 'default',
    password: options.password ?? '',
    database: options.database,
    request_timeout: options.requestTimeoutMs ?? 60_000,
    max_open_connections: options.connectionsMax ?? 10,
    // Errors are thrown; the caller logs them, with its context.
    log: { level: ClickHouseLogLevel.OFF },
    keep_alive: { enabled: true, idle_socket_ttl: 2_000, eagerly_destroy_stale_sockets: true },
    clickhouse_settings: { async_insert: 0, wait_end_of_query: 1, ...options.settings },
  });
  return Object.assign(client, { options });
}

/** Rows of one table, encoded as RowBinary. */
export interface EncodedRows {
  table: string;
  /** In the order of the values in each row. */
  columns: readonly string[];
  body: Buffer;
  rows: number;
}

/**
 * Inserts rows in one request; resolves when they are durable according to the settings of the table. Throws the errors
 * of the client, and {@link WrittenRowsError} when not all rows were written. After an error, including an aborted
 * `signal`, some partitions may contain the rows: insert the same rows again.
 */
export async function insertRowBinary(
  client: ClickHouse,
  { table, columns, body, rows }: EncodedRows,
  signal?: AbortSignal,
): Promise<void> {
  if (rows === 0) return;
  const result = await client.exec({
    query: `INSERT INTO ${table} (${columns.join(', ')}) FORMAT RowBinary`,
    values: Readable.from([body], { objectMode: false }),
    ...(signal === undefined ? {} : { abort_signal: signal }),
  });
  // The connection returns to the pool when the (empty) response has been read.
  result.stream.resume();
  await finished(result.stream);
  const written = Number(result.summary?.written_rows ?? Number.NaN);
  if (written !== rows)
    throw new WrittenRowsError(`${rows} rows were sent to ${table}, but ClickHouse reports ${written} as written`);
}

/**
 * The rows of a query, decoded from JSON: 64-bit integers are numbers, wider ones need toString in the query. Throws
 * the errors of the client.
 */
export async function queryRows<T>(
  client: ClickHouse,
  query: string,
  params: Record<string, unknown> = {},
  settings: ClickHouseSettings = {},
  signal?: AbortSignal,
): Promise<T[]> {
  const result = await client.query({
    query,
    query_params: params,
    clickhouse_settings: settings,
    format: 'JSONEachRow',
    ...(signal === undefined ? {} : { abort_signal: signal }),
  });
  return result.json<T>();
}
