/** What the pages about people ask the API. */
import { useQueries, type UseQueryResult } from '@tanstack/react-query';
import type { ApiAnswer, Schemas } from '../../../lib/client/index.ts';
import { useSession } from '../app/session.ts';
import { ApiError, bodyOf, createGate, type ApiClient, type Person, type TraitEvent } from '../data/api.ts';
import { useApiPages, useApiQuery, WHILE_EDITED } from '../data/queries.ts';
import { lookupQuery, type Search } from './identify.ts';
import type { PersonDetails } from './timeline.ts';

export type SavedAudience = ApiAnswer<'/v1/audiences', 'get'>['items'][number];
export type LinkReportItem = Schemas['LinkReportItem'];
export type LinkRules = Schemas['LinkRules'];

const PERSON_MS = 5_000;
/** What is looked up is shown on one page: an identifier belongs to one person, or as junk to a few. */
const FOUND_MAX = 50;

/** Nobody and what is no identifier of the kind are answers, too. */
export type Found = { kind: 'found'; people: Person[] } | { kind: 'invalid'; reason: string };

async function lookUp(api: ApiClient, search: Search, signal: AbortSignal): Promise<Found> {
  const query = lookupQuery(search);
  try {
    if (query === null) {
      const person = await bodyOf(api.GET('/v1/people/{id}', { params: { path: { id: search.value } }, signal }));
      return { kind: 'found', people: [person] };
    }
    const { items } = await bodyOf(
      api.GET('/v1/people', { params: { query: { ...query, limit: FOUND_MAX } }, signal }),
    );
    return { kind: 'found', people: items };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 404) return { kind: 'found', people: [] };
    if (error.status === 422) return { kind: 'invalid', reason: error.problem.errors?.[0]?.message ?? error.message };
    throw error;
  }
}

/** Looks up each of these, side by side; in the same order. */
export function useLookups(searches: readonly Search[]): UseQueryResult<Found>[] {
  const { api, workspace } = useSession();
  return useQueries({
    queries: searches.map((search) => ({
      queryKey: [workspace.id, 'people', search],
      queryFn: ({ signal }: { signal: AbortSignal }) => lookUp(api, search, signal),
    })),
  });
}

export const usePerson = (id: string): UseQueryResult<PersonDetails> =>
  useApiQuery(
    ['person', id],
    (api, signal) => bodyOf(api.GET('/v1/people/{id}', { params: { path: { id } }, signal })),
    { refetchInterval: PERSON_MS },
  );

/** The latest trait events, of which the last people are taken. */
const RECENT_EVENTS = 100;

export const useRecentEvents = (): UseQueryResult<TraitEvent[]> =>
  useApiQuery(
    ['recent-people'],
    async (api, signal) =>
      (await bodyOf(api.GET('/v1/trait-events', { params: { query: { limit: RECENT_EVENTS } }, signal }))).items,
    { refetchInterval: PERSON_MS },
  );

/** Saved audiences that are shown with a person. */
export const AUDIENCES_MAX = 100;

export const useSavedAudiences = (): UseQueryResult<SavedAudience[]> =>
  useApiQuery(
    ['audiences', 'for-people'],
    async (api, signal) =>
      (await bodyOf(api.GET('/v1/audiences', { params: { query: { limit: AUDIENCES_MAX } }, signal }))).items,
  );

/** Concurrent explanations: all clients share one database. */
const gate = createGate(3);

/** Whether the person is in each of these audiences now; in the same order. */
export function useMemberships(person: string, audiences: readonly SavedAudience[]): UseQueryResult<boolean>[] {
  const { api, workspace } = useSession();
  return useQueries({
    queries: audiences.map(({ id, version, audience, include_anonymous }) => ({
      queryKey: [workspace.id, 'membership', person, id, version],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        gate(async () => {
          const body = { audience, include_anonymous, person_id: person };
          return (await bodyOf(api.POST('/v1/audiences/explain', { body, signal }))).matches;
        }),
      staleTime: PERSON_MS,
    })),
  });
}

const REPORT_PAGE = 100;

export const useLinkReport = () =>
  useApiPages(
    ['link-report'],
    (api, page, signal) =>
      bodyOf(api.GET('/v1/link-report', { params: { query: { limit: REPORT_PAGE, ...page } }, signal })),
    { refetchInterval: PERSON_MS },
  );

export const useLinkRules = (): UseQueryResult<LinkRules> =>
  useApiQuery(['link-rules'], (api, signal) => bodyOf(api.GET('/v1/link-rules', { signal })), WHILE_EDITED);
