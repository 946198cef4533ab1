import type { UseQueryResult } from '@tanstack/react-query';
import { bodyOf, type Status } from './api.ts';
import { useApiQuery } from './queries.ts';

export const STATUS_POLL_MS = 2_000;

/** GET /v1/status, asked again while the page is visible. */
export const useStatus = (): UseQueryResult<Status> =>
  useApiQuery(['status'], (api, signal) => bodyOf(api.GET('/v1/status', { signal })), {
    refetchInterval: STATUS_POLL_MS,
  });
