/** What the pages of analytics ask the API. */
import { keepPreviousData, useInfiniteQuery, type UseQueryResult } from '@tanstack/react-query';
import type { ApiAnswer } from '../../../lib/client/index.ts';
import type { Unit } from '../../../lib/time/index.ts';
import { useSession } from '../app/session.ts';
import { bodyOf } from '../data/api.ts';
import { useApiQuery } from '../data/queries.ts';
import type { Abandonment } from './abandonment.ts';
import type { Board } from './board.ts';
import type { Funnel } from './funnel.ts';
import { instantsOf, type Days } from './range.ts';

/** What is not the present changes rarely: late events and orders of a day that is not over. */
const SLOW_MS = 60_000;
const BOARD_MS = 5_000;

/** Stores as an API body takes them: none for all. */
const storesOf = (stores: readonly string[] | undefined) =>
  stores === undefined || stores.length === 0 ? {} : { store_id: [...stores] };

export function useFunnel(days: Days, stores: readonly string[] | undefined): UseQueryResult<Funnel> {
  const { time_zone } = useSession().workspace;
  const body = { ...instantsOf(days, time_zone), ...storesOf(stores) };
  return useApiQuery(['funnel', body], (api, signal) => bodyOf(api.POST('/v1/analytics/funnel', { body, signal })), {
    refetchInterval: SLOW_MS,
    placeholderData: keepPreviousData,
  });
}

export function useAbandonment(
  /** Instants, the end exclusive. */
  range: { from: string; to: string },
  step: { amount: number; unit: Unit },
  stores: readonly string[] | undefined,
): UseQueryResult<Abandonment> {
  const body = { ...range, step, ...storesOf(stores) };
  return useApiQuery(
    ['abandonment', body],
    (api, signal) => bodyOf(api.POST('/v1/analytics/abandonment', { body, signal })),
    { refetchInterval: SLOW_MS, placeholderData: keepPreviousData },
  );
}

export interface BoardAsked {
  overMinutes: number;
  days: number;
  stores: readonly string[] | undefined;
}

const boardQuery = ({ overMinutes, days, stores }: BoardAsked) => ({
  over_minutes: overMinutes,
  days,
  ...storesOf(stores),
});

/** Open orders by status, kept up to date. */
export const useBoard = (asked: BoardAsked): UseQueryResult<Board> =>
  useApiQuery(
    ['board', boardQuery(asked)],
    (api, signal) => bodyOf(api.GET('/v1/analytics/board', { params: { query: boardQuery(asked) }, signal })),
    { refetchInterval: BOARD_MS, placeholderData: keepPreviousData },
  );

export type BoardCart = ApiAnswer<'/v1/analytics/board/carts', 'get'>['items'][number];

const LATE_PAGE = 50;

/** The orders that have had a status for too long, in pages, the longest wait first. */
export function useLateOrders(status: string, asked: BoardAsked) {
  const { api, workspace } = useSession();
  const query = { ...boardQuery(asked), status, limit: LATE_PAGE };
  return useInfiniteQuery({
    queryKey: [workspace.id, 'late-orders', query],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      bodyOf(
        api.GET('/v1/analytics/board/carts', {
          params: { query: { ...query, ...(pageParam === '' ? {} : { cursor: pageParam }) } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: 2 * BOARD_MS,
  });
}
