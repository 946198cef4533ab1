import { useApiQuery } from './queries.ts';

/** The name of a person, to show; until it is known, and without one, their id. */
export function usePersonName(personId: string): string {
  const { data } = useApiQuery(['person-name', personId], async (api, signal) => {
    const answer = await api.GET('/v1/people/{id}', { params: { path: { id: personId } }, signal });
    return answer.data ?? null;
  });
  return data?.name ?? `Person ${personId}`;
}
