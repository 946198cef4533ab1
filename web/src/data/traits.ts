import type { UseQueryResult } from '@tanstack/react-query';
import type { ApiAnswer } from '../../../lib/client/index.ts';
import { bodyOf } from './api.ts';
import { useApiQuery } from './queries.ts';

export type Traits = ApiAnswer<'/v1/traits', 'get'>;

/** Both traits with the meanings of their statuses, and the statuses that were seen. */
export const useTraits = (everyMs: number | false = false): UseQueryResult<Traits> =>
  useApiQuery(['traits'], (api, signal) => bodyOf(api.GET('/v1/traits', { signal })), {
    staleTime: everyMs === false ? 60_000 : 0,
    refetchInterval: everyMs,
  });

const statusUpdated = (traits: Traits | undefined) =>
  traits?.traits.find(({ trait }) => trait === 'cart_status_updated');

export const statusesOf = (traits: Traits | undefined) => statusUpdated(traits)?.statuses ?? [];

/** Statuses that were seen and that Jane does not document. */
export const unknownStatusesOf = (traits: Traits | undefined): string[] =>
  statusUpdated(traits)?.unknown_statuses ?? [];
