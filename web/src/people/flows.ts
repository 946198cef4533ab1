/** What a person's page asks about flows. */
import { useQueries, type UseQueryResult } from '@tanstack/react-query';
import { useSession } from '../app/session.ts';
import { allItems, bodyOf, inTurn, type FlowMessage, type FlowRun } from '../data/api.ts';
import { useApiQuery } from '../data/queries.ts';

const REFRESH_MS = 10_000;
/** Runs of each flow that are shown. */
export const RUNS_SHOWN = 3;
const MESSAGES_SHOWN = 10;

export interface PublishedFlow {
  id: string;
  name: string;
}

/** The flows that may have done something: those that were ever published. */
export const useFlowsOf = (enabled: boolean): UseQueryResult<PublishedFlow[]> =>
  useApiQuery(
    ['flows', 'for-people'],
    async (api, signal) => {
      const flows = await allItems((query) => bodyOf(api.GET('/v1/flows', { params: { query }, signal })));
      return flows
        .filter(({ live_version }) => live_version !== null)
        .map(({ id, flow }) => ({ id, name: flow.name }))
        .sort((a, b) => a.name.localeCompare(b.name));
    },
    { enabled, staleTime: REFRESH_MS },
  );

/** The latest runs of each flow for the person, one more than is shown; in the order of the flows. */
export function useRunsOf(person: string, flows: readonly PublishedFlow[]): UseQueryResult<FlowRun[]>[] {
  const { api, workspace } = useSession();
  return useQueries({
    queries: flows.map(({ id }) => ({
      queryKey: [workspace.id, 'flow-runs', id, 'of', person],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        inTurn(async () => {
          const query = { person_id: person, limit: RUNS_SHOWN + 1 };
          return (await bodyOf(api.GET('/v1/flows/{id}/runs', { params: { path: { id }, query }, signal }))).items;
        }),
      staleTime: REFRESH_MS,
      refetchInterval: REFRESH_MS,
    })),
  });
}

export const useMessagesOf = (person: string, enabled: boolean): UseQueryResult<FlowMessage[]> =>
  useApiQuery(
    ['messages-of', person],
    async (api, signal) => {
      const query = { person_id: person, limit: MESSAGES_SHOWN };
      return (await bodyOf(api.GET('/v1/messages', { params: { query }, signal }))).items;
    },
    { enabled, refetchInterval: REFRESH_MS },
  );
