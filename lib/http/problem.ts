import { STATUS_CODES } from 'node:http';
import type { ZodError } from 'zod';

/** One invalid value in a body; `path` is a JSON Pointer into it ('' is the whole body). */
export interface ProblemItem {
  path: string;
  message: string;
  /** For a value that is a text with a grammar: where in it, in UTF-16 code units from 0. */
  position?: number;
  /** For a value that is a text with a grammar: what could stand at `position`. */
  expected?: string[];
}

/** RFC 9457 problem details with this product's extensions. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  errors?: ProblemItem[];
  [extension: string]: unknown;
}

export interface ProblemOptions {
  /** The standard phrase of the status when left out. */
  title?: string;
  errors?: ProblemItem[];
  /** Further members of the problem, such as `dead_letter_id`. */
  extensions?: Record<string, unknown>;
  /** Headers of the answer, such as `Retry-After`. */
  headers?: Record<string, string>;
  cause?: unknown;
}

/** Thrown anywhere below a route, it becomes the answer. */
export class HttpProblem extends Error {
  readonly problem: Problem;
  readonly headers: Record<string, string>;

  constructor(
    readonly status: number,
    detail: string,
    options: ProblemOptions = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HttpProblem';
    this.headers = options.headers ?? {};
    this.problem = {
      type: 'about:blank',
      title: options.title ?? STATUS_CODES[status] ?? 'Error',
      status,
      detail,
      ...(options.errors && options.errors.length > 0 ? { errors: options.errors } : {}),
      ...options.extensions,
    };
  }

  toResponse(): Response {
    return new Response(JSON.stringify(this.problem), {
      status: this.status,
      headers: { 'content-type': 'application/problem+json', ...this.headers },
    });
  }
}

/** Path segments as a JSON Pointer (RFC 6901). */
export const pointer = (path: readonly PropertyKey[]): string =>
  path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

const ITEMS_MAX = 100;

/**
 * The items of a failed zod parse, at most 100. Each unknown key is an item of its own. A failed union reports the
 * branch whose error lies deepest, which is the one that matched furthest.
 */
export function itemsOf(error: Pick<ZodError, 'issues'>, base: readonly PropertyKey[] = []): ProblemItem[] {
  const items: ProblemItem[] = [];
  for (const issue of error.issues) {
    const path = [...base, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) items.push({ path: pointer([...path, key]), message: 'unknown field' });
    } else if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const branches = issue.errors.map((issues) => itemsOf({ issues }, path));
      const depth = (branch: ProblemItem[]): number => Math.max(0, ...branch.map((b) => b.path.split('/').length));
      items.push(...branches.reduce((best, branch) => (depth(branch) > depth(best) ? branch : best)));
    } else {
      items.push({ path: pointer(path), message: issue.message });
    }
    if (items.length >= ITEMS_MAX) break;
  }
  return items.slice(0, ITEMS_MAX);
}

/** 422 with every invalid value. `whole` is what an empty path points to. */
export function invalid(errors: ProblemItem[], whole = 'the body'): HttpProblem {
  const [first] = errors;
  const detail = first ? `${first.path === '' ? whole : first.path}: ${first.message}` : 'the request is not valid';
  return new HttpProblem(422, detail, { errors });
}
