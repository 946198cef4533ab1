import type { UseQueryResult } from '@tanstack/react-query';
import type { Schemas } from '../../../lib/client/index.ts';
import { bodyOf, PAGE_MAX } from './api.ts';
import { useApiQuery } from './queries.ts';

export type Store = Schemas['Store'];

/** The stores that have carts. */
export const useStores = (): UseQueryResult<Store[]> =>
  useApiQuery(
    ['stores'],
    async (api, signal) =>
      (await bodyOf(api.GET('/v1/stores', { params: { query: { limit: PAGE_MAX } }, signal }))).items,
    { staleTime: 60_000 },
  );
