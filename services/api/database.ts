import type { ClickHouse } from '../../lib/clickhouse/client.ts';
import { READ_SETTINGS } from '../../lib/clickhouse/tables.ts';
import { QueryQueueError, QueryQueue, type QueryQueueOptions } from './query-queue.ts';

/** ClickHouse cannot be reached: the HTTP layer answers 503. */
export class ClickHouseUnavailableError extends Error {
  override readonly name = 'ClickHouseUnavailableError';
}

/** ClickHouse gave the query up for want of time or memory: the HTTP layer answers 503. */
export class ClickHouseOverloadedError extends Error {
  override readonly name = 'ClickHouseOverloadedError';
}

/** Whoever asked has gone before the answer was there: nobody reads what the HTTP layer answers. */
export class AbandonedError extends Error {
  override readonly name = 'AbandonedError';
}

export interface Rows {
  /**
   * The rows of one read-only query with bound parameters; times as RFC 3339, 64-bit integers as numbers.
   * `workspace` among the parameters is whose turn it takes: those who ask much wait for themselves. Throws ClickHouseUnavailableError, ClickHouseOverloadedError,
   * QueryQueueError or AbandonedError.
   */
  rows<T>(query: string, params?: Record<string, unknown>): Promise<T[]>;
}

export interface Database extends Rows {
  /** For a caller that may go away: what it asked is stopped, in ClickHouse too, when its signal aborts. */
  for(signal: AbortSignal): Rows;
  ping(): Promise<boolean>;
}

/** Queries at once; the others wait, a workspace's after each other. */
export const QUERIES_MAX = 10;
const TURNS: QueryQueueOptions = {
  runningMax: QUERIES_MAX,
  runningOfOneMax: QUERIES_MAX / 2,
  waitingMax: 500,
  waitMaxMs: 30_000,
};

/** Characters of a query that is sent in a form: ClickHouse takes 128 KiB of a field (`http_max_field_value_size`). */
const FORM_QUERY_MAX = 100_000;

const SETTINGS = {
  ...READ_SETTINGS,
  // 2: read only, with settings of its own; needed for a query to end with the connection that asked for it.
  readonly: '2',
  cancel_http_readonly_queries_on_client_close: 1,
  max_execution_time: 60,
  // An audience of 200 conditions may take more than the default of 256 KiB.
  max_query_size: String(1024 ** 2),
  join_use_nulls: 0,
  date_time_output_format: 'iso',
  output_format_json_quote_64bit_integers: 0,
} as const;

const GONE = /ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTFOUND|EPIPE|EHOSTUNREACH|socket hang up|Timeout error/i;

export function createDatabase(client: ClickHouse): Database {
  const turns = new QueryQueue(TURNS);
  const rowsFor = (signal?: AbortSignal): Rows => ({
    async rows<T>(query: string, params: Record<string, unknown> = {}): Promise<T[]> {
      const ask = async (): Promise<T[]> => {
        const result = await client.query({
          query,
          query_params: params,
          format: 'JSONEachRow',
          clickhouse_settings: SETTINGS,
          // Many or long values do not fit into a URL; a long query does not fit into a form.
          use_multipart_params_auto: query.length <= FORM_QUERY_MAX,
          ...(signal ? { abort_signal: signal } : {}),
        });
        return result.json<T>();
      };
      try {
        return await turns.run(String(params['workspace'] ?? ''), ask, signal);
      } catch (error) {
        throw signal?.aborted === true ? new AbandonedError('who asked has gone', { cause: error }) : told(error);
      }
    },
  });
  return {
    ...rowsFor(),
    for: rowsFor,
    async ping() {
      const { success } = await client.ping();
      return success;
    },
  };
}

/** TIMEOUT_EXCEEDED, TOO_SLOW, TOO_MANY_SIMULTANEOUS_QUERIES, MEMORY_LIMIT_EXCEEDED. */
const OVERLOADED = new Set(['159', '160', '202', '241']);

/** What is thrown for an error of ClickHouse's client: its own names for what passes, anything else as it is. */
export function told(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof QueryQueueError) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  if (OVERLOADED.has(code)) return new ClickHouseOverloadedError('ClickHouse gave the query up', { cause: error });
  if (!GONE.test(`${code} ${error.message}`)) return error;
  return new ClickHouseUnavailableError('ClickHouse does not answer', { cause: error });
}
