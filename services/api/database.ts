import type { ResultSet, Row, StreamReadable } from '@clickhouse/client';
import type { ClickHouse } from '../../lib/clickhouse/client.ts';
import { READ_SETTINGS } from '../../lib/clickhouse/tables.ts';
import type { Clock } from '../../lib/clock/index.ts';
import { QueryQueue, QueryQueueError, type QueryQueueOptions } from './query-queue.ts';

/** ClickHouse cannot be reached. */
export class ClickHouseUnavailableError extends Error {
  override readonly name = 'ClickHouseUnavailableError';
}

/** ClickHouse aborted the query because it ran out of time or memory. */
export class ClickHouseOverloadedError extends Error {
  override readonly name = 'ClickHouseOverloadedError';
}

/** The client closed the connection before its query was done. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
}

export interface Rows {
  /**
   * The rows of one read-only query with bound parameters; times as RFC 3339, 64-bit integers as numbers.
   * The parameter `workspace` names the queue that the query waits in. Throws ClickHouseUnavailableError,
   * ClickHouseOverloadedError, QueryQueueError or ClientGoneError.
   */
  rows<T>(query: string, params?: Record<string, unknown>): Promise<T[]>;
}

export interface Texts {
  /** Like `rows`, but not parsed: for `rowsOf`, in another thread. */
  text(query: string, params?: Record<string, unknown>): Promise<string>;
}

export interface Database extends Rows {
  /**
   * The rows of one query in batches, as arrays of their columns, in bounded memory: the query waits while no batch is
   * asked for. Iterating throws when the answer of ClickHouse broke off. Streams have a queue of their own. Rejects like
   * `rows`; call `return` on an iterator that is not read to its end, or abort the signal.
   */
  stream<T>(query: string, params: Record<string, unknown>, signal: AbortSignal): Promise<AsyncGenerator<T[], void>>;
  /** For a client that may disconnect: its queries are cancelled, in ClickHouse too, when the signal aborts. */
  for(signal: AbortSignal): Rows & Texts;
  ping(): Promise<boolean>;
}

/** Queries that run at once; further ones wait in a queue per workspace. */
export const QUERIES_MAX = 10;
const QUEUE: Omit<QueryQueueOptions, 'clock'> = {
  runningMax: QUERIES_MAX,
  runningPerWorkspaceMax: QUERIES_MAX / 2,
  waitingMax: 500,
  waitMaxMs: 30_000,
};

/** Streams that run at once. A slow client keeps its stream open, so that streams must not take the places of queries. */
export const STREAMS_MAX = 4;
const STREAM_QUEUE: Omit<QueryQueueOptions, 'clock'> = {
  runningMax: STREAMS_MAX,
  runningPerWorkspaceMax: STREAMS_MAX / 2,
  waitingMax: 50,
  waitMaxMs: 30_000,
};

/** Enough for exact counts of millions of people. */
const MEMORY_MAX_BYTES = 2_000_000_000;

/** Longest query that fits into a form field: ClickHouse accepts 128 KiB (`http_max_field_value_size`). */
const FORM_QUERY_MAX = 100_000;

const SETTINGS = {
  ...READ_SETTINGS,
  // 2: read only, but settings may be changed, as the next one is.
  readonly: '2',
  cancel_http_readonly_queries_on_client_close: 1,
  max_execution_time: 60,
  // A query for 200 conditions may be longer than the default of 256 KiB.
  max_query_size: String(1024 ** 2),
  join_use_nulls: 0,
  date_time_output_format: 'iso',
  output_format_json_quote_64bit_integers: 0,
} as const;

const STREAM_SETTINGS = {
  ...SETTINGS,
  // The answer begins before the query ends; a slow client may take as long as an hour.
  wait_end_of_query: 0,
  max_execution_time: 3_600,
} as const;

const UNREACHABLE = /ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTFOUND|EPIPE|EHOSTUNREACH|socket hang up|Timeout error/i;

export interface DatabaseOptions {
  /** Memory of one query in ClickHouse. */
  memoryMaxBytes?: number;
}

export function createDatabase(client: ClickHouse, clock: Clock, options: DatabaseOptions = {}): Database {
  const memory = { max_memory_usage: String(options.memoryMaxBytes ?? MEMORY_MAX_BYTES) };
  const queue = new QueryQueue({ ...QUEUE, clock });
  const rowsFor = (signal?: AbortSignal): Rows & Texts => {
    async function read<T>(
      query: string,
      params: Record<string, unknown>,
      of: (result: ResultSet<'JSONEachRow'>) => Promise<T>,
    ): Promise<T> {
      const ask = async (): Promise<T> => {
        const result = await client.query({
          query,
          query_params: params,
          format: 'JSONEachRow',
          clickhouse_settings: { ...SETTINGS, ...memory },
          // Many or long values do not fit into a URL, and a long query does not fit into a form.
          use_multipart_params_auto: query.length <= FORM_QUERY_MAX,
          ...(signal ? { abort_signal: signal } : {}),
        });
        return of(result);
      };
      try {
        return await queue.run(String(params['workspace'] ?? ''), ask, signal);
      } catch (error) {
        throw signal?.aborted === true
          ? new ClientGoneError('the client closed the connection', { cause: error })
          : translate(error);
      }
    }
    return {
      rows: <T>(query: string, params = {}) => read(query, params, (result) => result.json<T>()),
      text: (query, params = {}) => read(query, params, (result) => result.text()),
    };
  };
  const streams = new QueryQueue({ ...STREAM_QUEUE, clock });
  return {
    ...rowsFor(),
    for: rowsFor,
    async stream<T>(query: string, params: Record<string, unknown>, signal: AbortSignal) {
      const leave = await enter(streams, String(params['workspace'] ?? ''), signal);
      try {
        const result = await client.query({
          query,
          query_params: params,
          format: 'JSONCompactEachRow',
          clickhouse_settings: { ...STREAM_SETTINGS, ...memory },
          use_multipart_params_auto: query.length <= FORM_QUERY_MAX,
          abort_signal: signal,
        });
        return batchesOf<T>(result.stream<T>(), leave);
      } catch (error) {
        leave();
        throw signal.aborted
          ? new ClientGoneError('the client closed the connection', { cause: error })
          : translate(error);
      }
    },
    async ping() {
      const { success } = await client.ping();
      return success;
    },
  };
}

/** The rows of a text: parsing one long text takes a fraction of the time of parsing as many short ones. */
export const rowsOf = <T>(text: string): T[] => JSON.parse(`[${text.trimEnd().replaceAll('\n', ',')}]`) as T[];

/** Waits in the queue; resolves with a function that leaves it. */
function enter(queue: QueryQueue, workspace: string, signal: AbortSignal): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const hold = (): Promise<void> => new Promise((leave) => resolve(leave));
    queue.run(workspace, hold, signal).catch(reject);
  });
}

async function* batchesOf<T>(batches: StreamReadable<Row<T, 'JSONCompactEachRow'>[]>, leave: () => void) {
  try {
    for await (const rows of batches) yield rows.map((row) => row.json<T>());
  } catch (error) {
    throw translate(error);
  } finally {
    leave();
  }
}

/** TIMEOUT_EXCEEDED, TOO_SLOW, TOO_MANY_SIMULTANEOUS_QUERIES, MEMORY_LIMIT_EXCEEDED. */
const OVERLOADED = new Set(['159', '160', '202', '241']);

/** Turns a temporary error of ClickHouse's client into a class of its own; returns any other error unchanged. */
export function translate(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof QueryQueueError) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  if (OVERLOADED.has(code)) return new ClickHouseOverloadedError('ClickHouse aborted the query', { cause: error });
  if (!UNREACHABLE.test(`${code} ${error.message}`)) return error;
  return new ClickHouseUnavailableError('ClickHouse does not answer', { cause: error });
}
