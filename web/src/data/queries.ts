/**
 * Questions to the API from components. A question belongs to the workspace on display; its request is aborted when the
 * component goes away or asks something else.
 */
import {
  QueryClient,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
  type UseMutationResult,
  type UseQueryOptions,
  type UseQueryResult,
} from '@tanstack/react-query';
import { useSession } from '../app/session.ts';
import { ApiError, type ApiClient, type Cursor } from './api.ts';

export function createQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // A refused request would be refused again; other failures are retried once, and later by polling.
        retry: (failures, error) => !isRefusal(error) && failures < 1,
        staleTime: 1_000,
        refetchIntervalInBackground: false,
      },
    },
  });
}

const isRefusal = (error: unknown): boolean => error instanceof ApiError && error.status >= 400 && error.status < 500;

/** What identifies a question within its workspace: `['audience', id]`. */
export type QueryKey = readonly unknown[];

type Options<T> = Omit<UseQueryOptions<T, Error, T, readonly unknown[]>, 'queryKey' | 'queryFn'>;

/** Asks the API, with the session's key and workspace. Pass `signal` to the request. */
export function useApiQuery<T>(
  key: QueryKey,
  ask: (api: ApiClient, signal: AbortSignal) => Promise<T>,
  options: Options<T> = {},
): UseQueryResult<T> {
  const { api, workspace } = useSession();
  return useQuery({ queryKey: [workspace.id, ...key], queryFn: ({ signal }) => ask(api, signal), ...options });
}

/** Asks for a list page by page; `data.pages` has those that were loaded. Pass the page and `signal` to the request. */
export function useApiPages<P extends { next_cursor: string | null }>(
  key: QueryKey,
  ask: (api: ApiClient, page: Cursor, signal: AbortSignal) => Promise<P>,
  options: { enabled?: boolean; refetchInterval?: number; staleTime?: number } = {},
) {
  const { api, workspace } = useSession();
  return useInfiniteQuery({
    queryKey: [workspace.id, ...key],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => ask(api, pageParam === '' ? {} : { cursor: pageParam }, signal),
    getNextPageParam: (page) => page.next_cursor,
    ...options,
  });
}

/** For what is edited: an answer that came by itself would replace the draft. Saving asks again, and opening the page. */
export const WHILE_EDITED = {
  staleTime: Infinity,
  refetchOnMount: 'always',
  refetchOnWindowFocus: false,
  refetchOnReconnect: false,
} as const;

/**
 * As placeholder: the last answer stays on display while the next one is awaited, if it is about the same thing, which its
 * key has as a member. Otherwise one person's answer would be read as another's.
 */
export const lastAnswerOn =
  (subject: string | null) =>
  <T>(last: T | undefined, query?: { queryKey: readonly unknown[] }): T | undefined =>
    // The first member is the workspace.
    subject !== null && query?.queryKey.slice(1).includes(subject) ? last : undefined;

/**
 * Forgets what the workspace answered, as after an erasure. What is on display is asked for again; the rest would be shown
 * again, before its next answer.
 */
export function forgetAnswers(queries: QueryClient, workspace: string): void {
  queries.removeQueries({ queryKey: [workspace], type: 'inactive' });
  void queries.invalidateQueries({ queryKey: [workspace] });
}

/** Changes something by the API; afterwards every question whose key begins with one of `outdates` is asked again. */
export function useApiMutation<T, V = void>(
  change: (api: ApiClient, variables: V) => Promise<T>,
  { outdates = [], onSuccess }: { outdates?: readonly QueryKey[]; onSuccess?(answer: T, variables: V): void } = {},
): UseMutationResult<T, Error, V> {
  const { api } = useSession();
  const outdate = useOutdate();
  return useMutation<T, Error, V>({
    mutationFn: (variables) => change(api, variables),
    onSuccess: (answer, variables) => {
      outdate(...outdates);
      onSuccess?.(answer, variables);
    },
  });
}

/** Returns a function that asks every question again whose key begins with one of the given keys. */
export function useOutdate(): (...keys: QueryKey[]) => void {
  const queries = useQueryClient();
  const { workspace } = useSession();
  return (...keys) => {
    for (const key of keys) void queries.invalidateQueries({ queryKey: [workspace.id, ...key] });
  };
}
