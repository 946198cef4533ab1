/**
 * Typed HTTP clients of both services. Paths, parameters, bodies and answers have the types of the OpenAPI documents
 * (`generated/`), so that code which disagrees with the served contract does not compile.
 */
import createFetchClient, { type Client } from 'openapi-fetch';
import type { components as ApiComponents, paths as ApiPaths } from './generated/api.ts';
import type { components as IngestComponents, paths as IngestPaths } from './generated/ingest.ts';

export type ApiClient = Client<ApiPaths>;
export type IngestClient = Client<IngestPaths>;

/** The named schemas of the API, such as `Schemas['Preview']`. */
export type Schemas = ApiComponents['schemas'];
/** The named schemas of ingest. */
export type IngestSchemas = IngestComponents['schemas'];

type Content<R> = R extends { content: { 'application/json': infer Body } } ? Body : never;
type Responses<O> = O extends { responses: infer R } ? R : never;

/** The body of a successful answer of the API: `ApiAnswer<'/v1/traits', 'get'>`. */
export type ApiAnswer<Path extends keyof ApiPaths, Method extends keyof ApiPaths[Path]> = Content<
  Responses<ApiPaths[Path][Method]>[keyof Responses<ApiPaths[Path][Method]> & (200 | 201 | 202)]
>;

/** The parts of problem details (RFC 9457) that every answer which is not 2xx has; `status` 0: no answer at all. */
export type Problem = Pick<Schemas['Problem'], 'title' | 'status'> &
  Partial<Pick<Schemas['Problem'], 'detail' | 'errors'>>;

/** An answer that is not 2xx, or none. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly problem: Problem,
    /** Names the request, for messages; left out where a reader sees the message on a page. */
    request?: string,
    options?: ErrorOptions,
  ) {
    const text = problem.detail ?? problem.title;
    super(request === undefined ? text : `${request}: ${problem.status} ${text}`, options);
  }

  get status(): number {
    return this.problem.status;
  }
}

export interface ClientOptions {
  /** Without a slash at the end; empty in a browser for the page's own origin. */
  baseUrl: string;
  /** None for calls without a key. */
  key?: string;
  /** The workspace to act in, with an admin key. */
  workspace?: string | null;
  /** For tests. */
  fetch?: (request: Request) => Promise<Response>;
}

function fetchOptions({ baseUrl, key, workspace, fetch }: ClientOptions) {
  const headers: Record<string, string> = {};
  if (key !== undefined) headers['authorization'] = `Bearer ${key}`;
  if (workspace !== undefined && workspace !== null) headers['x-workspace'] = workspace;
  return { baseUrl, headers, cache: 'no-store' as const, ...(fetch === undefined ? {} : { fetch }) };
}

/** A client of services/api. */
export const createApiClient = (options: ClientOptions): ApiClient =>
  createFetchClient<ApiPaths>(fetchOptions(options));

/** A client of services/ingest. */
export const createIngestClient = (options: ClientOptions): IngestClient =>
  createFetchClient<IngestPaths>(fetchOptions(options));

/** The options of a bulk import of these lines: `ingest.POST('/v1/events', ndjson(lines))`. */
export const ndjson = (lines: readonly unknown[]) => ({
  body: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  bodySerializer: (body: unknown) => body as string,
  headers: { 'content-type': 'application/x-ndjson' },
});

/** The same for lines that are encoded already. The document describes the text, so the type of the body is string. */
export const ndjsonBytes = (bytes: Uint8Array, encoding?: 'gzip') => ({
  body: bytes as unknown as string,
  bodySerializer: (body: unknown) => body as Uint8Array<ArrayBuffer>,
  headers: {
    'content-type': 'application/x-ndjson',
    ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
  },
});

interface Fetched<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

/**
 * The body of a 2xx answer; undefined for one without a body. Throws ApiError for other answers, and with status 0 when
 * there is none; an aborted request keeps its own error.
 */
export async function bodyOf<T>(request: Promise<Fetched<T>>): Promise<T> {
  let answer: Fetched<T>;
  try {
    answer = await request;
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError({ title: 'The server does not answer', status: 0 }, undefined, { cause: error });
  }
  const { data, error, response } = answer;
  if (response.ok) return data as T;
  throw new ApiError(problemOf(error, response));
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';

/** What comes from between us and the service, such as a proxy, need not be problem details. */
function problemOf(body: unknown, { status, statusText }: Response): Problem {
  const title = statusText || `HTTP status ${status}`;
  if (typeof body !== 'object' || body === null) return { title, status };
  const known = body as Partial<Problem>;
  return { ...known, title: known.title ?? title, status };
}
